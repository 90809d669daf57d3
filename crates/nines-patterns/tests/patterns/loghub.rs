//! Grouping accuracy on the development part of Loghub, if it lies beside the repository.
//!
//! GA is the share of lines whose group holds exactly the lines of the true group, FGA the F1 over groups
//! (definitions of "Guidelines for assessing the accuracy of log message template identification", ICSE 2022).

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;

use nines_patterns::{Config, Miner};

const SYSTEMS: [&str; 8] = ["Apache", "BGL", "HDFS", "HealthApp", "Linux", "OpenStack", "Spark", "Zookeeper"];

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("NINES_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/loghub2k-dev");
    folder.is_dir().then_some(folder)
}

/// Lines by `\n` alone, as the ground truth numbers them.
fn lines(path: PathBuf) -> Vec<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// The event ids of a ground truth: the second column, which is never quoted.
fn truth(path: PathBuf) -> Vec<String> {
    lines(path).iter().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect()
}

fn groups<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, Vec<usize>> {
    let mut groups: HashMap<K, Vec<usize>> = HashMap::new();
    for (index, key) in keys.enumerate() {
        groups.entry(key).or_default().push(index);
    }
    groups
}

pub fn accuracy<T: Hash + Eq, P: Hash + Eq>(truth: &[T], predicted: &[P]) -> (f64, f64) {
    assert_eq!(truth.len(), predicted.len());
    let truth = groups(truth.iter());
    let predicted = groups(predicted.iter());
    let exact: std::collections::HashSet<&Vec<usize>> = truth.values().collect();
    let hits: Vec<usize> = predicted.values().filter(|group| exact.contains(group)).map(Vec::len).collect();
    let lines: usize = truth.values().map(Vec::len).sum();
    let grouping = hits.iter().sum::<usize>() as f64 / lines as f64;
    let f1 = 2.0 * hits.len() as f64 / (truth.len() + predicted.len()) as f64;
    (grouping, f1)
}

fn measure(extension: &str) -> Option<(f64, f64)> {
    let folder = folder()?;
    let (mut grouping_sum, mut f1_sum) = (0.0, 0.0);
    for system in SYSTEMS {
        let lines = lines(folder.join(format!("{system}.{extension}")));
        let truth = truth(folder.join(format!("{system}.gt.csv")));
        let mut miner = Miner::new(Config::default());
        let ids: Vec<_> = lines.iter().take(truth.len()).map(|line| miner.learn(line)).collect();
        let ids: Vec<_> = ids.into_iter().map(|id| miner.resolve(id)).collect();
        let (grouping, f1) = accuracy(&truth, &ids);
        println!("{system:10} {extension} GA {grouping:.4} FGA {f1:.4}");
        if let Ok(out) = std::env::var("NINES_PATTERNS_OUT") {
            let mut text = String::new();
            for (index, id) in ids.iter().enumerate() {
                let template =
                    miner.template(*id).map(|template| template.to_star_text()).unwrap_or_default();
                text.push_str(&format!("{}\t{id}\t{template}\n", index + 1));
            }
            let out = PathBuf::from(out).join(extension);
            std::fs::create_dir_all(&out).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a report for a person, not data")]
            std::fs::write(out.join(format!("{system}.tsv")), text).unwrap();
        }
        grouping_sum += grouping;
        f1_sum += f1;
    }
    Some((grouping_sum / SYSTEMS.len() as f64, f1_sum / SYSTEMS.len() as f64))
}

#[test]
fn messages_are_grouped_as_people_do() {
    let Some((grouping, f1)) = measure("msg") else {
        println!("skipped: no Loghub data beside the repository");
        return;
    };
    assert!(grouping >= 0.95, "GA {grouping}");
    assert!(f1 >= 0.93, "FGA {f1}");
}

#[test]
fn raw_lines_are_grouped_as_people_do() {
    let Some((grouping, f1)) = measure("log") else {
        println!("skipped: no Loghub data beside the repository");
        return;
    };
    assert!(grouping >= 0.90, "GA {grouping}");
    assert!(f1 >= 0.88, "FGA {f1}");
}

//! Random queries over random series, answered by us and by the `promtool` of a real Prometheus (2.42 of Debian).
//!
//! We follow 3.14, whose own scripts pass (`conformance`). Where the two versions differ, or rounding decides, [`CHANGED`] says
//! in what, each such answer is counted under its reason, and there may be few.
//!
//! `NINES_PROMTOOL` names the program; else it is looked for in `PATH`. `NINES_PEER_QUERIES` and `NINES_PEER_SEED` change
//! how many queries are asked and which.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use nines_promql::conformance::series_from_notation;
use nines_promql::{Control, Engine, MemorySource, SampleValue, Value, format_duration};

use crate::generate::{Dice, query, series};

/// Windows of different counts of samples at the two ends of the data, and in its middle.
const TIMES: [i64; 3] = [602_000, 1_322_000, 2_282_000];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[expect(clippy::disallowed_methods, reason = "the peer is a program; tests run it directly")]
fn run(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

type Samples = BTreeMap<String, f64>;

#[test]
fn a_real_prometheus_gives_the_same_answers() {
    let promtool = std::env::var("NINES_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let Some(version) = run(&promtool, &["--version"]) else {
        println!("skipped: no promtool (set NINES_PROMTOOL)");
        return;
    };
    let count = setting("NINES_PEER_QUERIES", 5_000) as usize;
    let seed = setting("NINES_PEER_SEED", 1);
    println!("seed {seed}, {count} queries, {}", version.lines().next().unwrap_or(""));
    let mut dice = Dice::new(seed);
    let data = series(&mut dice);
    let mut source = MemorySource::default();
    let mut yaml =
        "rule_files: []\nevaluation_interval: 1m\ntests:\n- interval: 15s\n  input_series:\n".to_owned();
    for (name, values) in &data {
        source.series.push(series_from_notation(&format!("{name} {values}"), 15_000).expect("generated"));
        writeln!(yaml, "  - series: '{name}'\n    values: '{values}'").unwrap();
    }
    yaml.push_str("  promql_expr_test:\n");
    let mut asked = Vec::new();
    for at in 0..count {
        let depth = dice.below(4);
        let (text, time) = (query(&mut dice, depth), TIMES[at % TIMES.len()]);
        // A sample that never comes, so that what came is printed.
        writeln!(yaml, "  - expr: '{text}'\n    eval_time: {}", format_duration(time)).unwrap();
        yaml.push_str("    exp_samples: [{labels: '{never=\"there\"}', value: 1}]\n");
        asked.push((text, time));
    }
    // The peer loads samples up to its latest question only, and some selectors look ahead of theirs.
    yaml.push_str("  - expr: 'vector(2)'\n    eval_time: 40m\n    exp_samples: []\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yml");
    #[expect(clippy::disallowed_methods, reason = "input of the peer")]
    std::fs::write(&file, yaml).unwrap();
    let output = run(&promtool, &["test", "rules", &file.to_string_lossy()]).unwrap();
    let mut peer = parse(&output);
    peer.pop();
    assert_eq!(peer.len(), count, "the peer answered:\n{}", &output[..output.len().min(2_000)]);
    let (mut empty, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut changed = [0_usize; CHANGED.len()];
    for ((text, time), theirs) in asked.iter().zip(&peer) {
        let ours = Engine::default().instant(&source, text, *time, &Control::default());
        let ours = ours.map(|answer| samples(answer.value)).map_err(|error| error.to_string());
        match (&ours, theirs) {
            (Err(_), None) => refused += 1,
            (Ok(ours), Some(theirs)) if same(ours, theirs) => empty += usize::from(ours.is_empty()),
            _ => match CHANGED.iter().position(|change| (change.explains)(text, *time, &ours)) {
                Some(which) => changed[which] += 1,
                None => wrong.push(format!("{text} at {time}:\n  ours   {ours:?}\n  theirs {theirs:?}")),
            },
        }
    }
    let same = count - wrong.len() - changed.iter().sum::<usize>();
    println!("{same} of {count} the same, {empty} empty, {refused} refused by both");
    for (change, times) in CHANGED.iter().zip(changed) {
        println!("{times} differ: {}", change.what);
    }
    assert!(changed.iter().sum::<usize>() * 50 <= count, "more than two in a hundred are explained away");
    assert!(
        wrong.is_empty(),
        "seed {seed}, {} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

/// Why an answer may differ although neither is wrong.
struct Change {
    what: &'static str,
    explains: fn(&str, i64, &Result<Samples, String>) -> bool,
}

const CHANGED: [Change; 5] = [
    Change {
        what: "3.14 refuses two series that match one even if a comparison takes one away (operators.test)",
        explains: |text, _, ours| {
            has(text, &["<", ">", "=="])
                && ours.as_ref().is_err_and(|why| why.contains("many-to-one matching must be explicit"))
        },
    },
    Change {
        what: "in 3.14 the deviation of a single NaN is NaN (aggregators.test)",
        explains: |text, _, ours| {
            let is_nan = |ours: &Samples| ours.values().any(|value| value.is_nan());
            has(text, &["stddev", "stdvar"]) && (ours.as_ref().is_ok_and(is_nan) || has(text, &["bool"]))
        },
    },
    Change {
        what: "in 3.14 a window that `@` fixes stays where it is under predict_linear in a subquery",
        explains: |text, _, ours| {
            ours.is_ok() && has(text, &["predict_linear("]) && has(text, &[" @ "]) && has(text, &[")["])
        },
    },
    Change {
        what: "3.14 extrapolates a counter by half a spacing at most before it asks where it would be zero",
        explains: |text, time, ours| {
            // Only seen where the data begin inside of the window.
            ours.is_ok() && time == TIMES[0] && has(text, &["rate(requests", "increase(requests"])
        },
    },
    Change {
        what: "the last bit of a float decides: a sine or remainder of a huge number, a mean on the edge of a whole one",
        explains: |text, _, ours| {
            let huge = has(text, &["sin(", "cos(", "%"]) && has(text, &["^ 100", "exp("]);
            let edge = has(text, &["floor(", "ceil(", "round("]) && has(text, &["avg", "sum"]);
            ours.is_ok() && (huge || edge)
        },
    },
];

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

fn samples(value: Value) -> Samples {
    match value {
        Value::Scalar { value, .. } => BTreeMap::from([("{}".to_owned(), value)]),
        Value::Vector(samples) => samples
            .into_iter()
            .filter_map(|sample| match sample.value {
                SampleValue::Float(value) => Some((sample.labels.to_string(), value)),
                SampleValue::Histogram(_) => None,
            })
            .collect(),
        _ => Samples::new(),
    }
}

fn same(ours: &Samples, theirs: &Samples) -> bool {
    let close = |a: f64, b: f64| {
        let scale = a.abs().max(b.abs()).max(1e-3);
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * scale
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.0 == b.0 && close(*a.1, *b.1))
}

/// For each query in turn what the peer got; `None` if it refused.
fn parse(output: &str) -> Vec<Option<Samples>> {
    let mut all = Vec::new();
    for line in output.lines().map(str::trim) {
        if line.starts_with("expr:") && line.contains(", err: ") {
            all.push(None);
        } else if let Some(got) = line.strip_prefix("got:") {
            all.push(Some(parse_samples(got.trim().trim_matches('"'))));
        }
    }
    all
}

/// `{a="b"} 1.5E+01, {} 2E+00`, perhaps with the quotes escaped, or `nil`.
fn parse_samples(text: &str) -> Samples {
    let text = text.replace("\\\"", "\"");
    let mut rest = text.as_str();
    let mut samples = Samples::new();
    while let Some(close) = rest.find('}') {
        let (labels, after) = rest.split_at(close + 1);
        let after = after.trim_start();
        let end = after.find(',').unwrap_or(after.len());
        let number = match after[..end].trim() {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            number => number.parse().unwrap_or(f64::NAN),
        };
        samples.insert(labels.to_owned(), number);
        rest = after[end..].trim_start_matches([',', ' ']);
    }
    samples
}

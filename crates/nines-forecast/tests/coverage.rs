//! Does the interval hold what it promises on series that nobody here has generated?
//!
//! `NINES_SHARED` names the folder with the public series (`data/nab-dev`, `data/cloudmon-dev`); without them this says that it
//! was skipped. Every other series by name is of the half that the interval was tuned on; the bars are for the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nines_forecast::{FanPoint, Question, forecast};

const HOUR_MS: i64 = 3_600_000;
const LEVEL: f64 = 0.9;
/// Histories as a node reads them: their length and step, of which those with too few points for a series fall away.
const WINDOWS: [(i64, i64); 3] =
    [(14 * HOUR_MS, 210_000), (96 * HOUR_MS, 1_440_000), (504 * HOUR_MS, 7_560_000)];
/// Forecasts of one series by one window, at equal distances.
const ORIGINS: usize = 24;
/// How far ahead, as shares of the history.
const AHEAD: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.8];

type Series = (Vec<i64>, Vec<f64>);

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    inside: usize,
    asked: usize,
    refused: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.inside += other.inside;
        self.asked += other.asked;
        self.refused += other.refused;
    }

    fn share(self) -> f64 {
        self.inside as f64 / self.asked.max(1) as f64
    }
}

#[test]
fn the_interval_holds_on_public_series() {
    let folder = std::env::var_os("NINES_SHARED").map(PathBuf::from).map(|shared| shared.join("data"));
    let Some(folder) = folder.filter(|folder| folder.join("nab-dev").is_dir()) else {
        println!("skipped: NINES_SHARED names no folder with data/nab-dev");
        return;
    };
    let mut files = Vec::new();
    for set in ["nab-dev/data", "cloudmon-dev/data"] {
        csv_files(&folder.join(set), &mut files);
    }
    files.sort();
    let (mut tuned, mut held_out) = (Count::default(), Count::default());
    let mut by_distance: BTreeMap<usize, Count> = BTreeMap::new();
    println!("| series | half | values | inside | refused |\n|---|---|---|---|---|");
    for (number, path) in files.iter().enumerate() {
        let series = read(path);
        let mut count = Count::default();
        for (length_ms, step_ms) in WINDOWS {
            for (place, one) in covered(&series, length_ms, step_ms).into_iter().enumerate() {
                count.add(one);
                if number % 2 == 1 {
                    by_distance.entry(place).or_default().add(one);
                }
            }
        }
        let half = if number % 2 == 0 { &mut tuned } else { &mut held_out };
        half.add(count);
        let name = path.strip_prefix(&folder).unwrap_or(path).with_extension("");
        println!(
            "| {} | {} | {} | {:.1} % | {} |",
            name.display(),
            if number % 2 == 0 { "tuned on" } else { "held out" },
            count.asked,
            100.0 * count.share(),
            count.refused
        );
    }
    for (place, count) in &by_distance {
        println!(
            "held out, {} of the history ahead: {:.1} % of {}",
            AHEAD[*place],
            100.0 * count.share(),
            count.asked
        );
    }
    println!("tuned on: {:.1} % of {}", 100.0 * tuned.share(), tuned.asked);
    println!("held out: {:.1} % of {}", 100.0 * held_out.share(), held_out.asked);
    assert!(held_out.asked > 2_000, "{held_out:?}");
    assert!((0.87..=0.94).contains(&held_out.share()), "{:.3} of 0.9", held_out.share());
}

/// By distance.
fn covered((times, values): &Series, length_ms: i64, step_ms: i64) -> [Count; AHEAD.len()] {
    let mut counts = [Count::default(); AHEAD.len()];
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return counts };
    let farthest_ms = (length_ms as f64 * AHEAD[AHEAD.len() - 1]) as i64;
    // From the first full history on to the last with a whole future behind it.
    let room_ms = last - farthest_ms - (first + length_ms);
    if room_ms < 0 {
        return counts;
    }
    // As PromQL answers: the newest sample that is not older than five minutes.
    let at = |time: i64| {
        let place = times.partition_point(|one| *one <= time).checked_sub(1)?;
        (time - times[place] < (5 * 60_000).max(2 * usual_gap_ms(times))).then_some(values[place])
    };
    for origin in 0..ORIGINS {
        let now_ms = first + length_ms + room_ms * origin as i64 / (ORIGINS as i64 - 1);
        let grid = (0..=length_ms / step_ms).rev().map(|back| now_ms - back * step_ms);
        let (known_times, known): (Vec<i64>, Vec<f64>) =
            grid.filter_map(|time| Some((time, at(time)?))).unzip();
        let question = Question { now_ms, level: LEVEL, horizon_ms: farthest_ms + step_ms };
        let answer = forecast(&known_times, &known, &question);
        for (count, ahead) in counts.iter_mut().zip(AHEAD) {
            let time = now_ms + (length_ms as f64 * ahead) as i64;
            let Ok(answer) = &answer else {
                count.refused += 1;
                continue;
            };
            // What falls back is continued until then only.
            let (Some((low, high)), Some(value)) = (between(&answer.fan, time), at(time)) else { continue };
            count.asked += 1;
            // A flat series is met exactly, but for the last bits.
            let slack = 1e-9 * value.abs();
            count.inside += usize::from((low - slack..=high + slack).contains(&value));
        }
    }
    counts
}

fn usual_gap_ms(times: &[i64]) -> i64 {
    (times[times.len() - 1] - times[0]) / (times.len() as i64 - 1).max(1)
}

fn between(fan: &[FanPoint], time: i64) -> Option<(f64, f64)> {
    let pair = fan.windows(2).find(|pair| pair[0].at_ms <= time && time <= pair[1].at_ms)?;
    let share = (time - pair[0].at_ms) as f64 / (pair[1].at_ms - pair[0].at_ms).max(1) as f64;
    let on = |a: f64, b: f64| a + (b - a) * share;
    Some((on(pair[0].low, pair[1].low), on(pair[0].high, pair[1].high)))
}

fn csv_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            csv_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            found.push(path);
        }
    }
}

/// `2014-04-01 00:00:00,20.0` or with a number of seconds; lines of other shapes are passed over.
fn read(path: &Path) -> Series {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let mut parts = line.split(',');
        Some((time_ms(parts.next()?)?, parts.next()?.trim().parse::<f64>().ok()?))
    };
    let mut samples: Vec<(i64, f64)> = text.lines().filter_map(line).collect();
    samples.sort_by_key(|sample| sample.0);
    samples.dedup_by_key(|sample| sample.0);
    samples.into_iter().unzip()
}

fn time_ms(text: &str) -> Option<i64> {
    if let Ok(number) = text.trim().parse::<f64>() {
        return Some((number * 1e3) as i64);
    }
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse::<i64>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let (hour, minute, second) = (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
    // Days from civil, after Howard Hinnant.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000)
}

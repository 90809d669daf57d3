//! Mines files of log lines and prints their patterns, the most frequent first, and how fast that was:
//! `cargo run --release -p nines-patterns --example mine -- FILE... [--repeat N]`

use std::collections::HashMap;

use nines_base::SystemClock;
use nines_patterns::{Config, Miner};

/// Patterns printed.
const SHOWN: usize = 20;

fn main() -> std::io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut repeat = 1;
    if let Some(at) = arguments.iter().position(|argument| argument == "--repeat") {
        repeat = arguments.get(at + 1).and_then(|count| count.parse().ok()).unwrap_or(1);
        arguments.drain(at..(at + 2).min(arguments.len()));
    }
    let mut texts = Vec::new();
    for path in &arguments {
        texts.push(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    }
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    let bytes: usize = lines.iter().map(|line| line.len()).sum();

    let clock = SystemClock::shared();
    let mut miner = Miner::new(Config::default());
    let mut counts = HashMap::new();
    let started = clock.monotonic();
    for _ in 0..repeat {
        for line in &lines {
            *counts.entry(miner.learn(line)).or_insert(0_u64) += 1;
        }
    }
    let seconds = (clock.monotonic() - started).as_secs_f64();

    let mut patterns: Vec<_> =
        miner.patterns().map(|(id, template, count)| (count, id, template.to_string())).collect();
    patterns.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
    for (count, id, template) in patterns.iter().take(SHOWN) {
        println!("{count:9}  {id}  {template}");
    }
    let total = (lines.len() * repeat) as f64;
    println!(
        "{} patterns; {total} lines in {seconds:.3} s: {:.2} M lines/s, {:.0} MB/s",
        patterns.len(),
        total / seconds / 1e6,
        (bytes * repeat) as f64 / seconds / 1e6
    );
    Ok(())
}

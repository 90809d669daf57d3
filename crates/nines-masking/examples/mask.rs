//! Masks the lines of files with the default rules and with all built-ins, and prints what was found and how fast that was:
//! `cargo run --release -p nines-masking --example mask -- FILE... [--repeat N]`

use nines_base::SystemClock;
use nines_masking::{BuiltIn, HashKey, Masked, Masker, Rule, Rules};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let all = Rules { rules: BuiltIn::ALL.into_iter().map(Rule::from).collect() };
    for (name, rules) in [("default", Rules::default()), ("all built-ins", all)] {
        let masker = Masker::new(rules, HashKey::new([0; 32]))?;
        let started = clock.monotonic();
        let mut changed = 0_u64;
        for _ in 0..repeat {
            for line in &lines {
                if masker.mask_text("body", line) != Masked::Text((*line).into()) {
                    changed += 1;
                }
            }
        }
        let seconds = (clock.monotonic() - started).as_secs_f64();
        let found: Vec<String> = masker
            .counts()
            .filter(|(_, count)| *count > 0)
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        println!(
            "{name}: {} lines, {changed} changed ({}), {:.0} MB/s",
            lines.len() * repeat,
            found.join(", "),
            (bytes * repeat) as f64 / seconds / 1e6
        );
    }
    Ok(())
}

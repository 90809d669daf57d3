//! Processes, summed by the name of their executable: a thousand workers are one series, and it survives their restarts.

use std::collections::BTreeMap;

use super::proc::Units;
use super::{Kind, Reading};

/// Names that are sent: those with the most memory. A machine has some hundred, most of them idle.
const NAMES_MAX: usize = 50;

#[derive(Default)]
struct Sum {
    user: u64,
    system: u64,
    resident: u64,
    threads: i64,
    count: u64,
}

/// One line of `/proc/<pid>/stat`: times in ticks, memory in pages.
#[derive(Debug, PartialEq, Eq)]
pub struct Stat {
    pub name: String,
    pub user: u64,
    pub system: u64,
    pub threads: i64,
    pub resident_pages: u64,
}

/// The name stands in brackets and may hold brackets itself: what counts is the last one (proc_pid_stat(5)).
pub fn stat(line: &str) -> Option<Stat> {
    let (start, end) = (line.find('(')?, line.rfind(')')?);
    let fields: Vec<&str> = line.get(end + 1..)?.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
    Some(Stat {
        name: line.get(start + 1..end)?.to_owned(),
        user: number(14)?.unsigned_abs(),
        system: number(15)?.unsigned_abs(),
        threads: number(20)?,
        resident_pages: number(24)?.unsigned_abs(),
    })
}

pub fn read(reading: &mut Reading) -> std::io::Result<()> {
    let units = Units::of_this_machine();
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // One that ended meanwhile has no more to say; kernel threads have no memory.
        let Ok(line) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(stat) = stat(&line).filter(|stat| stat.resident_pages > 0) else { continue };
        let sum = sums.entry(stat.name).or_default();
        sum.user += stat.user;
        sum.system += stat.system;
        sum.resident += stat.resident_pages * units.page_bytes;
        sum.threads += stat.threads;
        sum.count += 1;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.resident));
    sums.truncate(NAMES_MAX);
    let ticks = units.ticks_per_sec;
    let of = |name: &String| vec![("process.executable.name", name.clone())];
    let cpu = sums.iter().flat_map(|(name, sum)| {
        [("user", sum.user), ("system", sum.system)].map(|(mode, spent)| {
            let mut attributes = of(name);
            attributes.push(("cpu.mode", mode.to_owned()));
            (attributes, spent as f64 / ticks)
        })
    });
    // A sum over processes falls when one ends, which is why it is no counter of OpenTelemetry's `process.cpu.time` by pid
    // but restarts as one: queries that take rates see a reset.
    reading.add("process.cpu.time", "s", Kind::Counter, cpu.collect::<Vec<_>>());
    let memory = sums.iter().map(|(name, sum)| (of(name), sum.resident as f64));
    reading.add("process.memory.usage", "By", Kind::Level, memory.collect::<Vec<_>>());
    let threads = sums.iter().map(|(name, sum)| (of(name), sum.threads as f64));
    reading.add("process.thread.count", "{thread}", Kind::Level, threads.collect::<Vec<_>>());
    let counts = sums.iter().map(|(name, sum)| (of(name), sum.count as f64));
    reading.add("system.process.count", "{process}", Kind::Level, counts.collect::<Vec<_>>());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_blanks() {
        let line = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 12 0 100 1000000 321 18446744073709551615";
        let expected =
            Stat { name: "a) (b c".to_owned(), user: 250, system: 50, threads: 12, resident_pages: 321 };
        assert_eq!(stat(line), Some(expected));
        for wrong in ["", "7 (a", "7 (a) S 1"] {
            assert_eq!(stat(wrong), None);
        }
    }
}

//! The machine as a whole, from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::proc::{self, Units};
use super::{Kind, Reading};

/// Mounts beyond this are of a container host, and those that matter come first.
const FILESYSTEMS_MAX: usize = 64;
/// The kernel counts in sectors of 512 bytes whatever the device (Documentation/block/stat.rst).
const SECTOR_BYTES: f64 = 512.0;
/// File systems that hold nothing that can run out.
const WITHOUT_LIMIT: [&str; 22] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "rpc_pipefs",
];

/// The first columns of a line `cpuN` of `/proc/stat`; interrupts come in two kinds.
const CPU_MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "interrupt", "interrupt", "steal"];

pub fn cpu(reading: &mut Reading) -> io::Result<()> {
    let ticks = Units::of_this_machine().ticks_per_sec;
    let mut points = Vec::new();
    let mut count = 0;
    for line in proc::text("stat")?.lines() {
        let Some((number, rest)) = line.strip_prefix("cpu").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        // The line without a number is the sum of the others.
        if number.is_empty() {
            continue;
        }
        count += 1;
        let mut spent: BTreeMap<&str, f64> = BTreeMap::new();
        for (mode, value) in CPU_MODES.iter().zip(rest.split_whitespace()) {
            *spent.entry(mode).or_default() += value.parse::<f64>().unwrap_or(0.0) / ticks;
        }
        points.extend(spent.into_iter().map(|(mode, secs)| {
            let attributes = vec![("cpu.logical_number", number.to_owned()), ("cpu.mode", mode.to_owned())];
            (attributes, secs)
        }));
    }
    reading.add("system.cpu.time", "s", Kind::Counter, points);
    reading.add("system.cpu.logical.count", "{cpu}", Kind::Level, [(Vec::new(), f64::from(count))]);
    Ok(())
}

pub fn memory(reading: &mut Reading) -> io::Result<()> {
    let text = proc::text("meminfo")?;
    let bytes = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kibibytes.unwrap_or(0.0) * 1024.0
    };
    let (total, free, buffers) = (bytes("MemTotal"), bytes("MemFree"), bytes("Buffers"));
    let cached = bytes("Cached") + bytes("SReclaimable");
    let used = (total - free - buffers - cached).max(0.0);
    let states = [("used", used), ("free", free), ("buffers", buffers), ("cached", cached)];
    let point = |(state, bytes): (&str, f64)| (vec![("system.memory.state", state.to_owned())], bytes);
    reading.add("system.memory.usage", "By", Kind::Level, states.map(point));
    reading.add("system.memory.limit", "By", Kind::Level, [(Vec::new(), total)]);
    let available = bytes("MemAvailable");
    reading.add("system.linux.memory.available", "By", Kind::Level, [(Vec::new(), available)]);
    let share = 1.0 - available / total.max(1.0);
    reading.add("system.memory.utilization", "1", Kind::Gauge, [(Vec::new(), share)]);
    let (swap, swap_free) = (bytes("SwapTotal"), bytes("SwapFree"));
    if swap > 0.0 {
        let point = |(state, bytes): (&str, f64)| (vec![("system.paging.state", state.to_owned())], bytes);
        let states = [("used", swap - swap_free), ("free", swap_free)];
        reading.add("system.paging.usage", "By", Kind::Level, states.map(point));
    }
    Ok(())
}

pub fn load(reading: &mut Reading) -> io::Result<()> {
    let names = ["system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m"];
    let text = proc::text("loadavg")?;
    for (name, value) in names.into_iter().zip(text.split_whitespace()) {
        let point = value.parse::<f64>().ok().map(|value| (Vec::new(), value));
        reading.add(name, "{thread}", Kind::Gauge, point);
    }
    let text = proc::text("uptime")?;
    let uptime = text.split_whitespace().next().and_then(|secs| secs.parse::<f64>().ok());
    reading.add("system.uptime", "s", Kind::Gauge, uptime.map(|secs| (Vec::new(), secs)));
    Ok(())
}

/// Columns of Documentation/admin-guide/iostats.rst, after the name: 1 reads, 3 sectors read, 5 writes, 7 sectors written,
/// 10 milliseconds in use.
pub fn disks(reading: &mut Reading) -> io::Result<()> {
    let (mut io, mut operations, mut time) = (Vec::new(), Vec::new(), Vec::new());
    for line in proc::text("diskstats")?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let Some(name) = fields.get(2) else { continue };
        let column = |number: usize| -> f64 {
            fields.get(2 + number).and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        // Loops and memory disks are no devices, and one that was never used says nothing.
        if name.starts_with("loop") || name.starts_with("ram") || column(1) + column(5) == 0.0 {
            continue;
        }
        let device = || ("system.device", (*name).to_owned());
        let both = |read: f64, written: f64| {
            [("read", read), ("write", written)].map(|(direction, value)| {
                (vec![device(), ("disk.io.direction", direction.to_owned())], value)
            })
        };
        io.extend(both(column(3) * SECTOR_BYTES, column(7) * SECTOR_BYTES));
        operations.extend(both(column(1), column(5)));
        time.push((vec![device()], column(10) / 1e3));
    }
    reading.add("system.disk.io", "By", Kind::Counter, io);
    reading.add("system.disk.operations", "{operation}", Kind::Counter, operations);
    reading.add("system.disk.io_time", "s", Kind::Counter, time);
    Ok(())
}

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)): device numbers, where, and after the dash type and source.
fn mount(line: &str) -> Option<(&str, String, &str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let device = left.nth(2)?;
    let place = left.nth(1)?;
    let mut right = right.split(' ');
    let (kind, source) = (right.next()?, right.next()?);
    // Blanks and the like are written as octal numbers.
    let place = place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    Some((device, place, kind, source))
}

pub fn filesystems(reading: &mut Reading) -> io::Result<()> {
    let (mut usage, mut limit, mut share) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let text = proc::text("self/mountinfo")?;
    for (device, place, kind, source) in text.lines().filter_map(mount) {
        // The same device under many names is one file system.
        if WITHOUT_LIMIT.contains(&kind) || !seen.insert(device) {
            continue;
        }
        if limit.len() == FILESYSTEMS_MAX {
            break;
        }
        let Ok(stat) = rustix::fs::statvfs(place.as_str()) else { continue };
        if stat.f_blocks == 0 {
            continue;
        }
        let attributes = || {
            vec![
                ("system.device", source.to_owned()),
                ("system.filesystem.mountpoint", place.clone()),
                ("system.filesystem.type", kind.to_owned()),
            ]
        };
        let bytes = |blocks: u64| blocks as f64 * stat.f_frsize as f64;
        let (used, free) = (bytes(stat.f_blocks.saturating_sub(stat.f_bfree)), bytes(stat.f_bavail));
        let reserved = bytes(stat.f_bfree.saturating_sub(stat.f_bavail));
        for (state, value) in [("used", used), ("free", free), ("reserved", reserved)] {
            let mut attributes = attributes();
            attributes.push(("system.filesystem.state", state.to_owned()));
            usage.push((attributes, value));
        }
        limit.push((attributes(), bytes(stat.f_blocks)));
        share.push((attributes(), used / (used + free).max(1.0)));
    }
    reading.add("system.filesystem.usage", "By", Kind::Level, usage);
    reading.add("system.filesystem.limit", "By", Kind::Level, limit);
    reading.add("system.filesystem.utilization", "1", Kind::Gauge, share);
    Ok(())
}

/// Columns of `/proc/net/dev`: received bytes, packets, errors, dropped; the same for what was sent from column 8 on.
pub fn network(reading: &mut Reading) -> io::Result<()> {
    let (mut io, mut packets, mut errors, mut dropped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in proc::text("net/dev")?.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let columns: Vec<f64> = rest.split_whitespace().map(|value| value.parse().unwrap_or(0.0)).collect();
        let both = |column: usize| {
            [("receive", column), ("transmit", column + 8)].map(|(direction, column)| {
                let attributes = vec![
                    ("network.interface.name", name.trim().to_owned()),
                    ("network.io.direction", direction.to_owned()),
                ];
                (attributes, columns.get(column).copied().unwrap_or(0.0))
            })
        };
        io.extend(both(0));
        packets.extend(both(1));
        errors.extend(both(2));
        dropped.extend(both(3));
    }
    reading.add("system.network.io", "By", Kind::Counter, io);
    reading.add("system.network.packet.count", "{packet}", Kind::Counter, packets);
    reading.add("system.network.errors", "{error}", Kind::Counter, errors);
    reading.add("system.network.packet.dropped", "{packet}", Kind::Counter, dropped);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_may_hold_blanks() {
        let line =
            r"36 35 98:0 /mnt1 /mnt/my\040disk rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(mount(line), Some(("98:0", "/mnt/my disk".to_owned(), "ext3", "/dev/root")));
        assert_eq!(mount("36 35"), None);
    }
}

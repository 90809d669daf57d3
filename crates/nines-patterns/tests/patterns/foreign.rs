//! Grouping of lines from programs that the miner was not developed with: see `foreign.txt`.

use nines_patterns::{Config, Miner};

use crate::loghub::accuracy;

const STATEMENTS: &str = include_str!("foreign.txt");
const LINES: usize = 20_000;

/// SplitMix64, so that the lines are the same everywhere.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<'a>(&mut self, pool: &[&'a str]) -> &'a str {
        // The square prefers the first: values are as unevenly used as in life.
        let square = self.below(1000) * self.below(1000) / 1000;
        pool[square as usize * pool.len() / 1000]
    }
}

const USERS: [&str; 14] = [
    "root",
    "admin",
    "oracle",
    "test",
    "alice",
    "webmaster",
    "postgres",
    "git",
    "ubuntu",
    "pi",
    "nagios",
    "bob",
    "carol",
    "deploy",
];
const HOSTS: [&str; 8] = [
    "mail.example.com",
    "proxy.example.edu",
    "cache.example.net",
    "db.example.org",
    "static-10-2-3-4.isp.example.net",
    "web01.example.com",
    "hn.example.ne.jp",
    "api.example.io",
];
const PACKAGES: [&str; 9] = [
    "com.android.systemui",
    "com.example.chat",
    "android",
    "com.example.music.player",
    "com.android.phone",
    "com.example.maps",
    "com.google.process.gapps",
    "com.example.mail",
    "com.example.game",
];
const CLASSES: [&str; 8] = [
    "JobEvent",
    "TaskEvent",
    "SpeculatorEvent",
    "CommitterEvent",
    "SyncService",
    "CacheService",
    "LauncherEvent",
    "AllocatorEvent",
];
const UNITS: [&str; 9] = [
    "docker.service",
    "cron.service",
    "network.target",
    "sshd.service",
    "nginx.service",
    "postfix.service",
    "rsyslog.service",
    "ntpd.service",
    "auditd.service",
];
const PROCESSES: [&str; 6] = ["java", "mysqld", "chrome", "node", "python", "beam"];
const TAGS: [&str; 6] = ["View Lock", "RILJ_ACK_WL", "*launch*", "AudioMix", "NetworkStats", "Wifi Lock"];
const CLIENTS: [&str; 4] = ["WindowsUpdateAgent", "SPP", "DISM", "TrustedInstaller"];
const APPS: [&str; 6] = ["Safari", "Mail", "Notes", "Terminal", "Calendar", "Photos"];
const NOTICES: [&str; 6] = ["NSNotFound", "DidWake", "WillSleep", "DidHide", "DidUnhide", "WillQuit"];
const DATABASES: [&str; 7] = ["orders", "users", "billing", "shop", "metrics", "audit", "inventory"];
const TOPICS: [&str; 7] =
    ["checkout", "cart-service", "search", "payment-events", "emails", "frontend", "ledger"];
const PATHS: [&str; 6] = [
    "/",
    "/index.html",
    "/api/v1/orders?id=7",
    "/var/log/app/current.log",
    "/etc/app.conf",
    "/static/app.js",
];

fn fill(name: &str, numbers: &mut Numbers) -> String {
    match name {
        "user" => numbers.pick(&USERS).to_owned(),
        "ip" => format!(
            "{}.{}.{}.{}",
            1 + numbers.below(220),
            numbers.below(256),
            numbers.below(256),
            numbers.below(256)
        ),
        "num" => numbers.below(70_000).to_string(),
        "digit" => numbers.below(8).to_string(),
        "float" => format!("{}.{:02}", numbers.below(300), numbers.below(100)),
        "hex" => format!("{:08x}", numbers.next() as u32),
        "hexid" => format!("{:011X}", numbers.next() >> 20),
        "uuid" => format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            numbers.next() as u32,
            numbers.below(65536),
            numbers.below(4096),
            numbers.below(4096),
            numbers.next() >> 16
        ),
        "mac" => (0..6).map(|_| format!("{:02x}", numbers.below(256))).collect::<Vec<_>>().join(":"),
        "base64" => (0..43)
            .map(|_| {
                char::from(
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                        [numbers.below(62) as usize],
                )
            })
            .collect(),
        "email" => format!("{}@example.com", numbers.pick(&USERS)),
        "fqdn" => numbers.pick(&HOSTS).to_owned(),
        "pkg" => numbers.pick(&PACKAGES).to_owned(),
        "class" => numbers.pick(&CLASSES).to_owned(),
        "unit" => numbers.pick(&UNITS).to_owned(),
        "proc" => numbers.pick(&PROCESSES).to_owned(),
        "tag" => numbers.pick(&TAGS).to_owned(),
        "client" => numbers.pick(&CLIENTS).to_owned(),
        "app" => numbers.pick(&APPS).to_owned(),
        "notice" => numbers.pick(&NOTICES).to_owned(),
        "dbname" => numbers.pick(&DATABASES).to_owned(),
        "topic" => numbers.pick(&TOPICS).to_owned(),
        "path" => numbers.pick(&PATHS).to_owned(),
        "dur" => format!("{}.{}{}", numbers.below(90), numbers.below(10), numbers.pick(&["ms", "s", "us"])),
        "mm" => format!("{:02}", numbers.below(60)),
        other => panic!("no pool `{other}`"),
    }
}

pub fn write(statement: &str, numbers: &mut Numbers) -> String {
    let mut line = String::new();
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('{') {
        line.push_str(before);
        let (name, after) = after.split_once('}').unwrap();
        line.push_str(&fill(name, numbers));
        rest = after;
    }
    line.push_str(rest);
    line
}

fn header(style: &str, numbers: &mut Numbers) -> String {
    let mut two = |from: u64, to: u64| format!("{:02}", from + numbers.below(to - from));
    let clock = format!("{}:{}:{}", two(0, 24), two(0, 60), two(0, 60));
    let number = 100 + numbers.below(30_000);
    match style {
        "syslog" => format!(
            "May {:2} {clock} {} {}[{number}]: ",
            1 + numbers.below(28),
            ["lab", "web-2", "db"][numbers.below(3) as usize],
            ["sshd", "crond(pam_unix)", "systemd"][numbers.below(3) as usize]
        ),
        "android" => format!(
            "05-17 {clock}.{:03}  {number}  {number} {} {}: ",
            numbers.below(1000),
            ["D", "I", "V"][numbers.below(3) as usize],
            ["PowerManagerService", "ActivityManager"][numbers.below(2) as usize]
        ),
        "hadoop" => format!(
            "2015-10-18 {clock},{:03} {} [AsyncDispatcher event handler] org.apache.hadoop.mapreduce.v2.app.{}: ",
            numbers.below(1000),
            ["INFO", "WARN"][numbers.below(2) as usize],
            ["job.impl.TaskImpl", "rm.RMContainerAllocator"][numbers.below(2) as usize]
        ),
        "windows" => format!("2016-09-28 {clock}, Info                  CBS    "),
        "proxy" => format!(
            "[05.30 {clock}] {} - ",
            ["chrome.exe", "updater.exe", "mail.exe"][numbers.below(3) as usize]
        ),
        "mac" => format!(
            "Jul  {} {clock} {} {}[{number}]: ",
            1 + numbers.below(9),
            ["calvisitor-10-105-160-95", "authorMacBook-Pro"][numbers.below(2) as usize],
            ["kernel", "com.apple.cts", "Mail"][numbers.below(3) as usize]
        ),
        "hpc" => format!(
            "{number} node-{} unix.hw state_change.unavailable 10{:08} 1 ",
            numbers.below(256),
            numbers.below(99_999_999)
        ),
        "logger" => format!(
            "2024-05-01T{clock}.{:03}Z {:5} [worker-{}] a.b.Service - ",
            numbers.below(1000),
            ["INFO", "WARN", "ERROR"][numbers.below(3) as usize],
            numbers.below(9)
        ),
        other => panic!("no header `{other}`"),
    }
}

fn measure(with_header: bool) -> (f64, f64) {
    let statements: Vec<(u64, &str, &str)> = STATEMENTS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut columns = line.splitn(3, '\t');
            (columns.next().unwrap().parse().unwrap(), columns.next().unwrap(), columns.next().unwrap())
        })
        .collect();
    let total: u64 = statements.iter().map(|statement| statement.0).sum();
    let mut numbers = Numbers(7);
    let mut miner = Miner::new(Config::default());
    let (mut truth, mut ids, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LINES {
        let mut at = numbers.below(total);
        let index = statements
            .iter()
            .position(|&(weight, ..)| {
                if at < weight {
                    return true;
                }
                at -= weight;
                false
            })
            .unwrap();
        let (_, style, statement) = statements[index];
        let mut line = if with_header { header(style, &mut numbers) } else { String::new() };
        line.push_str(&write(statement, &mut numbers));
        truth.push(index);
        ids.push(miner.learn(&line));
        samples.push(line);
    }
    let ids: Vec<_> = ids.into_iter().map(|id| miner.resolve(id)).collect();
    let (grouping, f1) = accuracy(&truth, &ids);
    println!(
        "foreign, header {with_header}: GA {grouping:.4} FGA {f1:.4}, {} patterns for {} statements",
        miner.len(),
        statements.len()
    );
    for (index, statement) in statements.iter().enumerate() {
        let mut found: Vec<_> =
            truth.iter().zip(&ids).filter(|(truth, _)| **truth == index).map(|(_, id)| *id).collect();
        found.sort_unstable();
        found.dedup();
        let shared = found
            .iter()
            .any(|id| truth.iter().zip(&ids).any(|(truth, other)| other == id && *truth != index));
        if found.len() != 1 || shared {
            println!("  {} patterns{}: {}", found.len(), if shared { ", shared" } else { "" }, statement.2);
            for id in found.iter().take(4) {
                println!("      {}", miner.template(*id).unwrap());
            }
        }
    }
    (grouping, f1)
}

#[test]
fn messages_of_other_programs() {
    let (grouping, f1) = measure(false);
    assert!(grouping >= 0.95 && f1 >= 0.93, "GA {grouping} FGA {f1}");
}

#[test]
fn raw_lines_of_other_programs() {
    let (grouping, f1) = measure(true);
    assert!(grouping >= 0.90 && f1 >= 0.88, "GA {grouping} FGA {f1}");
}

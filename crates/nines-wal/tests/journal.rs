//! The promises of the journal, on a simulated disk.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nines_base::disk::{Disk, Fault, SimDisk};
use nines_base::{ErrorKind, KIB, Random, SystemClock};
use nines_wal::{DamageReason, Journal, JournalConfig, JournalRecovery};

const FOLDER: &str = "/journal";

type Records = BTreeMap<u64, Vec<u8>>;

fn config(segment_bytes_max: u64) -> JournalConfig {
    JournalConfig { segment_bytes_max, ..JournalConfig::new(FOLDER) }
}

fn open(disk: &SimDisk, config: JournalConfig) -> (Journal, JournalRecovery, Records) {
    let mut records = Records::new();
    let mut last = 0;
    // Markers differ from process to process.
    let random = Random::from_seed(disk.operations());
    let (journal, recovery) =
        Journal::open(config, disk.shared(), SystemClock::shared(), random, 1, &mut |sequence, payload| {
            assert!(sequence > last, "replay is in order");
            last = sequence;
            records.insert(sequence, payload.to_vec());
        })
        .unwrap();
    assert_eq!(recovery.records as usize, records.len());
    (journal, recovery, records)
}

fn payload(random: &Random, bytes_max: u64) -> Vec<u8> {
    (0..random.below(bytes_max)).map(|_| random.next_u64() as u8).collect()
}

/// A disk with one segment of `count` records, and where each of them lies in it.
fn written(count: usize, bytes_max: u64) -> (SimDisk, PathBuf, Records, Vec<(u64, std::ops::Range<u64>)>) {
    let disk = SimDisk::new(1);
    let random = Random::from_seed(2);
    let (journal, _, _) = open(&disk, config(u64::MAX));
    let mut records = Records::new();
    let mut places = Vec::new();
    let mut offset = 32;
    for _ in 0..count {
        let payload = payload(&random, bytes_max);
        let sequence = journal.append(payload.clone()).unwrap().wait().unwrap();
        let end = offset + 24 + payload.len() as u64;
        places.push((sequence, offset..end));
        records.insert(sequence, payload);
        offset = end;
    }
    journal.close();
    let path = segments(&disk).remove(0);
    assert_eq!(disk.size(&path).unwrap(), offset);
    (disk, path, records, places)
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let names = disk.list(Path::new(FOLDER)).unwrap();
    names.iter().filter(|name| name.ends_with(".journal")).map(|name| Path::new(FOLDER).join(name)).collect()
}

#[test]
fn records_come_back_in_order_over_many_segments_and_restarts() {
    let disk = SimDisk::new(4);
    let random = Random::from_seed(5);
    let mut expected = Records::new();
    for _ in 0..5 {
        let (journal, recovery, records) = open(&disk, config(4 * KIB));
        assert_eq!(records, expected);
        assert!(recovery.damaged.is_empty());
        let tickets: Vec<_> = (0..40)
            .map(|_| {
                let payload = payload(&random, 500);
                (journal.append(payload.clone()).unwrap(), payload)
            })
            .collect();
        for (ticket, payload) in tickets {
            expected.insert(ticket.wait().unwrap(), payload);
        }
        journal.close();
        assert_eq!(journal.append(Vec::new()).unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn truncation_deletes_only_segments_that_are_wholly_below() {
    let disk = SimDisk::new(6);
    let (journal, _, _) = open(&disk, config(KIB));
    let sequences: Vec<u64> =
        (0..30).map(|_| journal.append(vec![7; 300]).unwrap().wait().unwrap()).collect();
    let keep_from = sequences[17];
    assert!(journal.truncate_before(keep_from).unwrap() > 0);
    journal.close();
    let (journal, _, records) = open(&disk, config(KIB));
    assert!(sequences[17..].iter().all(|sequence| records.contains_key(sequence)));
    assert!(!records.contains_key(&sequences[0]));
    // Everything may go: also the active segment, once a commit has moved on.
    let last = journal.append(vec![1]).unwrap().wait().unwrap();
    journal.truncate_before(last + 1).unwrap();
    let next = journal.append(vec![2]).unwrap().wait().unwrap();
    journal.truncate_before(next).unwrap();
    journal.close();
    let (_, recovery, records) = open(&disk, config(KIB));
    assert_eq!(records.keys().copied().collect::<Vec<_>>(), [next]);
    assert_eq!(recovery.last_sequence, next);
}

#[test]
fn sequence_numbers_stay_above_what_the_caller_remembers() {
    let disk = SimDisk::new(6);
    let (journal, _) = Journal::open(
        config(KIB),
        disk.shared(),
        SystemClock::shared(),
        Random::from_seed(1),
        1_000,
        &mut |_, _| {},
    )
    .unwrap();
    assert_eq!(journal.append(Vec::new()).unwrap().wait().unwrap(), 1_000);
}

#[test]
fn every_cut_inside_the_last_three_records_loses_only_what_was_cut() {
    let (_, _, records, places) = written(10, 200);
    let from = places[7].1.start;
    let end = places[9].1.end;
    for size in from..end {
        let (disk, path, _, _) = written(10, 200);
        disk.truncate(&path, size as usize);
        let (journal, recovery, found) = open(&disk, config(u64::MAX));
        let expected: Records = places
            .iter()
            .filter(|(_, place)| place.end <= size)
            .map(|(sequence, _)| (*sequence, records[sequence].clone()))
            .collect();
        assert_eq!(found, expected, "cut at {size}");
        let whole = places.iter().any(|(_, place)| place.start == size);
        assert_eq!(recovery.damaged.is_empty(), whole, "cut at {size}: {:?}", recovery.damaged);
        assert!(recovery.damaged.iter().all(|damage| damage.reason == DamageReason::Torn));
        // New records are numbered above the survivors and survive in turn.
        let next = journal.append(b"next".to_vec()).unwrap().wait().unwrap();
        assert!(next > expected.keys().last().copied().unwrap());
    }
}

#[test]
fn a_flipped_bit_loses_only_the_record_it_is_in() {
    const FLIPS: u64 = 10_000;
    let seed = 0x5eed_0001;
    let random = Random::from_seed(seed);
    // `NINES_LONG_TESTS` flips every bit of some 64 KiB in turn.
    let is_long = std::env::var_os("NINES_LONG_TESTS").is_some();
    let (disk, path, records, places) = written(if is_long { 310 } else { 60 }, 400);
    let size = disk.size(&path).unwrap();
    let bits = if is_long { size * 8 } else { FLIPS };
    for turn in 0..bits {
        let bit = if is_long { turn } else { random.below(size * 8) };
        disk.flip_bit(&path, bit);
        let byte = bit / 8;
        let hit = places.iter().find(|(_, place)| place.contains(&byte));
        let (journal, recovery, found) = open(&disk, config(u64::MAX));
        let expected: Records = records
            .iter()
            .filter(|(sequence, _)| hit.is_none_or(|(lost, _)| lost != *sequence))
            .map(|(sequence, payload)| (*sequence, payload.clone()))
            .collect();
        assert_eq!(found, expected, "bit {bit}");
        let [damage] = &recovery.damaged[..] else { panic!("bit {bit}: {:?}", recovery.damaged) };
        let place = hit.map_or(0..32, |(_, place)| place.clone());
        assert_eq!(damage.offset..damage.offset + damage.bytes, place, "bit {bit}");
        drop(journal);
        disk.flip_bit(&path, bit);
        // The copy in quarantine holds the damaged bytes; take it away so that the next one is made afresh.
        let quarantine = Path::new(FOLDER).join("quarantine");
        for name in disk.list(&quarantine).unwrap() {
            assert_eq!(disk.size(&quarantine.join(&name)).unwrap(), damage.bytes);
            disk.remove(&quarantine.join(name)).unwrap();
        }
    }
    println!(
        "A4 {bits} flips in a journal of {size} bytes (seed {seed:#x}): each lost only the record that it was in"
    );
}

/// Appends in bursts until the disk gives up; returns what was acknowledged and everything that was tried.
fn append_until_power_goes(journal: &Journal, random: &Random) -> (Records, Records) {
    let (mut acknowledged, mut tried) = (Records::new(), Records::new());
    for round in 0..12 {
        let burst: Vec<_> = (0..1 + random.below(4))
            .filter_map(|_| {
                let payload = payload(random, 300);
                let ticket = journal.append(payload.clone()).ok()?;
                tried.insert(ticket.sequence(), payload.clone());
                Some((ticket, payload))
            })
            .collect();
        for (ticket, payload) in burst {
            if let Ok(sequence) = ticket.wait() {
                acknowledged.insert(sequence, payload);
            }
        }
        if round % 4 == 3 {
            let keep_from = acknowledged.keys().rev().nth(2).copied().unwrap_or(0);
            // Even if it fails half-way, what is below may be gone.
            let _ = journal.truncate_before(keep_from);
            acknowledged.retain(|sequence, _| *sequence >= keep_from);
        }
    }
    (acknowledged, tried)
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_every_operation() {
    let mut crashes = 0;
    for seed in 0..8 {
        for at in 0..120 {
            let disk = SimDisk::new(seed * 1_000 + at);
            let random = Random::from_seed(seed);
            let (journal, _, _) = open(&disk, config(KIB));
            disk.crash_at_operation(disk.operations() + at);
            let (acknowledged, tried) = append_until_power_goes(&journal, &random);
            drop(journal);
            disk.crash();
            crashes += 1;
            let (journal, _, found) = open(&disk, config(KIB));
            for (sequence, payload) in &acknowledged {
                assert_eq!(
                    found.get(sequence),
                    Some(payload),
                    "seed {seed}, operation {at}, record {sequence}"
                );
            }
            assert!(found.iter().all(|(sequence, payload)| tried.get(sequence) == Some(payload)));
            let next = journal.append(Vec::new()).unwrap().wait().unwrap();
            assert!(found.keys().all(|&sequence| sequence < next));
        }
    }
    println!("{crashes} crash points");
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_the_file_is_not_synced_again() {
    let disk = SimDisk::new(11);
    let (journal, _, _) = open(&disk, config(u64::MAX));
    let before = journal.append(b"before".to_vec()).unwrap().wait().unwrap();
    disk.inject(Fault::SyncError);
    let error = journal.append(b"refused".to_vec()).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(journal.stats().failed_commits_in_a_row, 1);
    let after = journal.append(b"after".to_vec()).unwrap().wait().unwrap();
    assert_eq!(journal.stats().failed_commits_in_a_row, 0);
    assert_eq!(segments(&disk).len(), 2, "the failed file is left behind, a new one is used");
    drop(journal);
    disk.crash();
    let (_, _, found) = open(&disk, config(u64::MAX));
    assert_eq!(found.get(&before).unwrap(), b"before");
    assert_eq!(found.get(&after).unwrap(), b"after");
}

#[test]
fn write_errors_and_a_full_disk_are_refusals_until_the_disk_mends() {
    let disk = SimDisk::new(12);
    let (journal, _, _) = open(&disk, config(u64::MAX));
    let mut acknowledged = vec![journal.append(vec![1; 100]).unwrap().wait().unwrap()];
    disk.inject(Fault::WriteError);
    assert_eq!(journal.append(vec![2; 100]).unwrap().wait().unwrap_err().kind(), ErrorKind::Unavailable);
    disk.set_capacity(400);
    for _ in 0..20 {
        let error = journal.append(vec![3; 1_000]).unwrap().wait().unwrap_err();
        assert!(error.is_disk_full() && error.kind() == ErrorKind::Exhausted);
    }
    assert!(segments(&disk).len() <= 2, "a full disk does not fill with attempts: {:?}", segments(&disk));
    disk.set_capacity(u64::MAX);
    acknowledged.push(journal.append(vec![4; 1_000]).unwrap().wait().unwrap());
    drop(journal);
    disk.crash();
    let (_, _, found) = open(&disk, config(u64::MAX));
    assert!(acknowledged.iter().all(|sequence| found.contains_key(sequence)));
}

/// Left alone, those who write at the same time fall into small groups that take turns at the disk.
#[test]
fn senders_who_wait_for_their_answers_share_commits() {
    const SENDERS: u64 = 8;
    const RECORDS: u64 = 100;
    let disk = SimDisk::new(14);
    let config = JournalConfig { gather_max: Duration::from_millis(100), ..config(u64::MAX) };
    let (journal, _, _) = open(&disk, config);
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                for _ in 0..RECORDS {
                    journal.append(vec![0; 100]).unwrap().wait().unwrap();
                }
            });
        }
    });
    let commits = journal.stats().commits;
    println!("{} records by {SENDERS} senders in {commits} commits", SENDERS * RECORDS);
    assert!(commits < SENDERS * RECORDS / 4, "{commits} commits");
    // Nobody else is there any more: one alone does not wait to be joined, and the end of the journal waits for nobody.
    journal.append(Vec::new()).unwrap().wait().unwrap();
    let last = journal.append(Vec::new()).unwrap();
    journal.close();
    last.wait().unwrap();
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let disk = SimDisk::new(13);
    let config = JournalConfig { queue_bytes_max: 10 * KIB, ..config(u64::MAX) };
    let (journal, _, _) = open(&disk, config);
    assert_eq!(journal.append(vec![0; 20 * KIB as usize]).unwrap_err().kind(), ErrorKind::TooLarge);
    let mut tickets = Vec::new();
    let refused = (0..100_000).find_map(|_| match journal.append(vec![0; KIB as usize]) {
        Ok(ticket) => {
            tickets.push(ticket);
            None
        }
        Err(error) => Some(error),
    });
    // The writer may keep up; what matters is that the queue never passes its bound.
    assert!(refused.is_none_or(|error| error.kind() == ErrorKind::Exhausted));
    assert!(journal.stats().queued_bytes <= 10 * KIB);
    for ticket in tickets {
        ticket.wait().unwrap();
    }
}

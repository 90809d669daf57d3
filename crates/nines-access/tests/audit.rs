#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_access::anchor::{Anchor, Check, Fault, read_anchors};
use nines_access::audit::GENESIS;
use nines_access::{Actor, AuditEntry, AuditRecord, AuditResult, verify_chain};
use nines_base::Random;
use nines_model::Timestamp;

fn chain(length: u64) -> Vec<AuditRecord> {
    let mut records: Vec<AuditRecord> = Vec::new();
    for sequence in 1..=length {
        let at = Timestamp::from_secs(sequence as i64);
        let entry = AuditEntry::new(at, &Actor::system("test"), "key.create", "key/1", AuditResult::Done);
        let previous = records.last().map_or(GENESIS, |record| record.hash);
        records.push(entry.chained(sequence, previous));
    }
    records
}

#[test]
fn any_change_to_a_record_shows_where_it_is() {
    let good = chain(5);
    assert_eq!(verify_chain(0, GENESIS, &good).unwrap().0, 5);
    let changes: [fn(&mut AuditRecord); 9] = [
        |record| record.sequence += 1,
        |record| record.entry.at = Timestamp::from_secs(99),
        |record| record.entry.actor.push('x'),
        |record| record.entry.via.clear(),
        |record| record.entry.action.push('x'),
        |record| record.entry.resource.push('x'),
        |record| record.entry.result = AuditResult::Denied,
        |record| record.entry.request_id.push('x'),
        |record| record.entry.details.push('x'),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad[2]);
        let error = verify_chain(0, GENESIS, &bad).unwrap_err();
        assert!(error.to_string().contains("entry 3"), "change {index}: {error}");
    }
    let mut moved = good.clone();
    moved.swap(1, 2);
    assert!(verify_chain(0, GENESIS, &moved).is_err());
    let mut gap = good.clone();
    gap.remove(1);
    assert!(verify_chain(0, GENESIS, &gap).is_err());
}

#[test]
fn a_forger_who_makes_the_hash_of_a_record_anew_is_caught_at_the_next() {
    let mut forged = chain(5);
    forged[2].entry.actor = "somebody else".to_owned();
    forged[2] = forged[2].entry.chained(3, forged[1].hash);
    let error = verify_chain(0, GENESIS, &forged).unwrap_err();
    assert!(error.to_string().contains("entry 4"), "{error}");
}

#[test]
fn text_cannot_slide_from_one_field_into_the_next() {
    let mut one = chain(1).remove(0).entry;
    let mut other = one.clone();
    (one.action, one.resource) = ("ab".to_owned(), "c".to_owned());
    (other.action, other.resource) = ("a".to_owned(), "bc".to_owned());
    assert_ne!(one.chained(1, GENESIS).hash, other.chained(1, GENESIS).hash);
}

const ENTRIES: u64 = 400;
const ANCHORED_EVERY: usize = 25;

/// What somebody did who can write the log, and the first entry that is not what it was.
fn tampered(good: &[AuditRecord], random: &Random) -> (&'static str, Vec<AuditRecord>, u64) {
    let mut log = good.to_vec();
    let at = random.below(ENTRIES - 1) as usize;
    let first = at as u64 + 1;
    let edit = |entry: &mut AuditEntry| match random.below(9) {
        0 => entry.at = entry.at + std::time::Duration::from_nanos(1),
        1 => entry.actor.push('x'),
        2 => entry.via.clear(),
        3 => entry.action = "key.revoke".to_owned(),
        4 => entry.resource.push('x'),
        5 => entry.result = AuditResult::Denied,
        6 => entry.request_id.push('x'),
        7 => entry.address.push('x'),
        _ => entry.details.push('x'),
    };
    match random.below(8) {
        0 => {
            edit(&mut log[at].entry);
            ("a field edited", log, first)
        }
        1 => {
            log.remove(at);
            ("an entry taken out", log, first)
        }
        2 => {
            let mut stranger = log[at].entry.clone();
            edit(&mut stranger);
            log.insert(at, stranger.chained(first, good[at].hash));
            ("an entry put in", log, first)
        }
        3 => {
            log.swap(at, at + 1);
            ("two entries changed places", log, first)
        }
        4 => {
            log.truncate(at);
            ("the tail cut off", log, first)
        }
        5 => {
            // With every hash right: only anchors show it.
            edit(&mut log[at].entry);
            for index in at..log.len() {
                let previous = index.checked_sub(1).map_or(GENESIS, |before| log[before].hash);
                log[index] = log[index].entry.chained(index as u64 + 1, previous);
            }
            ("written anew from an entry on", log, first)
        }
        6 => {
            let mut hash = *log[at].hash.as_bytes();
            hash[random.below(32) as usize] ^= 1 << random.below(8);
            log[at].hash = nines_access::Digest::from_bytes(hash);
            ("a bit of a hash flipped", log, first)
        }
        _ => {
            // Torn by a crash, and carried on behind it.
            log.drain(at..ENTRIES as usize - 1);
            ("entries lost before the newest", log, first)
        }
    }
}

fn checked(anchors: &[Anchor], log: &[AuditRecord]) -> nines_access::anchor::Checked {
    let mut check = Check::new(anchors.to_vec());
    log.chunks(64).for_each(|page| check.take(page));
    check.end()
}

/// F6.
#[test]
fn ten_thousand_ways_of_tampering_are_found_and_located() {
    let good = chain(ENTRIES);
    let anchors: Vec<Anchor> =
        good.chunks(ANCHORED_EVERY).map(|chunk| Anchor::from(&chunk[chunk.len() - 1])).collect();
    let whole = checked(&anchors, &good);
    assert_eq!((whole.entries, whole.anchors_held, whole.fault), (ENTRIES, anchors.len(), None));
    let random = Random::from_seed(6);
    let mut found = std::collections::BTreeMap::new();
    for number in 0..10_000 {
        let (what, log, first) = tampered(&good, &random);
        let fault = checked(&anchors, &log).fault;
        match fault.unwrap_or_else(|| panic!("{number}: {what} at entry {first} was not found")) {
            Fault::Changed { sequence } => assert_eq!(sequence, first, "{number}: {what}"),
            Fault::Anew { holds_to, missing } => {
                assert!(holds_to < first && first <= missing, "{number}: {what} at {first}: {fault:?}");
                assert!(missing - holds_to <= ANCHORED_EVERY as u64, "{number}: {what}: {fault:?}");
            }
        }
        *found.entry(what).or_insert(0) += 1;
    }
    assert_eq!(found.len(), 8);
    println!("F6 tampered 10000 times, found and located 10000: {found:?}");
}

#[test]
fn anchors_are_read_from_the_file_that_a_node_writes() {
    let end = Anchor::from(&chain(3)[2]);
    let text = format!("# of node one\n2026-01-02T03:04:05Z {end}\n\n{end}\n");
    assert_eq!(read_anchors(&text).unwrap(), [end, end]);
    let error = read_anchors("# fine\n2026-01-02T03:04:05Z 3:abc\n").unwrap_err();
    assert_eq!(error, "line 2: `3:abc` is no anchor: give NUMBER:HASH as `nines audit verify` prints it");
}

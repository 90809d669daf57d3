#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_access::audit::GENESIS;
use nines_access::{Actor, AuditEntry, AuditRecord, AuditResult, verify_chain};
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

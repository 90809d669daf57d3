//! Power goes at every single operation of a script of writes, seals and merges.

use std::collections::BTreeMap;

use nines_base::disk::Fault;
use nines_series::{SeriesError, SeriesStore};

use crate::harness::{DAY_MS, HOUR_MS, Machine, all, write};

#[derive(Default)]
struct Ledger {
    sent: BTreeMap<(String, i64), f64>,
    acked: BTreeMap<(String, i64), f64>,
}

impl Ledger {
    fn write(&mut self, store: &SeriesStore, number: i64) -> Result<(), SeriesError> {
        let name = format!("s{}", number % 5);
        let samples: Vec<_> =
            (0..3).map(|i| (DAY_MS + number * HOUR_MS / 2 + i, (number * 3 + i) as f64)).collect();
        let keyed: Vec<_> =
            samples.iter().map(|&(t, value)| ((format!("{{series={name:?}}}"), t), value)).collect();
        self.sent.extend(keyed.iter().cloned());
        let outcome = write(store, &[("series", &name)], &samples)?;
        assert!(outcome.is_whole());
        self.acked.extend(keyed);
        Ok(())
    }

    /// What was acknowledged is there, and nothing that was never sent.
    fn check(&self, store: &SeriesStore, point: &str) {
        let mut found = BTreeMap::new();
        for (series, samples) in all(store) {
            found.extend(samples.into_iter().map(|(t, value)| ((series.clone(), t), value)));
        }
        for (key, value) in &self.acked {
            assert_eq!(found.get(key), Some(value), "{point}: {key:?} was acknowledged");
        }
        for (key, value) in &found {
            assert_eq!(self.sent.get(key), Some(value), "{point}: {key:?} was never sent");
        }
    }
}

/// Ends at the first error, as a process whose disk has gone.
fn script(machine: &Machine, ledger: &mut Ledger) -> Result<(), SeriesError> {
    let (store, _) = machine.try_open()?;
    for number in 0..16 {
        ledger.write(&store, number)?;
        if number % 4 == 3 {
            store.seal()?;
        }
        if number % 8 == 7 {
            while store.compact()?.is_some() {}
        }
    }
    Ok(())
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_acknowledged() {
    let machine = Machine::new(1);
    script(&machine, &mut Ledger::default()).unwrap();
    let operations = machine.disk.operations();
    assert!(operations > 100, "{operations} operations");
    for operation in 0..operations {
        let machine = Machine::new(operation);
        machine.disk.crash_at_operation(operation);
        let mut ledger = Ledger::default();
        let died = script(&machine, &mut ledger);
        machine.disk.crash();
        let point = format!("operation {operation} of {operations} ({died:?})");
        let (store, recovery) = machine.open();
        assert_eq!((recovery.orphan_samples, recovery.unreadable_records), (0, 0), "{point}");
        assert!(recovery.damaged_segments.is_empty(), "{point}: {:?}", recovery.damaged_segments);
        ledger.check(&store, &point);
        // And it goes on from there.
        ledger.write(&store, 90).unwrap();
        store.seal().unwrap();
        while store.compact().unwrap().is_some() {}
        ledger.check(&store, &point);
        drop(store);
        ledger.check(&machine.open().0, &point);
    }
}

#[test]
fn a_seal_that_fails_leaves_everything_visible_and_the_next_one_takes_it_along() {
    for fault in [Fault::CreateError, Fault::WriteError, Fault::WriteFull, Fault::SyncError] {
        let machine = Machine::new(2);
        let (store, _) = machine.open();
        let mut ledger = Ledger::default();
        ledger.write(&store, 1).unwrap();
        machine.disk.inject(fault);
        assert!(store.seal().is_err(), "{fault:?}");
        ledger.check(&store, "after the failure");
        ledger.write(&store, 6).unwrap();
        ledger.check(&store, "between");
        assert_eq!(store.seal().unwrap().samples, 6);
        ledger.check(&store, "after the next seal");
        drop(store);
        machine.disk.crash();
        ledger.check(&machine.open().0, "after a restart");
    }
}

#[test]
fn a_write_whose_sync_fails_is_not_acknowledged_and_the_store_mends_itself() {
    let machine = Machine::new(3);
    let (store, _) = machine.open();
    let mut ledger = Ledger::default();
    ledger.write(&store, 1).unwrap();
    machine.disk.inject(Fault::SyncError);
    assert!(ledger.write(&store, 2).is_err());
    ledger.write(&store, 3).unwrap();
    ledger.write(&store, 2).unwrap();
    drop(store);
    machine.disk.crash();
    let (store, recovery) = machine.open();
    assert_eq!(recovery.orphan_samples, 0);
    ledger.check(&store, "after a restart");
}

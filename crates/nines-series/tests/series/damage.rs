//! Flipped bits and cut files: nothing panics, nothing is silently wrong, and what is lost is named.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nines_base::Random;
use nines_base::disk::Disk;
use nines_series::{SeriesStore, WriteRequest};

use crate::harness::{DAY_MS, Machine, add, select, write};

/// Noise, so that there are several blocks.
fn fill(store: &SeriesStore) -> BTreeMap<(String, i64), f64> {
    let random = Random::from_seed(1);
    let mut sent = BTreeMap::new();
    for number in 0..300 {
        let name = format!("s{number:03}");
        let samples: Vec<_> = (0..100).map(|i| (DAY_MS + i * 15_000, random.unit())).collect();
        let mut request = WriteRequest::default();
        add(&mut request, &[("series", &name)], &samples);
        store.write(request).unwrap().wait().unwrap();
        let key = |t| (format!("{{series={name:?}}}"), t);
        sent.extend(samples.iter().map(|&(t, value)| (key(t), value)));
    }
    sent
}

fn segment_path(machine: &Machine) -> PathBuf {
    let folder = machine.config.folder.join("segments");
    let names = machine.disk.list(&folder).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    folder.join(&names[0])
}

#[test]
fn damage_to_a_segment_is_named_and_never_a_wrong_answer() {
    let machine = Machine::new(1);
    let (store, _) = machine.open();
    let sent = fill(&store);
    store.seal().unwrap();
    drop(store);
    let path = segment_path(&machine);
    let size = machine.disk.size(&path).unwrap();
    let whole = machine.disk.read(&path).unwrap();
    assert!(size > 150_000, "{size} bytes");
    let random = Random::from_seed(2);
    let mut partly = 0;
    for round in 0..150 {
        // Half of them in the index and the footer, which are a small part of the file.
        let bit =
            if round % 2 == 0 { random.below(size * 8) } else { (size - 1) * 8 - random.below(4_000 * 8) };
        machine.disk.flip_bit(&path, bit);
        let (store, recovery) = machine.open();
        let selection = select(&store, &[], i64::MIN, i64::MAX);
        let mut found = 0;
        for series in &selection.series {
            for (t, value) in series.times_ms.iter().zip(&series.values) {
                assert_eq!(sent.get(&(series.labels.to_string(), *t)), Some(value), "bit {bit}");
                found += 1;
            }
        }
        let named = !selection.damaged.is_empty() || !recovery.damaged_segments.is_empty();
        assert!(named == (found < sent.len()), "bit {bit}: {found} of {}, named: {named}", sent.len());
        partly += usize::from(found > 0 && found < sent.len());
        drop(store);
        machine.disk.flip_bit(&path, bit);
    }
    assert!(partly > 20, "only {partly} flips lost a part and not all");
    for size in [0, 10, 40, whole.len() / 2, whole.len() - 1] {
        let cut = Machine::new(3);
        cut.disk.create_dir(path.parent().unwrap()).unwrap();
        cut.disk.create(&path).unwrap().write_all(&whole[..size]).unwrap();
        let (store, recovery) = cut.open();
        assert_eq!(recovery.damaged_segments.len(), 1, "cut at {size}");
        assert!(select(&store, &[], i64::MIN, i64::MAX).series.is_empty());
        // A damaged file is left for somebody to look at, and is in nobody's way.
        write(&store, &[("a", "b")], &[(DAY_MS, 1.0)]).unwrap();
        store.seal().unwrap();
        assert!(cut.disk.size(&path).is_ok());
    }
}

#[test]
fn a_damaged_record_loses_its_own_samples_only() {
    let machine = Machine::new(4);
    let (store, _) = machine.open();
    for number in 0..20i64 {
        write(&store, &[("series", "a")], &[(DAY_MS + number, number as f64)]).unwrap();
    }
    drop(store);
    let folder = machine.config.folder.join("journal");
    let names = machine.disk.list(&folder).unwrap();
    let path = folder.join(names.iter().find(|name| name.ends_with(".journal")).unwrap());
    let size = machine.disk.size(&path).unwrap();
    let mut first_lost = 0;
    // Every byte, one bit each; the first 32 are the segment's header.
    for byte in 32..size {
        machine.disk.flip_bit(&path, byte * 8 + byte % 8);
        let (store, recovery) = machine.open();
        let series = select(&store, &[], i64::MIN, i64::MAX).series;
        assert_eq!(series[0].times_ms.len(), 19, "byte {byte}: {recovery:?}");
        assert_eq!((recovery.orphan_samples, recovery.journal.damaged.is_empty()), (0, false));
        first_lost += u64::from(series[0].times_ms[0] != DAY_MS);
        drop(store);
        machine.disk.flip_bit(&path, byte * 8 + byte % 8);
    }
    assert!(first_lost > 20, "the record with the first definition was hit {first_lost} times");
}

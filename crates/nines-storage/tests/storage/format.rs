use std::path::Path;

use nines_model::{Dataset, Value};
use nines_storage::format::{FormatError, decode_batch, encode_batch};
use proptest::prelude::*;

use crate::batches::{START, any_batch, batch, event, resource};

proptest! {
    #[test]
    fn a_batch_round_trips(batch in any_batch(Dataset::Spans)) {
        let decoded = decode_batch(&encode_batch(&batch)).unwrap();
        // Compared as text, because a NaN is not equal to itself.
        prop_assert_eq!(format!("{decoded:?}"), format!("{batch:?}"));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_batch_but_never_a_panic(
        batch in any_batch(Dataset::Logs),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode_batch(&batch);
        let _ = decode_batch(&bytes[..cut.index(bytes.len())]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = decode_batch(&bytes);
    }
}

/// Rows whose columns come and go, so that every form of presence is written.
#[test]
fn columns_round_trip_whichever_rows_have_them() {
    let none = resource(&[]);
    let events: Vec<_> = (0..300_i64)
        .map(|row| {
            let mut fields: Vec<(&str, Value)> = vec![("always", row.into())];
            let text = format!("row {row}");
            let sometimes: [(&str, bool, Value); 4] = [
                ("early", row < 7, text.as_str().into()),
                ("half", row % 2 == 0, (row as f64).into()),
                ("rare", row % 97 == 5, (row % 2 == 0).into()),
                ("either", true, if row % 3 == 0 { row.into() } else { text.as_str().into() }),
            ];
            fields.extend(sometimes.into_iter().filter(|(_, is_there, _)| *is_there).map(|it| (it.0, it.2)));
            event(START, &none, &fields)
        })
        .collect();
    let batch = batch(Dataset::Beacons, START, events);
    let decoded = decode_batch(&encode_batch(&batch)).unwrap();
    assert_eq!(decoded, batch);
    assert_eq!(decoded.rows.events(), batch.rows.events());
}

#[test]
fn a_batch_of_more_names_than_columns_round_trips() {
    let names: Vec<String> = (0..1_100).map(|index| format!("n{index}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), Value::str(name))).collect();
    let none = resource(&[]);
    let batch =
        batch(Dataset::Logs, START, vec![event(START, &none, &fields[..5]), event(START, &none, &fields)]);
    assert!(!batch.rows.extras().is_empty());
    assert_eq!(decode_batch(&encode_batch(&batch)).unwrap(), batch);
}

#[test]
fn a_hostile_count_does_not_allocate() {
    let mut bytes = vec![2, 1];
    bytes.extend([0; 8]);
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert!(matches!(decode_batch(&bytes), Err(FormatError::Malformed { .. })));
    assert_eq!(decode_batch(&[9]), Err(FormatError::Version(9)));
}

#[test]
fn version_1_is_refused_with_what_to_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nines-storage/tests/formats/batch-v1.bin");
    let error = decode_batch(&std::fs::read(path).unwrap()).unwrap_err();
    assert_eq!(error, FormatError::Version(1));
    assert_eq!(
        error.to_string(),
        "batch has format version 1, this build reads version 2: stop the older nines in the ordinary way, which empties \
         its journal, then start this one"
    );
}

/// The sample of version 2 must stay readable for ever.
#[test]
fn version_2_is_still_read() {
    let resource = resource(&[("service.name", "checkout".into()), ("host.cpus", 4.into())]);
    let fields = [
        ("body", Value::str("payment declined")),
        ("severity_number", Value::Int(17)),
        ("ratio", Value::Float(0.25)),
        ("retried", Value::Bool(true)),
        ("raw", Value::Bytes(vec![0, 255].into())),
        ("tags", Value::Json("[\"a\"]".into())),
    ];
    let expected =
        batch(Dataset::Logs, START, vec![event(START, &resource, &fields), event(START, &resource, &[])]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nines-storage/tests/formats/batch-v2.bin");
    let sample = std::fs::read(&path).unwrap();
    assert_eq!(decode_batch(&sample).unwrap(), expected);
    assert_eq!(encode_batch(&expected), sample, "the writer has changed: that is a new version");
}

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

#[test]
fn a_hostile_count_does_not_allocate() {
    let mut bytes = vec![1, 1];
    bytes.extend([0; 8]);
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert!(matches!(decode_batch(&bytes), Err(FormatError::Malformed { .. })));
    assert_eq!(decode_batch(&[9]), Err(FormatError::Version(9)));
}

/// The sample of version 1 must stay readable for ever.
#[test]
fn version_1_is_still_read() {
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/batch-v1.bin");
    let sample = std::fs::read(&path).unwrap();
    assert_eq!(decode_batch(&sample).unwrap(), expected);
    assert_eq!(encode_batch(&expected), sample, "the writer has changed: that is a new version");
}

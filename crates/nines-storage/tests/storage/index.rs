//! The index of a segment: never a wrong "no", counts that are exact, and bytes that may be anything.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use nines_base::{ManualClock, Random};
use nines_filter::{TEXT_FIELDS, TextSearch};
use nines_model::{Dataset, TimeRange, Value};
use nines_storage::index::{
    INDEXED_TEXT, IndexError, MINUTE_NANOS, SegmentIndex, Token, each_token, index_location, required_tokens,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::batches::{START, batch, event, open, resource};

#[test]
fn the_words_of_every_field_that_is_searched_are_indexed() {
    assert_eq!(INDEXED_TEXT, TEXT_FIELDS);
}

fn tokens_of(text: &str) -> BTreeSet<Token> {
    let mut tokens = BTreeSet::new();
    each_token(text, |token| {
        tokens.insert(token);
    });
    tokens
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Short texts over few characters, so that phrases are found often.
    #[test]
    fn a_text_in_which_a_phrase_is_found_has_the_tokens_that_it_requires(
        text in "[aBé1_ .卡顿ａＡ-]{0,14}",
        phrase in "[Ab1_ .卡顿é-]{1,4}",
        from in any::<prop::sample::Index>(),
        prefix in any::<bool>(),
    ) {
        // A phrase of its own, and one out of the text.
        let characters: Vec<char> = text.chars().collect();
        let start = if characters.is_empty() { 0 } else { from.index(characters.len()) };
        let part: String = characters[start..].iter().take(5).collect();
        for phrase in [phrase, part] {
            let Some(search) = TextSearch::new(&phrase, prefix) else { continue };
            if search.is_found_in(&text) {
                let tokens = tokens_of(&text);
                for token in required_tokens(&phrase, false, prefix) {
                    prop_assert!(tokens.contains(&token), "{phrase:?} in {text:?}");
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_an_index_or_an_error(bytes in any::<Vec<u8>>(), version in 0_u8..3) {
        prop_assert!(SegmentIndex::decode(&bytes).is_err());
        let mut like = b"NINESIDX".to_vec();
        like.push(version);
        like.extend(&bytes);
        like.extend(crc32c::crc32c(&like).to_le_bytes());
        let _ = SegmentIndex::decode(&like);
    }
}

#[tokio::test]
async fn a_segment_knows_its_words_and_counts_its_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path(), &ManualClock::at(START)).await;
    let random = Random::from_seed(5);
    let words = ["Timeout", "reset", "by", "peer", "卡顿", "user_7", "größe", "10.2.3.4"];
    let severities = [(Some(9), Some("INFO")), (Some(17), Some("ERROR")), (None, Some("odd")), (None, None)];
    // Two row groups, the second with a word of its own.
    for sequence in 1..=15_u64 {
        let events: Vec<_> = (0..10_000)
            .map(|number| {
                let service = resource(&[("service.name", ["a", "b", "c"][random.below(3) as usize].into())]);
                let at = START + std::time::Duration::from_secs(random.below(600));
                let text = format!(
                    "{} {} {}",
                    words[random.below(8) as usize],
                    words[random.below(8) as usize],
                    sequence * 10_000 + number
                );
                let (severity, name) = severities[random.below(4) as usize];
                let mut fields: Vec<(&str, Value)> = vec![("body", text.as_str().into())];
                fields.extend(severity.map(|number| ("severity_number", Value::Int(number))));
                fields.extend(name.map(|name| ("severity_text", name.into())));
                event(at, &service, &fields)
            })
            .collect();
        store.append(sequence, &batch(Dataset::Logs, START, events));
    }
    store.seal_all().await.unwrap();

    let snapshot = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let bytes = bytes::Bytes::from(std::fs::read(&snapshot.segments[0].path).unwrap());
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
    let metadata = builder.metadata().clone();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let pairs = pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_deref()));
    let (offset, length) = index_location(pairs).expect("the footer says where the index is");
    let encoded = &bytes[offset as usize..(offset + length) as usize];
    let index = SegmentIndex::decode(encoded).unwrap();
    assert_eq!(metadata.num_row_groups(), 2);

    let (mut expected, mut wrong, mut asked) = (BTreeMap::new(), 0, 0);
    for group in 0..2 {
        let rows = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
        let mut tokens = BTreeSet::new();
        for batch in rows.with_row_groups(vec![group]).build().unwrap() {
            let batch = batch.unwrap();
            let text = |name: &str| batch.column_by_name(name).unwrap().as_string_view().clone();
            let (body, service, severity) = (text("body"), text("service.name"), text("severity_text"));
            let number = batch.column_by_name("severity_number").unwrap().as_primitive::<Int64Type>().clone();
            let at = batch.column_by_name("timestamp").unwrap();
            let at = at.as_primitive::<TimestampNanosecondType>().values();
            for row in 0..batch.num_rows() {
                tokens.extend(tokens_of(body.value(row)));
                let key = (
                    service.value(row).to_owned(),
                    number.is_valid(row).then(|| number.value(row)),
                    severity.is_valid(row).then(|| severity.value(row).to_owned()),
                    at[row].div_euclid(MINUTE_NANOS),
                );
                *expected.entry(key).or_insert(0_u64) += 1;
            }
        }
        assert!(tokens.iter().all(|token| index.may_contain(group, *token)), "a word is never denied");
        for absent in 1_000_000..1_010_000 {
            for token in tokens_of(&absent.to_string()) {
                asked += 1;
                wrong += u32::from(index.may_contain(group, token));
            }
        }
    }
    assert!(wrong * 12 < asked, "{wrong} of {asked} absent words are taken for present");
    let counted = index.counts().unwrap().iter().flat_map(|group| {
        let text = |text: &Option<nines_model::SmolStr>| text.as_ref().map(ToString::to_string);
        group.minutes.iter().map(move |(minute, rows)| {
            let service = text(&group.service).unwrap();
            ((service, group.severity_number, text(&group.severity_text), *minute), *rows)
        })
    });
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), expected);

    let mut damaged = encoded.to_vec();
    damaged[20] ^= 1;
    assert_eq!(SegmentIndex::decode(&damaged), Err(IndexError::Damaged("checksum does not fit")));
    assert!(index.may_contain(9, 1), "a row group that it does not know may hold anything");
}

/// Text that overflowed its column is not in the filter, so the filter must not deny it.
#[tokio::test]
async fn a_row_group_with_overflow_may_hold_any_word() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path(), &ManualClock::at(START)).await;
    let none = resource(&[]);
    let events = vec![
        event(START, &none, &[("http.route", 7.into())]),
        event(START, &none, &[("http.route", "/cart".into())]),
    ];
    store.append(1, &batch(Dataset::Spans, START, events));
    store.seal_all().await.unwrap();
    let snapshot = store.snapshot(Dataset::Spans, TimeRange::ALL).unwrap();
    let bytes = bytes::Bytes::from(std::fs::read(&snapshot.segments[0].path).unwrap());
    let metadata = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().metadata().clone();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let pairs = pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_deref()));
    let (offset, length) = index_location(pairs).unwrap();
    let index = SegmentIndex::decode(&bytes[offset as usize..(offset + length) as usize]).unwrap();
    assert!(tokens_of("cart").into_iter().all(|token| index.may_contain(0, token)));
}

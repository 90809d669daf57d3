use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The value at the cursor, as serde_json has it.
fn tree(cursor: &mut Cursor<'_>) -> Result<Value, JsonError> {
    match cursor.kind()? {
        Kind::Object => {
            let mut object = serde_json::Map::new();
            cursor.enter_object()?;
            let mut is_first = true;
            while let Some(key) = cursor.next_key(is_first)? {
                is_first = false;
                object.insert(key.into_owned(), tree(cursor)?);
            }
            Ok(Value::Object(object))
        }
        Kind::Array => {
            let mut array = Vec::new();
            cursor.enter_array()?;
            while cursor.next_element(array.is_empty())? {
                array.push(tree(cursor)?);
            }
            Ok(Value::Array(array))
        }
        _ => Ok(match cursor.scalar()? {
            Scalar::Null => Value::Null,
            Scalar::Bool(flag) => flag.into(),
            Scalar::Str(text) => text.into_owned().into(),
            Scalar::Number(Number::Int(number)) => number.into(),
            Scalar::Number(Number::Float(number, _)) => number.into(),
            Scalar::Number(Number::Big(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        }),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no NaN", |number| number.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
        "[\"\\\\\u{1}-\u{1f}\u{1f600}a]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::hash_map(".{0,12}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_another_writer_wrote(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut cursor = Cursor::new(&text);
        prop_assert_eq!(tree(&mut cursor).unwrap(), value.clone());
        cursor.end().unwrap();
        let mut cursor = Cursor::new(&text);
        let raw = cursor.raw().unwrap();
        prop_assert_eq!(raw, text.as_str());
        prop_assert_eq!(compact(raw), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn agrees_with_another_reader_on_what_is_json(text in "[\\[\\]{}:,\"\\\\u0-9a-f.eE+\\-truefalsn \n\u{1}]{0,24}") {
        let theirs = serde_json::from_str::<Value>(&text);
        let mut cursor = Cursor::new(&text);
        let ours = cursor.raw().and_then(|_| cursor.end());
        let mut cursor = Cursor::new(&text);
        let walked = tree(&mut cursor).and_then(|_| cursor.end());
        prop_assert_eq!(ours.is_ok(), walked.is_ok());
        match theirs {
            Ok(_) => prop_assert!(ours.is_ok(), "{text:?}: {ours:?}"),
            // The two known differences: half a surrogate pair, and numbers beyond a double.
            Err(error) => {
                let is_known = ["surrogate", "out of range", "hex escape"].iter().any(|known| error.to_string().contains(known));
                prop_assert!(ours.is_err() || is_known, "{text:?}: {error}");
            }
        }
    }

    #[test]
    fn strings_are_written_as_they_are_read(text in ".*") {
        let mut out = String::new();
        write_string(&mut out, &text);
        prop_assert_eq!(Cursor::new(&out).string().unwrap(), text);
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let mut cursor = Cursor::new(text);
    let error = cursor.raw().and_then(|_| cursor.end()).unwrap_err();
    assert_eq!(error.to_string(), expected, "{text}");
}

#[test]
fn mistakes_are_named_with_their_byte() {
    check("", "JSON ends where value is expected at byte 0");
    check("{", "JSON ends where key or `}` is expected at byte 1");
    check("{\"a\" 1}", "JSON has no `:` at byte 5");
    check("[1,]", "JSON has no value at byte 3");
    check("{\"a\":1,}", "JSON has no key at byte 7");
    check("01", "JSON number is malformed at byte 0");
    check("1.", "JSON number is malformed at byte 0");
    check("\"\\x\"", "JSON string has an unknown escape at byte 1");
    check("\"a\nb\"", "JSON string has a bare control character at byte 2");
    check("\"abc", "JSON ends where end of a string is expected at byte 4");
    check("{} {}", "JSON is followed by something else at byte 3");
    check("nul", "JSON has no value at byte 0");
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Cursor::new(&deep(MAX_DEPTH as usize)).raw().is_ok());
    for levels in [MAX_DEPTH as usize + 1, 10_000, 1_000_000] {
        let error = Cursor::new(&deep(levels)).raw().unwrap_err();
        assert_eq!(error.problem, Problem::TooDeep);
    }
}

#[test]
fn surrogates_pair_up_and_halves_are_replaced() {
    let mut cursor = Cursor::new(r#""\ud83d\ude00 \ud83d \ude00 \u00e9""#);
    assert_eq!(cursor.string().unwrap(), "😀 \u{fffd} \u{fffd} é");
}

#[test]
fn big_integers_keep_their_digits() {
    for (text, expected) in [
        ("9223372036854775807", Number::Int(i64::MAX)),
        ("-9223372036854775808", Number::Int(i64::MIN)),
        ("9223372036854775808", Number::Big("9223372036854775808")),
        ("1e999", Number::Big("1e999")),
    ] {
        assert_eq!(Cursor::new(text).number().unwrap(), expected, "{text}");
    }
}

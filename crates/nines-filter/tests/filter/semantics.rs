use std::sync::Arc;

use nines_filter::Filter;
use nines_model::{Event, Resource, Timestamp, Value};

/// Canonical text of `source`.
#[track_caller]
fn canonical(source: &str, expected: &str) {
    let filter = Filter::parse(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
    assert_eq!(filter.to_string(), expected, "{source}");
    assert_eq!(Filter::parse(expected), Ok(filter), "{expected} is canonical");
}

#[test]
fn every_form_has_one_canonical_text() {
    for (source, expected) in [
        ("", ""),
        ("  * ", ""),
        ("service.name:checkout", "service.name: checkout"),
        ("service.name = \"checkout\"", "service.name: checkout"),
        ("a:1 b:2", "a: 1 and b: 2"),
        ("a:1 AND b:2 Or c:3", "a: 1 and b: 2 or c: 3"),
        ("a:1 and (b:2 or c:3)", "a: 1 and (b: 2 or c: 3)"),
        ("NOT a:1", "not a: 1"),
        ("not (a:1 b:2)", "not (a: 1 and b: 2)"),
        ("not not a:1", "not not a: 1"),
        ("((a:1))", "a: 1"),
        ("a: (x or y or \"z w\")", "a: x or a: y or a: \"z w\""),
        ("a: (not x and not y)", "not a: x and not a: y"),
        ("b a: (x or y)", "b and (a: x or a: y)"),
        ("a:*", "a: *"),
        ("a: web-*", "a: web-*"),
        ("a: *mid*dle*", "a: *mid*dle*"),
        ("a: \"b c\"*", "a: \"b c\"*"),
        ("a: \"5*\"", "a: \"5*\""),
        ("a != x", "a != x"),
        ("a>=5", "a >= 5"),
        ("a: >= 5", "a >= 5"),
        ("a:<5", "a < 5"),
        ("duration > 300ms", "duration_ns > 300ms"),
        ("\"duration\" > 5", "\"duration\" > 5"),
        ("status: [500 to 599]", "status: [500 to 599]"),
        ("status: [500 TO *]", "status >= 500"),
        ("status: [* to 599]", "status <= 599"),
        ("status: [* to *]", "status: *"),
        ("a ~ /x\\/y/i", "a ~ /x\\/y/i"),
        ("a ~ /\"x (y)/", "a ~ /\"x (y)/"),
        ("timeout", "timeout"),
        ("\"connection reset\" peer", "\"connection reset\" and peer"),
        ("time*", "time*"),
        ("\"connection res\"*", "\"connection res\"*"),
        ("hello!", "\"hello!\""),
        ("url: http://host/a?b=c&d", "url: \"http://host/a?b=c&d\""),
        ("at: 2026-11-21T08:30:00Z", "at: 2026-11-21T08:30:00Z"),
        ("timestamp >= 2026-11-21T08:30:00+08:00", "timestamp >= 2026-11-21T08:30:00+08:00"),
        ("\"my field\" : \"a \\\"b\\\"\\n\"", "\"my field\": \"a \\\"b\\\"\\n\""),
        ("\"or\": \"and\"", "\"or\": \"and\""),
        ("服務: 結帳", "服務: 結帳"),
        ("a: -5", "a: -5"),
        ("a: @x", "a: \"@x\""),
        ("to: x", "to: x"),
        ("a: (1)", "a: 1"),
    ] {
        canonical(source, expected);
    }
}

fn event() -> Event {
    let resource = Resource {
        attributes: vec![
            ("service.name".into(), "checkout".into()),
            ("cloud.region".into(), "berlin".into()),
            ("shadowed".into(), "resource".into()),
        ],
    };
    Event {
        timestamp: Timestamp::from_secs(1_000),
        resource: Arc::new(resource),
        fields: vec![
            ("body".into(), "Connection reset by peer: 直播卡顿".into()),
            ("name".into(), "GET /cart".into()),
            ("trace_id".into(), "4bf92f3577b34da6a3ce929d0e0e4736".into()),
            ("shadowed".into(), "event".into()),
            ("status".into(), 503.into()),
            ("status_text".into(), "503".into()),
            ("version".into(), "1.10".into()),
            ("duration_ns".into(), 350_000_000.into()),
            ("latency_ms".into(), Value::Float(350.5)),
            ("ratio".into(), Value::Float(f64::NAN)),
            ("whole".into(), Value::Float(503.0)),
            ("zero".into(), Value::Float(-0.0)),
            ("big".into(), i64::MAX.into()),
            ("ok".into(), false.into()),
            ("empty".into(), "".into()),
            ("raw".into(), Value::Bytes(vec![1, 2].into())),
            ("tags".into(), Value::Json(r#"["a","b"]"#.into())),
            ("duration".into(), 7.into()),
        ],
    }
}

#[test]
fn the_value_decides_how_it_is_compared() {
    let event = event();
    let cases = [
        // Names.
        ("", true),
        ("service.name: checkout", true),
        ("service.name: Checkout", false),
        ("shadowed: event", true),
        ("shadowed: resource", false),
        ("duration > 300ms", true),
        ("\"duration\" = 7", true),
        // Numbers.
        ("status: 503", true),
        ("status: \"503\"", true),
        ("status: 503.0", true),
        ("status = 5e2", false),
        ("status != 500", true),
        ("status != foo", true),
        ("status: foo", false),
        ("status > foo", false),
        ("status: [500 to 503]", true),
        ("status: [504 to *]", false),
        ("status: 5*", true),
        ("status: *03", true),
        ("status: 4*", false),
        ("whole: 50*", true),
        ("latency_ms: 35*", false),
        ("latency_ms > 350ms", true),
        ("latency_ms < 0.5s", true),
        ("latency_ms: 350.5", true),
        ("big: 9223372036854775807", true),
        ("big: 9223372036854775806", false),
        ("ratio: *", true),
        ("ratio > 0", false),
        ("ratio <= 0", false),
        ("ratio != 0", true),
        ("zero: 0", true),
        ("zero >= 0", true),
        ("zero < 0", false),
        // Text.
        ("status_text: 503", true),
        ("status_text: 503.0", false),
        ("status_text >= 500", true),
        ("status_text < 1000", true),
        ("service.name > 500", false),
        ("service.name < 500", false),
        ("service.name > c", true),
        ("service.name < d", true),
        ("version >= 1.9", false),
        ("version: 1.*", true),
        ("empty: \"\"", true),
        ("empty: *", true),
        ("tags: *\"\\\"a\\\"\"*", true),
        ("body ~ /reset .* peer/", true),
        ("body ~ /RESET/", false),
        ("body ~ /RESET/i", true),
        ("status ~ /5/", false),
        // Bools and bytes.
        ("ok: false", true),
        ("ok: FALSE", true),
        ("ok: 0", false),
        ("ok != true", true),
        ("ok < true", false),
        ("raw: *", true),
        ("raw: x", false),
        ("raw != x", true),
        // Missing fields.
        ("gone: *", false),
        ("gone: x", false),
        ("gone != x", false),
        ("not gone: x", true),
        ("not gone != x", true),
        // Time.
        ("timestamp >= 1970-01-01T00:16:40Z", true),
        ("timestamp < 1970-01-01T00:16:40Z", false),
        ("timestamp: *", true),
        // Words.
        ("reset", true),
        ("RESET peer", true),
        ("\"reset by\"", true),
        ("\"by reset\"", false),
        ("res", false),
        ("res*", true),
        ("卡顿", true),
        ("cart", true),
        ("checkout", true),
        ("berlin", false),
        ("4BF92F3577B34DA6A3CE929D0E0E4736", true),
        ("4bf92f3577b34da6a3ce929d0e0e4737", false),
        // Connectives.
        ("reset and status: 200", false),
        ("reset or status: 200", true),
        ("status: 200 or status: 503 and reset", true),
        ("not reset or not peer", false),
        ("not (reset and status: 200)", true),
    ];
    for (source, expected) in cases {
        let filter = Filter::parse(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
        assert_eq!(filter.matches(&event), expected, "{source}");
    }
}

#[test]
fn a_filter_tells_what_it_reads() {
    let filter = Filter::parse("a: 1 and (b: 2 or not a: 3) and duration > 5ms").unwrap();
    assert_eq!(filter.fields(), ["a", "b", "duration_ns"]);
    assert!(!filter.searches_text());
    assert!(Filter::parse("a: 1 word").unwrap().searches_text());
}

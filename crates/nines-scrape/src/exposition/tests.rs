use proptest::prelude::*;

use super::*;

/// One line for each entry, and the error at the end if there is one.
fn read(format: Format, body: &[u8], options: ParseOptions) -> String {
    let mut out = String::new();
    let mut parser = match Parser::new(format, body, options) {
        Ok(parser) => parser,
        Err(error) => return format!("error: {error}\n"),
    };
    loop {
        match parser.next() {
            Ok(None) => return out,
            Err(error) => return out + &format!("error: {error}\n"),
            Ok(Some(Entry::Type { metric, kind })) => out += &format!("type {metric} {}\n", kind.as_str()),
            Ok(Some(Entry::Help { metric, help })) => out += &format!("help {metric} {help:?}\n"),
            Ok(Some(Entry::Unit { metric, unit })) => out += &format!("unit {metric} {unit}\n"),
            Ok(Some(Entry::Sample(sample))) => out += &shown(&sample),
        }
    }
}

fn shown(sample: &Sample<'_>) -> String {
    let pairs = |labels: &[ExposedLabel<'_>]| {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        pairs.join(",")
    };
    let value = match &sample.value {
        Value::Float(value) => value.to_string(),
        Value::Histogram(histogram) => format!("schema {} {:?}", histogram.schema, histogram.counts),
    };
    let mut line = format!("{} {value}", pairs(sample.labels));
    if let Some(time) = sample.t_ms {
        line += &format!(" @{time}");
    }
    if let Some(start) = sample.start_ms {
        line += &format!(" since {start}");
    }
    for exemplar in sample.exemplars {
        line += &format!(" # {} {} {:?}", pairs(&exemplar.labels), exemplar.value, exemplar.t_ms);
    }
    line + "\n"
}

#[track_caller]
fn check(format: Format, body: &str, expected: &str) {
    let found = read(format, body.as_bytes(), ParseOptions::default());
    assert_eq!(found.trim_end(), expected.trim(), "{body}");
}

#[test]
fn the_text_format_is_read_as_upstream_reads_it() {
    check(
        Format::Text,
        r#"# HELP go_gc_duration_seconds A summary\nof \\ pauses.
# 	TYPE 	go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 4.9351e-05
go_gc_duration_seconds{quantile="0.25",} 7.424100000000001e-05
 go_gc_duration_seconds { quantile = "1" , a = "b" } +Inf

# a comment
#HELP2 nothing
# TYPE h histogram
h_bucket{le="1"} 2 123123
h_bucket{le="+Inf"} NaN -15
h_bucket{le="2500000"} 1
foo:bar_1{x="a\"b\\c\nd\e"} -0.5
{"utf.8 name","label ☺"="v",b=""} 1
plain 1e3	1520879607789
"#,
        r#"
help go_gc_duration_seconds "A summary\nof \\ pauses."
type go_gc_duration_seconds summary
__name__="go_gc_duration_seconds",quantile="0.0" 0.000049351
__name__="go_gc_duration_seconds",quantile="0.25" 0.00007424100000000001
__name__="go_gc_duration_seconds",quantile="1.0",a="b" inf
type h histogram
__name__="h_bucket",le="1.0" 2 @123123
__name__="h_bucket",le="+Inf" NaN @-15
__name__="h_bucket",le="2.5e+06" 1
__name__="foo:bar_1",x="a\"b\\c\nd\\e" -0.5
__name__="utf.8 name",label ☺="v",b="" 1
__name__="plain" 1000 @1520879607789
"#,
    );
    // The last line needs no end.
    check(Format::Text, "a 1\nb 2", "__name__=\"a\" 1\n__name__=\"b\" 2");
}

#[test]
fn mistakes_in_the_text_format_have_a_place_and_advice() {
    let table = [
        ("a 1\n b{c=\"d\" 2", "line 2, column 10: expected `,` or `}` after a label, found `2`"),
        ("a", "line 1, column 2: expected a blank or `{` after metric `a`, found the end of the body"),
        ("a ", "line 1, column 3: value is missing"),
        ("a{b=\"c\"}", "line 1, column 9: value is missing"),
        ("a-b 1", "line 1, column 2: expected a blank or `{` after metric `a`, found `-b`"),
        ("a{b=c} 1", "line 1, column 5: value of label `b` is not in quotes, found `c}`"),
        ("a{b=\"c} 1", "line 1, column 5: text in quotes has no end"),
        ("a{b=\"c\n\"} 1", "line 1, column 5: text in quotes has no end on its line"),
        ("a{b=\"1\",b=\"2\"} 1", "line 1, column 9: label `b` is given twice"),
        ("a{1=\"x\"} 1", "line 1, column 3: expected a label name, found `1=\"x\"}`"),
        ("a{\"b\"} 1", "line 1, column 3: metric has a second name `b`"),
        ("{b=\"c\"} 1", "line 1, column 1: sample has no name"),
        ("a 1_000", "line 1, column 3: value `1_000` is no number"),
        ("a 0x1p4", "line 1, column 3: value `0x1p4` is no number"),
        ("a -nan", "line 1, column 3: value `-nan` is no number"),
        ("a 1 1.5", "line 1, column 5: timestamp `1.5` is no whole number"),
        ("a 1 2 3", "line 1, column 7: expected the end of the line after the sample, found `3`"),
        ("a 1 # {x=\"y\"} 1", "line 1, column 5: timestamp `#` is no whole number"),
        ("# TYPE a wrong", "line 1, column 10: metric type `wrong` is not known"),
        (
            "# TYPE",
            "line 1, column 7: expected the name of a metric after `# TYPE`, found the end of the body",
        ),
    ];
    for (body, expected) in table {
        let found = read(Format::Text, body.as_bytes(), ParseOptions::default());
        let error = found.lines().last().unwrap_or_default().trim_start_matches("error: ");
        assert!(error.starts_with(expected), "{body:?}: {error}");
        assert!(error.len() > expected.len() || body.is_empty(), "{body:?} has no advice: {error}");
    }
    let found = read(Format::Text, b"a 1\nb{c=\"\xff\"} 2", ParseOptions::default());
    assert!(found.starts_with("error: line 2, column 6: body is not valid UTF-8"), "{found}");
}

#[test]
fn openmetrics_is_read_with_units_and_exemplars() {
    check(
        Format::OpenMetrics,
        r#"# TYPE foo_seconds counter
# UNIT foo_seconds seconds
# HELP foo_seconds Said \"so\".
foo_seconds_total{a="b"} 17.0 1520879607.789 # {trace_id="x y"} 0.67 1520879606.5
foo_seconds_created{a="b"} 1520430000.123
# TYPE h histogram
h_bucket{le="1"} 3 # {} 0.5
h_bucket{le="+Inf"} 3
# TYPE "utf.8" gauge
{"utf.8","l.x"="y"} NaN
# HELP e
# EOF
"#,
        r#"
type foo_seconds counter
unit foo_seconds seconds
help foo_seconds "Said \"so\"."
__name__="foo_seconds_total",a="b" 17 @1520879607789 # trace_id="x y" 0.67 Some(1520879606500)
__name__="foo_seconds_created",a="b" 1520430000.123
type h histogram
__name__="h_bucket",le="1.0" 3 #  0.5 None
__name__="h_bucket",le="+Inf" 3
type utf.8 gauge
__name__="utf.8",l.x="y" NaN
help e ""
"#,
    );
}

#[test]
fn openmetrics_is_strict() {
    let table = [
        ("a 1\n", "line 2, column 1: body does not end with `# EOF`"),
        ("a 1\n\n# EOF\n", "line 2, column 1: line is empty"),
        (" a 1\n# EOF\n", "line 1, column 1: line begins with a blank"),
        ("a  1\n# EOF\n", "line 1, column 3: expected one space after the series, found a blank"),
        ("a{b=\"c\", d=\"e\"} 1\n# EOF\n", "line 1, column 9: expected a label name, found a blank"),
        ("a 1 \n# EOF\n", "line 1, column 5: timestamp is missing"),
        ("a 1\n# EOF\nb 1\n", "line 3, column 1: there is more after `# EOF`"),
        ("# comment\n# EOF\n", "line 1, column 1: `# comment` is not known"),
        ("# TYPE a untyped\n# EOF\n", "line 1, column 10: metric type `untyped` is not known"),
        (
            "# UNIT a seconds\n# EOF\n",
            "line 1, column 10: unit `seconds` does not end the name of metric `a`",
        ),
        ("a 1 1 # 5\n# EOF\n", "line 1, column 9: expected the labels of an exemplar, found `5`"),
        ("a 1\r\n# EOF\n", "line 1, column 3: value `1\r` is no number"),
        ("a 1 1e300\n# EOF\n", "line 1, column 5: timestamp is no time"),
    ];
    for (body, expected) in table {
        let found = read(Format::OpenMetrics, body.as_bytes(), ParseOptions::default());
        let error = found.rsplit("error: ").next().unwrap_or_default();
        assert!(error.starts_with(expected), "{body:?}: {error}");
    }
}

/// A length-delimited family, written by hand as the wire has it.
fn field(tag: u8, wire: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | wire];
    if wire == 2 {
        out.push(bytes.len() as u8);
    }
    out.extend_from_slice(bytes);
    out
}

fn double(tag: u8, value: f64) -> Vec<u8> {
    field(tag, 1, &value.to_le_bytes())
}

fn text(tag: u8, value: &str) -> Vec<u8> {
    field(tag, 2, value.as_bytes())
}

fn family(parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![body.len() as u8];
    out.extend_from_slice(&body);
    out
}

fn native_histogram_family() -> Vec<u8> {
    let label = [text(1, "a"), text(2, "b")].concat();
    let bucket = [field(1, 0, &[2]), double(2, 0.5)].concat();
    let span = [field(1, 0, &[0]), field(2, 0, &[2])].concat();
    let created = field(1, 0, &[5]);
    let histogram = [
        field(1, 0, &[3]),
        double(2, 1.5),
        field(3, 2, &bucket),
        field(5, 0, &[6]),
        double(6, 0.001),
        field(7, 0, &[0]),
        field(12, 2, &span),
        // Deltas 1 and 1: counts 1 and 2.
        field(13, 0, &[2]),
        field(13, 0, &[2]),
        field(15, 2, &created),
    ]
    .concat();
    let metric = [field(1, 2, &label), field(7, 2, &histogram)].concat();
    family(&[text(1, "h"), text(2, "help"), field(3, 0, &[4]), field(4, 2, &metric)])
}

#[test]
fn protobuf_brings_native_histograms_and_their_classic_form() {
    let classic = "__name__=\"h_count\",a=\"b\" 3 since 5000
__name__=\"h_sum\",a=\"b\" 1.5 since 5000
__name__=\"h_bucket\",a=\"b\",le=\"0.5\" 2 since 5000
__name__=\"h_bucket\",a=\"b\",le=\"+Inf\" 3 since 5000
";
    let native = "__name__=\"h\",a=\"b\" schema 3 Whole { count: 3, zero: 0, positive: [1, 2], negative: [] } since 5000\n";
    let head = "help h \"help\"\ntype h histogram\n";
    let body = native_histogram_family();
    let with = |native_histograms, classic_histograms_too| {
        read(Format::Protobuf, &body, ParseOptions { native_histograms, classic_histograms_too })
    };
    assert_eq!(with(false, false), format!("{head}{classic}"));
    assert_eq!(with(true, false), format!("{head}{native}"));
    assert_eq!(with(true, true), format!("{head}{classic}{native}"));

    let summary =
        [field(1, 0, &[7]), double(2, 2.5), field(3, 2, &[double(1, 0.5), double(2, 9.0)].concat())].concat();
    let metric = [field(4, 2, &summary), field(6, 0, &[100])].concat();
    let summary = family(&[text(1, "s"), field(3, 0, &[2]), field(4, 2, &metric)]);
    let found = read(Format::Protobuf, &summary, ParseOptions::default());
    assert!(found.ends_with("__name__=\"s_count\" 7 @100\n__name__=\"s_sum\" 2.5 @100\n__name__=\"s\",quantile=\"0.5\" 9 @100\n"), "{found}");

    let empty = family(&[text(1, "c"), field(3, 0, &[0]), field(4, 2, &[])]);
    let found = read(Format::Protobuf, &[summary, empty].concat(), ParseOptions::default());
    assert!(found.ends_with("error: metric family 2: metric `c` of type counter has no counter value: set the field that the family's type says\n"), "{found}");
    for end in 1..body.len() {
        assert!(read(Format::Protobuf, &body[..end], ParseOptions::default()).contains("error"), "{end}");
    }
}

#[test]
fn formats_are_known_by_their_content_type() {
    let table = [
        ("text/plain; version=0.0.4; charset=utf-8", Some(Format::Text)),
        ("text/plain", Some(Format::Text)),
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            Some(Format::OpenMetrics),
        ),
        (
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            Some(Format::Protobuf),
        ),
        ("application/vnd.google.protobuf; proto=prometheus.WriteRequest", None),
        ("text/html", None),
        ("", None),
    ];
    for (value, format) in table {
        assert_eq!(Format::of_content_type(value), format, "{value}");
    }
}

/// Name, labels, value, time.
type Exposed = (String, Vec<(String, String)>, f64, Option<i64>);

/// Names and values with everything that must be escaped.
fn exposed() -> impl Strategy<Value = Vec<Exposed>> {
    let labels = prop::collection::btree_map("[a-z_]{1,4}|[a-z. é]{1,4}", "[a-z\"\\\\\n é]{0,6}", 0..4);
    let sample =
        ("[a-z:_]{1,5}|[a-z. é☺]{1,5}", labels, any::<f64>(), prop::option::of(0..9_000_000_000_i64));
    prop::collection::vec(
        sample.prop_map(|(name, labels, value, time)| (name, labels.into_iter().collect(), value, time)),
        0..8,
    )
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

proptest! {
    /// What is written by the letter of both formats is read back.
    #[test]
    fn what_is_written_is_read(samples in exposed()) {
        for format in [Format::Text, Format::OpenMetrics] {
            let mut body = String::new();
            let mut expected = String::new();
            for (name, labels, value, time) in &samples {
                let mut parts = vec![quote(name)];
                parts.extend(labels.iter().map(|(name, value)| format!("{}={}", quote(name), quote(value))));
                body += &format!("{{{}}} {}", parts.join(","), if value.is_nan() { "NaN".to_owned() } else { format!("{value:e}") });
                match (format, time) {
                    (Format::Text, Some(time)) => body += &format!(" {time}"),
                    (_, Some(time)) => body += &format!(" {}.{:03}", time / 1000, time % 1000),
                    (_, None) => {}
                }
                body.push('\n');
                let mut all: Vec<ExposedLabel<'_>> = vec![("__name__".into(), name.into())];
                all.extend(labels.iter().map(|(name, value)| (name.into(), value.into())));
                let value = if value.is_nan() { f64::NAN } else { *value };
                // What a float of seconds makes of milliseconds.
                let t_ms = time.map(|time| match format {
                    Format::Text => time,
                    _ => (format!("{}.{:03}", time / 1000, time % 1000).parse::<f64>().unwrap() * 1000.0) as i64,
                });
                let (start_ms, exemplars) = (None, &[][..]);
                expected += &shown(&Sample { key: b"", labels: &all, value: Value::Float(value), t_ms, start_ms, exemplars });
            }
            if format == Format::OpenMetrics {
                body += "# EOF\n";
            }
            prop_assert_eq!(read(format, body.as_bytes(), ParseOptions::default()), expected);
        }
    }

    #[test]
    fn no_text_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "a", "{", "}", "\"", "\\", "=", ",", " ", "\n", "#", " # ", "# TYPE ", "# HELP ", "# UNIT ", "# EOF", "1", "NaN", "+Inf",
        "é", "\r", "\t", "le=\"1\"", "histogram", "-", "1e999", "\u{0}",
    ]), 0..24)) {
        let body = parts.concat();
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let found = read(format, body.as_bytes(), ParseOptions { native_histograms: true, classic_histograms_too: true });
            prop_assert!(found.lines().count() <= body.len() + 2);
        }
    }

    #[test]
    fn no_bytes_panic(mut body in prop::collection::vec(any::<u8>(), 0..200), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let options = ParseOptions { native_histograms: true, classic_histograms_too: true };
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            read(format, &body, options);
        }
        body = native_histogram_family();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        read(Format::Protobuf, &body, options);
    }
}

/// `cargo test --release -p nines-scrape -- --ignored --nocapture speed`
#[test]
#[ignore = "prints a figure"]
fn speed_of_reading() {
    let mut body = String::new();
    for family in 0..100 {
        body += &format!("# HELP metric_{family}_total Some help.\n# TYPE metric_{family}_total counter\n");
        for series in 0..100 {
            body += &format!(
                "metric_{family}_total{{code=\"200\",method=\"GET\",path=\"/api/v1/{series}\"}} {series}.5\n"
            );
        }
    }
    let clock = nines_base::SystemClock::shared();
    let begin = clock.monotonic();
    let mut samples = 0;
    for _ in 0..20 {
        let mut parser = Parser::new(Format::Text, body.as_bytes(), ParseOptions::default()).unwrap();
        while let Some(entry) = parser.next().unwrap() {
            samples += usize::from(matches!(entry, Entry::Sample(_)));
        }
    }
    let took = clock.monotonic() - begin;
    println!("{samples} samples of {} bytes in {took:?}", body.len() * 20);
}

//! No text and no tree brings the crate down.

use nines_promql::conformance::series_from_notation;
use nines_promql::{Control, Engine, Limits, MemorySource, NESTING_MAX, QueryError, parse};
use proptest::prelude::*;

use crate::generate::{Dice, query, series};

fn source(seed: u64) -> MemorySource {
    let mut dice = Dice::new(seed);
    let lines = series(&mut dice).into_iter().map(|(name, values)| format!("{name} {values}"));
    MemorySource {
        series: lines
            .map(|line| series_from_notation(&line, 15_000).expect("a generator writes what can be read"))
            .collect(),
    }
}

/// Pieces that PromQL is made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "sum",
        "rate",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "5m",
        ":",
        "offset",
        "@",
        "-",
        "+",
        "*",
        "^",
        "and",
        "on",
        "by",
        "group_left",
        "bool",
        "1",
        "0x1f",
        "\"x\"",
        "a",
        "=",
        "=~",
        "\"(\"",
        ",",
        "start()",
        "inf",
        "fill",
        "smoothed",
        "anchored",
        "</",
        "info",
        "_",
        "é",
        "\\",
        "'",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_parses_or_is_refused(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn what_parses_prints_as_something_that_parses_the_same(text in pieces()) {
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            let again = parse(&printed).expect(&printed);
            prop_assert_eq!(again.to_string(), printed);
            let _ = Engine::default().instant_of(&source(1), &expr, 600_000, &Control::default());
        }
    }

    /// The windows that slide agree with those that are looked at one by one.
    #[test]
    fn a_range_is_the_same_as_its_instants(seed in 0_u64..1_000_000) {
        let mut dice = Dice::new(seed);
        let text = query(&mut dice, 2);
        let (source, engine, control) = (source(seed), Engine::default(), Control::default());
        let Ok(range) = engine.range(&source, &text, 600_000, 1_500_000, 90_000, &control) else { return Ok(()) };
        let nines_promql::Value::Matrix(all) = range.value else { return Ok(()) };
        for time in (600_000..=1_500_000).step_by(90_000) {
            let instant = engine.instant(&source, &text, time, &control);
            let Ok(answer) = instant else { return Err(TestCaseError::fail(format!("{text}: {instant:?}"))) };
            let mut found = 0;
            match answer.value {
                nines_promql::Value::Vector(samples) => {
                    for sample in samples {
                        let nines_promql::SampleValue::Float(value) = sample.value else { continue };
                        let row = all.iter().find(|row| row.labels == sample.labels);
                        let same = row.and_then(|row| row.floats.iter().find(|point| point.0 == time));
                        let close = same.is_some_and(|point| {
                            let scale = value.abs().max(1e-3);
                            point.1 == value || (point.1.is_nan() && value.is_nan()) || (point.1 - value).abs() <= 1e-9 * scale
                        });
                        prop_assert!(close, "{text} at {time}: {value} for {}, in the range {same:?}", sample.labels);
                        found += 1;
                    }
                }
                _ => continue,
            }
            let in_range = all.iter().filter(|row| row.floats.iter().any(|point| point.0 == time)).count();
            prop_assert_eq!(found, in_range, "{} at {}", text, time);
        }
    }
}

#[test]
fn depth_is_refused_and_length_is_not() {
    let deep = format!("{}1{}", "(".repeat(NESTING_MAX + 1), ")".repeat(NESTING_MAX + 1));
    assert!(parse(&deep).unwrap_err().to_string().contains("nested"));
    let long = vec!["a"; 1_500].join(" or ");
    let answer = Engine::default().instant(&MemorySource::default(), &long, 0, &Control::default());
    assert!(answer.is_ok(), "{answer:?}");
    assert!(parse(&vec!["a"; 3_000].join(" or ")).is_err());
}

#[test]
fn budgets_end_queries() {
    let source = source(3);
    let control = Control::default();
    let small = Engine { limits: Limits { samples: 100, ..Limits::default() }, ..Engine::default() };
    let error = small.range(&source, "memory + 1", 0, 2_000_000, 15_000, &control).unwrap_err();
    assert!(matches!(error, QueryError::TooMuch { what: "samples", .. }), "{error}");
    let few = Engine { limits: Limits { series: 3, ..Limits::default() }, ..Engine::default() };
    assert!(matches!(
        few.instant(&source, "{job=~\".+\"}", 600_000, &control),
        Err(QueryError::TooMuch { .. })
    ));
    control.cancel.begin();
    let error = Engine::default().instant(&source, "sum(memory)", 600_000, &control).unwrap_err();
    assert_eq!(error, QueryError::Cancelled);
    let steps = Engine::default().range(&source, "memory", 0, 12_000_000, 1_000, &Control::default());
    assert!(matches!(steps, Err(QueryError::BadRequest(_))));
}

#[test]
fn mistakes_are_pointed_at() {
    let check = |text: &str, expected: &str| assert_eq!(parse(text).unwrap_err().to_string(), expected);
    check("rat(x[5m])", "1:1: parse error: unknown function with name \"rat\": did you mean `rate`?");
    check("sum(x", "1:6: parse error: unexpected end of input in function call, expected `,`");
    check("1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier");
    check(
        "rate(x)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    check("x[0s]", "1:3: parse error: duration must be greater than 0");
}

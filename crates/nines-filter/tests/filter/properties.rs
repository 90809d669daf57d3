use nines_filter::{Expr, Filter, Literal, Operator, Pattern, Test, TextSearch, Wildcard, complete};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z_.]{0,8}",
        Just("duration".to_owned()),
        Just("and".to_owned()),
        Just("地區".to_owned()),
        "[ -~]{1,6}"
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.]{1,8}",
        "-?[0-9]{1,4}(ms|KiB)?",
        Just("or".to_owned()),
        Just("服 務".to_owned()),
        "[ -~\n\t]{1,8}"
    ]
}

fn test(field: String) -> impl Strategy<Value = Test> {
    let literal = move |text: String| Literal::for_field(&field, text);
    let (low, high) = (literal.clone(), literal.clone());
    prop_oneof![
        Just(Test::Exists),
        (prop::sample::select(&Operator::ALL[..]), prop_oneof![text(), Just(String::new())])
            .prop_map(move |(operator, text)| Test::Is(operator, literal(text))),
        (0..9_u32, 10..99_u32).prop_map(move |(from, to)| Test::Between {
            low: low(from.to_string()),
            high: high(to.to_string())
        }),
        prop::collection::vec(prop_oneof![text(), Just(String::new())], 2..4)
            .prop_filter("`*` alone asks whether the field exists", |parts| parts
                .iter()
                .any(|part| !part.is_empty()))
            .prop_map(|parts| Test::Like(Wildcard::new(parts.into_iter().map(Into::into).collect()))),
        ("[a-z/\" ]{1,6}", any::<bool>())
            .prop_map(|(source, any_case)| Test::Matches(Pattern::new(&source, any_case).unwrap())),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        1 => Just(Expr::All),
        3 => (text(), any::<bool>()).prop_map(|(text, prefix)| Expr::Text(TextSearch::new(&text, prefix).unwrap())),
        8 => name().prop_flat_map(|field| test(field.clone()).prop_map(move |test| Expr::compare(&*field, test))),
    ];
    leaf.prop_recursive(5, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(Expr::and),
            prop::collection::vec(inner.clone(), 1..5).prop_map(Expr::or),
            inner.prop_map(Expr::not),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn canonical_text_reads_back_to_the_same_filter(ast in expr()) {
        let filter = Filter::from_ast(ast);
        let text = filter.to_string();
        match Filter::parse(&text) {
            Ok(read) => prop_assert_eq!(read, filter, "{}", text),
            Err(error) => prop_assert!(false, "{}", error.render(&text)),
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", cursor in 0..60_usize) {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(text.get(error.offset..error.offset + error.len).is_some(), "{:?}", error);
            error.render(&text);
        }
        prop_assert!(text.get(complete(&text, cursor).replace).is_some());
    }

    #[test]
    fn no_near_miss_panics(parts in prop::collection::vec(prop::sample::select(&[
        "a", "\"", "\\", ":", "=", "!", "~", "/", "(", ")", "[", "]", "*", " ", "to", "and", "or", "not", "5ms", "地", "<", ">", "-", "timestamp", "\n"
    ][..]), 0..14), cursor in 0..60_usize) {
        let text = parts.concat();
        match Filter::parse(&text) {
            Err(error) => {
                prop_assert!(text.get(error.offset..error.offset + error.len).is_some(), "{:?}", error);
                error.render(&text);
            }
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()), "{}", filter),
        }
        prop_assert!(text.get(complete(&text, cursor).replace).is_some());
    }
}

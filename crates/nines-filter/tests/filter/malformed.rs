//! Mistakes, each with the place and a part of the message that the user sees. The file has one a line:
//! offset, TAB, part of the message or hint, TAB, the filter.

use nines_base::ErrorKind;
use nines_filter::{Filter, MAX_BYTES, MAX_DEPTH, MAX_NODES};

#[test]
fn every_mistake_is_named_where_it_is() {
    let corpus = include_str!("malformed.txt");
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.splitn(3, '\t');
        let offset: usize = parts.next().unwrap().parse().unwrap_or_else(|_| panic!("no offset in {line:?}"));
        let (fragment, source) = (parts.next().unwrap(), parts.next().unwrap());
        count += 1;
        match Filter::parse(source) {
            Ok(filter) => wrong.push(format!("{source:?} was read as `{filter}`")),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.hint.is_some(), "no hint for {source:?}: {error}");
                assert!(
                    source.get(error.offset..error.offset + error.len).is_some(),
                    "{source:?}: {error:?}"
                );
                if !error.to_string().contains(fragment) || error.offset != offset {
                    wrong.push(format!(
                        "expected {fragment:?} at {offset}, found at {}\n{}",
                        error.offset,
                        error.render(source)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 100, "{count} mistakes");
}

#[track_caller]
fn check_limit(inside: &str, outside: &str, fragment: &str) {
    assert!(Filter::parse(inside).is_ok(), "{:?}", Filter::parse(inside).map(|_| ()));
    let error = Filter::parse(outside).unwrap_err();
    assert!(error.to_string().contains(fragment), "{error}");
}

#[test]
fn limits_hold_at_their_edge() {
    let parens = |depth: usize| format!("{}a: 1{}", "(".repeat(depth), ")".repeat(depth));
    check_limit(&parens(MAX_DEPTH), &parens(MAX_DEPTH + 1), "nested deeper than 64");
    let nots = |depth: usize| format!("{}a", "not ".repeat(depth));
    check_limit(&nots(MAX_DEPTH), &nots(MAX_DEPTH + 1), "nested deeper than 64");
    let words = |count: usize| vec!["a"; count].join(" ");
    check_limit(&words(MAX_NODES), &words(MAX_NODES + 1), "more than 512 conditions");
    let long = |bytes: usize| format!("a: {}", "x".repeat(bytes - 3));
    check_limit(&long(MAX_BYTES), &long(MAX_BYTES + 1), "filter is 8193 bytes long");
    check_limit(&"x".repeat(256), &"x".repeat(257), "a phrase of 257 bytes");
}

use proptest::prelude::*;

use super::*;

fn span(id: &str, parent: Option<&str>, start: i64, end: i64) -> Span {
    Span {
        id: id.into(),
        parent: parent.map(Into::into),
        service: "shop".into(),
        clock: "host".into(),
        start_ns: start,
        duration_ns: end - start,
        error: false,
        is_client: false,
        is_async: false,
    }
}

fn path(spans: &[Span]) -> Vec<(String, i64, i64)> {
    let analysis = analyse(spans);
    let id = |section: &Section| spans[analysis.spans[section.span].span].id.to_string();
    analysis.critical.iter().map(|section| (id(section), section.start_ns, section.end_ns)).collect()
}

#[test]
fn the_critical_path_follows_the_child_that_finished_last() {
    // root 0–100 waits for a 10–40 and then for b 50–95, beside which c 50–60 did not matter; b waits for d 55–90.
    let spans = [
        span("root", None, 0, 100),
        span("a", Some("root"), 10, 40),
        span("b", Some("root"), 50, 95),
        span("c", Some("root"), 50, 60),
        span("d", Some("b"), 55, 90),
    ];
    let expected = [
        ("root", 0, 10),
        ("a", 10, 40),
        ("root", 40, 50),
        ("b", 50, 55),
        ("d", 55, 90),
        ("b", 90, 95),
        ("root", 95, 100),
    ];
    let expected: Vec<_> = expected.iter().map(|(id, from, to)| ((*id).to_owned(), *from, *to)).collect();
    assert_eq!(path(&spans), expected);
}

#[test]
fn what_outlives_its_parent_is_not_waited_for() {
    let spans =
        [span("root", None, 0, 50), span("late", Some("root"), 40, 90), span("after", Some("root"), 60, 70)];
    assert_eq!(path(&spans), [("root".to_owned(), 0, 40), ("late".to_owned(), 40, 50)]);
    let analysis = analyse(&spans);
    assert_eq!(analysis.duration_ns, 90);
    assert_eq!(analysis.spans[0].self_ns, 40);
}

#[test]
fn lost_parents_circles_and_copies_are_mended_and_counted() {
    assert_eq!(analyse(&[]), Analysis::default());
    let circle = [span("a", Some("b"), 0, 10), span("b", Some("a"), 0, 10)];
    let analysis = analyse(&circle);
    assert_eq!((analysis.spans.len(), analysis.circles, analysis.lost_parents), (2, 1, 0));
    let own = analyse(&[span("a", Some("a"), 0, 10)]);
    assert_eq!((own.spans.len(), own.main_root), (1, Some(0)));
    let lost = [span("late", Some("gone"), 5, 30), span("root", None, 0, 10)];
    let analysis = analyse(&lost);
    assert_eq!(analysis.lost_parents, 1);
    assert_eq!(lost[analysis.spans[analysis.main_root.unwrap()].span].id, "root");
    let twice = [span("a", None, 0, 10), span("b", Some("a"), 1, 2), span("b", Some("a"), 1, 2)];
    let analysis = analyse(&twice);
    assert_eq!((analysis.spans.len(), analysis.duplicates), (2, 1));
}

#[test]
fn a_clock_that_is_wrong_is_put_right_and_only_that() {
    let client = Span { is_client: true, ..span("client", None, 1_000, 1_100) };
    let on = |clock: &str, span: Span| Span { clock: clock.into(), ..span };
    // The server's clock is a second behind; its own child moves along.
    let spans = [
        client.clone(),
        on("other", span("server", Some("client"), 20, 80)),
        on("other", span("inner", Some("server"), 30, 50)),
    ];
    let analysis = analyse(&spans);
    let times: Vec<_> = analysis.spans.iter().map(|span| (span.start_ns, span.end_ns)).collect();
    assert_eq!(times, [(0, 100), (20, 80), (30, 50)]);
    assert_eq!(analysis.spans[1].shifted_ns, 1_000);
    // A server that goes on after its client gave up is not moved …
    let failed = Span { error: true, ..client.clone() };
    let analysis = analyse(&[failed, on("other", span("server", Some("client"), 1_010, 1_110))]);
    assert_eq!(analysis.spans[1].shifted_ns, 0);
    // … but one that ends after an answer that was given is.
    let analysis = analyse(&[client, on("other", span("server", Some("client"), 1_060, 1_120))]);
    assert_eq!(analysis.spans[1].shifted_ns, -40);
}

#[test]
fn ten_thousand_spans_in_one_chain() {
    let name = |depth: i64| format!("{depth}");
    let spans: Vec<Span> = (0..10_000)
        .map(|depth| {
            let parent = (depth > 0).then(|| name(depth - 1));
            span(&name(depth), parent.as_deref(), depth, 20_000 - depth)
        })
        .collect();
    let analysis = analyse(&spans);
    assert_eq!(analysis.spans.last().unwrap().depth, 9_999);
    assert_eq!(analysis.critical.len(), 19_999);
}

/// Spans on three clocks, most of them below a first one that lasts longest: deep and wide enough that siblings overlap
/// in every way. A few ids come twice, a few parents are lost, are the span itself or come later (circles).
fn any_trace() -> impl Strategy<Value = Vec<Span>> {
    let parent = prop_oneof![1 => Just(None), 9 => any::<prop::sample::Index>().prop_map(Some)];
    let twice = prop::bool::weighted(0.04);
    let one = (parent, twice, 0..60_i64, 0..40_i64, 0..3_u8, any::<[bool; 3]>());
    prop::collection::vec(one, 1..30).prop_map(|rows| {
        rows.into_iter()
            .enumerate()
            .map(|(index, (parent, twice, start, duration, clock, [error, is_client, is_async]))| Span {
                id: format!("{}", if twice { index / 2 } else { index }).into(),
                // Up to two beyond itself.
                parent: parent.filter(|_| index > 0).map(|at| format!("{}", at.index(index + 3)).into()),
                service: format!("s{clock}").into(),
                clock: format!("c{clock}").into(),
                start_ns: if index == 0 { 0 } else { start },
                duration_ns: if index == 0 { 80 } else { duration },
                error,
                is_client,
                is_async,
            })
            .collect()
    })
}

/// The rule of the critical path, asked of one instant: starting at the root, go to the child that was waited for. Slow
/// and obvious: for each span it walks back through its children from the span's end.
fn waited_for(analysis: &Analysis, root: usize, instant: i64) -> usize {
    let spans = &analysis.spans;
    let (mut at, mut start, mut end) = (root, spans[root].start_ns, spans[root].end_ns);
    loop {
        let mut moment = end;
        let mut descended = None;
        loop {
            let candidates = (0..spans.len()).filter(|child| spans[*child].parent == Some(at));
            let clip = |child: usize| (spans[child].start_ns.max(start), spans[child].end_ns.min(end));
            let last = candidates
                .filter(|child| clip(*child).1 > clip(*child).0 && clip(*child).1 <= moment)
                .max_by_key(|child| (clip(*child).1, std::cmp::Reverse((clip(*child).0, *child))));
            let Some(child) = last else { break };
            let (from, to) = clip(child);
            if instant >= to {
                break;
            }
            if instant >= from {
                descended = Some((child, from, to));
                break;
            }
            moment = from;
        }
        match descended {
            Some((child, from, to)) => (at, start, end) = (child, from, to),
            None => return at,
        }
    }
}

proptest! {
    #[test]
    fn the_path_covers_the_root_without_gap_or_overlap(spans in any_trace()) {
        let analysis = analyse(&spans);
        let root = analysis.main_root.unwrap();
        let mut at = analysis.spans[root].start_ns;
        for section in &analysis.critical {
            prop_assert_eq!(section.start_ns, at);
            prop_assert!(section.end_ns > section.start_ns);
            at = section.end_ns;
        }
        prop_assert_eq!(at, analysis.spans[root].end_ns);
        let shared: i64 = analysis.services.iter().map(|share| share.critical_ns).sum();
        prop_assert_eq!(shared, analysis.spans[root].end_ns - analysis.spans[root].start_ns);
    }

    #[test]
    fn each_instant_belongs_to_the_span_that_was_waited_for(spans in any_trace()) {
        let analysis = analyse(&spans);
        let root = analysis.main_root.unwrap();
        for section in &analysis.critical {
            for instant in section.start_ns..section.end_ns {
                prop_assert_eq!(section.span, waited_for(&analysis, root, instant), "at {}", instant);
            }
        }
    }

    #[test]
    fn each_span_is_placed_once_below_its_parent(spans in any_trace()) {
        let analysis = analyse(&spans);
        prop_assert_eq!(analysis.spans.len() as u64 + analysis.duplicates, spans.len() as u64);
        let mut seen = vec![false; spans.len()];
        for (index, place) in analysis.spans.iter().enumerate() {
            prop_assert!(!std::mem::replace(&mut seen[place.span], true));
            prop_assert_eq!(place.end_ns - place.start_ns, spans[place.span].duration_ns);
            match place.parent {
                Some(parent) => {
                    prop_assert!(parent < index);
                    prop_assert_eq!(place.depth, analysis.spans[parent].depth + 1);
                    let above = &spans[analysis.spans[parent].span];
                    prop_assert_eq!(spans[place.span].parent.as_ref(), Some(&above.id));
                    let other_clock = above.clock != spans[place.span].clock;
                    prop_assert!(!other_clock || place.start_ns >= analysis.spans[parent].start_ns);
                }
                None => prop_assert_eq!(place.depth, 0),
            }
        }
    }

    #[test]
    fn self_time_is_what_no_child_covers(spans in any_trace()) {
        let analysis = analyse(&spans);
        for (index, place) in analysis.spans.iter().enumerate() {
            let covered = |instant: i64| {
                analysis.spans.iter().any(|child| {
                    child.parent == Some(index) && child.start_ns <= instant && instant < child.end_ns
                })
            };
            let own = (place.start_ns..place.end_ns).filter(|instant| !covered(*instant)).count();
            prop_assert_eq!(place.self_ns, own as i64);
        }
    }
}

use nines_apm::Scope;
use nines_filter::Filter;
use nines_model::TimeRange;

use super::shop::{Fixture, hour, requests};

#[tokio::test]
async fn the_newest_traces_come_first_and_whole() {
    let spans = requests(150);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let scope = Scope {
        service: Some("gateway".into()),
        filter: Filter::parse("name: \"POST /buy\"").unwrap(),
        ..Scope::of(hour())
    };
    let (ids, _) = fixture.apm.recent_traces(&scope, 60).await.unwrap();
    let mut expected: Vec<_> = spans.iter().filter(|span| span.name == "POST /buy").collect();
    expected.sort_by_key(|span| std::cmp::Reverse(span.at));
    let expected: Vec<&str> = expected.iter().take(60).map(|span| span.trace.as_str()).collect();
    assert_eq!(ids, expected);
    let (rows, stats) = fixture.apm.spans_of(&ids, TimeRange::ALL).await.unwrap();
    assert_eq!((rows.len(), stats.truncated), (60 * 7, false));
}

#[tokio::test]
async fn a_trace_of_ten_thousand_spans_is_read_over_several_pages() {
    let mut spans = requests(1_800);
    for span in &mut spans {
        span.trace = "00000000000000000000000000000abc".to_owned();
    }
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let (ids, _) = fixture.apm.recent_traces(&Scope::of(hour()), 20).await.unwrap();
    let (rows, _) = fixture.apm.spans_of(&ids, TimeRange::ALL).await.unwrap();
    assert_eq!(rows.len(), spans.len());
}

use nines_apm::Scope;
use nines_apm::map::NodeKind;

use super::brute::{assert_close, quantile};
use super::shop::{Fixture, Made, hour, requests};

#[tokio::test]
async fn the_map_equals_brute_force() {
    let spans = requests(400);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let (map, _) = fixture.apm.map(&Scope::of(hour())).await.unwrap();
    assert_eq!((map.spans, map.sampled, map.lost_callers), (spans.len() as u64, 1, 0));
    let told: Vec<_> = map.edges.iter().map(|edge| (&*edge.caller, &*edge.callee, edge.is_async)).collect();
    assert_eq!(
        told,
        [
            ("checkout", "kafka mail", true),
            ("checkout", "payment", false),
            ("gateway", "checkout", false),
            ("payment", "postgresql pay", false),
        ]
    );
    let kind = |name: &str| map.nodes.iter().find(|node| node.name == name).unwrap().kind;
    assert_eq!(kind("kafka mail"), NodeKind::Queue);
    assert_eq!(kind("postgresql pay"), NodeKind::Database);
    assert_eq!(kind("checkout"), NodeKind::Service);
    assert_eq!(map.nodes.len(), 5);

    // gateway → checkout by looking every parent up in all spans.
    let caller = |span: &Made| {
        spans.iter().find(|other| Some(&other.id) == span.parent.as_ref() && other.trace == span.trace)
    };
    let calls: Vec<_> = spans
        .iter()
        .filter(|span| span.service == "checkout")
        .filter_map(|span| Some((span, caller(span)?)))
        .filter(|(span, caller)| caller.service != span.service)
        .collect();
    let edge = &map.edges[2].figures;
    assert_eq!(edge.requests, calls.len() as u64);
    assert_eq!(edge.errors, calls.iter().filter(|(span, caller)| span.error || caller.error).count() as u64);
    let waited: Vec<i64> = calls.iter().map(|(_, caller)| caller.duration_ns).collect();
    assert_close(edge.quantile_ns(0.95), quantile(&waited, 0.95));
    let gateway = map.nodes.iter().find(|node| node.name == "gateway").unwrap();
    assert_eq!(gateway.figures.requests, 400);
}

#[tokio::test]
async fn a_service_that_went_silent_is_still_called() {
    let mut spans = requests(100);
    // Payment answers the first half, then its spans stop.
    let cut = spans[350].at;
    spans.retain(|span| span.service != "payment" || span.at < cut);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let (map, _) = fixture.apm.map(&Scope::of(hour())).await.unwrap();
    let edge = map.edges.iter().find(|edge| edge.callee == "payment").unwrap();
    let answered =
        spans.iter().filter(|span| span.service == "payment" && span.kind == "server").count() as u64;
    assert_eq!((edge.figures.requests, edge.unanswered), (100, 100 - answered));
}

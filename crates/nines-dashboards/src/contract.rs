//! What every [`DashboardStore`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::Timestamp;

use crate::{
    Cell, Dashboard, DashboardError, DashboardStore, Expected, Panel, Put, Source, VERSIONS_KEPT, View,
};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn DashboardStore>>>(fresh: impl Fn() -> F) {
    every_part_comes_back(&*fresh().await).await;
    only_the_version_that_was_seen_is_replaced(&*fresh().await).await;
    old_versions_stay_and_the_oldest_go(&*fresh().await).await;
    what_is_gone_is_not_there(&*fresh().await).await;
}

fn dashboard(name: &str, title: &str) -> Dashboard {
    let mut dashboard = Dashboard::new(name, title);
    dashboard.service = Some("checkout".to_owned());
    let panel = Panel::new("a", "結帳 \"now\"", View::TimeSeries, Cell { x: 0, y: 0, w: 12, h: 8 });
    dashboard.panels.push(panel.query(Source::Promql("up{a='b'}\n  # why".to_owned()), "{{x}}"));
    dashboard
}

async fn every_part_comes_back(store: &dyn DashboardStore) {
    let one = dashboard("b", "B");
    let put = kept(store.put(&one, Expected::Nothing, "lin", "first", at(1)).await);
    let Put::Created(revision) = put else { panic!("{put:?}") };
    assert_eq!((revision.version, &*revision.by, &*revision.note, revision.at), (1, "lin", "first", at(1)));
    let stored = kept(store.get("b").await);
    assert_eq!((stored.dashboard, &stored.revision), (one.clone(), &revision));
    kept(store.put(&dashboard("a", "A"), Expected::Any, "mei", "", at(2)).await);
    let list = kept(store.list().await);
    let names: Vec<_> = list.iter().map(|it| (&*it.name, &*it.title, it.panels)).collect();
    assert_eq!(names, [("a", "A", 1), ("b", "B", 1)]);
    assert_eq!(list[1].service.as_deref(), Some("checkout"));
    let again = kept(store.put(&one, Expected::Any, "mei", "again", at(3)).await);
    assert_eq!(again, Put::Unchanged(revision));
}

async fn only_the_version_that_was_seen_is_replaced(store: &dyn DashboardStore) {
    let gone = store.put(&dashboard("a", "A"), Expected::Version(1), "lin", "", at(1)).await;
    assert!(matches!(gone, Err(DashboardError::Gone { .. })), "{gone:?}");
    kept(store.put(&dashboard("a", "A"), Expected::Nothing, "lin", "", at(1)).await);
    kept(store.put(&dashboard("a", "A2"), Expected::Version(1), "mei", "", at(2)).await);
    for expected in [Expected::Version(1), Expected::Version(3), Expected::Nothing] {
        match store.put(&dashboard("a", "A3"), expected, "lin", "", at(3)).await {
            Err(DashboardError::Conflict { current, .. }) => {
                assert_eq!((current.version, &*current.by), (2, "mei"));
            }
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    assert_eq!(kept(store.get("a").await).dashboard.title, "A2");
}

async fn old_versions_stay_and_the_oldest_go(store: &dyn DashboardStore) {
    for number in 1..=VERSIONS_KEPT as u64 + 2 {
        let note = format!("change {number}");
        let title = format!("title {number}");
        kept(store.put(&dashboard("a", &title), Expected::Any, "lin", &note, at(number as i64)).await);
    }
    let history = kept(store.history("a").await);
    assert_eq!(history.len(), VERSIONS_KEPT);
    assert_eq!((history[0].version, &*history[0].note), (VERSIONS_KEPT as u64 + 2, "change 52"));
    assert_eq!(kept(store.version("a", 3).await).dashboard.title, "title 3");
    for version in [0, 2, 99] {
        let missing = store.version("a", version).await;
        assert!(matches!(missing, Err(DashboardError::NoVersion { .. })), "{version}: {missing:?}");
    }
}

async fn what_is_gone_is_not_there(store: &dyn DashboardStore) {
    kept(store.put(&dashboard("a", "A"), Expected::Any, "lin", "", at(1)).await);
    kept(store.remove("a").await);
    assert!(matches!(store.get("a").await, Err(DashboardError::NotFound(name)) if name == "a"));
    assert!(matches!(store.history("a").await, Err(DashboardError::NotFound(_))));
    assert!(matches!(store.version("a", 1).await, Err(DashboardError::NotFound(_))));
    assert!(matches!(store.remove("a").await, Err(DashboardError::NotFound(_))));
    assert!(kept(store.list().await).is_empty());
    kept(store.put(&dashboard("a", "A"), Expected::Nothing, "lin", "", at(2)).await);
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn kept<T>(result: Result<T, DashboardError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

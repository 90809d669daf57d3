//! What every [`PolicyRepository`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::Timestamp;

use crate::error::StoreError;
use crate::repository::{NewDocument, PolicyRepository, StoredDocument, VERSIONS_KEPT};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn PolicyRepository>>>(fresh: impl Fn() -> F) {
    versions_count_up_and_the_newest_is_listed(&*fresh().await).await;
    a_removed_document_is_gone_and_its_numbers_are_not_used_again(&*fresh().await).await;
    all_are_switched_off_until_they_are_applied_again(&*fresh().await).await;
    so_many_versions_are_kept(&*fresh().await).await;
    two_at_once_get_two_versions(fresh().await).await;
}

async fn versions_count_up_and_the_newest_is_listed(store: &dyn PolicyRepository) {
    assert_eq!(ok(store.list().await), []);
    assert_eq!(ok(store.versions("prod").await), []);
    let first = ok(store.apply(&new("prod", "一", 1)).await);
    let expected = StoredDocument {
        name: "prod".to_owned(),
        version: 1,
        text: "一".to_owned(),
        is_enabled: true,
        applied_at: Timestamp::from_secs(1),
        applied_by: "mei".to_owned(),
    };
    assert_eq!(first, expected);
    let second = ok(store.apply(&new("prod", "two", 2)).await);
    let other = ok(store.apply(&new("night", "other", 3)).await);
    assert_eq!((second.version, other.version), (2, 1));
    assert_eq!(ok(store.list().await), [other.clone(), second.clone()], "by name");
    assert_eq!(ok(store.versions("prod").await), [second, first], "the newest first");
    assert_eq!(ok(store.versions("night").await), [other]);
}

async fn a_removed_document_is_gone_and_its_numbers_are_not_used_again(store: &dyn PolicyRepository) {
    ok(store.apply(&new("prod", "one", 1)).await);
    ok(store.apply(&new("prod", "two", 2)).await);
    assert!(
        ok(store.remove("prod").await) && !ok(store.remove("prod").await) && !ok(store.remove("x").await)
    );
    assert!(ok(store.list().await).is_empty() && ok(store.versions("prod").await).is_empty());
    assert_eq!(ok(store.apply(&new("prod", "three", 3)).await).version, 3, "the audit log speaks of 1 and 2");
}

async fn all_are_switched_off_until_they_are_applied_again(store: &dyn PolicyRepository) {
    assert_eq!(ok(store.disable_all().await), 0);
    for name in ["a", "a", "b"] {
        ok(store.apply(&new(name, "one", 1)).await);
    }
    assert_eq!(ok(store.disable_all().await), 2, "documents, not versions");
    assert_eq!(ok(store.disable_all().await), 0, "they are off");
    assert!(ok(store.list().await).iter().all(|document| !document.is_enabled));
    ok(store.apply(&new("b", "two", 2)).await);
    let on: Vec<(String, bool)> =
        ok(store.list().await).into_iter().map(|one| (one.name, one.is_enabled)).collect();
    assert_eq!(on, [("a".to_owned(), false), ("b".to_owned(), true)]);
}

async fn so_many_versions_are_kept(store: &dyn PolicyRepository) {
    let count = VERSIONS_KEPT + 3;
    for number in 0..count {
        ok(store.apply(&new("prod", &number.to_string(), 1)).await);
    }
    let kept = ok(store.versions("prod").await);
    assert_eq!((kept.len(), kept[0].version as usize), (VERSIONS_KEPT, count));
}

async fn two_at_once_get_two_versions(store: Arc<dyn PolicyRepository>) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { ok(store.apply(&new("prod", "x", 1)).await).version })
        })
        .collect();
    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap_or_else(|error| panic!("{error}")));
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<u32>>());
}

fn new(name: &str, text: &str, secs: i64) -> NewDocument {
    NewDocument {
        name: name.to_owned(),
        text: text.to_owned(),
        applied_at: Timestamp::from_secs(secs),
        applied_by: "mei".to_owned(),
    }
}

fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

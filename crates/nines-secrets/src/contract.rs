//! What every [`SecretRepository`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::Timestamp;

use crate::{SecretName, SecretRepository, StoreError, StoredKey, StoredVersion, Wrapped};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn SecretRepository>>>(fresh: impl Fn() -> F) {
    versions_grow_are_kept_in_number_and_never_given_twice(&*fresh().await).await;
    keys_are_wrapped_anew_and_values_stay(&*fresh().await).await;
    a_purpose_has_one_key(&*fresh().await).await;
}

fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn wrapped(seed: u8) -> Wrapped {
    Wrapped { master: format!("local:{seed}"), bytes: vec![seed, 0, 255] }
}

fn version(of: &str, version: u32) -> StoredVersion {
    StoredVersion {
        name: name(of),
        version,
        key: wrapped(1),
        sealed: vec![version as u8, 0, 254],
        created_at: Timestamp::from_secs(1_795_000_000 + i64::from(version)),
        created_by: "owner".to_owned(),
    }
}

async fn versions_grow_are_kept_in_number_and_never_given_twice(store: &dyn SecretRepository) {
    assert_eq!(ok(store.next_version(&name("a")).await), 1);
    for number in 1..=4 {
        assert!(ok(store.insert(&version("a", number), 2).await));
    }
    assert!(ok(store.insert(&version("b", 1), 2).await));
    assert!(!ok(store.insert(&version("a", 4), 2).await), "somebody else was first");
    let expected = [version("a", 4), version("a", 3), version("b", 1)];
    assert_eq!(ok(store.versions().await), expected);
    assert!(ok(store.delete(&name("a")).await));
    assert!(!ok(store.delete(&name("a")).await));
    assert_eq!(ok(store.versions().await), expected[2..]);
    assert_eq!(ok(store.next_version(&name("a")).await), 5, "a number is not given twice");
}

async fn keys_are_wrapped_anew_and_values_stay(store: &dyn SecretRepository) {
    for number in 1..=2 {
        ok(store.insert(&version("a", number), 9).await);
    }
    let key = StoredKey { purpose: "documents".to_owned(), key: wrapped(1) };
    ok(store.insert_key(&key).await);
    let anew = StoredVersion { key: wrapped(2), sealed: Vec::new(), ..version("a", 2) };
    let gone = StoredVersion { key: wrapped(2), ..version("z", 2) };
    let key = StoredKey { key: wrapped(2), ..key };
    ok(store.rewrap(&[anew, gone], std::slice::from_ref(&key)).await);
    let second = StoredVersion { key: wrapped(2), ..version("a", 2) };
    assert_eq!(ok(store.versions().await), [second, version("a", 1)]);
    assert_eq!(ok(store.keys().await), [key]);
}

async fn a_purpose_has_one_key(store: &dyn SecretRepository) {
    let first = StoredKey { purpose: "documents".to_owned(), key: wrapped(1) };
    let second = StoredKey { key: wrapped(2), ..first.clone() };
    assert_eq!(ok(store.insert_key(&first).await), first);
    assert_eq!(ok(store.insert_key(&second).await), first);
    assert_eq!(ok(store.keys().await), [first]);
}

use std::future::Future;
use std::sync::Arc;

use super::at;
use crate::{Browser, BrowserId, BrowserStore, Secret, Subscription};

fn browser(id: &str, seconds: u64) -> Browser {
    Browser {
        id: BrowserId(id.to_owned()),
        account: "a1".to_owned(),
        person: "ann".to_owned(),
        label: "逐字 on a phone".to_owned(),
        subscription: Some(Subscription {
            endpoint: Secret::new(format!("https://push.example/{id}")),
            p256dh: "p".to_owned(),
            auth: Secret::new("s"),
        }),
        registered_at: at(seconds),
        used_at: None,
        failure: None,
    }
}

/// What every [`BrowserStore`] must do.
pub async fn check_browsers<F: Future<Output = Arc<dyn BrowserStore>>>(new: impl Fn() -> F) {
    let store = new().await;
    let first = store.push_key(&Secret::new("one")).await.unwrap();
    assert_eq!(first.expose(), "one");
    let again = store.push_key(&Secret::new("two")).await.unwrap();
    assert_eq!(again.expose(), "one", "a node has one key for ever");

    let (one, mut two) = (browser("one", 1), browser("two", 2));
    store.add(&one, &[]).await.unwrap();
    store.add(&two, &[]).await.unwrap();
    assert_eq!(store.browsers().await.unwrap(), [one.clone(), two.clone()]);

    two.used_at = Some(at(5));
    two.failure = Some("http status 410".to_owned());
    two.subscription = None;
    store.note(&two).await.unwrap();
    assert_eq!(store.browsers().await.unwrap(), [one.clone(), two.clone()]);

    // What is learnt of one that was removed meanwhile does not bring it back.
    store.note(&browser("removed", 3)).await.unwrap();
    let three = browser("three", 3);
    store.add(&three, std::slice::from_ref(&one.id)).await.unwrap();
    assert_eq!(store.browsers().await.unwrap(), [two.clone(), three.clone()]);

    store.remove(&[two.id, three.id]).await.unwrap();
    assert_eq!(store.browsers().await.unwrap(), []);
}

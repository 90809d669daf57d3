//! Subscribers of status pages: bounds, places, and that no file holds an address.

use nines_base::Random;
use nines_incidents::Language;
use nines_model::Timestamp;
use nines_secrets::{DataKey, Sealer};
use nines_state::Database;
use nines_state::statuspage::{DOMAIN, SqliteStatus};
use nines_statuspage::{PENDING_MAX, Post, Subscriber, SubscriberStore, Way};

const NOW: Timestamp = Timestamp::from_secs(1_795_348_800);

fn subscriber(address: &str, is_confirmed: bool) -> Subscriber {
    let way = Way::Email(address.to_owned());
    Subscriber {
        id: Subscriber::id_of("public", &way),
        page: "public".to_owned(),
        way,
        components: vec!["Checkout".to_owned()],
        language: Language::ZhTw,
        token: "token-of-ann".to_owned(),
        asked_at: NOW,
        confirmed_at: is_confirmed.then_some(NOW),
        told: 0,
    }
}

fn post(key: &str, anchor: &str, is_sequel: bool) -> Post {
    Post {
        number: 0,
        key: key.to_owned(),
        at: NOW,
        components: vec!["Checkout".to_owned()],
        title: "Major outage: Checkout".to_owned(),
        text: "We are looking into it.".to_owned(),
        anchor: anchor.to_owned(),
        is_sequel,
    }
}

#[tokio::test]
async fn subscribers_keep_their_place_and_no_file_holds_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let database = Database::open(&path, &[DOMAIN]).await.unwrap();
    let random = Random::from_seed(1);
    let sealer = Sealer::new("subscribers", DataKey::random(&random), random);
    let store = SqliteStatus::new(database, sealer);

    let ann = subscriber("ann@example.com", true);
    store.put_subscriber(&ann).await.unwrap();
    assert_eq!(store.subscriber("public", &ann.id).await.unwrap().as_ref(), Some(&ann));

    // News once, whoever finds it twice; what ends something unheard of is none.
    let news = [post("INC-1/open", "INC-1", false), post("INC-2/over", "INC-2", true)];
    assert_eq!(store.add_posts("public", &news).await.unwrap(), 1);
    assert_eq!(store.add_posts("public", &news).await.unwrap(), 1);
    assert_eq!(store.add_posts("public", &[post("INC-1/over", "INC-1", true)]).await.unwrap(), 2);
    let posts = store.posts_after("public", 0).await.unwrap();
    assert_eq!(posts.iter().map(|post| post.key.as_str()).collect::<Vec<_>>(), ["INC-1/open", "INC-1/over"]);

    assert_eq!(store.behind("public", 2, 10).await.unwrap(), std::slice::from_ref(&ann));
    store.set_told("public", &ann.id, 2).await.unwrap();
    store.set_told("public", &ann.id, 1).await.unwrap();
    assert_eq!(store.behind("public", 2, 10).await.unwrap(), [], "a place never goes back");

    // Nobody can have more addresses asked than that, and those that never answer are forgotten.
    for index in 0..PENDING_MAX {
        store.put_subscriber(&subscriber(&format!("{index}@example.com"), false)).await.unwrap();
    }
    let error = store.put_subscriber(&subscriber("one-more@example.com", false)).await.unwrap_err();
    assert_eq!(error.kind(), nines_base::ErrorKind::Exhausted);
    let counts = store.count_subscribers("public").await.unwrap();
    assert_eq!((counts.email, counts.webhook, counts.pending), (1, 0, PENDING_MAX as u64));
    let later = NOW + std::time::Duration::from_secs(1);
    assert_eq!(store.forget_pending(later).await.unwrap(), PENDING_MAX as u64);

    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in ["ann@example.com", "token-of-ann"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} lies in a file");
        }
    }
    assert!(store.remove_subscriber("public", &ann.id).await.unwrap());
    assert_eq!(store.subscriber("public", &ann.id).await.unwrap(), None);
}

//! Browsers that take notifications, in `control.db`.

use std::sync::Arc;

use nines_base::Random;
use nines_model::Timestamp;
use nines_notify::{Browser, BrowserId, BrowserStore, Secret, Subscription, contract};
use nines_secrets::{DataKey, Sealer};
use nines_state::Database;
use nines_state::browsers::{DOMAIN, SqliteBrowsers};

fn sealer() -> Sealer {
    let random = Random::from_seed(1);
    Sealer::new("browsers", DataKey::random(&random), random)
}

#[tokio::test]
async fn the_durable_store_keeps_the_contract() {
    contract::check_browsers(|| async {
        let folder = tempfile::tempdir().unwrap().keep();
        let database = Database::open(&folder.join("control.db"), &[DOMAIN]).await.unwrap();
        Arc::new(SqliteBrowsers::new(database, sealer())) as Arc<dyn BrowserStore>
    })
    .await;
}

#[tokio::test]
async fn no_file_holds_an_address_or_a_key_and_a_restart_finds_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let (address, key) = ("https://push.example/nobody-may-see-this", "a-key-that-nobody-may-see");
    let browser = Browser {
        id: BrowserId("b1".to_owned()),
        account: "a1".to_owned(),
        person: "ann".to_owned(),
        label: "phone".to_owned(),
        subscription: Some(Subscription {
            endpoint: Secret::new(address),
            p256dh: "its-public-key".to_owned(),
            auth: Secret::new("its-secret"),
        }),
        registered_at: Timestamp::from_secs(1_790_000_000),
        used_at: None,
        failure: None,
    };
    let sealer = sealer();
    {
        let database = Database::open(&path, &[DOMAIN]).await.unwrap();
        let store = SqliteBrowsers::new(database, sealer.clone());
        store.push_key(&Secret::new(key)).await.unwrap();
        store.add(&browser, &[]).await.unwrap();
    }
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += bytes.len();
        for secret in [address, key, "its-public-key", "its-secret"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret} lies in clear");
        }
    }
    assert!(looked_at > 4_096, "the files were read");
    let database = Database::open(&path, &[DOMAIN]).await.unwrap();
    let store = SqliteBrowsers::new(database, sealer);
    assert_eq!(store.browsers().await.unwrap(), [browser]);
    assert_eq!(store.push_key(&Secret::new("another")).await.unwrap().expose(), key);
}

use std::sync::Arc;

use nines_base::{Random, SystemClock};
use nines_model::Timestamp;
use nines_secrets::{
    Keyring, LocalMaster, MASTER_KEY_BYTES, SecretName, SecretRef, SecretRepository, SecretResolver,
    SecretText, Vault, contract,
};
use nines_state::objects::{self, NewObject, Objects};
use nines_state::secrets::{self, SqliteSecrets};
use nines_state::{Database, StateError};

#[tokio::test]
async fn secrets_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("control-{number}.db"));
        let database = Database::open(&path, &[secrets::DOMAIN]).await.unwrap();
        Arc::new(SqliteSecrets::new(database)) as Arc<dyn SecretRepository>
    })
    .await;
}

async fn vault(database: &Database) -> Vault {
    let random = Random::from_seed(3);
    let master = LocalMaster::from_bytes(&[7; MASTER_KEY_BYTES], random.clone());
    let repository = Arc::new(SqliteSecrets::new(database.clone()));
    Vault::open(repository, Keyring::new(Arc::new(master), Vec::new()), SystemClock::shared(), random)
        .await
        .unwrap()
}

/// Every byte that the database wrote, its write-ahead log included.
fn bytes_of(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

#[tokio::test]
async fn neither_secrets_nor_channels_lie_in_clear_on_the_disk() -> Result<(), StateError> {
    const CANARY: &str = "canary-7f3a-hush";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let database = Database::open(&path, &[secrets::DOMAIN, objects::DOMAIN]).await?;
    let channel = NewObject {
        kind: "Channel".to_owned(),
        name: "desk".to_owned(),
        yaml: format!("token: {CANARY}-channel\n"),
    };
    // As an earlier version stored it, then sealed.
    let at = Timestamp::from_secs(7);
    Objects::in_clear(database.clone()).apply(std::slice::from_ref(&channel), "mei", at).await.unwrap();
    let vault = vault(&database).await;
    vault.put(&SecretName::parse("token").unwrap(), &SecretText::new(CANARY), "mei").await.unwrap();
    let objects = Objects::sealed(database.clone(), vault.sealer("documents").await.unwrap());
    assert_eq!(objects.seal_stored().await.unwrap(), 1);
    assert_eq!(objects.seal_stored().await.unwrap(), 0);
    let applied = objects.apply(std::slice::from_ref(&channel), "mei", at).await.unwrap();
    assert!(matches!(applied[0], objects::Applied::Unchanged { .. }), "{applied:?}");
    assert_eq!(objects.get("Channel", "desk").await.unwrap().yaml, channel.yaml);
    let reference = SecretRef::parse("secret://token").unwrap().unwrap();
    assert_eq!(vault.resolve(&reference).unwrap().expose(), CANARY);
    drop((objects, vault));
    database.close().await;
    let found =
        bytes_of(folder.path()).windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count();
    assert_eq!(found, 0);
    Ok(())
}

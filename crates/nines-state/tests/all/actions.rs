use std::sync::Arc;

use nines_actions::cloud::sim::{SimCloud, SimConfig, SimStore, World};
use nines_actions::{Cloud, Effect, InstanceState, Query, Runs, Seen, contract};
use nines_base::{Clock, ManualClock, Random};
use nines_model::Timestamp;
use nines_state::Database;
use nines_state::actions::{self, SqliteRuns};

#[tokio::test]
async fn runs_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("control-{number}.db"));
        let database = Database::open(&path, &[actions::DOMAIN]).await.unwrap();
        Arc::new(SqliteRuns::new(database)) as Arc<dyn Runs>
    })
    .await;
}

#[tokio::test]
async fn runs_and_the_simulated_cloud_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let clock = ManualClock::at(Timestamp::from_secs(1_795_000_000));
    let open = async || {
        let database = Database::open(&path, &[actions::DOMAIN]).await.unwrap();
        let store = SqliteRuns::new(database.clone());
        let boxed: Box<dyn SimStore> = Box::new(store.clone());
        let (config, random) = (SimConfig::default(), Random::from_seed(1));
        let cloud = SimCloud::open(config, World::demo(), clock.clone(), random, boxed).await.unwrap();
        (database, store, cloud)
    };
    let (database, store, cloud) = open().await;
    let run = contract::sample("a", "i-1", clock.now());
    store.insert(&run).await.unwrap();
    let instance = format!("i-{:017x}", 1);
    cloud.change("a/0", &Effect::StopInstance { instance: instance.clone() }).await.unwrap();
    let ledger = cloud.ledger();
    database.close().await;

    clock.advance(std::time::Duration::from_secs(60));
    let (_database, store, cloud) = open().await;
    assert_eq!(store.get(&run.id).await.unwrap(), Some(run));
    assert_eq!(cloud.ledger(), ledger);
    let seen = cloud.truth(&Query::Instance { instance });
    assert!(matches!(seen, Seen::Instance { state: InstanceState::Stopped, .. }), "{seen:?}");
}

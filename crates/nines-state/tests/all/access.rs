use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use nines_access::{Access, AuditLog, Config, Credentials, Membership, Repository, Role, contract};
use nines_base::{ManualClock, Random};
use nines_model::Timestamp;
use nines_state::access::SqliteAccess;
use nines_state::audit::SqliteAudit;
use nines_state::{Database, access, audit};

/// The folders live as long as the test: each `fresh` adds one.
#[tokio::test]
async fn the_durable_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.db"));
        async move {
            let database = Database::open(&path, &[access::DOMAIN]).await.unwrap();
            Arc::new(SqliteAccess::new(database)) as Arc<dyn Repository>
        }
    })
    .await;
}

/// Here another process is another store over the same file: it does not tell us of its writes.
#[tokio::test]
async fn what_another_process_writes_holds_within_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("control.db"), &[access::DOMAIN]).await.unwrap();
    let (mine, theirs) = (SqliteAccess::new(database.clone()), SqliteAccess::new(database));
    let clock = ManualClock::at(Timestamp::from_secs(1_795_000_000));
    let access = Access::new(Arc::new(mine), clock.clone(), Random::from_seed(7), Config::default());
    let first = access.prepare_first_run();
    access.complete_first_run(&first).await.unwrap();
    let key = format!("Bearer {}", first.owner_key.expose());
    let teams = async || {
        let credentials = Credentials {
            authorization: Some(&key),
            cookie: None,
            csrf: None,
            is_unsafe: false,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        access.authenticate(&credentials).await.unwrap().actor.teams.len()
    };
    assert_eq!(teams().await, 0);
    let account = theirs.accounts().await.unwrap().remove(0).id;
    let member = Membership { account, team: "pay".to_owned(), role: Role::Viewer };
    theirs.put_membership(&member).await.unwrap();
    assert_eq!(teams().await, 0, "what was read is not read again while nobody tells us of a change");
    clock.advance(Duration::from_secs(5));
    assert_eq!(teams().await, 1);
}

#[tokio::test]
async fn the_audit_log_keeps_its_contract_and_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("control.db"), &[audit::DOMAIN]).await.unwrap();
    let log: Arc<dyn AuditLog> = Arc::new(SqliteAudit::new(database.clone()));
    contract::check_audit(Arc::clone(&log)).await;

    for statement in
        ["UPDATE audit_log SET actor = 'x' WHERE sequence = 3", "DELETE FROM audit_log WHERE sequence = 3"]
    {
        let mut write = database.write().await.unwrap();
        let error = sqlx::query(statement).execute(&mut *write).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    // Somebody with the file in hand can drop the triggers; the chain still shows it.
    let mut write = database.write().await.unwrap();
    sqlx::raw_sql("DROP TRIGGER audit_log_is_final; UPDATE audit_log SET actor = 'x' WHERE sequence = 3")
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert!(log.verify().await.unwrap_err().to_string().contains("entry 3"));
}

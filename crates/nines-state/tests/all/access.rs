use std::sync::Arc;

use nines_access::{AuditLog, Repository, contract};
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

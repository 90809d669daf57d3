use nines_state::{Database, Domain, Migration, StateError};
use sqlx::Row;

const ONE: Migration = Migration { version: 1, sql: "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;" };
const TWO: Migration = Migration {
    version: 2,
    sql: "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a) STRICT; INSERT INTO a VALUES (7);",
};

fn domain(migrations: &'static [Migration]) -> [Domain; 1] {
    [Domain { name: "test", migrations }]
}

/// Reliability A12: any other setting fails here, and at start.
#[tokio::test]
async fn the_profile_is_wal_with_full_sync_and_a_library_without_the_wal_reset_bug() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("state.db"), &[]).await.unwrap();
    let settings = database.settings().await.unwrap();
    assert_eq!((settings.journal_mode.as_str(), settings.synchronous), ("wal", 2));
    assert!(settings.foreign_keys && settings.busy_timeout_ms >= 5_000, "{settings:?}");
    // The WAL-reset corruption bug (sqlite.org/wal.html#walresetbug) is fixed in 3.51.3.
    let library: Vec<u32> = settings.library.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(library >= vec![3, 51, 3], "{}", settings.library);
    let reader = database.readers();
    assert_eq!(sqlx::query("PRAGMA synchronous").fetch_one(reader).await.unwrap().get::<i64, _>(0), 2);
    assert!(
        sqlx::query("CREATE TABLE no (x INTEGER)").execute(reader).await.is_err(),
        "readers must not write"
    );
}

#[tokio::test]
async fn migrations_apply_once_and_in_order_and_refuse_what_they_do_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    Database::open(&path, &domain(&[ONE])).await.unwrap().close().await;
    for _ in 0..2 {
        let database = Database::open(&path, &domain(&[ONE, TWO])).await.unwrap();
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM a").fetch_one(database.readers()).await.unwrap();
        assert_eq!(count, 1);
        database.close().await;
    }
    let older = Database::open(&path, &domain(&[ONE])).await.unwrap_err();
    assert!(matches!(older, StateError::Newer { found: 2, known: 1, .. }), "{older}");
    const OTHER: Migration = Migration { version: 2, sql: "CREATE TABLE c (id INTEGER) STRICT;" };
    let changed = Database::open(&path, &domain(&[ONE, OTHER])).await.unwrap_err();
    assert!(matches!(changed, StateError::Changed { version: 2, .. }), "{changed}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    const BROKEN: Migration =
        Migration { version: 2, sql: "CREATE TABLE b (id INTEGER) STRICT; CREATE TABLE a (x TEXT);" };
    let error = Database::open(&path, &domain(&[ONE, BROKEN])).await.unwrap_err();
    assert!(matches!(error, StateError::Migration { version: 2, .. }), "{error}");
    let database = Database::open(&path, &domain(&[ONE, TWO])).await.unwrap();
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM b").fetch_one(database.readers()).await.unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::io::Write::write_all(
        &mut std::fs::OpenOptions::new().create_new(true).write(true).open(&path).unwrap(),
        &[0x55; 8192],
    )
    .unwrap();
    let error = Database::open(&path, &[]).await.unwrap_err();
    assert!(error.to_string().contains("state.db"), "{error}");
}

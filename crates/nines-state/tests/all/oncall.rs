use std::sync::Arc;

use nines_oncall::{OncallRepository, contract};
use nines_state::Database;
use nines_state::oncall::{self, SqliteOncall};

#[tokio::test]
async fn on_call_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("response-{number}.db"));
        let database = Database::open(&path, &[oncall::DOMAIN]).await.unwrap();
        Arc::new(SqliteOncall::new(database)) as Arc<dyn OncallRepository>
    })
    .await;
}

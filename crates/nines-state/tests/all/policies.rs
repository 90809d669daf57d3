use std::sync::Arc;

use nines_policy::{PolicyRepository, contract};
use nines_state::Database;
use nines_state::policies::{self, SqlitePolicies};

#[tokio::test]
async fn policies_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("control-{number}.db"));
        let database = Database::open(&path, &[policies::DOMAIN]).await.unwrap();
        Arc::new(SqlitePolicies::new(database)) as Arc<dyn PolicyRepository>
    })
    .await;
}

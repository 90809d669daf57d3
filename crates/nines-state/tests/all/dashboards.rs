use std::sync::Arc;

use nines_dashboards::{DashboardStore, contract};
use nines_state::Database;
use nines_state::dashboards::{self, SqliteDashboards};

#[tokio::test]
async fn dashboards_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("control-{number}.db"));
        let database = Database::open(&path, &[dashboards::DOMAIN]).await.unwrap();
        Arc::new(SqliteDashboards::new(database)) as Arc<dyn DashboardStore>
    })
    .await;
}

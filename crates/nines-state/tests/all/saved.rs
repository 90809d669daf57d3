use std::sync::Arc;

use nines_saved::{Question, SavedQuestions, contract};
use nines_state::Database;
use nines_state::saved::{self, SqliteSaved};

#[tokio::test]
async fn saved_questions_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("control-{number}.db"));
        let database = Database::open(&path, &[saved::DOMAIN]).await.unwrap();
        Arc::new(SqliteSaved::new(database)) as Arc<dyn SavedQuestions>
    })
    .await;
}

#[tokio::test]
async fn saved_questions_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let database = Database::open(&path, &[saved::DOMAIN]).await.unwrap();
    let at = nines_model::Timestamp::from_secs(7);
    let question = Question::search("slow payments", "spans", "duration > 1s");
    let kept = SqliteSaved::new(database.clone()).put(&question, "lin", at).await.unwrap();
    database.close().await;
    let database = Database::open(&path, &[saved::DOMAIN]).await.unwrap();
    assert_eq!(SqliteSaved::new(database).get("Slow Payments").await.unwrap(), kept);
}

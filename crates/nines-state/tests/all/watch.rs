use nines_state::Database;
use nines_state::watch::{self, WatchNote, WatchNotes};

#[tokio::test]
async fn what_probes_stand_at_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let note = |kind: &str, name: &str, body: &str| WatchNote {
        kind: kind.to_owned(),
        name: name.to_owned(),
        body: body.to_owned(),
    };
    let database = Database::open(&path, &[watch::DOMAIN]).await.unwrap();
    let notes = WatchNotes::new(database.clone());
    notes.put(&[note("probe", "home", "1"), note("runner", "home", "2")]).await.unwrap();
    notes.put(&[note("probe", "home", "3"), note("probe", "gone", "4")]).await.unwrap();
    notes.remove("probe", "gone").await.unwrap();
    notes.remove("probe", "never").await.unwrap();
    database.close().await;
    let database = Database::open(&path, &[watch::DOMAIN]).await.unwrap();
    let kept = WatchNotes::new(database).load().await.unwrap();
    assert_eq!(kept, [note("probe", "home", "3"), note("runner", "home", "2")]);
}

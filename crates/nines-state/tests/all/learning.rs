//! Postmortems and sheets in SQLite.

use std::collections::BTreeMap;

use nines_incidents::machine::{apply, open_by_report};
use nines_incidents::{Actor, Cadence, Class, Command, IncidentId, Level, Report};
use nines_learning::{Found, LearningError, LearningStore, Sheet, SheetKind, draft};
use nines_model::Timestamp;
use nines_state::Database;
use nines_state::learning::{DOMAIN, SqliteLearning};

#[tokio::test]
async fn what_is_put_comes_back_and_of_two_changes_of_one_version_the_second_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let database = Database::open(&path, &[DOMAIN]).await.unwrap();
    let store = SqliteLearning::new(database.clone());
    let now = Timestamp::from_secs(1_795_161_600);
    let report = Report {
        class: Class::S1,
        level: Level::P1,
        service: "loyalty".to_owned(),
        scope: "members".to_owned(),
        status: "no points".to_owned(),
        started_at: now,
        progress: "asking".to_owned(),
        next_update_at: None,
        title: None,
        is_drill: false,
        idempotency_key: None,
    };
    let id = IncidentId { year: 2026, number: 7 };
    let (lin, cadence) = (Actor::person("lin"), Cadence::default());
    let opened = open_by_report(id, &report, &lin, &cadence, now).unwrap();
    let confirmed =
        apply(&opened.incident, &Command::Confirm { level: Level::P1 }, &lin, &cadence, now).unwrap();
    let resolve = Command::Resolve { summary: String::new() };
    let incident = apply(&confirmed.incident, &resolve, &lin, &cadence, now).unwrap().incident;
    let first =
        draft(Found { incident: &incident, updates: &[], entries: &opened.entries, charts: Vec::new(), now });
    store.put_postmortem(&first).await.unwrap();
    assert!(matches!(store.put_postmortem(&first).await, Err(LearningError::Stale { .. })));
    let second = first.reopen(1, "mei", now).unwrap();
    store.put_postmortem(&second).await.unwrap();
    assert!(matches!(store.put_postmortem(&second).await, Err(LearningError::Stale { .. })));

    let sheet = Sheet::new(SheetKind::Meeting, "2026-W47", now);
    let point = BTreeMap::from([("decisions".to_owned(), ("freeze".to_owned(), true))]);
    let sheet = sheet.edited(0, point, None, "lin", now).unwrap();
    store.put_sheet(&sheet).await.unwrap();
    database.close().await;

    let store = SqliteLearning::new(Database::open(&path, &[DOMAIN]).await.unwrap());
    assert_eq!(store.postmortem(id).await.unwrap(), Some(second.clone()));
    assert_eq!(store.postmortems().await.unwrap(), [second]);
    assert_eq!(store.sheet(SheetKind::Meeting, "2026-W47").await.unwrap(), Some(sheet));
    assert_eq!(store.sheet(SheetKind::Takeover, "2026-W47").await.unwrap(), None);
}

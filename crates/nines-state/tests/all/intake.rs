//! Alerts of other systems, what was taken apart, and addresses of calendars, in the file.

use std::time::Duration;

use nines_model::Timestamp;
use nines_oncall::intake::native;
use nines_oncall::noise::{AlertBook, AlertEntry};
use nines_state::intake::{CalendarFeed, ForeignAlert, ForeignCounts, ForeignFilter, Intake};
use nines_state::{Database, oncall};

const NOW: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);

async fn open(folder: &std::path::Path) -> Intake {
    Intake::new(Database::open(&folder.join("response.db"), &[oncall::DOMAIN]).await.unwrap())
}

/// Two alerts with one key, in a book of their own.
fn entry() -> AlertEntry {
    let mut book = AlertBook::default();
    let body =
        br#"[{"title": "disk", "level": "P1", "service": "db", "dedup_key": "disks", "labels": {"host": "a"},
                     "links": [{"title": "board", "url": "https://grafana.example/d"}]},
                    {"title": "disk", "dedup_key": "disks", "labels": {"host": "b"}}]"#;
    let mut fingerprint = String::new();
    for alert in native(body).unwrap().alerts {
        fingerprint = book.receive(alert, NOW).0.id;
    }
    book.get(&fingerprint).unwrap().clone()
}

fn kept(entry: AlertEntry) -> ForeignAlert {
    ForeignAlert { entry, suppressed: None, group: "service.name=db".to_owned(), incident: None }
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_and_knows_its_incident() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let alert = kept(entry());
    store.record(std::slice::from_ref(&alert)).await.unwrap();
    store.set_incident("service.name=db", "INC-2026-0001").await.unwrap();
    // It arrives again, and whoever keeps it does not know the incident any more.
    store.record(std::slice::from_ref(&alert)).await.unwrap();

    let store = open(folder.path()).await;
    let loaded = store.load(NOW).await.unwrap();
    let expected = ForeignAlert { incident: Some("INC-2026-0001".to_owned()), ..alert };
    assert_eq!(loaded.alerts, std::slice::from_ref(&expected));
    let of_incident = ForeignFilter { incident: expected.incident.clone(), ..ForeignFilter::default() };
    assert_eq!(store.alerts(&of_incident).await.unwrap(), std::slice::from_ref(&expected));
    let counts = ForeignCounts { alerts: 1, open: 1, suppressed: 0, received: 2 };
    assert_eq!(store.counts().await.unwrap(), counts);

    let mut ended = expected;
    ended.entry.resolved_at = Some(NOW);
    store.record(std::slice::from_ref(&ended)).await.unwrap();
    assert_eq!(store.load(NOW + Duration::from_secs(1)).await.unwrap().alerts, []);
    assert_eq!(store.forget(NOW).await.unwrap(), 0);
    assert_eq!(store.forget(NOW + Duration::from_secs(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_taken_apart_stays_apart_until_it_is_joined() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let whole = kept(entry());
    store.record(std::slice::from_ref(&whole)).await.unwrap();
    let mut book = AlertBook::default();
    book.put(whole.entry.clone());
    let labels = ["host".to_owned()];
    let made = book.separate(&whole.entry.alert.fingerprint.id, &labels).unwrap();
    let parts: Vec<_> = made.iter().map(|part| kept(book.get(part).unwrap().clone())).collect();
    store.separate(&whole.entry.alert.fingerprint.id, &labels, &parts, "lin", NOW).await.unwrap();
    let loaded = store.load(NOW).await.unwrap();
    assert_eq!(loaded.alerts.len(), 2);
    assert_eq!(loaded.separations, [(whole.entry.alert.fingerprint.id.clone(), labels.to_vec())]);
    assert!(store.join(&whole.entry.alert.fingerprint.id).await.unwrap());
    assert!(!store.join(&whole.entry.alert.fingerprint.id).await.unwrap());
}

#[tokio::test]
async fn the_secret_of_a_calendar_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let feed = CalendarFeed {
        id: "1".to_owned(),
        schedule: "shop".to_owned(),
        person: None,
        made_by: "lin".to_owned(),
        made_at: NOW,
    };
    store.add_feed(&feed, "a-very-long-secret").await.unwrap();
    assert_eq!(store.feed("a-very-long-secret").await.unwrap(), Some(feed.clone()));
    assert_eq!(store.feed("another").await.unwrap(), None);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(18).any(|window| window == b"a-very-long-secret"));
    }
    assert!(store.remove_feed("shop", "1").await.unwrap());
    assert_eq!(store.feeds("shop").await.unwrap(), []);
}

use std::sync::Arc;
use std::time::Duration;

use nines_alerting::{
    AlertMessage, Burn, Evidence, Language, Measurement, Phase, Policy, Reading, Severity, Subject, Track,
    decide,
};
use nines_model::Timestamp;
use nines_notify::{ChannelKind, OutboxStore, PageFilter, PageState, Route, contract, plan};
use nines_state::alerts::{AlertFilter, Alerts, Record, Step};
use nines_state::outbox::Outbox;
use nines_state::{Database, StateError, response};

const START: Timestamp = Timestamp::from_secs(1_790_000_000);

async fn open(folder: &tempfile::TempDir) -> Database {
    Database::open(&folder.path().join("response.db"), &[response::DOMAIN]).await.unwrap()
}

/// A new file for each rule of a suite; the folders are kept until the end.
fn fresh() -> (Arc<std::sync::Mutex<Vec<tempfile::TempDir>>>, impl AsyncFn() -> Arc<dyn OutboxStore>) {
    let folders = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = folders.clone();
    (folders, async move || {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        kept.lock().unwrap().push(folder);
        Arc::new(Outbox::new(database)) as Arc<dyn OutboxStore>
    })
}

#[tokio::test]
async fn the_durable_outbox_keeps_the_contract() {
    let (_folders, store) = fresh();
    contract::check_all(|| store()).await;
}

#[tokio::test]
async fn a_crash_at_every_step_of_the_durable_outbox_loses_nothing() {
    let (_folders, store) = fresh();
    let steps = contract::crash_everywhere(|| store()).await;
    println!("B2 stopped at each of {steps} steps of the durable outbox: nothing lost");
    assert!(steps >= 40, "the enumeration shrank to {steps} steps");
}

/// `NINES_KILLS` and `NINES_SEED` are for longer and other runs.
#[tokio::test]
async fn random_crashes_of_random_stories_of_the_durable_outbox_lose_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) = (number("NINES_KILLS").unwrap_or(10), number("NINES_SEED").unwrap_or(1));
    let (_folders, store) = fresh();
    let stories = contract::crash_randomly(|| store(), seed, kills).await;
    println!(
        "B2 {kills} random kills in {stories} random stories of the durable outbox: nothing lost (seed {seed})"
    );
}

fn reading(second: u64, rate: f64) -> Reading {
    let subject = Subject {
        slo: "checkout-availability".into(),
        noun: "requests".into(),
        service: "checkout".into(),
        owner: "team-shop".into(),
        ..Subject::default()
    };
    let burn = Burn {
        tier: "60s/5s".into(),
        severity: Severity::Page,
        long: Duration::from_secs(60),
        short: Duration::from_secs(5),
        threshold: 14.4,
        long_rate: Some(rate),
        short_rate: Some(rate),
        enough_events: true,
        firing: rate >= 14.4,
    };
    Reading {
        at: START + Duration::from_secs(second),
        subject: Arc::new(subject),
        measurement: Measurement::Measured,
        burns: vec![burn],
        last_event_at: None,
        began_at: None,
        traffic: None,
        objective: 0.999,
        sla: None,
        window: "30 days".into(),
        error_rate: Some(rate / 1000.0),
        normal_rate: Some(0.001),
        recent: Duration::from_secs(300),
        good: 900,
        total: 1000,
        budget_left: Some(0.8),
        budget_left_time: None,
        exhaustion_in: None,
    }
}

fn routes() -> Vec<Route> {
    let route = |name: &str, kind| Route { target: contract::target(name), kind, fallback: None };
    vec![route("hook", ChannelKind::Webhook), route("mail", ChannelKind::Email)]
}

/// Decides and records one second, as the server does.
async fn second(alerts: &Alerts, track: &Track, reading: &Reading) -> Track {
    let decision = decide(&Policy::default(), track, reading);
    let Some(transition) = &decision.transition else {
        if decision.changed {
            alerts.record(&Record { track: &decision.track, step: None }).await.unwrap();
        }
        return decision.track;
    };
    let alert = decision.track.alert.as_ref().unwrap();
    let message = AlertMessage::compose(
        Language::English,
        &decision.track.fingerprint(),
        alert,
        transition,
        reading,
        &Evidence::default(),
    );
    let pages = plan(&message, &routes(), reading.at);
    let step = Step { transition, message: &message, pages: &pages };
    let record = Record { track: &decision.track, step: Some(step) };
    assert_eq!(alerts.record(&record).await.unwrap(), 2);
    // The answer got lost and the server does it again: nothing more happens.
    assert_eq!(alerts.record(&record).await.unwrap(), 0);
    decision.track
}

#[tokio::test]
async fn an_alert_its_transitions_and_its_pages_survive_a_restart_and_the_rule_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut track = Track::new("checkout-availability");
    // The same story without restarts, in memory only, says what must come of it.
    let mut oracle = track.clone();
    let story = (0..120_u64).map(|at| reading(at, if (10..40).contains(&at) { 100.0 } else { 0.0 }));
    for (at, reading) in story.enumerate() {
        if at % 7 == 3 {
            // Restart: the track as it lies in the file, at most one evaluation behind.
            let database = open(&folder).await;
            let stored = Alerts::new(database.clone()).load_tracks().await.unwrap();
            if let Some(stored) = stored.into_iter().next() {
                assert!(!stored.differs_from(&track), "{stored:?}\n{track:?}");
                track = Track { evaluated_at: track.evaluated_at, ..stored };
            }
            database.close().await;
        }
        let database = open(&folder).await;
        track = second(&Alerts::new(database.clone()), &track, &reading).await;
        database.close().await;
        oracle = decide(&Policy::default(), &oracle, &reading).track;
        assert!(!track.differs_from(&oracle), "second {at}");
    }
    assert_eq!(track.phase, Phase::Resolved);

    let database = open(&folder).await;
    let alerts = Alerts::new(database.clone());
    let list = alerts.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!(list.len(), 1);
    let stored = &list[0];
    assert_eq!(stored.alert, *track.alert.as_ref().unwrap());
    assert_eq!(
        (stored.service.as_str(), stored.owner.as_str(), stored.level.as_str()),
        ("checkout", "team-shop", "P1")
    );
    assert!(stored.title.contains("kept again"), "{}", stored.title);
    let id = &stored.alert.id;
    let transitions = alerts.transitions(id).await.unwrap();
    let short: Vec<_> = transitions.iter().map(|one| (one.number, one.kind.as_str())).collect();
    assert_eq!(short, [(1, "fired"), (2, "resolved")]);
    assert!(transitions[0].message.contains("\"type\":\"alert.fired\""));
    assert!(
        alerts.alerts(&AlertFilter { open: Some(true), ..AlertFilter::default() }).await.unwrap().is_empty()
    );
    assert_eq!(alerts.open_count().await.unwrap(), 0);

    let outbox = Outbox::new(database);
    let subject = nines_notify::Subject::alert(id.0.clone());
    let pages = outbox.pages(&PageFilter::of_subject(subject)).await.unwrap();
    let states: Vec<_> = pages.iter().map(|page| (page.new.target.0.as_str(), page.state)).collect();
    // Nobody delivered: all four wait for the digest.
    assert_eq!(states.len(), 4);
    assert!(states.iter().all(|(_, state)| *state == PageState::Superseded), "{states:?}");
}

#[tokio::test]
async fn people_link_and_acknowledge_an_alert_once() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::new(open(&folder).await);
    let track = second(&alerts, &Track::new("checkout-availability"), &reading(0, 500.0)).await;
    let id = &track.alert.as_ref().unwrap().id;
    assert!(alerts.set_incident(id, "INC-2026-0001").await.unwrap());
    assert!(alerts.acknowledge(id, "mei", START).await.unwrap());
    assert!(!alerts.acknowledge(id, "lin", START).await.unwrap(), "the first one stays");
    // The next second of the rule must not undo what people did.
    second(&alerts, &track, &reading(1, 500.0)).await;
    let stored = alerts.alert(id).await.unwrap().unwrap();
    assert_eq!(
        (stored.incident.as_deref(), stored.acknowledged_by.as_deref()),
        (Some("INC-2026-0001"), Some("mei"))
    );
    let of_incident = AlertFilter { incident: Some("INC-2026-0001".into()), ..AlertFilter::default() };
    assert_eq!(alerts.alerts(&of_incident).await.unwrap().len(), 1);
    alerts.forget_track("checkout-availability", START).await.unwrap();
    assert!(alerts.load_tracks().await.unwrap().is_empty());
    assert_eq!(alerts.alert(id).await.unwrap().unwrap().alert.resolved_at, Some(START));
}

#[tokio::test]
async fn every_table_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%STRICT%' AND name NOT LIKE 'sqlite_%'")
        .fetch_all(database.readers())
        .await
        .unwrap();
    assert_eq!(names, Vec::<String>::new(), "every table is strict");
    let error: Result<i64, _> =
        sqlx::query_scalar("SELECT 1 FROM pages WHERE id = 'x'").fetch_one(database.readers()).await;
    assert_eq!(StateError::query("look")(error.unwrap_err()).kind(), nines_base::ErrorKind::NotFound);
}

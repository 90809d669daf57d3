//! What every [`Repository`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::{TimeRange, Timestamp};

use crate::machine::{open_by_alert, open_by_report};
use crate::{
    Actor, AlertSignal, Cadence, Class, Command, Incident, IncidentId, Level, NewUpdate, Query, Report,
    Repository, RepositoryError, Step, machine,
};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn Repository>>>(fresh: impl Fn() -> F) {
    an_incident_comes_back_as_it_was_stored(&*fresh().await).await;
    an_old_version_cannot_overwrite(&*fresh().await).await;
    numbers_are_unique_under_concurrency(fresh().await).await;
    several_steps_are_stored_together_or_not_at_all(&*fresh().await).await;
    queries_agree_with_their_meaning(&*fresh().await).await;
    alerts_and_keys_find_their_incident(&*fresh().await).await;
    effects_stay_until_they_are_done(&*fresh().await).await;
    changes_are_told_in_order_and_once_per_incident(&*fresh().await).await;
}

const T0: Timestamp = Timestamp::from_secs(1_795_000_000);

pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_secs(T0.as_secs() + 60 * minutes)
}

pub fn report(service: &str, level: Level) -> Report {
    Report {
        class: Class::S2,
        level,
        service: service.to_owned(),
        scope: "all shoppers in Taiwan".to_owned(),
        status: "結帳失敗 — checkout answers 503".to_owned(),
        started_at: at(-5),
        progress: "looking at the last deploy".to_owned(),
        next_update_at: None,
        title: None,
        is_drill: false,
        idempotency_key: None,
    }
}

pub fn signal(alert_id: &str, service: &str, level: Level) -> AlertSignal {
    AlertSignal {
        alert_id: alert_id.to_owned(),
        rule: "checkout-availability".to_owned(),
        service: service.to_owned(),
        class: Class::S2,
        level,
        summary: "checkout fails for 4.1 % of requests (normal 0.2 %)".to_owned(),
        scope: "3 200 users in 5 min".to_owned(),
        started_at: at(-3),
        detected_at: at(0),
        link: Some("/alerts/a1".to_owned()),
    }
}

fn id(number: u32) -> IncidentId {
    IncidentId { year: 2026, number }
}

fn opened(number: u32, service: &str) -> Step {
    open_by_report(id(number), &report(service, Level::P1), &lin(), &Cadence::default(), at(0))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn after(incident: &Incident, command: &Command, minutes: i64) -> Step {
    machine::apply(incident, command, &lin(), &Cadence::default(), at(minutes))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn lin() -> Actor {
    Actor::person("lin")
}

fn ok<T>(result: Result<T, RepositoryError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

async fn an_incident_comes_back_as_it_was_stored(store: &dyn Repository) {
    assert_eq!(ok(store.get(id(1)).await), None);
    let mut step = opened(1, "checkout");
    ok(store.commit(std::slice::from_ref(&step)).await);
    let commands = [
        Command::Acknowledge,
        Command::Confirm { level: Level::P0 },
        Command::Note { text: "payment is slow".to_owned(), link: Some("https://example.com/t".to_owned()) },
        Command::Correct { sequence: 1, text: "only iOS".to_owned() },
        Command::PostUpdate(NewUpdate {
            text: "rolled back".to_owned(),
            status: Some("recovering".to_owned()),
            ..NewUpdate::default()
        }),
        Command::Mitigate { how: "rollback".to_owned() },
        Command::Resolve { summary: "bad build".to_owned() },
    ];
    let mut entries = step.entries.clone();
    let mut updates = Vec::new();
    for (minute, command) in (7..).step_by(7).zip(&commands) {
        step = after(&step.incident, command, minute);
        let change = ok(store.commit(std::slice::from_ref(&step)).await).remove(0);
        step.incident.revision = change.revision;
        entries.extend(step.entries.clone());
        updates.extend(step.updates.clone());
        assert_eq!(ok(store.get(id(1)).await).as_ref(), Some(&step.incident), "{command:?}");
    }
    assert!(step.incident.promises.missed > 0, "the story should have a late update");
    assert_eq!(ok(store.timeline(id(1), 0, 1000).await), entries);
    assert_eq!(ok(store.timeline(id(1), 2, 2).await), entries[2..4]);
    assert_eq!(ok(store.updates(id(1)).await), updates);

    let alert = open_by_alert(id(2), &signal("a1", "payment", Level::P0), &Cadence::default(), at(1));
    ok(store.commit(std::slice::from_ref(&alert)).await);
    let stored = ok(store.get(id(2)).await).map(|incident| Incident { revision: 0, ..incident });
    assert_eq!(stored, Some(alert.incident));
}

async fn an_old_version_cannot_overwrite(store: &dyn Repository) {
    let first = opened(1, "checkout");
    ok(store.commit(std::slice::from_ref(&first)).await);
    let mine = after(&first.incident, &Command::Acknowledge, 1);
    let theirs = after(&first.incident, &Command::Confirm { level: Level::P0 }, 1);
    ok(store.commit(std::slice::from_ref(&mine)).await);
    for late in [&theirs, &first] {
        let error = store.commit(std::slice::from_ref(late)).await.map(|_| ());
        assert!(matches!(error, Err(RepositoryError::Conflict { .. })), "{error:?}");
    }
    let entries = ok(store.timeline(id(1), 0, 100).await);
    assert_eq!(entries.len(), first.entries.len() + mine.entries.len());
    assert_eq!(ok(store.revision().await), 2);
}

async fn numbers_are_unique_under_concurrency(store: Arc<dyn Repository>) {
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let mut numbers = Vec::new();
            for _ in 0..10 {
                numbers.push(ok(store.next_number(2026).await));
            }
            numbers
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap_or_else(|error| panic!("{error}")));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=80).collect::<Vec<_>>());
    assert_eq!(ok(store.next_number(2027).await), 1);
}

async fn several_steps_are_stored_together_or_not_at_all(store: &dyn Repository) {
    let (one, two) = (opened(1, "checkout"), opened(2, "payment"));
    ok(store.commit(&[one.clone(), two.clone()]).await);
    let good = after(&one.incident, &Command::Acknowledge, 1);
    let mut bad = after(&two.incident, &Command::Acknowledge, 1);
    bad.incident.version += 1;
    assert!(store.commit(&[good.clone(), bad]).await.is_err());
    assert_eq!(ok(store.get(id(1)).await).map(|incident| incident.version), Some(1));
    assert_eq!(ok(store.timeline(id(1), 0, 100).await), one.entries);
    assert_eq!(ok(store.revision().await), 2);
    // Two of one incident, the second upon the first.
    let note = Command::Note { text: "looking".to_owned(), link: None };
    let better = after(&good.incident, &note, 2);
    let changes = ok(store.commit(&[good, better.clone()]).await);
    assert_eq!(changes.iter().map(|change| change.version).collect::<Vec<_>>(), [2, 3]);
    let kept = ok(store.get(id(1)).await);
    assert_eq!(kept.map(|incident| (incident.version, incident.entries)), Some((3, better.incident.entries)));
}

async fn queries_agree_with_their_meaning(store: &dyn Repository) {
    let mut all = Vec::new();
    for number in 1..=12_u32 {
        let mut report =
            report(["checkout", "payment"][number as usize % 2], Level::ALL[number as usize % 3]);
        report.class = Class::ALL[number as usize % 4];
        let now = at(i64::from(number));
        let Ok(mut step) = open_by_report(id(number), &report, &lin(), &Cadence::default(), now) else {
            panic!("refused")
        };
        step.incident.revision = ok(store.commit(std::slice::from_ref(&step)).await)[0].revision;
        if number % 3 == 0 {
            step = after(&step.incident, &Command::Cancel { reason: "test".to_owned() }, 20);
            step.incident.revision = ok(store.commit(std::slice::from_ref(&step)).await)[0].revision;
        }
        all.push(step.incident);
    }
    all.reverse();
    let queries = [
        Query::default(),
        Query::open(),
        Query { open: Some(false), ..Query::default() },
        Query { state: Some(crate::State::Cancelled), ..Query::default() },
        Query { service: Some("payment".to_owned()), limit: 2, ..Query::default() },
        Query { class: Some(Class::S3), level: Some(Level::P1), ..Query::default() },
        Query { reported_in: Some(TimeRange::new(at(3), at(7))), ..Query::default() },
        Query { before: Some(id(5)), limit: 3, ..Query::default() },
        Query { service: Some("pay%".to_owned()), ..Query::default() },
    ];
    for query in queries {
        let expected: Vec<_> = all
            .iter()
            .filter(|incident| query.matches(incident))
            .take(query.effective_limit())
            .cloned()
            .collect();
        assert_eq!(ok(store.find(&query).await), expected, "{query:?}");
    }
    let mut open = ok(store.open().await);
    open.sort_by_key(|incident| std::cmp::Reverse(incident.id));
    assert_eq!(open, all.into_iter().filter(|incident| incident.state.is_open()).collect::<Vec<_>>());
}

async fn alerts_and_keys_find_their_incident(store: &dyn Repository) {
    let signal = signal("alert-7", "checkout", Level::P1);
    let first = open_by_alert(id(1), &signal, &Cadence::default(), at(0));
    let second = open_by_alert(id(2), &signal, &Cadence::default(), at(9));
    ok(store.commit(&[first, second.clone()]).await);
    assert_eq!(ok(store.by_alert("alert-7").await).map(|incident| incident.id), Some(id(2)));
    assert_eq!(ok(store.by_alert("alert-8").await), None);

    let mut keyed = opened(3, "search");
    keyed.idempotency_key = Some("form-1".to_owned());
    ok(store.commit(std::slice::from_ref(&keyed)).await);
    assert_eq!(ok(store.by_idempotency_key("form-1").await), Some(id(3)));
    assert_eq!(ok(store.by_idempotency_key("form-2").await), None);
    let mut again = opened(4, "search");
    again.idempotency_key = Some("form-1".to_owned());
    assert!(store.commit(&[again]).await.is_err(), "a key belongs to one incident");

    let target = opened(5, "gateway");
    ok(store.commit(std::slice::from_ref(&target)).await);
    let merged = machine::merge(&second.incident, &target.incident, &lin(), &Cadence::default(), at(10));
    ok(store.commit(&merged.unwrap_or_else(|error| panic!("{error}"))).await);
    assert_eq!(ok(store.by_alert("alert-7").await).map(|incident| incident.id), Some(id(5)));
}

async fn effects_stay_until_they_are_done(store: &dyn Repository) {
    let opened = opened(1, "checkout");
    let confirmed = after(&opened.incident, &Command::Confirm { level: Level::P0 }, 1);
    ok(store.commit(std::slice::from_ref(&opened)).await);
    ok(store.commit(std::slice::from_ref(&confirmed)).await);
    let pending = ok(store.pending_effects(100).await);
    let expected: Vec<_> = opened.effects.iter().chain(&confirmed.effects).cloned().collect();
    assert_eq!(pending.iter().map(|pending| pending.effect.clone()).collect::<Vec<_>>(), expected);
    assert!(pending.len() > 1 && pending.is_sorted_by_key(|pending| pending.sequence));
    ok(store.complete_effects(&[pending[0].sequence]).await);
    ok(store.complete_effects(&[pending[0].sequence]).await);
    assert_eq!(ok(store.pending_effects(100).await), pending[1..]);
    assert_eq!(ok(store.pending_effects(1).await), pending[1..2]);
    let all: Vec<u64> = pending.iter().map(|pending| pending.sequence).collect();
    ok(store.complete_effects(&all).await);
    assert_eq!(ok(store.pending_effects(100).await), []);
}

async fn changes_are_told_in_order_and_once_per_incident(store: &dyn Repository) {
    assert_eq!(ok(store.revision().await), 0);
    let (one, two) = (opened(1, "checkout"), opened(2, "payment"));
    let changes = ok(store.commit(&[one.clone(), two]).await);
    assert_eq!(changes.iter().map(|change| change.revision).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(changes[0].kinds.to_vec(), [crate::EntryKind::Opened, crate::EntryKind::PromiseArmed]);
    ok(store.commit(&[after(&one.incident, &Command::Acknowledge, 1)]).await);
    let revisions = |changes: Vec<crate::Change>| {
        changes.into_iter().map(|change| (change.revision, change.incident.number)).collect::<Vec<_>>()
    };
    assert_eq!(revisions(ok(store.changes_since(0, 10).await)), [(2, 2), (3, 1)]);
    assert_eq!(revisions(ok(store.changes_since(0, 1).await)), [(2, 2)]);
    assert_eq!(revisions(ok(store.changes_since(3, 10).await)), []);
}

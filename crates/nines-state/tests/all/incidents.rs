use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nines_base::ManualClock;
use nines_incidents::contract::{self, at, report, signal};
use nines_incidents::{
    Actor, Approval, ApprovalRole, Audience, Cadence, Command, IncidentId, Incidents, Level, NewUpdate,
    Repository, Role, machine,
};
use nines_state::incidents::SqliteIncidents;
use nines_state::{Database, incidents};
use sqlx::Row;

async fn open(path: &Path) -> (Database, Arc<dyn Repository>) {
    let database = Database::open(path, &[incidents::DOMAIN]).await.unwrap();
    (database.clone(), Arc::new(SqliteIncidents::new(database)))
}

#[tokio::test]
async fn the_durable_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    contract::check(|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.db"));
        async move { open(&path).await.1 }
    })
    .await;
}

#[tokio::test]
async fn the_timeline_can_only_grow() {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = open(&folder.path().join("response.db")).await;
    let clock = ManualClock::at(at(0));
    let service = Incidents::new(repository, clock, Cadence::default());
    let id = service.report(&report("checkout", Level::P1), &Actor::person("lin")).await.unwrap().id;
    let update = Command::PostUpdate(NewUpdate { text: "on it".to_owned(), ..NewUpdate::default() });
    service.act(id, &update, &Actor::person("lin")).await.unwrap();
    let before = service.timeline(id, 0, 100).await.unwrap();
    for statement in [
        "UPDATE timeline_entries SET actor = 'x'",
        "DELETE FROM timeline_entries",
        "UPDATE incident_updates SET body = '{}'",
        "DELETE FROM incident_updates",
        "DELETE FROM incidents",
        // A second entry in an entry's place would be a change by another name.
        "INSERT OR REPLACE INTO timeline_entries SELECT year, number, sequence, at, recorded_at, source, 'x', kind,
            text, link, refers_to FROM timeline_entries",
    ] {
        let mut write = database.write().await.unwrap();
        let result = sqlx::query(statement).execute(&mut *write).await;
        assert!(result.is_err(), "{statement}: {result:?}");
    }
    assert_eq!(service.timeline(id, 0, 100).await.unwrap(), before);
}

#[tokio::test]
async fn the_clock_goes_on_after_the_process_was_down_over_a_due_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("response.db");
    let clock = ManualClock::at(at(0));
    let (database, repository) = open(&path).await;
    let service = Incidents::new(repository, clock.clone(), Cadence::default());
    let id = service.alert_fired(&signal("a1", "checkout", Level::P0)).await.unwrap().incident.id;
    drop(service);
    database.close().await;

    clock.advance(Duration::from_secs(25 * 60));
    let (_, repository) = open(&path).await;
    let service = Incidents::new(repository, clock, Cadence::default());
    assert_eq!(service.tick().await.unwrap().changed, [id]);
    assert!(service.tick().await.unwrap().changed.is_empty());
    let incident = service.get(id).await.unwrap();
    assert_eq!((incident.promises.missed, incident.next_update_at()), (2, Some(at(10))));
    let effects = service.pending_effects(10).await.unwrap();
    let words: Vec<_> = effects.iter().map(|pending| pending.effect.kind.as_str()).collect();
    assert_eq!(words, ["opened", "overdue", "escalation"]);
    // The same alert, sent again after the restart, is known.
    let outcome = service.alert_fired(&signal("a1", "checkout", Level::P0)).await.unwrap();
    assert_eq!(outcome.kind, nines_incidents::JoinKind::Unchanged);
}

#[tokio::test]
async fn reports_at_the_same_time_get_numbers_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (_, repository) = open(&folder.path().join("response.db")).await;
    // Two services on one store stand for two processes.
    let clock = ManualClock::at(at(0));
    let services =
        [(); 2].map(|()| Incidents::new(Arc::clone(&repository), clock.clone(), Cadence::default()));
    let mut tasks = Vec::new();
    for index in 0..20 {
        let service = services[index % 2].clone();
        tasks.push(tokio::spawn(async move {
            let incident =
                service.report(&report(&format!("s{index}"), Level::P2), &Actor::person("lin")).await;
            incident.unwrap().id.number
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

/// A sample of each format that was ever written is read for ever, and the newest is what is written today. After a
/// deliberate change of format add a sample: run with `UPDATE_GOLDEN=1`.
#[tokio::test]
async fn samples_of_each_format_are_read_and_the_newest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = open(&folder.path().join("response.db")).await;
    let lin = Actor::person("lin");
    let cadence = Cadence::default();
    let id = IncidentId { year: 2026, number: 42 };
    let opened = machine::open_by_alert(id, &signal("a1", "checkout", Level::P1), &cadence, at(0));
    repository.commit(std::slice::from_ref(&opened)).await.unwrap();
    let approval = |role, by: &str| Approval { role, by: by.to_owned() };
    let commands = [
        Command::Confirm { level: Level::P1 },
        Command::Acknowledge,
        Command::AssignRole { role: Role::Scribe, person: Some("mei".to_owned()) },
        Command::PostUpdate(NewUpdate {
            text: "rolled back".to_owned(),
            audiences: vec![Audience::Public, Audience::Manager],
            approvals: vec![
                approval(ApprovalRole::PublicRelations, "mei"),
                approval(ApprovalRole::Manager, "chen"),
            ],
            ..NewUpdate::default()
        }),
    ];
    let mut incident = opened.incident;
    for (minute, command) in (1..).step_by(12).zip(&commands) {
        let step = machine::apply(&incident, command, &lin, &cadence, at(minute)).unwrap();
        repository.commit(std::slice::from_ref(&step)).await.unwrap();
        incident = step.incident;
    }
    let graver =
        machine::alert_fired(&incident, &signal("a2", "payment", Level::P0), &cadence, at(40)).unwrap();
    repository.commit(std::slice::from_ref(&graver)).await.unwrap();

    let one = |sql: &'static str| sqlx::query(sql).fetch_one(database.readers());
    let written = [
        ("incident-1.json", one("SELECT body FROM incidents").await.unwrap().get::<String, _>(0)),
        ("update-1.json", one("SELECT body FROM incident_updates").await.unwrap().get::<String, _>(0)),
    ];
    for (name, body) in written {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            #[expect(clippy::disallowed_methods, reason = "rewrites a file of the source tree, on request")]
            std::fs::write(&path, format!("{body}\n")).unwrap();
        }
        let sample = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            sample.trim_end(),
            body,
            "the format of {name} changed: keep the old sample and add a new one"
        );
    }
    let mut read = repository.get(id).await.unwrap().unwrap();
    read.revision = graver.incident.revision;
    assert_eq!(read, graver.incident);
    assert_eq!(repository.updates(id).await.unwrap().len(), 1);
}

/// The same random story on the store in memory and on the durable one, the latter reopened now and then.
#[tokio::test]
async fn the_durable_store_tells_the_same_story_as_the_one_in_memory() {
    for seed in 0..8 {
        println!("seed {seed}");
        let random = nines_base::Random::from_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("response.db");
        let clock = ManualClock::at(at(0));
        let reference: Arc<dyn Repository> = Arc::new(nines_incidents::MemoryRepository::default());
        let expected = Incidents::new(Arc::clone(&reference), clock.clone(), Cadence::default());
        let (mut database, mut repository) = open(&path).await;
        let mut actual = Incidents::new(Arc::clone(&repository), clock.clone(), Cadence::default());
        for index in 0..50 {
            let draw = random.below(12);
            let pick = random.below(3);
            if draw == 0 {
                database.close().await;
                (database, repository) = open(&path).await;
                actual = Incidents::new(Arc::clone(&repository), clock.clone(), Cadence::default());
            }
            clock.advance(Duration::from_secs(random.below(900)));
            let one = step(&expected, index, draw, pick).await;
            let other = step(&actual, index, draw, pick).await;
            assert_eq!(one, other, "seed {seed}, step {index}");
        }
        let query = nines_incidents::Query::default();
        let all = reference.find(&query).await.unwrap();
        assert_eq!(repository.find(&query).await.unwrap(), all, "seed {seed}");
        assert_eq!(repository.open().await.unwrap(), reference.open().await.unwrap());
        for incident in all {
            let timeline = |store: Arc<dyn Repository>| async move {
                store.timeline(incident.id, 0, 1000).await.unwrap()
            };
            assert_eq!(timeline(Arc::clone(&repository)).await, timeline(Arc::clone(&reference)).await);
            let updates =
                |store: Arc<dyn Repository>| async move { store.updates(incident.id).await.unwrap() };
            assert_eq!(updates(Arc::clone(&repository)).await, updates(Arc::clone(&reference)).await);
        }
        assert_eq!(
            repository.pending_effects(1000).await.unwrap(),
            reference.pending_effects(1000).await.unwrap()
        );
        assert_eq!(
            repository.changes_since(5, 1000).await.unwrap(),
            reference.changes_since(5, 1000).await.unwrap()
        );
        database.close().await;
    }
}

/// One step of a random story; what it answered, as text.
async fn step(incidents: &Incidents, index: u32, draw: u64, pick: u64) -> String {
    let lin = Actor::person("lin");
    let service = ["checkout", "payment", "search"][pick as usize];
    let level = Level::ALL[pick as usize];
    let newest = incidents.find(&nines_incidents::Query::default()).await.unwrap();
    let id = newest.get(pick as usize).map(|incident| incident.id);
    let act = async |command: Command| match id {
        Some(id) => format!("{:?}", incidents.act(id, &command, &lin).await),
        None => String::new(),
    };
    match draw {
        0 | 1 => format!("{:?}", incidents.tick().await.unwrap()),
        2 => format!("{:?}", incidents.report(&report(service, level), &lin).await),
        3 | 4 => {
            let alert = format!("a{}", index % 7);
            format!("{:?}", incidents.alert_fired(&signal(&alert, service, level)).await)
        }
        5 => format!("{:?}", incidents.alert_resolved(&format!("a{}", index % 7)).await),
        6 => act(Command::Confirm { level }).await,
        7 => act(Command::Acknowledge).await,
        8 => act(Command::PostUpdate(NewUpdate { text: "news".to_owned(), ..NewUpdate::default() })).await,
        9 => act(Command::Resolve { summary: String::new() }).await,
        10 => match (id, newest.first()) {
            (Some(id), Some(target)) => format!("{:?}", incidents.merge(id, target.id, &lin).await),
            _ => String::new(),
        },
        _ => act(Command::Note { text: "note".to_owned(), link: None }).await,
    }
}

/// Two services on one store stand for two processes: the one that loses a race decides again.
#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (_, repository) = open(&folder.path().join("response.db")).await;
    let clock = ManualClock::at(at(0));
    let services =
        [(); 2].map(|()| Incidents::new(Arc::clone(&repository), clock.clone(), Cadence::default()));
    let id = services[0].report(&report("checkout", Level::P2), &Actor::person("lin")).await.unwrap().id;
    let mut tasks = Vec::new();
    for index in 0..30 {
        let service = services[index % 2].clone();
        tasks.push(tokio::spawn(async move {
            let note = Command::Note { text: format!("note {index}"), link: None };
            service.act(id, &note, &Actor::person("lin")).await.is_ok()
        }));
    }
    let mut kept = 0;
    for task in tasks {
        kept += usize::from(task.await.unwrap());
    }
    let timeline = repository.timeline(id, 0, 1000).await.unwrap();
    let notes = timeline.iter().filter(|entry| entry.kind.as_str() == "note").count();
    assert!(kept > 0 && notes == kept, "{kept} acknowledged, {notes} stored");
}

//! What every [`OncallRepository`] must do, as tests that a store runs on itself.

#![allow(clippy::unwrap_used, reason = "a promise that is not kept is a panic here")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nines_filter::Filter;
use nines_incidents::Level;
use nines_model::{TimeRange, Timestamp};

use crate::escalation::{
    Condition, Contact, DailyTime, Directory, Escalation, EscalationPolicy, Event, Hold, Order, Reach, Step,
    Target, TargetKind, Urgency, decide,
};
use crate::noise::{Silence, SilenceId};
use crate::repository::{Move, OncallError, OncallRepository};
use crate::schedule::{Change, Override, OverrideId, PersonId};
use crate::zone::Zone;

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn OncallRepository>>>(fresh: impl Fn() -> F) {
    overrides_keep_their_order_and_come_whole_or_not_at_all(&*fresh().await).await;
    every_state_of_an_escalation_comes_back(&*fresh().await).await;
    a_stale_change_is_refused_with_its_orders(&*fresh().await).await;
    many_move_together(&*fresh().await).await;
    orders_are_kept_once_and_until_done(&*fresh().await).await;
    silences_and_notices(&*fresh().await).await;
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn change(id: &str, change: Change) -> Override {
    Override {
        id: OverrideId(id.to_owned()),
        range: TimeRange::new(NOW, NOW + Duration::from_secs(3_600)),
        change,
        author: "lin".to_owned(),
        reason: "牙醫 'dentist'".to_owned(),
        created_at: NOW,
    }
}

async fn overrides_keep_their_order_and_come_whole_or_not_at_all(store: &dyn OncallRepository) {
    let group = change("b", Change::Everyone(vec![PersonId::new("ann"), PersonId::new("bo")]));
    let swap = change("a", Change::Instead { of: PersonId::new("ann"), by: PersonId::new("chen") });
    store.add_overrides("shop", &[group.clone(), swap.clone()]).await.unwrap();
    assert_eq!(store.overrides("shop").await.unwrap(), [group.clone(), swap.clone()]);
    assert_eq!(store.overrides("other").await.unwrap(), []);
    // The same again changes nothing; another under a known id is refused, and all that came with it.
    store.add_overrides("shop", std::slice::from_ref(&swap)).await.unwrap();
    let clash = Override { reason: "else".to_owned(), ..group.clone() };
    let refused = store.add_overrides("shop", &[change("c", Change::Everyone(vec![])), clash]).await;
    assert!(matches!(refused, Err(OncallError::OverrideExists { .. })), "{refused:?}");
    assert_eq!(store.overrides("shop").await.unwrap().len(), 2);
    assert!(store.remove_override("shop", &group.id).await.unwrap());
    assert!(!store.remove_override("shop", &group.id).await.unwrap());
    assert_eq!(store.overrides("shop").await.unwrap(), [swap]);
}

struct Everybody;

impl Directory for Everybody {
    fn reach(&self, target: &Target, _: Timestamp) -> Reach {
        Reach::People(vec![PersonId::new(target.name.as_str())])
    }

    fn contacts(&self, _: &PersonId, _: Urgency) -> Vec<Contact> {
        let after = |secs| Duration::from_secs(secs);
        vec![
            Contact { after: after(0), channel: "chat".to_owned() },
            Contact { after: after(120), channel: "sms".to_owned() },
        ]
    }
}

fn policy(version: u64) -> EscalationPolicy {
    let first = Step {
        name: "first".to_owned(),
        targets: TargetKind::ALL
            .map(|kind| Target {
                with: if kind == TargetKind::Action { r#"{"count":2}"#.to_owned() } else { String::new() },
                ..Target::new(kind, format!("a {}", kind.as_str()))
            })
            .to_vec(),
        timeout: Some(Duration::from_secs(90)),
        condition: Condition {
            levels: vec![Level::P0, Level::P1],
            daily: Some(DailyTime::every_day(Zone::get("Asia/Taipei").expect("a zone"), 0, 86_400)),
            alerts_min: Some(1),
        },
        round_robin: true,
    };
    let last = Step {
        name: "last".to_owned(),
        targets: vec![Target::new(TargetKind::Person, "boss")],
        timeout: None,
        condition: Condition::default(),
        round_robin: false,
    };
    let unack_after = Some(Duration::from_secs(1_800));
    EscalationPolicy { name: "shop".to_owned(), version, steps: vec![first, last], repeat: 1, unack_after }
}

fn escalation(incident: &str) -> Escalation {
    Escalation::new(incident, policy(1), Level::P0, 3, NOW)
}

async fn every_state_of_an_escalation_comes_back(store: &dyn OncallRepository) {
    let new = escalation("INC-2026-0001");
    store.start(&[new], NOW).await.unwrap();
    let hold = Hold::Maintenance("db".to_owned());
    let events = [
        Event::Started,
        Event::PolicyAdopted(policy(2).into()),
        Event::Held { until: NOW + Duration::from_secs(60), why: hold },
        Event::HoldEnded,
        Event::Held { until: NOW + Duration::from_secs(60), why: Hold::Silence("s".to_owned()) },
        Event::HoldEnded,
        Event::Held { until: NOW + Duration::from_secs(60), why: Hold::Explained("a needs b".to_owned()) },
        Event::HoldEnded,
        Event::Acked { by: "ann".to_owned() },
        Event::Unacked { by: "ann".to_owned() },
        Event::Escalated { by: "ann".to_owned() },
        Event::Escalated { by: "ann".to_owned() },
        Event::Escalated { by: "ann".to_owned() },
        Event::Escalated { by: "ann".to_owned() },
        Event::Merged { into: "INC-2026-0002".to_owned() },
        Event::Reopened,
        Event::Cancelled,
        Event::Reopened,
        Event::Resolved,
    ];
    let (mut version, mut phases) = (1, std::collections::BTreeSet::new());
    for event in events {
        let stored = store.escalation("INC-2026-0001").await.unwrap().expect("it is kept");
        assert_eq!(stored.version, version);
        let decision = decide(&stored.state, &event, NOW, &Everybody);
        phases.insert(decision.state.phase.as_str());
        version =
            save(store, &decision.state, version, &decision.orders).await.expect("nobody else moved it");
        let again = store.escalation("INC-2026-0001").await.unwrap().expect("it is kept");
        assert_eq!(again.state, decision.state, "after {event:?}");
    }
    assert_eq!(
        phases.into_iter().collect::<Vec<_>>(),
        ["acknowledged", "exhausted", "held", "over", "waiting"]
    );
    assert_eq!(store.open_escalations().await.unwrap(), []);
    assert_eq!(store.escalation("INC-2026-0009").await.unwrap(), None);
}

async fn a_stale_change_is_refused_with_its_orders(store: &dyn OncallRepository) {
    let decision = decide(&escalation("INC-2026-0003"), &Event::Started, NOW, &Everybody);
    let kept = store.start(std::slice::from_ref(&decision.state), NOW).await.unwrap();
    let other = Escalation { alerts: 9, ..decision.state.clone() };
    assert_eq!(store.start(&[other], NOW).await.unwrap(), kept, "what is there already stays");
    assert_eq!(save(store, &decision.state, 1, &[]).await, Some(2));
    assert_eq!(save(store, &decision.state, 1, &decision.orders).await, None);
    assert_eq!(store.pending_orders(100).await.unwrap(), [], "nothing of a refused change is kept");
    let unknown = escalation("INC-2026-0004");
    assert_eq!(save(store, &unknown, 1, &decision.orders).await, None);
    assert_eq!(store.pending_orders(100).await.unwrap(), []);
    assert_eq!(store.open_escalations().await.unwrap().len(), 1);
}

/// One refused move leaves the others of the same write alone.
async fn many_move_together(store: &dyn OncallRepository) {
    let new = ["INC-2026-0006", "INC-2026-0007", "INC-2026-0008"].map(escalation);
    let kept = store.start(&new, NOW).await.unwrap();
    let named: Vec<_> = kept.iter().map(|stored| (stored.state.incident.as_str(), stored.version)).collect();
    assert_eq!(named, [("INC-2026-0006", 1), ("INC-2026-0007", 1), ("INC-2026-0008", 1)]);
    let turns: Vec<_> = kept.iter().map(|stored| stored.state.turn).collect();
    assert_eq!(turns, [0, 1, 2], "one policy, one turn after another");
    let moves: Vec<Move> = kept
        .iter()
        .zip([1, 7, 1])
        .map(|(stored, version)| {
            let decision = decide(&stored.state, &Event::Started, NOW, &Everybody);
            Move { state: decision.state, version, orders: decision.orders }
        })
        .collect();
    assert_eq!(store.save(&moves, NOW).await.unwrap(), [Some(2), None, Some(2)]);
    let pending = store.pending_orders(100).await.unwrap();
    assert_eq!(pending.len(), moves[0].orders.len() + moves[2].orders.len());
    assert!(pending.iter().all(|order| order.incident != "INC-2026-0007"));
    let keys: Vec<String> = pending.iter().map(|order| order.key.clone()).collect();
    store.orders_done(&keys, NOW).await.unwrap();
    assert_eq!(store.pending_orders(100).await.unwrap(), []);
}

async fn save(
    store: &dyn OncallRepository,
    state: &Escalation,
    version: u64,
    orders: &[Order],
) -> Option<u64> {
    let one = Move { state: state.clone(), version, orders: orders.to_vec() };
    store.save(&[one], NOW).await.unwrap()[0]
}

async fn orders_are_kept_once_and_until_done(store: &dyn OncallRepository) {
    let decision = decide(&escalation("INC-2026-0005"), &Event::Started, NOW, &Everybody);
    assert!(decision.orders.len() >= 3, "a person, a webhook and an action");
    store.start(std::slice::from_ref(&decision.state), NOW).await.unwrap();
    for version in [1, 2] {
        assert_eq!(save(store, &decision.state, version, &decision.orders).await, Some(version + 1));
    }
    let pending = store.pending_orders(100).await.unwrap();
    let keys: Vec<_> = pending.iter().map(|order| (order.key.clone(), order.what.clone())).collect();
    let given: Vec<_> = decision.orders.iter().map(|order| (order.key.clone(), order.what.clone())).collect();
    assert_eq!(keys, given, "each once, in order");
    assert_eq!(pending[0].reason, decision.orders[0].reason.to_string());
    assert_eq!(store.pending_orders(1).await.unwrap().len(), 1);
    for _ in 0..2 {
        store.orders_done(std::slice::from_ref(&pending[0].key), NOW).await.unwrap();
    }
    assert_eq!(store.pending_orders(100).await.unwrap(), pending[1..]);
    let all = store.orders_of(&pending[0].incident).await.unwrap();
    assert_eq!(all.iter().filter(|record| record.done_at.is_none()).count(), pending.len() - 1);
    let done: Vec<_> = all.into_iter().filter(|record| record.done_at == Some(NOW)).collect();
    assert_eq!(done.iter().map(|record| &record.order).collect::<Vec<_>>(), [&pending[0]]);
    assert_eq!(store.orders_done_since(NOW).await.unwrap(), done);
    assert_eq!(store.orders_done_since(NOW + Duration::from_nanos(1)).await.unwrap(), []);
}

async fn silences_and_notices(store: &dyn OncallRepository) {
    let silence = Silence {
        id: SilenceId("s1".to_owned()),
        filter: Filter::parse("service.name: (a or b) and not host ~ /^x/").expect("a filter"),
        range: TimeRange::new(NOW, NOW + Duration::from_secs(60)),
        author: "lin".to_owned(),
        reason: "測試".to_owned(),
        created_at: NOW,
        matched_at: Some(NOW),
        noticed_at: None,
    };
    store.put_silence(&silence).await.unwrap();
    let changed = Silence { noticed_at: Some(NOW), ..silence };
    store.put_silence(&changed).await.unwrap();
    assert_eq!(store.silences().await.unwrap(), [changed]);
    assert!(store.remove_silence("s1").await.unwrap() && !store.remove_silence("s1").await.unwrap());

    assert!(store.tell_once("shop/ann", NOW).await.unwrap());
    assert!(!store.tell_once("shop/ann", NOW).await.unwrap());
}

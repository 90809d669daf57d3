//! The persisted form of escalations, orders and overrides: JSON, tagged with its version. What is read back is what was
//! written; a form that this version does not know is an error, not a guess.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;
use nines_oncall::escalation::{
    Call, Condition, Contact, DailyTime, Escalation, EscalationPolicy, Hold, Over, Phase, Step, Target,
    TargetKind, Urgency, What,
};
use nines_oncall::{Change, PersonId, Weekdays, Window, Zone};
use serde::{Deserialize, Serialize};

type Parsed<T> = Result<T, String>;

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum Versioned<T> {
    #[serde(rename = "1")]
    V1(T),
}

fn write<T: Serialize>(value: T) -> String {
    serde_json::to_string(&Versioned::V1(value)).expect("plain data always becomes JSON")
}

fn read<T: for<'a> Deserialize<'a>>(text: &str) -> Parsed<T> {
    match serde_json::from_str(text) {
        Ok(Versioned::V1(value)) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Serialize, Deserialize)]
struct EscalationV1 {
    incident: String,
    policy: PolicyV1,
    adopted: Option<PolicyV1>,
    level: String,
    alerts: u32,
    phase: PhaseV1,
    round: u8,
    step: usize,
    next: usize,
    reached: bool,
    turn: u64,
    calls: Vec<CallV1>,
    orders: u64,
    #[serde(default)]
    seen: u64,
}

#[derive(Serialize, Deserialize)]
struct PolicyV1 {
    name: String,
    version: u64,
    steps: Vec<StepV1>,
    repeat: u8,
    unack_after_ns: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StepV1 {
    name: String,
    /// Kind and name.
    targets: Vec<(String, String)>,
    /// The values of actions, by the number of their target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    with: Vec<(usize, String)>,
    timeout_ns: Option<u64>,
    levels: Vec<String>,
    daily: Option<DailyV1>,
    alerts_min: Option<u32>,
    round_robin: bool,
}

#[derive(Serialize, Deserialize)]
struct DailyV1 {
    zone: String,
    /// Monday is 0.
    weekdays: Vec<u8>,
    from_secs: u32,
    to_secs: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PhaseV1 {
    New { since: i64 },
    Waiting { since: i64, until: i64 },
    Acked { by: String, at: i64, unack_at: Option<i64> },
    HeldByMaintenance { until: i64, name: String },
    HeldBySilence { until: i64, name: String },
    HeldByCause { until: i64, why: String },
    Exhausted { at: i64, alerts: u32 },
    Resolved { at: i64 },
    Cancelled { at: i64 },
    Merged { at: i64, into: String },
}

#[derive(Serialize, Deserialize)]
struct CallV1 {
    person: String,
    since: i64,
    /// Nanoseconds after the start, and the channel.
    contacts: Vec<(u64, String)>,
    next: usize,
    failed: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhatV1 {
    Send {
        person: String,
        channel: String,
        urgency: UrgencyV1,
    },
    Ticket {
        person: String,
    },
    Webhook {
        name: String,
    },
    Action {
        name: String,
        #[serde(default)]
        with: String,
        #[serde(default)]
        step: String,
        #[serde(default)]
        once: String,
        #[serde(default)]
        policy_version: u64,
    },
    FirstLine {},
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UrgencyV1 {
    High,
    Low,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeV1 {
    Everyone { people: Vec<String> },
    Instead { of: String, by: String },
}

pub(super) fn write_escalation(state: &Escalation) -> String {
    write(EscalationV1 {
        incident: state.incident.clone(),
        policy: policy_v1(&state.policy),
        adopted: state.adopted.as_deref().map(policy_v1),
        level: state.level.as_str().to_owned(),
        alerts: state.alerts,
        phase: phase_v1(&state.phase),
        round: state.round,
        step: state.step,
        next: state.next,
        reached: state.reached,
        turn: state.turn,
        calls: state.calls.iter().map(call_v1).collect(),
        orders: state.orders,
        seen: state.seen,
    })
}

pub(super) fn read_escalation(text: &str) -> Parsed<Escalation> {
    let v1: EscalationV1 = read(text)?;
    Ok(Escalation {
        incident: v1.incident,
        policy: Arc::new(policy(v1.policy)?),
        adopted: v1.adopted.map(policy).transpose()?.map(Arc::new),
        level: level(&v1.level)?,
        alerts: v1.alerts,
        phase: phase(v1.phase),
        round: v1.round,
        step: v1.step,
        next: v1.next,
        reached: v1.reached,
        turn: v1.turn,
        calls: v1.calls.into_iter().map(call).collect(),
        orders: v1.orders,
        seen: v1.seen,
    })
}

pub(super) fn write_what(what: &What) -> String {
    let name = |person: &PersonId| person.as_str().to_owned();
    write(match what.clone() {
        What::Send { person, channel, urgency } => {
            let urgency = if urgency == Urgency::High { UrgencyV1::High } else { UrgencyV1::Low };
            WhatV1::Send { person: name(&person), channel, urgency }
        }
        What::Ticket { person } => WhatV1::Ticket { person: name(&person) },
        What::Webhook { name } => WhatV1::Webhook { name },
        What::Action { name, with, step, once, policy_version } => {
            WhatV1::Action { name, with, step, once, policy_version }
        }
        What::FirstLine => WhatV1::FirstLine {},
    })
}

pub(super) fn read_what(text: &str) -> Parsed<What> {
    Ok(match read(text)? {
        WhatV1::Send { person, channel, urgency } => {
            let urgency = if matches!(urgency, UrgencyV1::High) { Urgency::High } else { Urgency::Low };
            What::Send { person: PersonId::new(person), channel, urgency }
        }
        WhatV1::Ticket { person } => What::Ticket { person: PersonId::new(person) },
        WhatV1::Webhook { name } => What::Webhook { name },
        WhatV1::Action { name, with, step, once, policy_version } => {
            What::Action { name, with, step, once, policy_version }
        }
        WhatV1::FirstLine {} => What::FirstLine,
    })
}

pub(super) fn write_change(change: &Change) -> String {
    let name = |person: &PersonId| person.as_str().to_owned();
    write(match change {
        Change::Everyone(people) => ChangeV1::Everyone { people: people.iter().map(name).collect() },
        Change::Instead { of, by } => ChangeV1::Instead { of: name(of), by: name(by) },
    })
}

pub(super) fn read_change(text: &str) -> Parsed<Change> {
    Ok(match read(text)? {
        ChangeV1::Everyone { people } => Change::Everyone(people.into_iter().map(PersonId::new).collect()),
        ChangeV1::Instead { of, by } => Change::Instead { of: PersonId::new(of), by: PersonId::new(by) },
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn level(text: &str) -> Parsed<Level> {
    Level::parse(text).map_err(|error| error.to_string())
}

fn policy_v1(policy: &EscalationPolicy) -> PolicyV1 {
    PolicyV1 {
        name: policy.name.clone(),
        version: policy.version,
        steps: policy.steps.iter().map(step_v1).collect(),
        repeat: policy.repeat,
        unack_after_ns: policy.unack_after.map(nanos),
    }
}

fn policy(v1: PolicyV1) -> Parsed<EscalationPolicy> {
    Ok(EscalationPolicy {
        name: v1.name,
        version: v1.version,
        steps: v1.steps.into_iter().map(step).collect::<Parsed<_>>()?,
        repeat: v1.repeat,
        unack_after: v1.unack_after_ns.map(Duration::from_nanos),
    })
}

fn step_v1(step: &Step) -> StepV1 {
    let target = |target: &Target| (target.kind.as_str().to_owned(), target.name.clone());
    StepV1 {
        name: step.name.clone(),
        targets: step.targets.iter().map(target).collect(),
        with: (step.targets.iter().enumerate())
            .filter(|(_, target)| !target.with.is_empty())
            .map(|(number, target)| (number, target.with.clone()))
            .collect(),
        timeout_ns: step.timeout.map(nanos),
        levels: step.condition.levels.iter().map(|level| level.as_str().to_owned()).collect(),
        daily: step.condition.daily.as_ref().map(|daily| DailyV1 {
            zone: daily.zone.name().to_owned(),
            weekdays: daily.window.weekdays.iter().collect(),
            from_secs: daily.window.from_secs,
            to_secs: daily.window.to_secs,
        }),
        alerts_min: step.condition.alerts_min,
        round_robin: step.round_robin,
    }
}

fn step(v1: StepV1) -> Parsed<Step> {
    let mut with: HashMap<usize, String> = v1.with.into_iter().collect();
    let mut target = |(number, (kind, name)): (usize, (String, String))| {
        let found = TargetKind::ALL.into_iter().find(|known| known.as_str() == kind);
        let kind = found.ok_or_else(|| format!("`{kind}` is no kind of target"))?;
        Ok(Target { kind, name, with: with.remove(&number).unwrap_or_default() })
    };
    let daily = |daily: DailyV1| -> Parsed<DailyTime> {
        let zone = Zone::get(&daily.zone).map_err(|error| error.to_string())?;
        let weekdays = Weekdays::of(daily.weekdays);
        Ok(DailyTime {
            zone,
            window: Window { weekdays, from_secs: daily.from_secs, to_secs: daily.to_secs },
        })
    };
    Ok(Step {
        name: v1.name,
        targets: v1.targets.into_iter().enumerate().map(&mut target).collect::<Parsed<_>>()?,
        timeout: v1.timeout_ns.map(Duration::from_nanos),
        condition: Condition {
            levels: v1.levels.iter().map(|text| level(text)).collect::<Parsed<_>>()?,
            daily: v1.daily.map(daily).transpose()?,
            alerts_min: v1.alerts_min,
        },
        round_robin: v1.round_robin,
    })
}

fn phase_v1(phase: &Phase) -> PhaseV1 {
    match phase.clone() {
        Phase::New { since } => PhaseV1::New { since: since.as_nanos() },
        Phase::Waiting { since, until } => {
            PhaseV1::Waiting { since: since.as_nanos(), until: until.as_nanos() }
        }
        Phase::Acked { by, at, unack_at } => {
            PhaseV1::Acked { by, at: at.as_nanos(), unack_at: unack_at.map(Timestamp::as_nanos) }
        }
        Phase::Held { until, why: Hold::Maintenance(name) } => {
            PhaseV1::HeldByMaintenance { until: until.as_nanos(), name }
        }
        Phase::Held { until, why: Hold::Silence(name) } => {
            PhaseV1::HeldBySilence { until: until.as_nanos(), name }
        }
        Phase::Held { until, why: Hold::Explained(why) } => {
            PhaseV1::HeldByCause { until: until.as_nanos(), why }
        }
        Phase::Exhausted { at, alerts } => PhaseV1::Exhausted { at: at.as_nanos(), alerts },
        Phase::Over { at, how } => {
            let at = at.as_nanos();
            match how {
                Over::Resolved => PhaseV1::Resolved { at },
                Over::Cancelled => PhaseV1::Cancelled { at },
                Over::MergedInto(into) => PhaseV1::Merged { at, into },
            }
        }
    }
}

fn phase(v1: PhaseV1) -> Phase {
    let at = Timestamp::from_nanos;
    let over = |when, how| Phase::Over { at: at(when), how };
    match v1 {
        PhaseV1::New { since } => Phase::New { since: at(since) },
        PhaseV1::Waiting { since, until } => Phase::Waiting { since: at(since), until: at(until) },
        PhaseV1::Acked { by, at: when, unack_at } => {
            Phase::Acked { by, at: at(when), unack_at: unack_at.map(at) }
        }
        PhaseV1::HeldByMaintenance { until, name } => {
            Phase::Held { until: at(until), why: Hold::Maintenance(name) }
        }
        PhaseV1::HeldBySilence { until, name } => Phase::Held { until: at(until), why: Hold::Silence(name) },
        PhaseV1::HeldByCause { until, why } => Phase::Held { until: at(until), why: Hold::Explained(why) },
        PhaseV1::Exhausted { at: when, alerts } => Phase::Exhausted { at: at(when), alerts },
        PhaseV1::Resolved { at } => over(at, Over::Resolved),
        PhaseV1::Cancelled { at } => over(at, Over::Cancelled),
        PhaseV1::Merged { at, into } => over(at, Over::MergedInto(into)),
    }
}

fn call_v1(call: &Call) -> CallV1 {
    let contact = |contact: &Contact| (nanos(contact.after), contact.channel.clone());
    CallV1 {
        person: call.person.as_str().to_owned(),
        since: call.since.as_nanos(),
        contacts: call.contacts.iter().map(contact).collect(),
        next: call.next,
        failed: call.failed,
    }
}

fn call(v1: CallV1) -> Call {
    let contact = |(after, channel)| Contact { after: Duration::from_nanos(after), channel };
    Call {
        person: PersonId::new(v1.person),
        since: Timestamp::from_nanos(v1.since),
        contacts: v1.contacts.into_iter().map(contact).collect(),
        next: v1.next,
        failed: v1.failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of version 1 that is kept for ever: what was written once must be readable.
    #[test]
    fn what_version_1_wrote_is_read() {
        let text = r#"{"v":"1","incident":"INC-2026-0001","policy":{"name":"shop","version":1,"steps":[{"name":"first",
            "targets":[["person","ann"]],"timeout_ns":90000000000,"levels":["P0"],"daily":{"zone":"Asia/Taipei",
            "weekdays":[0,6],"from_secs":0,"to_secs":86400},"alerts_min":2,"round_robin":true}],"repeat":1,
            "unack_after_ns":null},"adopted":null,"level":"P0","alerts":1,"phase":{"waiting":{"since":1,"until":2}},
            "round":0,"step":0,"next":1,"reached":true,"turn":3,"calls":[{"person":"ann","since":1,
            "contacts":[[0,"chat"]],"next":1,"failed":0}],"orders":1}"#;
        let state = read_escalation(text).unwrap();
        assert_eq!(state.policy.steps[0].timeout, Some(Duration::from_secs(90)));
        assert_eq!(read_escalation(&write_escalation(&state)), Ok(state));
        assert!(read_escalation(&text.replace(r#""v":"1""#, r#""v":"2""#)).is_err());
        assert!(read_escalation(&text.replace("Asia/Taipei", "Asia/Atlantis")).is_err());
        assert_eq!(read_what(r#"{"v":"1","first_line":{}}"#), Ok(What::FirstLine));
        let action = read_what(r#"{"v":"1","action":{"name":"x"}}"#).unwrap();
        assert_eq!(read_what(&write_what(&action)), Ok(action));
    }
}

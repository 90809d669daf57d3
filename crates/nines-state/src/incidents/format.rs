//! Incidents as they are stored: JSON tagged with the version of its format. A sample of each version is kept in
//! `tests/formats/`, and every version is read for ever; the newest is written.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::{
    AlertLink, Approval, ApprovalRole, Audience, Class, Confirmation, EffectKind, Incident, IncidentId,
    Intake, Level, Marks, Origin, Promise, PromiseRecord, Proposal, RepositoryError, Role, State, Text,
    Update,
};
use nines_model::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rows::corrupt;

type Result<T, E = RepositoryError> = std::result::Result<T, E>;

/// Nanoseconds since the Unix epoch.
type Instant = i64;

#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Stored<V1> {
    #[serde(rename = "1")]
    V1(V1),
}

#[derive(Serialize, Deserialize)]
struct IncidentV1 {
    id: String,
    version: u64,
    entries: u64,
    title: String,
    state: String,
    class: String,
    preliminary_level: String,
    confirmation: Option<ConfirmationV1>,
    proposal: Option<ProposalV1>,
    intake: IntakeV1,
    services: Vec<String>,
    origin: OriginV1,
    reported_at: Instant,
    marks: MarksV1,
    roles: BTreeMap<String, String>,
    alerts: Vec<AlertLinkV1>,
    alerts_unlinked: u32,
    promise: Option<PromiseV1>,
    promises: PromiseRecordV1,
    updates: u32,
    last_update_at: Option<Instant>,
    merged_into: Option<String>,
    is_drill: bool,
}

#[derive(Serialize, Deserialize)]
struct ConfirmationV1 {
    level: String,
    by: String,
    at: Instant,
}

#[derive(Serialize, Deserialize)]
struct ProposalV1 {
    level: String,
    alert_id: String,
    at: Instant,
}

#[derive(Serialize, Deserialize)]
struct IntakeV1 {
    service: String,
    scope: String,
    status: String,
    started_at: Instant,
    progress: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OriginV1 {
    Person(String),
    Alert(String),
}

#[derive(Serialize, Deserialize)]
struct MarksV1 {
    fault_start: Instant,
    detected: Instant,
    acked: Option<Instant>,
    confirmed: Option<Instant>,
    mitigated: Option<Instant>,
    resolved: Option<Instant>,
    reviewed: Option<Instant>,
}

#[derive(Serialize, Deserialize)]
struct AlertLinkV1 {
    alert_id: String,
    rule: String,
    service: String,
    level: String,
    joined_at: Instant,
    resolved_at: Option<Instant>,
}

#[derive(Serialize, Deserialize)]
struct PromiseV1 {
    level: String,
    armed_at: Instant,
    due_at: Instant,
    cadence_ns: u64,
    nudged_at: Option<Instant>,
    misses: u32,
}

#[derive(Serialize, Deserialize)]
struct PromiseRecordV1 {
    kept: u32,
    missed: u32,
    streak: u32,
    late_updates: u32,
    lateness_total_ns: u64,
    lateness_max_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct UpdateV1 {
    number: u32,
    text: String,
    intake: IntakeV1,
    next_update_at: Instant,
    level: String,
    audiences: Vec<String>,
    approvals: Vec<(String, String)>,
    posted_at: Instant,
    by: String,
    due_at: Instant,
    lateness_ns: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EffectV1 {
    Opened,
    LevelChanged,
    StateChanged { state: String },
    UpdatePosted { number: u32 },
    Nudge { due_at: Instant },
    Overdue { due_at: Instant, misses: u32 },
    Escalation { streak: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TextV1 {
    Phrase { phrase: String, params: Vec<(String, String)> },
    Plain { plain: String },
}

pub(super) fn encode_incident(incident: &Incident) -> Result<String> {
    let marks = &incident.marks;
    encode(&Stored::V1(IncidentV1 {
        id: incident.id.to_string(),
        version: incident.version,
        entries: incident.entries,
        title: incident.title.clone(),
        state: incident.state.as_str().to_owned(),
        class: incident.class.as_str().to_owned(),
        preliminary_level: incident.preliminary_level.as_str().to_owned(),
        confirmation: incident.confirmation.as_ref().map(|confirmation| ConfirmationV1 {
            level: confirmation.level.as_str().to_owned(),
            by: confirmation.by.clone(),
            at: confirmation.at.as_nanos(),
        }),
        proposal: incident.proposal.as_ref().map(|proposal| ProposalV1 {
            level: proposal.level.as_str().to_owned(),
            alert_id: proposal.alert_id.clone(),
            at: proposal.at.as_nanos(),
        }),
        intake: from_intake(&incident.intake),
        services: incident.services.clone(),
        origin: match &incident.origin {
            Origin::Person(name) => OriginV1::Person(name.clone()),
            Origin::Alert(id) => OriginV1::Alert(id.clone()),
        },
        reported_at: incident.reported_at.as_nanos(),
        marks: MarksV1 {
            fault_start: marks.fault_start.as_nanos(),
            detected: marks.detected.as_nanos(),
            acked: marks.acked.map(Timestamp::as_nanos),
            confirmed: marks.confirmed.map(Timestamp::as_nanos),
            mitigated: marks.mitigated.map(Timestamp::as_nanos),
            resolved: marks.resolved.map(Timestamp::as_nanos),
            reviewed: marks.reviewed.map(Timestamp::as_nanos),
        },
        roles: incident.roles.iter().map(|(role, name)| (role.as_str().to_owned(), name.clone())).collect(),
        alerts: incident.alerts.iter().map(from_alert).collect(),
        alerts_unlinked: incident.alerts_unlinked,
        promise: incident.promise.as_ref().map(|promise| PromiseV1 {
            level: promise.level.as_str().to_owned(),
            armed_at: promise.armed_at.as_nanos(),
            due_at: promise.due_at.as_nanos(),
            cadence_ns: nanos(promise.cadence),
            nudged_at: promise.nudged_at.map(Timestamp::as_nanos),
            misses: promise.misses,
        }),
        promises: PromiseRecordV1 {
            kept: incident.promises.kept,
            missed: incident.promises.missed,
            streak: incident.promises.streak,
            late_updates: incident.promises.late_updates,
            lateness_total_ns: nanos(incident.promises.lateness_total),
            lateness_max_ns: nanos(incident.promises.lateness_max),
        },
        updates: incident.updates,
        last_update_at: incident.last_update_at.map(Timestamp::as_nanos),
        merged_into: incident.merged_into.map(|id| id.to_string()),
        is_drill: incident.is_drill,
    }))
}

pub(super) fn decode_incident(text: &str, revision: u64) -> Result<Incident> {
    let Stored::V1(stored) = decode::<Stored<IncidentV1>>("an incident", text)?;
    let marks = stored.marks;
    Ok(Incident {
        id: id(&stored.id)?,
        version: stored.version,
        revision,
        entries: stored.entries,
        title: stored.title,
        state: State::parse(&stored.state).map_err(|error| corrupt("an incident's state", error))?,
        class: Class::parse(&stored.class).map_err(|error| corrupt("an incident's class", error))?,
        preliminary_level: level(&stored.preliminary_level)?,
        confirmation: match stored.confirmation {
            Some(it) => Some(Confirmation { level: level(&it.level)?, by: it.by, at: instant(it.at) }),
            None => None,
        },
        proposal: match stored.proposal {
            Some(it) => {
                Some(Proposal { level: level(&it.level)?, alert_id: it.alert_id, at: instant(it.at) })
            }
            None => None,
        },
        intake: to_intake(stored.intake),
        services: stored.services,
        origin: match stored.origin {
            OriginV1::Person(name) => Origin::Person(name),
            OriginV1::Alert(id) => Origin::Alert(id),
        },
        reported_at: instant(stored.reported_at),
        marks: Marks {
            fault_start: instant(marks.fault_start),
            detected: instant(marks.detected),
            acked: marks.acked.map(instant),
            confirmed: marks.confirmed.map(instant),
            mitigated: marks.mitigated.map(instant),
            resolved: marks.resolved.map(instant),
            reviewed: marks.reviewed.map(instant),
        },
        roles: stored
            .roles
            .into_iter()
            .map(|(role, name)| Ok((Role::parse(&role).map_err(|error| corrupt("a role", error))?, name)))
            .collect::<Result<_>>()?,
        alerts: stored.alerts.into_iter().map(to_alert).collect::<Result<_>>()?,
        alerts_unlinked: stored.alerts_unlinked,
        promise: match stored.promise {
            Some(it) => Some(Promise {
                level: level(&it.level)?,
                armed_at: instant(it.armed_at),
                due_at: instant(it.due_at),
                cadence: Duration::from_nanos(it.cadence_ns),
                nudged_at: it.nudged_at.map(instant),
                misses: it.misses,
            }),
            None => None,
        },
        promises: PromiseRecord {
            kept: stored.promises.kept,
            missed: stored.promises.missed,
            streak: stored.promises.streak,
            late_updates: stored.promises.late_updates,
            lateness_total: Duration::from_nanos(stored.promises.lateness_total_ns),
            lateness_max: Duration::from_nanos(stored.promises.lateness_max_ns),
        },
        updates: stored.updates,
        last_update_at: stored.last_update_at.map(instant),
        merged_into: stored.merged_into.as_deref().map(id).transpose()?,
        is_drill: stored.is_drill,
    })
}

pub(super) fn encode_update(update: &Update) -> Result<String> {
    encode(&Stored::V1(UpdateV1 {
        number: update.number,
        text: update.text.clone(),
        intake: from_intake(&update.intake),
        next_update_at: update.next_update_at.as_nanos(),
        level: update.level.as_str().to_owned(),
        audiences: update.audiences.iter().map(|audience| audience.as_str().to_owned()).collect(),
        approvals: update
            .approvals
            .iter()
            .map(|approval| (approval.role.as_str().to_owned(), approval.by.clone()))
            .collect(),
        posted_at: update.posted_at.as_nanos(),
        by: update.by.clone(),
        due_at: update.due_at.as_nanos(),
        lateness_ns: nanos(update.lateness),
    }))
}

pub(super) fn decode_update(text: &str, incident: IncidentId) -> Result<Update> {
    let Stored::V1(stored) = decode::<Stored<UpdateV1>>("an update", text)?;
    let level = level(&stored.level)?;
    let audience =
        |text: &String| Audience::parse(text).map_err(|error| corrupt("an update's audience", error));
    let approval = |(role, by): (String, String)| {
        let role = ApprovalRole::parse(&role).map_err(|error| corrupt("an update's approval", error))?;
        Ok(Approval { role, by })
    };
    Ok(Update {
        incident,
        number: stored.number,
        text: stored.text,
        intake: to_intake(stored.intake),
        next_update_at: instant(stored.next_update_at),
        level,
        channel: level.channel(),
        audiences: stored.audiences.iter().map(audience).collect::<Result<_>>()?,
        approvals: stored.approvals.into_iter().map(approval).collect::<Result<_>>()?,
        posted_at: instant(stored.posted_at),
        by: stored.by,
        due_at: instant(stored.due_at),
        lateness: Duration::from_nanos(stored.lateness_ns),
    })
}

pub(super) fn encode_effect(kind: &EffectKind) -> Result<String> {
    encode(&Stored::V1(match kind {
        EffectKind::Opened => EffectV1::Opened,
        EffectKind::LevelChanged => EffectV1::LevelChanged,
        EffectKind::StateChanged { state } => EffectV1::StateChanged { state: state.as_str().to_owned() },
        EffectKind::UpdatePosted { number } => EffectV1::UpdatePosted { number: *number },
        EffectKind::Nudge { due_at } => EffectV1::Nudge { due_at: due_at.as_nanos() },
        EffectKind::Overdue { due_at, misses } => {
            EffectV1::Overdue { due_at: due_at.as_nanos(), misses: *misses }
        }
        EffectKind::Escalation { streak } => EffectV1::Escalation { streak: *streak },
    }))
}

pub(super) fn decode_effect(text: &str) -> Result<EffectKind> {
    let Stored::V1(stored) = decode::<Stored<EffectV1>>("an effect", text)?;
    Ok(match stored {
        EffectV1::Opened => EffectKind::Opened,
        EffectV1::LevelChanged => EffectKind::LevelChanged,
        EffectV1::StateChanged { state } => EffectKind::StateChanged {
            state: State::parse(&state).map_err(|error| corrupt("an effect's state", error))?,
        },
        EffectV1::UpdatePosted { number } => EffectKind::UpdatePosted { number },
        EffectV1::Nudge { due_at } => EffectKind::Nudge { due_at: instant(due_at) },
        EffectV1::Overdue { due_at, misses } => EffectKind::Overdue { due_at: instant(due_at), misses },
        EffectV1::Escalation { streak } => EffectKind::Escalation { streak },
    })
}

pub(super) fn encode_text(text: &Text) -> Result<String> {
    encode(&match text {
        Text::Plain(plain) => TextV1::Plain { plain: plain.clone() },
        Text::Phrase { key, params } => TextV1::Phrase { phrase: key.clone(), params: params.clone() },
    })
}

pub(super) fn decode_text(text: &str) -> Result<Text> {
    Ok(match decode("a timeline entry's text", text)? {
        TextV1::Plain { plain } => Text::Plain(plain),
        TextV1::Phrase { phrase, params } => Text::Phrase { key: phrase, params },
    })
}

fn encode<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| corrupt("what was to be stored", error))
}

fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

fn from_intake(intake: &Intake) -> IntakeV1 {
    IntakeV1 {
        service: intake.service.clone(),
        scope: intake.scope.clone(),
        status: intake.status.clone(),
        started_at: intake.started_at.as_nanos(),
        progress: intake.progress.clone(),
    }
}

fn to_intake(stored: IntakeV1) -> Intake {
    Intake {
        service: stored.service,
        scope: stored.scope,
        status: stored.status,
        started_at: instant(stored.started_at),
        progress: stored.progress,
    }
}

fn from_alert(alert: &AlertLink) -> AlertLinkV1 {
    AlertLinkV1 {
        alert_id: alert.alert_id.clone(),
        rule: alert.rule.clone(),
        service: alert.service.clone(),
        level: alert.level.as_str().to_owned(),
        joined_at: alert.joined_at.as_nanos(),
        resolved_at: alert.resolved_at.map(Timestamp::as_nanos),
    }
}

fn to_alert(stored: AlertLinkV1) -> Result<AlertLink> {
    Ok(AlertLink {
        level: level(&stored.level)?,
        alert_id: stored.alert_id,
        rule: stored.rule,
        service: stored.service,
        joined_at: instant(stored.joined_at),
        resolved_at: stored.resolved_at.map(instant),
    })
}

fn instant(nanos: Instant) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn level(text: &str) -> Result<Level> {
    Level::parse(text).map_err(|error| corrupt("an incident's level", error))
}

fn id(text: &str) -> Result<IncidentId> {
    text.parse().map_err(|error: nines_incidents::ParseIncidentIdError| corrupt("an incident's id", error))
}

//! Tracks, alerts and transitions as rows.

use std::time::Duration;

use nines_alerting::{AlertId, Condition, ConditionKind, OpenAlert, Phase, Severity, Track, TransitionKind};
use nines_model::Timestamp;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Step, StoredAlert, StoredTransition};
use crate::StateError;

fn wrong(what: &'static str, reason: impl Into<String>) -> StateError {
    StateError::Row { what, reason: reason.into() }
}

fn get<'r, T>(row: &'r SqliteRow, column: &'static str) -> Result<T, StateError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|error| wrong(column, error.to_string()))
}

fn word<T>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StateError> {
    let text: String = get(row, column)?;
    parse(&text).ok_or_else(|| wrong(column, format!("`{text}` is not known to this version")))
}

fn instant(row: &SqliteRow, column: &'static str) -> Result<Timestamp, StateError> {
    get(row, column).map(Timestamp::from_nanos)
}

fn instant_or_none(row: &SqliteRow, column: &'static str) -> Result<Option<Timestamp>, StateError> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_nanos))
}

pub(super) fn track_of(row: &SqliteRow) -> Result<Track, StateError> {
    let changes: String = get(row, "changes")?;
    let changes: Vec<i64> =
        serde_json::from_str(&changes).map_err(|error| wrong("changes", error.to_string()))?;
    let has_alert = get::<Option<String>>(row, "id")?.is_some();
    Ok(Track {
        slo: get(row, "track_slo")?,
        phase: word(row, "phase", Phase::parse)?,
        pending_since: instant_or_none(row, "pending_since")?,
        alert: has_alert.then(|| open_alert_of(row)).transpose()?,
        changes: changes.into_iter().map(Timestamp::from_nanos).collect(),
        evaluated_at: instant_or_none(row, "evaluated_at")?,
    })
}

fn open_alert_of(row: &SqliteRow) -> Result<OpenAlert, StateError> {
    Ok(OpenAlert {
        id: AlertId(get(row, "id")?),
        started_at: instant(row, "started_at")?,
        detected_at: instant(row, "detected_at")?,
        resolved_at: instant_or_none(row, "resolved_at")?,
        severity: word(row, "severity", Severity::parse)?,
        severity_max: word(row, "severity_max", Severity::parse)?,
        conditions: conditions_of(&get::<String>(row, "conditions")?)?,
        page_clear_since: instant_or_none(row, "page_clear_since")?,
        clear_since: instant_or_none(row, "clear_since")?,
        flapping: get(row, "flapping")?,
        reopened: get(row, "reopened")?,
        transitions: get(row, "transitions")?,
        budget_left_at_start: get(row, "budget_left_at_start")?,
    })
}

pub(super) fn alert_of(row: &SqliteRow) -> Result<StoredAlert, StateError> {
    Ok(StoredAlert {
        alert: open_alert_of(row)?,
        slo: get(row, "slo")?,
        service: get(row, "service")?,
        owner: get(row, "owner")?,
        fingerprint: get(row, "fingerprint")?,
        title: get(row, "title")?,
        level: get(row, "level")?,
        incident: get(row, "incident_id")?,
        acknowledged_by: get(row, "acknowledged_by")?,
        acknowledged_at: instant_or_none(row, "acknowledged_at")?,
    })
}

pub(super) fn transition_of(row: &SqliteRow) -> Result<StoredTransition, StateError> {
    Ok(StoredTransition {
        alert: AlertId(get(row, "alert_id")?),
        number: get(row, "number")?,
        kind: word(row, "kind", TransitionKind::parse)?,
        at: instant(row, "at")?,
        severity: word(row, "severity", Severity::parse)?,
        reason: get(row, "reason")?,
        message: get(row, "message")?,
    })
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn conditions_text(conditions: &[Condition]) -> String {
    let one = |condition: &Condition| {
        json!({
            "kind": condition.kind.as_str(),
            "name": condition.name,
            "severity": condition.severity.as_str(),
            "threshold": condition.threshold,
            "short_nanos": nanos(condition.short),
            "long_nanos": nanos(condition.long),
        })
    };
    Value::Array(conditions.iter().map(one).collect()).to_string()
}

fn conditions_of(text: &str) -> Result<Vec<Condition>, StateError> {
    let values: Vec<Value> =
        serde_json::from_str(text).map_err(|error| wrong("conditions", error.to_string()))?;
    let one = |value: &Value| {
        Some(Condition {
            kind: ConditionKind::parse(value["kind"].as_str()?)?,
            name: value["name"].as_str()?.to_owned(),
            severity: Severity::parse(value["severity"].as_str()?)?,
            threshold: value["threshold"].as_f64()?,
            short: Duration::from_nanos(value["short_nanos"].as_u64()?),
            long: Duration::from_nanos(value["long_nanos"].as_u64()?),
        })
    };
    let all: Option<Vec<Condition>> = values.iter().map(one).collect();
    all.ok_or_else(|| wrong("conditions", text))
}

pub(super) async fn write_track(connection: &mut SqliteConnection, track: &Track) -> Result<(), StateError> {
    let changes: Vec<i64> = track.changes.iter().map(|at| at.as_nanos()).collect();
    sqlx::query(
        "INSERT INTO tracks (slo, phase, pending_since, alert_id, changes, evaluated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (slo) DO UPDATE SET phase = ?2, pending_since = ?3, alert_id = ?4, changes = ?5, evaluated_at = ?6",
    )
    .bind(&track.slo)
    .bind(track.phase.as_str())
    .bind(track.pending_since.map(Timestamp::as_nanos))
    .bind(track.alert.as_ref().map(|alert| &alert.id.0))
    .bind(Value::from(changes).to_string())
    .bind(track.evaluated_at.map(Timestamp::as_nanos))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("write a track"))
}

/// A step brings new words for people; without one only the machine's part changes.
pub(super) async fn write_alert(
    connection: &mut SqliteConnection,
    track: &Track,
    alert: &OpenAlert,
    step: Option<&Step<'_>>,
) -> Result<(), StateError> {
    let failed = || StateError::query("write an alert");
    if let Some(step) = step {
        let message = step.message;
        sqlx::query(
            "INSERT INTO alerts (id, slo, service, owner, fingerprint, title, level, severity, severity_max, started_at,
                                 detected_at, flapping, reopened, transitions, conditions)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', '', ?8, ?9, 0, 0, 0, '[]')
             ON CONFLICT (id) DO UPDATE SET service = ?3, owner = ?4, title = ?6, level = min(level, ?7)",
        )
        .bind(&alert.id.0)
        .bind(&track.slo)
        .bind(&message.service)
        .bind(&message.owner)
        .bind(&message.fingerprint)
        .bind(&message.title)
        .bind(message.level.as_str())
        .bind(alert.started_at.as_nanos())
        .bind(alert.detected_at.as_nanos())
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    }
    sqlx::query(
        "UPDATE alerts SET severity = ?, severity_max = ?, started_at = ?, detected_at = ?, resolved_at = ?,
                           page_clear_since = ?, clear_since = ?, flapping = ?, reopened = ?, transitions = ?,
                           budget_left_at_start = ?, conditions = ?
         WHERE id = ?",
    )
    .bind(alert.severity.as_str())
    .bind(alert.severity_max.as_str())
    .bind(alert.started_at.as_nanos())
    .bind(alert.detected_at.as_nanos())
    .bind(alert.resolved_at.map(Timestamp::as_nanos))
    .bind(alert.page_clear_since.map(Timestamp::as_nanos))
    .bind(alert.clear_since.map(Timestamp::as_nanos))
    .bind(alert.flapping)
    .bind(alert.reopened)
    .bind(alert.transitions)
    .bind(alert.budget_left_at_start)
    .bind(conditions_text(&alert.conditions))
    .bind(&alert.id.0)
    .execute(&mut *connection)
    .await
    .map(|_| ())
    .map_err(failed())
}

//! Rows of the incident tables and what they mean.

use nines_incidents::{
    Effect, Entry, EntryKind, Incident, IncidentId, PendingEffect, RepositoryError, Source, Update,
};
use nines_model::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{failed, format};

pub(super) fn corrupt(
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RepositoryError {
    RepositoryError::Corrupt { what: what.to_owned(), source: source.into() }
}

pub(super) fn incident_id(row: &SqliteRow) -> Result<IncidentId, RepositoryError> {
    let year =
        u16::try_from(row.get::<i64, _>("year")).map_err(|error| corrupt("an incident's year", error))?;
    let number =
        u32::try_from(row.get::<i64, _>("number")).map_err(|error| corrupt("an incident's number", error))?;
    Ok(IncidentId { year, number })
}

pub(super) fn incident(row: &SqliteRow) -> Result<Incident, RepositoryError> {
    let revision: i64 = row.get("revision");
    format::decode_incident(row.get("body"), revision.cast_unsigned())
}

pub(super) fn update(row: &SqliteRow) -> Result<Update, RepositoryError> {
    format::decode_update(row.get("body"), incident_id(row)?)
}

pub(super) fn effect(row: &SqliteRow) -> Result<PendingEffect, RepositoryError> {
    let effect = Effect {
        key: row.get("key"),
        incident: incident_id(row)?,
        at: Timestamp::from_nanos(row.get("at")),
        kind: format::decode_effect(row.get("body"))?,
    };
    Ok(PendingEffect { sequence: row.get::<i64, _>("sequence").cast_unsigned(), effect })
}

pub(super) fn entry(row: &SqliteRow) -> Result<Entry, RepositoryError> {
    let kind: &str = row.get("kind");
    let source: &str = row.get("source");
    Ok(Entry {
        incident: incident_id(row)?,
        sequence: row.get::<i64, _>("sequence").cast_unsigned(),
        at: Timestamp::from_nanos(row.get("at")),
        recorded_at: Timestamp::from_nanos(row.get("recorded_at")),
        source: Source::parse(source).map_err(|error| corrupt("a timeline entry's source", error))?,
        actor: row.get("actor"),
        kind: EntryKind::parse(kind).map_err(|error| corrupt("a timeline entry's kind", error))?,
        text: format::decode_text(row.get("text"))?,
        link: row.get("link"),
        refers_to: row.get::<Option<i64>, _>("refers_to").map(i64::cast_unsigned),
    })
}

pub(super) async fn insert_entry(write: &mut SqliteConnection, entry: &Entry) -> Result<(), RepositoryError> {
    sqlx::query(
        "INSERT INTO timeline_entries
            (year, number, sequence, at, recorded_at, source, actor, kind, text, link, refers_to)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(i64::from(entry.incident.year))
    .bind(i64::from(entry.incident.number))
    .bind(entry.sequence.cast_signed())
    .bind(entry.at.as_nanos())
    .bind(entry.recorded_at.as_nanos())
    .bind(entry.source.as_str())
    .bind(&entry.actor)
    .bind(entry.kind.as_str())
    .bind(format::encode_text(&entry.text)?)
    .bind(entry.link.as_deref())
    .bind(entry.refers_to.map(u64::cast_signed))
    .execute(write)
    .await
    .map_err(failed("append to a timeline"))?;
    Ok(())
}

//! The audit log in `control.db`.

use async_trait::async_trait;
use nines_access::audit::GENESIS;
use nines_access::{AuditEntry, AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult, Digest};
use nines_model::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "audit",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/audit/0001_audit.sql") },
        Migration { version: 2, sql: include_str!("../migrations/audit/0002_address.sql") },
    ],
};

/// Keeps the audit log in a database that was opened with [`DOMAIN`]. The single writer of the database puts entries
/// in one order.
#[derive(Debug, Clone)]
pub struct SqliteAudit {
    database: Database,
}

impl SqliteAudit {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AuditLog for SqliteAudit {
    async fn append(&self, entry: &AuditEntry) -> Result<AuditRecord, AuditError> {
        const OPERATION: &str = "append to it";
        let mut write = self
            .database
            .write()
            .await
            .map_err(|source| AuditError::Unavailable { operation: OPERATION, source: Box::new(source) })?;
        let last = sqlx::query("SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        let (sequence, previous) = match &last {
            Some(row) => (sequence(row), hash(row)?),
            None => (0, GENESIS),
        };
        let record = entry.chained(sequence + 1, previous);
        sqlx::query(
            "INSERT INTO audit_log (sequence, at, actor, via, action, resource, result, request_id, address, details, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(record.sequence.cast_signed())
        .bind(entry.at.as_nanos())
        .bind(&entry.actor)
        .bind(&entry.via)
        .bind(&entry.action)
        .bind(&entry.resource)
        .bind(entry.result.as_str())
        .bind(&entry.request_id)
        .bind(&entry.address)
        .bind(&entry.details)
        .bind(record.hash.to_hex())
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(record)
    }

    async fn read(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, AuditError> {
        let rows = sqlx::query(
            "SELECT sequence, at, actor, via, action, resource, result, request_id, address, details, hash
             FROM audit_log WHERE sequence > ? ORDER BY sequence LIMIT ?",
        )
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read it"))?;
        rows.iter().map(record).collect()
    }

    /// Text is looked for here and not by SQLite, whose `lower` knows ASCII only.
    async fn find(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AuditError> {
        const PAGE: i64 = 500;
        let mut before = query.before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let mut found = Vec::new();
        loop {
            let rows = sqlx::query(
                "SELECT sequence, at, actor, via, action, resource, result, request_id, address, details, hash
                 FROM audit_log WHERE sequence < ?1 AND (?2 IS NULL OR result = ?2)
                 ORDER BY sequence DESC LIMIT ?3",
            )
            .bind(before)
            .bind(query.result.map(AuditResult::as_str))
            .bind(PAGE)
            .fetch_all(self.database.readers())
            .await
            .map_err(failed("search it"))?;
            let Some(oldest) = rows.last() else { return Ok(found) };
            before = oldest.get("sequence");
            for row in &rows {
                let record = record(row)?;
                if query.admits(&record) {
                    found.push(record);
                    if found.len() >= query.limit as usize {
                        return Ok(found);
                    }
                }
            }
        }
    }
}

fn record(row: &SqliteRow) -> Result<AuditRecord, AuditError> {
    let sequence = sequence(row);
    let entry = AuditEntry {
        at: Timestamp::from_nanos(row.get("at")),
        actor: row.get("actor"),
        via: row.get("via"),
        action: row.get("action"),
        resource: row.get("resource"),
        result: AuditResult::parse(row.get("result")).ok_or(AuditError::Broken { sequence })?,
        request_id: row.get("request_id"),
        address: row.get("address"),
        details: row.get("details"),
    };
    Ok(AuditRecord { sequence, entry, hash: hash(row)? })
}

fn sequence(row: &SqliteRow) -> u64 {
    row.get::<i64, _>("sequence").cast_unsigned()
}

fn hash(row: &SqliteRow) -> Result<Digest, AuditError> {
    Digest::from_hex(row.get("hash")).ok_or_else(|| AuditError::Broken { sequence: sequence(row) })
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> AuditError {
    move |source| {
        let source = Box::new(StateError::Query { operation, source });
        AuditError::Unavailable { operation, source }
    }
}

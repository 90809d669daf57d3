//! Applied documents in `control.db`: promises, rules, channels, as the YAML that people wrote, with every revision
//! ever applied. What a document means is for the part that it configures; here it is text with a kind and a name.
//!
//! Documents of kinds that can hold a token or a password are sealed before they are stored ([`Objects::sealed`]), so
//! that neither the file nor its backups hold one in clear.

use nines_base::ErrorKind;
use nines_model::Timestamp;
use nines_secrets::Sealer;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "objects",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/objects/0001_objects.sql") },
        Migration { version: 2, sql: include_str!("../migrations/objects/0002_sealing.sql") },
    ],
};

/// One applied document. A few KiB of YAML is typical; 256 KiB is far beyond what people write by hand.
pub const OBJECT_BYTES_MAX: usize = 256 * 1024;
/// Documents of one node, deleted ones not counted.
pub const OBJECTS_MAX: usize = 20_000;

/// Kinds that have no place for a secret: stored as they were written, so that people can read the file. Every other
/// kind is sealed, those of later versions too.
const PLAIN_KINDS: [&str; 10] = [
    "AlertCondition",
    "AlertPolicy",
    "TelemetryLimits",
    "MaskingRules",
    "Runbook",
    "Schedule",
    "Service",
    "SLI",
    "SLO",
    "Team",
];

/// Keeps documents in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct Objects {
    database: Database,
    sealer: Option<Sealer>,
}

/// A document as it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub kind: String,
    pub name: String,
    /// From 1, growing by one with each change of this object, deletions included.
    pub revision: u64,
    pub yaml: String,
    pub applied_at: Timestamp,
    pub applied_by: String,
}

/// One line of an object's history; without text where it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRevision {
    pub kind: String,
    pub name: String,
    pub revision: u64,
    pub yaml: Option<String>,
    pub applied_at: Timestamp,
    pub applied_by: String,
}

/// A document to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewObject {
    pub kind: String,
    pub name: String,
    pub yaml: String,
}

/// What applying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Created {
        revision: u64,
    },
    Updated {
        revision: u64,
    },
    /// The same text stood there already: no new revision.
    Unchanged {
        revision: u64,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("{kind} `{name}` has {bytes} bytes, more than {OBJECT_BYTES_MAX}: split it")]
    TooLarge { kind: String, name: String, bytes: usize },
    #[error("there are {OBJECTS_MAX} objects already: delete some first")]
    TooMany,
    #[error("there is no {kind} `{name}`")]
    NotFound { kind: String, name: String },
    #[error(transparent)]
    State(#[from] StateError),
}

impl ObjectsError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::TooMany => ErrorKind::Exhausted,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::State(error) => error.kind(),
        }
    }
}

/// The newest revision of each object that was not deleted.
const LIVING: &str = "
    SELECT kind, name, revision, yaml, applied_at, applied_by FROM object_revisions AS o
    WHERE yaml IS NOT NULL AND revision = (
        SELECT max(revision) FROM object_revisions AS n WHERE n.kind = o.kind AND n.name = o.name)
    ORDER BY kind, name";

impl Objects {
    /// Everything is stored in clear: for tools and tests without a master key.
    pub fn in_clear(database: Database) -> Self {
        Self { database, sealer: None }
    }

    /// Documents that may hold secrets are sealed.
    pub fn sealed(database: Database, sealer: Sealer) -> Self {
        Self { database, sealer: Some(sealer) }
    }

    /// Seals what was stored before there was a key. Gives how many revisions that were. Idempotent.
    pub async fn seal_stored(&self) -> Result<usize, ObjectsError> {
        const OPERATION: &str = "seal stored objects";
        let mut write = self.database.write().await?;
        let rows = sqlx::query("SELECT kind, name, revision, yaml, applied_at, applied_by FROM object_revisions WHERE yaml IS NOT NULL")
            .fetch_all(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        let mut sealed = 0;
        for stored in rows.iter().map(revision) {
            let Some(yaml) = stored.yaml.filter(|yaml| !Sealer::is_sealed(yaml)) else { continue };
            let at_rest = self.at_rest(&stored.kind, &stored.name, &yaml);
            if at_rest == yaml {
                continue;
            }
            sqlx::query("UPDATE object_revisions SET yaml = ? WHERE kind = ? AND name = ? AND revision = ?")
                .bind(at_rest)
                .bind(&stored.kind)
                .bind(&stored.name)
                .bind(stored.revision.cast_signed())
                .execute(&mut *write)
                .await
                .map_err(StateError::query(OPERATION))?;
            sealed += 1;
        }
        write.commit().await.map_err(StateError::query(OPERATION))?;
        Ok(sealed)
    }

    fn at_rest(&self, kind: &str, name: &str, yaml: &str) -> String {
        match &self.sealer {
            Some(sealer) if !PLAIN_KINDS.contains(&kind) => sealer.seal(&format!("{kind}/{name}"), yaml),
            _ => yaml.to_owned(),
        }
    }

    fn opened(&self, stored: ObjectRevision) -> Result<ObjectRevision, StateError> {
        let Some(yaml) = stored.yaml.as_deref().filter(|yaml| Sealer::is_sealed(yaml)) else {
            return Ok(stored);
        };
        let unreadable = |reason: String| StateError::Row { what: "a sealed document", reason };
        let Some(sealer) = &self.sealer else {
            return Err(unreadable("there is no key to open it".to_owned()));
        };
        let yaml = sealer.open(&format!("{}/{}", stored.kind, stored.name), yaml);
        Ok(ObjectRevision { yaml: Some(yaml.map_err(|error| unreadable(error.to_string()))?), ..stored })
    }

    async fn newest(
        &self,
        connection: &mut SqliteConnection,
        kind: &str,
        name: &str,
    ) -> Result<Option<ObjectRevision>, StateError> {
        newest(connection, kind, name).await?.map(|stored| self.opened(stored)).transpose()
    }

    /// Applies all of them or none, in order. Answers one for each.
    pub async fn apply(
        &self,
        objects: &[NewObject],
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<Applied>, ObjectsError> {
        const OPERATION: &str = "apply objects";
        if let Some(large) = objects.iter().find(|object| object.yaml.len() > OBJECT_BYTES_MAX) {
            return Err(ObjectsError::TooLarge {
                kind: large.kind.clone(),
                name: large.name.clone(),
                bytes: large.yaml.len(),
            });
        }
        let mut write = self.database.write().await?;
        let mut applied = Vec::with_capacity(objects.len());
        for object in objects {
            let newest = self.newest(&mut write, &object.kind, &object.name).await?;
            let (revision, was_there) = newest.map_or((0, None), |newest| (newest.revision, newest.yaml));
            if was_there.as_ref() == Some(&object.yaml) {
                applied.push(Applied::Unchanged { revision });
                continue;
            }
            let revision = revision + 1;
            let at_rest = self.at_rest(&object.kind, &object.name, &object.yaml);
            insert(&mut write, &object.kind, &object.name, revision, Some(&at_rest), by, at).await?;
            applied.push(match was_there {
                Some(_) => Applied::Updated { revision },
                None => Applied::Created { revision },
            });
        }
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT yaml, max(revision) FROM object_revisions GROUP BY kind, name)
             WHERE yaml IS NOT NULL",
        )
        .fetch_one(&mut *write)
        .await
        .map_err(StateError::query(OPERATION))?;
        if usize::try_from(count).is_ok_and(|count| count > OBJECTS_MAX) {
            return Err(ObjectsError::TooMany);
        }
        write.commit().await.map_err(StateError::query(OPERATION))?;
        Ok(applied)
    }

    /// Deletes an object; its history stays, and applying it again goes on from there.
    pub async fn delete(&self, kind: &str, name: &str, by: &str, at: Timestamp) -> Result<(), ObjectsError> {
        let mut write = self.database.write().await?;
        let living = newest(&mut write, kind, name).await?.filter(|newest| newest.yaml.is_some());
        let Some(living) = living else {
            return Err(ObjectsError::NotFound { kind: kind.to_owned(), name: name.to_owned() });
        };
        insert(&mut write, kind, name, living.revision + 1, None, by, at).await?;
        write.commit().await.map_err(StateError::query("delete an object"))?;
        Ok(())
    }

    /// All living objects, by kind and name. One that does not open is logged and left out: the rest still counts.
    pub async fn list(&self) -> Result<Vec<Object>, ObjectsError> {
        let rows = sqlx::query(LIVING)
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list objects"))?;
        let opened = rows.iter().filter_map(|row| match self.opened(revision(row)) {
            Ok(stored) => living(stored),
            Err(error) => {
                let (kind, name): (String, String) = (row.get("kind"), row.get("name"));
                tracing::error!(kind, name, %error, "a stored document does not open");
                None
            }
        });
        Ok(opened.collect())
    }

    pub async fn get(&self, kind: &str, name: &str) -> Result<Object, ObjectsError> {
        let mut read =
            self.database.readers().acquire().await.map_err(StateError::query("read an object"))?;
        let newest = self.newest(&mut read, kind, name).await?;
        newest
            .and_then(living)
            .ok_or_else(|| ObjectsError::NotFound { kind: kind.to_owned(), name: name.to_owned() })
    }

    /// Every revision, the newest first; empty for an object that never was.
    pub async fn history(&self, kind: &str, name: &str) -> Result<Vec<ObjectRevision>, ObjectsError> {
        let rows = sqlx::query(
            "SELECT kind, name, revision, yaml, applied_at, applied_by FROM object_revisions
             WHERE kind = ? AND name = ? ORDER BY revision DESC",
        )
        .bind(kind)
        .bind(name)
        .fetch_all(self.database.readers())
        .await
        .map_err(StateError::query("read the history of an object"))?;
        Ok(rows.iter().map(|row| self.opened(revision(row))).collect::<Result<_, _>>()?)
    }

    /// A counter over all objects that grows with each change: the version of the whole configuration.
    pub async fn change(&self) -> Result<u64, ObjectsError> {
        let change: i64 = sqlx::query_scalar("SELECT coalesce(max(change), 0) FROM object_revisions")
            .fetch_one(self.database.readers())
            .await
            .map_err(StateError::query("read the version of the configuration"))?;
        Ok(change.cast_unsigned())
    }
}

async fn newest(
    connection: &mut SqliteConnection,
    kind: &str,
    name: &str,
) -> Result<Option<ObjectRevision>, StateError> {
    let row = sqlx::query(
        "SELECT kind, name, revision, yaml, applied_at, applied_by FROM object_revisions
         WHERE kind = ? AND name = ? ORDER BY revision DESC LIMIT 1",
    )
    .bind(kind)
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(StateError::query("read an object"))?;
    Ok(row.as_ref().map(revision))
}

pub(crate) async fn insert(
    write: &mut SqliteConnection,
    kind: &str,
    name: &str,
    revision: u64,
    yaml: Option<&str>,
    by: &str,
    at: Timestamp,
) -> Result<(), StateError> {
    sqlx::query(
        "INSERT INTO object_revisions (kind, name, revision, yaml, applied_at, applied_by) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(kind)
    .bind(name)
    .bind(revision.cast_signed())
    .bind(yaml)
    .bind(at.as_nanos())
    .bind(by)
    .execute(write)
    .await
    .map_err(StateError::query("store a revision of an object"))?;
    Ok(())
}

fn revision(row: &SqliteRow) -> ObjectRevision {
    ObjectRevision {
        kind: row.get("kind"),
        name: row.get("name"),
        revision: row.get::<i64, _>("revision").cast_unsigned(),
        yaml: row.get("yaml"),
        applied_at: Timestamp::from_nanos(row.get("applied_at")),
        applied_by: row.get("applied_by"),
    }
}

fn living(revision: ObjectRevision) -> Option<Object> {
    let ObjectRevision { kind, name, revision, yaml, applied_at, applied_by } = revision;
    yaml.map(|yaml| Object { kind, name, revision, yaml, applied_at, applied_by })
}

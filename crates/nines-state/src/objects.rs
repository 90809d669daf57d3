//! Applied documents in `control.db`: promises, rules, channels, as the YAML that people wrote, with every revision
//! ever applied. What a document means is for the part that it configures; here it is text with a kind and a name.

use nines_base::ErrorKind;
use nines_model::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "objects",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/objects/0001_objects.sql") }],
};

/// One applied document. A few KiB of YAML is typical; 256 KiB is far beyond what people write by hand.
pub const OBJECT_BYTES_MAX: usize = 256 * 1024;
/// Documents of one node, deleted ones not counted.
pub const OBJECTS_MAX: usize = 20_000;

/// Keeps documents in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct Objects {
    database: Database,
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
    pub fn new(database: Database) -> Self {
        Self { database }
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
            let newest = newest(&mut write, &object.kind, &object.name).await?;
            let (revision, was_there) = newest.map_or((0, None), |newest| (newest.revision, newest.yaml));
            if was_there.as_ref() == Some(&object.yaml) {
                applied.push(Applied::Unchanged { revision });
                continue;
            }
            let revision = revision + 1;
            insert(&mut write, &object.kind, &object.name, revision, Some(&object.yaml), by, at).await?;
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

    /// All living objects, by kind and name.
    pub async fn list(&self) -> Result<Vec<Object>, ObjectsError> {
        let rows = sqlx::query(LIVING)
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list objects"))?;
        Ok(rows.iter().filter_map(|row| living(revision(row))).collect())
    }

    pub async fn get(&self, kind: &str, name: &str) -> Result<Object, ObjectsError> {
        let mut read =
            self.database.readers().acquire().await.map_err(StateError::query("read an object"))?;
        let newest = newest(&mut read, kind, name).await?;
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
        Ok(rows.iter().map(revision).collect())
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

async fn insert(
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

//! What a master key had sealed, given up because the key is gone for good.

use nines_access::{Actor, AuditEntry, AuditLog, AuditResult};
use nines_model::Timestamp;
use sqlx::Row;

use crate::audit::SqliteAudit;
use crate::{Database, Domain, StateError, access, audit, browsers, objects, secrets};

/// The domains that hold something sealed, and the log that says what became of it.
pub const DOMAINS: &[Domain] =
    &[access::DOMAIN, audit::DOMAIN, browsers::DOMAIN, objects::DOMAIN, secrets::DOMAIN];

/// Who removes documents that nobody can read.
const BY: &str = "nines/vault";

/// What nothing opens any more, by name: people have to put it in again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenUp {
    pub secrets: Vec<String>,
    /// `Channel/shop-pager`. Their history stays, sealed.
    pub documents: Vec<String>,
    /// Accounts whose second factor is gone: their password or a link is enough until they enrol another.
    pub second_factors: Vec<String>,
    /// Browsers that took notifications, as `ann: phone`: people have to register them again.
    pub browsers: Vec<String>,
}

/// Removes everything that was sealed from a database of no running node, in one transaction, and says so in the audit
/// log. Afterwards a node starts and makes a master key of its own.
///
/// # Errors
/// [`StateError`]; then nothing was removed, unless it is the entry in the log that failed.
pub async fn give_up(database: &Database, at: Timestamp) -> Result<GivenUp, StateError> {
    const OPERATION: &str = "give up what is sealed";
    let failed = || StateError::query(OPERATION);
    let mut write = database.write().await?;
    let names =
        |rows: Vec<sqlx::sqlite::SqliteRow>| rows.iter().map(|row| row.get(0)).collect::<Vec<String>>();
    let secrets = sqlx::query("SELECT DISTINCT name FROM secret_versions ORDER BY name")
        .fetch_all(&mut *write)
        .await
        .map_err(failed())?;
    let factors = sqlx::query(
        "SELECT name FROM accounts JOIN factors ON factors.account_id = accounts.id WHERE totp IS NOT NULL ORDER BY name",
    )
    .fetch_all(&mut *write)
    .await
    .map_err(failed())?;
    let sealed = sqlx::query(
        "SELECT kind, name, revision FROM object_revisions AS o
         WHERE yaml LIKE 'sealed:%' AND revision = (
             SELECT max(revision) FROM object_revisions AS n WHERE n.kind = o.kind AND n.name = o.name)
         ORDER BY kind, name",
    )
    .fetch_all(&mut *write)
    .await
    .map_err(failed())?;
    let browsers = sqlx::query("SELECT person || ': ' || label FROM browsers ORDER BY person, label")
        .fetch_all(&mut *write)
        .await
        .map_err(failed())?;
    let mut documents = Vec::new();
    for row in &sealed {
        let (kind, name): (String, String) = (row.get("kind"), row.get("name"));
        let revision = row.get::<i64, _>("revision").cast_unsigned() + 1;
        objects::insert(&mut write, &kind, &name, revision, None, BY, at).await?;
        documents.push(format!("{kind}/{name}"));
    }
    for statement in [
        "DELETE FROM secret_versions",
        "DELETE FROM sealing_keys",
        "DELETE FROM browsers",
        "DELETE FROM push_key",
        "UPDATE factors SET totp = NULL, totp_confirmed = 0, totp_step = 0, recovery = '', revision = revision + 1
         WHERE totp IS NOT NULL",
    ] {
        sqlx::query(statement).execute(&mut *write).await.map_err(failed())?;
    }
    write.commit().await.map_err(failed())?;
    let given_up = GivenUp {
        secrets: names(secrets),
        documents,
        second_factors: names(factors),
        browsers: names(browsers),
    };
    let details = format!(
        "without the master key: secrets {}; documents {}; second factors of {}; browsers {}",
        listed(&given_up.secrets),
        listed(&given_up.documents),
        listed(&given_up.second_factors),
        listed(&given_up.browsers)
    );
    let entry = AuditEntry::new(at, &Actor::system("vault"), "secret.give_up", "secrets", AuditResult::Done);
    let log = SqliteAudit::new(database.clone());
    let unwritten = |error: nines_access::AuditError| StateError::Row {
        what: "the audit log",
        reason: error.to_string(),
    };
    log.append(&entry.with_details(&details)).await.map_err(unwritten)?;
    Ok(given_up)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

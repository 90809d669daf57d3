//! Accounts, keys, sessions and links in `control.db`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use nines_access::{
    Account, AccountId, Bounds, Digest, Factors, Grant, Key, KeyId, Link, Membership, Repository,
    RepositoryError, Role, SESSIONS_PER_HOLDER_MAX, Session, SessionId,
};
use nines_model::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Database, Domain, Migration, StateError, Write};

pub const DOMAIN: Domain = Domain {
    name: "access",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/access/0001_access.sql") },
        Migration { version: 2, sql: include_str!("../migrations/access/0002_people.sql") },
        Migration { version: 3, sql: include_str!("../migrations/access/0003_teams.sql") },
        Migration { version: 4, sql: include_str!("../migrations/access/0004_second_factor.sql") },
        Migration { version: 5, sql: include_str!("../migrations/access/0005_replaced_keys.sql") },
    ],
};

/// Keeps accounts, keys, sessions and links in a database that was opened with [`DOMAIN`]. Clones share what tells of
/// changes; another one over the same file does not know of theirs.
#[derive(Debug, Clone)]
pub struct SqliteAccess {
    database: Database,
    generation: Arc<AtomicU64>,
}

type Result<T, E = RepositoryError> = std::result::Result<T, E>;

impl SqliteAccess {
    pub fn new(database: Database) -> Self {
        Self { database, generation: Arc::default() }
    }

    /// The only way to a write of these tables. However it ends, a new generation begins: whether it was committed is not
    /// always known.
    async fn begin(&self, operation: &'static str) -> Result<Write> {
        let unavailable = |source| RepositoryError::Unavailable { operation, source: Box::new(source) };
        let write = self.database.write().await.map_err(unavailable)?;
        Ok(write.counted_by(&self.generation))
    }
}

#[async_trait]
impl Repository for SqliteAccess {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    async fn bootstrap(&self, account: &Account, keys: &[Key], link: &Link) -> Result<()> {
        const OPERATION: &str = "store the first account";
        let mut write = self.begin(OPERATION).await?;
        let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts")
            .fetch_one(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if accounts > 0 {
            return Err(RepositoryError::Conflict { what: "an account".to_owned() });
        }
        insert_account(&mut write, account, link).await?;
        for key in keys {
            insert_key(&mut write, key).await?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn insert_account(&self, account: &Account, link: &Link) -> Result<()> {
        const OPERATION: &str = "store an account";
        let mut write = self.begin(OPERATION).await?;
        insert_account(&mut write, account, link).await?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>> {
        let row = sqlx::query("SELECT id, name, role, created_at, disabled_at FROM accounts WHERE id = ?")
            .bind(&id.0)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read an account"))?;
        row.as_ref().map(account).transpose()
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        let rows = sqlx::query("SELECT id, name, role, created_at, disabled_at FROM accounts ORDER BY name")
            .fetch_all(self.database.readers())
            .await
            .map_err(failed("list accounts"))?;
        rows.iter().map(account).collect()
    }

    async fn disable_account(&self, id: &AccountId, at: Timestamp) -> Result<bool> {
        const OPERATION: &str = "disable an account";
        let mut write = self.begin(OPERATION).await?;
        let changed = sqlx::query("UPDATE accounts SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL")
            .bind(at.as_nanos())
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        if changed == 1 {
            for statement in [
                "DELETE FROM sessions WHERE account_id = ?",
                "DELETE FROM links WHERE account_id = ?",
                "DELETE FROM memberships WHERE account_id = ?",
            ] {
                sqlx::query(statement).bind(&id.0).execute(&mut *write).await.map_err(failed(OPERATION))?;
            }
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(changed == 1)
    }

    async fn replace_link(&self, link: &Link) -> Result<()> {
        const OPERATION: &str = "replace a one-time link";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query("DELETE FROM links WHERE account_id = ?")
            .bind(&link.account.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        insert_link(&mut write, link).await?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn link_account(&self, digest: &Digest, now: Timestamp) -> Result<Option<AccountId>> {
        let row = sqlx::query("SELECT account_id FROM links WHERE digest = ? AND expires_at > ?")
            .bind(digest.to_hex())
            .bind(now.as_nanos())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("look at a one-time link"))?;
        Ok(row.map(|row| AccountId(row.get("account_id"))))
    }

    async fn take_link(&self, digest: &Digest, now: Timestamp) -> Result<Option<Link>> {
        const OPERATION: &str = "use a one-time link";
        let mut write = self.begin(OPERATION).await?;
        let row = sqlx::query("DELETE FROM links WHERE digest = ? RETURNING digest, account_id, expires_at")
            .bind(digest.to_hex())
            .fetch_optional(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        let Some(row) = row else { return Ok(None) };
        let link = Link {
            digest: stored_digest(&row)?,
            account: AccountId(row.get("account_id")),
            expires_at: Timestamp::from_nanos(row.get("expires_at")),
        };
        Ok((now < link.expires_at).then_some(link))
    }

    async fn factors(&self, id: &AccountId) -> Result<Factors> {
        let row = sqlx::query(
            "SELECT revision, password, totp, totp_confirmed, totp_step, recovery FROM factors WHERE account_id = ?",
        )
        .bind(&id.0)
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read what an account signs in with"))?;
        row.as_ref().map_or_else(|| Ok(Factors::default()), factors)
    }

    async fn swap_factors(&self, id: &AccountId, from: u64, new: &Factors) -> Result<bool> {
        const OPERATION: &str = "change what an account signs in with";
        let mut write = self.begin(OPERATION).await?;
        let stored: Option<i64> = sqlx::query_scalar("SELECT revision FROM factors WHERE account_id = ?")
            .bind(&id.0)
            .fetch_optional(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if stored.unwrap_or(0).cast_unsigned() != from {
            return Ok(false);
        }
        let recovery: Vec<String> = new.recovery.iter().map(|digest| digest.to_hex()).collect();
        sqlx::query(
            "INSERT OR REPLACE INTO factors
                (account_id, revision, password, totp, totp_confirmed, totp_step, recovery)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&id.0)
        .bind(new.revision.cast_signed())
        .bind(&new.password)
        .bind(&new.totp)
        .bind(new.is_totp_confirmed)
        .bind(new.totp_step)
        .bind(recovery.join(" "))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(true)
    }

    async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>> {
        let row =
            sqlx::query("SELECT id, name, role, created_at, disabled_at FROM accounts WHERE subject = ?")
                .bind(subject)
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed("read an account"))?;
        row.as_ref().map(account).transpose()
    }

    async fn insert_subject_account(&self, account: &Account, subject: &str) -> Result<()> {
        const OPERATION: &str = "store an account";
        let mut write = self.begin(OPERATION).await?;
        insert_bare_account(&mut write, account, Some(subject)).await?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn set_role(&self, id: &AccountId, role: Role) -> Result<()> {
        const OPERATION: &str = "change an account's role";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query("UPDATE accounts SET role = ? WHERE id = ?")
            .bind(role.as_str())
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn memberships(&self, account: Option<&AccountId>) -> Result<Vec<Membership>> {
        let rows = sqlx::query(
            "SELECT account_id, team, role FROM memberships WHERE ?1 IS NULL OR account_id = ?1
             ORDER BY account_id, team",
        )
        .bind(account.map(|id| id.0.as_str()))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list members of teams"))?;
        let membership = |row: &SqliteRow| {
            Ok(Membership {
                account: AccountId(row.get("account_id")),
                team: row.get("team"),
                role: Role::parse(row.get("role")).map_err(|error| corrupt("a member's role", error))?,
            })
        };
        rows.iter().map(membership).collect()
    }

    async fn put_membership(&self, membership: &Membership) -> Result<()> {
        const OPERATION: &str = "store a member of a team";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query("INSERT OR REPLACE INTO memberships (account_id, team, role) VALUES (?, ?, ?)")
            .bind(&membership.account.0)
            .bind(&membership.team)
            .bind(membership.role.as_str())
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove_membership(&self, account: &AccountId, team: &str) -> Result<bool> {
        const OPERATION: &str = "remove a member of a team";
        let mut write = self.begin(OPERATION).await?;
        let removed = sqlx::query("DELETE FROM memberships WHERE account_id = ? AND team = ?")
            .bind(&account.0)
            .bind(team)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(removed == 1)
    }

    async fn insert_key(&self, key: &Key) -> Result<()> {
        const OPERATION: &str = "store a key";
        let mut write = self.begin(OPERATION).await?;
        insert_key(&mut write, key).await?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn key(&self, id: &KeyId) -> Result<Option<Key>> {
        let row = sqlx::query(
            "SELECT id, name, access_grant, digest, created_at, created_by, account_id, made_by, replaces, team, filter, scopes,
             rate_per_minute, expires_at, last_used_at, revoked_at FROM keys WHERE id = ?",
        )
        .bind(&id.0)
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read a key"))?;
        row.as_ref().map(key).transpose()
    }

    async fn keys(&self) -> Result<Vec<Key>> {
        let rows = sqlx::query(
            "SELECT id, name, access_grant, digest, created_at, created_by, account_id, made_by, replaces, team, filter, scopes,
             rate_per_minute, expires_at, last_used_at, revoked_at FROM keys ORDER BY created_at DESC, id DESC",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list keys"))?;
        rows.iter().map(key).collect()
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<bool> {
        const OPERATION: &str = "revoke a key";
        let mut write = self.begin(OPERATION).await?;
        let changed = sqlx::query("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
            .bind(at.as_nanos())
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        if changed == 1 {
            sqlx::query("DELETE FROM sessions WHERE key_id = ?")
                .bind(&id.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(changed == 1)
    }

    async fn replace_key(&self, new: &Key, until: Timestamp) -> Result<bool> {
        const OPERATION: &str = "replace a key";
        let Some(old) = &new.replaces else { return Ok(false) };
        let mut write = self.begin(OPERATION).await?;
        let changed = sqlx::query(
            "UPDATE keys SET expires_at = MIN(COALESCE(expires_at, ?1), ?1)
             WHERE id = ?2 AND revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM keys WHERE replaces = ?2)",
        )
        .bind(until.as_nanos())
        .bind(&old.0)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?
        .rows_affected();
        if changed == 0 {
            return Ok(false);
        }
        for statement in [
            "UPDATE keys SET revoked_at = ?1 WHERE id = (SELECT replaces FROM keys WHERE id = ?2) AND revoked_at IS NULL",
            "DELETE FROM sessions WHERE ?1 IS NOT NULL AND key_id = (SELECT replaces FROM keys WHERE id = ?2)",
        ] {
            sqlx::query(statement)
                .bind(new.created_at.as_nanos())
                .bind(&old.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        insert_key(&mut write, new).await?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(true)
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<()> {
        const OPERATION: &str = "write down when keys were used";
        let mut write = self.begin(OPERATION).await?;
        for (id, at) in used {
            sqlx::query("UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE id = ?2")
                .bind(at.as_nanos())
                .bind(&id.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn insert_session(&self, session: &Session) -> Result<()> {
        const OPERATION: &str = "open a session";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query(
            "INSERT INTO sessions (id, digest, account_id, key_id, created_at, expires_at, address, client, second_factor)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&session.id.0)
        .bind(session.digest.to_hex())
        .bind(session.account.as_ref().map(|id| id.0.as_str()))
        .bind(session.key.as_ref().map(|id| id.0.as_str()))
        .bind(session.created_at.as_nanos())
        .bind(session.expires_at.as_nanos())
        .bind(&session.address)
        .bind(&session.client)
        .bind(session.second_factor)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query(
            "DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE account_id IS ?1 AND key_id IS ?2
                ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?3)",
        )
        .bind(session.account.as_ref().map(|id| id.0.as_str()))
        .bind(session.key.as_ref().map(|id| id.0.as_str()))
        .bind(SESSIONS_PER_HOLDER_MAX as i64)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>> {
        let row = sqlx::query(
            "SELECT id, digest, account_id, key_id, created_at, expires_at, address, client, second_factor FROM sessions
             WHERE digest = ?",
        )
        .bind(digest.to_hex())
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read a session"))?;
        row.as_ref().map(session).transpose()
    }

    async fn sessions(&self, account: Option<&AccountId>) -> Result<Vec<Session>> {
        let rows = sqlx::query(
            "SELECT id, digest, account_id, key_id, created_at, expires_at, address, client, second_factor FROM sessions
             WHERE ?1 IS NULL OR account_id = ?1 OR key_id IN (SELECT id FROM keys WHERE keys.account_id = ?1)
             ORDER BY created_at DESC, id DESC",
        )
        .bind(account.map(|id| id.0.as_str()))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list sessions"))?;
        rows.iter().map(session).collect()
    }

    async fn delete_session(&self, id: &SessionId) -> Result<bool> {
        const OPERATION: &str = "end a session";
        let mut write = self.begin(OPERATION).await?;
        let deleted = sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(deleted == 1)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64> {
        const OPERATION: &str = "remove expired sessions and links";
        let mut write = self.begin(OPERATION).await?;
        let mut deleted = 0;
        for statement in
            ["DELETE FROM sessions WHERE expires_at <= ?", "DELETE FROM links WHERE expires_at <= ?"]
        {
            let result = sqlx::query(statement).bind(now.as_nanos()).execute(&mut *write).await;
            deleted += result.map_err(failed(OPERATION))?.rows_affected();
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(deleted)
    }
}

async fn insert_account(write: &mut SqliteConnection, account: &Account, link: &Link) -> Result<()> {
    insert_bare_account(write, account, None).await?;
    insert_link(write, link).await
}

async fn insert_bare_account(
    write: &mut SqliteConnection,
    account: &Account,
    subject: Option<&str>,
) -> Result<()> {
    let inserted = sqlx::query(
        "INSERT INTO accounts (id, name, name_key, role, created_at, disabled_at, subject)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&account.id.0)
    .bind(&account.name)
    .bind(account.name.to_lowercase())
    .bind(account.role.as_str())
    .bind(account.created_at.as_nanos())
    .bind(account.disabled_at.map(Timestamp::as_nanos))
    .bind(subject)
    .execute(&mut *write)
    .await
    .map_err(failed("store an account"))?;
    if inserted.rows_affected() != 1 {
        return Err(RepositoryError::Conflict { what: format!("account `{}`", account.name) });
    }
    Ok(())
}

async fn insert_link(write: &mut SqliteConnection, link: &Link) -> Result<()> {
    sqlx::query("INSERT INTO links (digest, account_id, expires_at) VALUES (?, ?, ?)")
        .bind(link.digest.to_hex())
        .bind(&link.account.0)
        .bind(link.expires_at.as_nanos())
        .execute(write)
        .await
        .map_err(failed("store a one-time link"))?;
    Ok(())
}

async fn insert_key(write: &mut SqliteConnection, key: &Key) -> Result<()> {
    let inserted = sqlx::query(
        "INSERT INTO keys
            (id, name, access_grant, digest, created_at, created_by, account_id, made_by, replaces, team, filter, scopes,
             rate_per_minute, expires_at, last_used_at, revoked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&key.id.0)
    .bind(&key.name)
    .bind(key.grant.as_str())
    .bind(key.digest.to_hex())
    .bind(key.created_at.as_nanos())
    .bind(&key.created_by)
    .bind(key.account.as_ref().map(|id| id.0.as_str()))
    .bind(key.made_by.as_ref().map(|id| id.0.as_str()))
    .bind(key.replaces.as_ref().map(|id| id.0.as_str()))
    .bind(&key.bounds.team)
    .bind(&key.bounds.filter)
    .bind(key.bounds.scopes.join(" "))
    .bind(key.bounds.rate_per_minute.map(i64::from))
    .bind(key.expires_at.map(Timestamp::as_nanos))
    .bind(key.last_used_at.map(Timestamp::as_nanos))
    .bind(key.revoked_at.map(Timestamp::as_nanos))
    .execute(write)
    .await
    .map_err(failed("store a key"))?;
    if inserted.rows_affected() == 1 {
        Ok(())
    } else {
        Err(RepositoryError::Conflict { what: format!("key `{}`", key.id) })
    }
}

fn account(row: &SqliteRow) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.get("id")),
        name: row.get("name"),
        role: Role::parse(row.get("role")).map_err(|error| corrupt("an account's role", error))?,
        created_at: Timestamp::from_nanos(row.get("created_at")),
        disabled_at: row.get::<Option<i64>, _>("disabled_at").map(Timestamp::from_nanos),
    })
}

fn key(row: &SqliteRow) -> Result<Key> {
    let instant = |column: &str| row.get::<Option<i64>, _>(column).map(Timestamp::from_nanos);
    Ok(Key {
        id: KeyId(row.get("id")),
        name: row.get("name"),
        grant: Grant::parse(row.get("access_grant")).map_err(|error| corrupt("a key's grant", error))?,
        digest: stored_digest(row)?,
        created_at: Timestamp::from_nanos(row.get("created_at")),
        created_by: row.get("created_by"),
        account: row.get::<Option<String>, _>("account_id").map(AccountId),
        made_by: row.get::<Option<String>, _>("made_by").map(AccountId),
        replaces: row.get::<Option<String>, _>("replaces").map(KeyId),
        bounds: Bounds {
            team: row.get("team"),
            filter: row.get("filter"),
            scopes: row.get::<&str, _>("scopes").split_whitespace().map(str::to_owned).collect(),
            rate_per_minute: row
                .get::<Option<i64>, _>("rate_per_minute")
                .map(|rate| u32::try_from(rate).map_err(|error| corrupt("a key's rate", error)))
                .transpose()?,
        },
        expires_at: instant("expires_at"),
        last_used_at: instant("last_used_at"),
        revoked_at: instant("revoked_at"),
    })
}

fn session(row: &SqliteRow) -> Result<Session> {
    Ok(Session {
        id: SessionId(row.get("id")),
        digest: stored_digest(row)?,
        account: row.get::<Option<String>, _>("account_id").map(AccountId),
        key: row.get::<Option<String>, _>("key_id").map(KeyId),
        created_at: Timestamp::from_nanos(row.get("created_at")),
        expires_at: Timestamp::from_nanos(row.get("expires_at")),
        address: row.get("address"),
        client: row.get("client"),
        second_factor: row.get("second_factor"),
    })
}

fn factors(row: &SqliteRow) -> Result<Factors> {
    let recovery = row.get::<&str, _>("recovery").split_whitespace().map(Digest::from_hex);
    Ok(Factors {
        revision: row.get::<i64, _>("revision").cast_unsigned(),
        password: row.get("password"),
        totp: row.get("totp"),
        is_totp_confirmed: row.get("totp_confirmed"),
        totp_step: row.get("totp_step"),
        recovery: recovery
            .collect::<Option<_>>()
            .ok_or_else(|| corrupt("a recovery code", "not 64 hex digits"))?,
    })
}

fn stored_digest(row: &SqliteRow) -> Result<Digest> {
    Digest::from_hex(row.get("digest")).ok_or_else(|| corrupt("a digest", "not 64 hex digits"))
}

fn corrupt(what: &'static str, reason: impl ToString) -> RepositoryError {
    RepositoryError::Corrupt { what, reason: reason.to_string() }
}

/// Names the operation that a statement served.
fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> RepositoryError {
    move |source| {
        let source = Box::new(StateError::Query { operation, source });
        RepositoryError::Unavailable { operation, source }
    }
}

//! Browsers that take notifications, connected: the roster knows whom they reach, and who lost one is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use nines_access::{Actor, AuditEntry, AuditLog, AuditResult};
use nines_base::{Random, SharedClock, chain};
use nines_egress::Egress;
use nines_http::Feed;
use nines_notify::{Browser, BrowserFollower, Browsers, BrowsersParts, Targets};
use nines_oncall::{PersonId, Rota};
use nines_secrets::Vault;
use nines_state::Database;
use nines_state::audit::SqliteAudit;
use nines_state::browsers::SqliteBrowsers;

pub struct Surroundings<'a> {
    pub control: &'a Database,
    pub vault: &'a Vault,
    pub rota: &'a Rota,
    pub targets: &'a Targets,
    pub egress: &'a Egress,
    pub feed: &'a Feed,
    pub clock: &'a SharedClock,
    pub random: &'a Random,
    pub public_url: &'a str,
}

/// Reads who registered which browser; from then on pages reach them.
pub async fn open(around: Surroundings<'_>) -> anyhow::Result<Browsers> {
    let follower = Follower {
        rota: around.rota.clone(),
        feed: around.feed.clone(),
        audit: SqliteAudit::new(around.control.clone()),
        clock: Arc::clone(around.clock),
    };
    let sealer = around.vault.sealer("browsers").await?;
    let parts = BrowsersParts {
        store: Arc::new(SqliteBrowsers::new(around.control.clone(), sealer)),
        follower: Arc::new(follower),
        targets: around.targets.clone(),
        egress: around.egress.clone(),
        clock: Arc::clone(around.clock),
        random: around.random.clone(),
        public_url: around.public_url.to_owned(),
    };
    Ok(Browsers::open(parts).await?)
}

struct Follower {
    rota: Rota,
    feed: Feed,
    audit: SqliteAudit,
    clock: SharedClock,
}

#[async_trait]
impl BrowserFollower for Follower {
    async fn changed(&self, people: BTreeSet<String>) {
        self.rota.set_browsers(people.iter().map(PersonId::new).collect()).await;
        self.feed.publish("browsers", None);
    }

    async fn gone(&self, browser: &Browser) {
        let (person, label) = (&browser.person, &browser.label);
        tracing::warn!(person, browser = %browser.id, "a browser takes no notifications any more");
        let actor = Actor::system("browsers");
        let entry = AuditEntry::new(self.clock.now(), &actor, "browser.gone", person, AuditResult::Done);
        let details = format!("{label}: {}", browser.failure.as_deref().unwrap_or_default());
        if let Err(error) = self.audit.append(&entry.with_details(&details)).await {
            tracing::warn!(error = %chain(&error), "that a browser is gone is not in the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_targets_call_the_browsers_of_a_person_the_same() {
        let person = PersonId::new("ann");
        assert_eq!(nines_oncall::browsers_of(&person), nines_notify::browsers_target("ann").0);
    }
}

//! Policies of this node, and the way out for whoever locked everybody out.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use nines_access::{Actor, AuditEntry, AuditLog, AuditResult};
use nines_base::SharedClock;
use nines_http::PolicyDesk;
use nines_policy::PolicyRepository;
use nines_state::audit::SqliteAudit;
use nines_state::policies::SqlitePolicies;
use nines_state::{Database, audit, policies};

/// What is stored, in force.
pub async fn open(control: &Database, clock: &SharedClock) -> anyhow::Result<PolicyDesk> {
    Ok(PolicyDesk::open(Arc::new(SqlitePolicies::new(control.clone())), Arc::clone(clock)).await?)
}

/// Switches every policy of a stopped node off: for whoever may write its data directory, and may so do anything. It is in
/// the audit log before it is done. How many documents were on.
///
/// # Errors
/// No data directory of a node, or one that a node is using.
pub async fn disable_all(data: &Path, by: &str, clock: &SharedClock) -> anyhow::Result<u64> {
    let path = data.join("control.db");
    if !path.exists() {
        bail!("{} holds no node: name its data directory with --data", data.display());
    }
    let control = Database::open(&path, &[audit::DOMAIN, policies::DOMAIN])
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    let actor = Actor { name: by.to_owned(), ..Actor::system("local") };
    let entry = AuditEntry::new(clock.now(), &actor, "policy.disable_all", "policies", AuditResult::Done)
        .with_details("switched off on this machine, beside the node");
    SqliteAudit::new(control.clone()).append(&entry).await?;
    Ok(SqlitePolicies::new(control).disable_all().await?)
}

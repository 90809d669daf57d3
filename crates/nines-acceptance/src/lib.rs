//! Starts the real `nines` binary on ports of its own and speaks to it as users do. For tests only.
//!
//! A [`Node`] is one process with one data directory; it can be killed as by `kill -9` and started again on the same
//! directory. Every wait is on a condition, with one deadline ([`PATIENCE`]) that is far beyond what a healthy node needs
//! and only bounds a broken one.

mod api;
mod mail;
mod node;
mod otlp;
pub mod pair;
mod person;
mod provider;
pub mod remote_write;
mod storm;
mod tools;

pub use api::{Api, Events, client};
pub use mail::{Mail, MailSink};
pub use node::{Addresses, Node, binary, command};
pub use otlp::{Spans, span_request};
pub use person::Browser;
pub use provider::Provider;
pub use storm::{Ledger, Storm, WINDOW};
pub use tools::{run_tool, shared_folder, workspace_root};

use std::time::Duration;

/// How long a test waits for a condition before it calls the node broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

static MACHINE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

/// Held by a test that has the machine to itself: a whole node, a browser and a hundred thousand spans of somebody else at
/// the same time would make a small machine answer for what is not the node's fault.
pub async fn alone() -> tokio::sync::RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}

/// Held by a test that mostly waits, or whose figures do not depend on who else is there: others like it may run.
pub async fn shared() -> tokio::sync::RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}

/// Polls until `check` gives a value. The error says what was awaited.
pub async fn eventually<T, F>(what: &str, mut check: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let mut last_error = None;
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            match check().await {
                Ok(Some(value)) => return value,
                Ok(None) => {}
                Err(error) => last_error = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    match waited.await {
        Ok(value) => Ok(value),
        Err(_) => anyhow::bail!("waited {PATIENCE:?} in vain for {what}; last error: {last_error:?}"),
    }
}

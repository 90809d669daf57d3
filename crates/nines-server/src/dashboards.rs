//! Dashboards among the documents that people apply.
//!
//! As with probes: ours are taken out of the text, line for line, and the rest goes to whoever keeps it. Everything is
//! checked before anything is stored.

use std::sync::Arc;

use async_trait::async_trait;
use nines_api::ReplayResponse;
use nines_base::SharedClock;
use nines_dashboards::{Dashboard, DashboardError, DashboardStore, Expected, KIND, Put};
use nines_http::{AppliedDocument, ApplyError, PromiseView, Promises, Rehearsal, ReplayError};
use nines_slo::{DocumentError, DocumentWarning};
use nines_state::Database;
use nines_state::dashboards::SqliteDashboards;

use crate::runbooks::{Found, taken_out};

/// Dashboards of a node: where they are kept, and all documents with them among those.
pub struct Dashboards {
    pub store: Arc<dyn DashboardStore>,
    pub declared: Arc<dyn Promises>,
}

/// `control` was opened with their domain; `promises` keeps every other kind.
pub fn open(promises: Arc<dyn Promises>, control: &Database, clock: &SharedClock) -> Dashboards {
    let store: Arc<dyn DashboardStore> = Arc::new(SqliteDashboards::new(control.clone()));
    let declared = Declared { promises, store: Arc::clone(&store), clock: Arc::clone(clock) };
    Dashboards { store, declared: Arc::new(declared) }
}

struct Declared {
    promises: Arc<dyn Promises>,
    store: Arc<dyn DashboardStore>,
    clock: SharedClock,
}

fn checked(
    file: Option<&str>,
    found: &[Found],
) -> Result<(Vec<Dashboard>, Vec<DocumentWarning>), Vec<DocumentError>> {
    let mut dashboards: Vec<Dashboard> = Vec::new();
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for one in found {
        // With the lines before it, so that every place is one of the whole file.
        let padded = "\n".repeat(one.lines_before as usize) + &one.text;
        match nines_dashboards::parse(file, &padded) {
            Ok(parsed) => {
                warnings.extend(parsed.warnings);
                for dashboard in parsed.dashboards {
                    if dashboards.iter().any(|known| known.name == dashboard.name) {
                        faults.push(DocumentError {
                            file: file.map(Arc::from),
                            line: one.lines_before + 1,
                            column: 1,
                            path: String::new(),
                            message: format!("there are two documents {KIND} `{}`", dashboard.name),
                            hint: Some("keep one of them".to_owned()),
                        });
                    }
                    dashboards.push(dashboard);
                }
            }
            Err(errors) => faults.extend(errors),
        }
    }
    if faults.is_empty() { Ok((dashboards, warnings)) } else { Err(faults) }
}

impl Declared {
    /// What applying would do, for a dry run.
    async fn outcome(&self, dashboard: &Dashboard) -> Result<(&'static str, u64), ApplyError> {
        match self.store.get(&dashboard.name).await {
            Ok(known) if known.dashboard == *dashboard => Ok(("unchanged", known.revision.version)),
            Ok(known) => Ok(("changed", known.revision.version)),
            Err(DashboardError::NotFound(_)) => Ok(("created", 0)),
            Err(error) => Err(store(error)),
        }
    }

    async fn keep(&self, dashboard: &Dashboard, by: &str) -> Result<(&'static str, u64), ApplyError> {
        let put = self.store.put(dashboard, Expected::Any, by, "applied", self.clock.now()).await;
        let put = put.map_err(store)?;
        let outcome = match &put {
            Put::Created(_) => "created",
            Put::Changed(_) => "changed",
            Put::Unchanged(_) => "unchanged",
        };
        Ok((outcome, put.revision().version))
    }
}

#[async_trait]
impl Promises for Declared {
    fn all(&self) -> Vec<PromiseView> {
        self.promises.all()
    }

    async fn apply(
        &self,
        file: Option<&str>,
        yaml: &str,
        by: &str,
        dry_run: bool,
    ) -> Result<(Vec<AppliedDocument>, Vec<DocumentWarning>), ApplyError> {
        let (rest, found) = taken_out(yaml, &[KIND]);
        if found.is_empty() {
            return self.promises.apply(file, yaml, by, dry_run).await;
        }
        let has_rest = rest.lines().any(|line| !line.trim().is_empty() && !line.starts_with("---"));
        let (mut applied, mut warnings) = (Vec::new(), Vec::new());
        let mut faults = Vec::new();
        if has_rest {
            match self.promises.apply(file, &rest, by, true).await {
                Ok(told) => (applied, warnings) = told,
                Err(ApplyError::Faults(more)) => faults.extend(more),
                Err(error) => return Err(error),
            }
        }
        let (dashboards, more) = match checked(file, &found) {
            Ok(checked) if faults.is_empty() => checked,
            Ok(_) => return Err(ApplyError::Faults(faults)),
            Err(more) => {
                faults.extend(more);
                faults.sort_by_key(|fault| (fault.line, fault.column));
                return Err(ApplyError::Faults(faults));
            }
        };
        if !dry_run && has_rest {
            (applied, warnings) = self.promises.apply(file, &rest, by, false).await?;
        }
        warnings.extend(more);
        for dashboard in &dashboards {
            let (outcome, revision) =
                if dry_run { self.outcome(dashboard).await? } else { self.keep(dashboard, by).await? };
            applied.push(AppliedDocument { kind: KIND, name: dashboard.name.clone(), outcome, revision });
        }
        Ok((applied, warnings))
    }

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError> {
        if !kind.eq_ignore_ascii_case(KIND) {
            return self.promises.remove(kind, name, by).await;
        }
        match self.store.remove(name).await {
            Err(DashboardError::NotFound(name)) => Err(ApplyError::NotFound { kind: KIND, name }),
            other => other.map_err(store),
        }
    }

    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError> {
        self.promises.replay(rehearsal).await
    }
}

fn store(error: DashboardError) -> ApplyError {
    ApplyError::Store(Box::new(error))
}

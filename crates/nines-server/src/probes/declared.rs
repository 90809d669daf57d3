//! Probes and heartbeats among the documents that people apply.
//!
//! As with runbooks: ours are taken out of the text, line for line, and the rest goes to whoever keeps it. Everything is
//! checked before anything is stored.

use std::sync::Arc;

use async_trait::async_trait;
use nines_api::ReplayResponse;
use nines_base::SharedClock;
use nines_http::{AppliedDocument, ApplyError, PromiseView, Promises, Rehearsal, ReplayError};
use nines_probe::{HEARTBEAT_KIND, Heartbeat, KINDS, PROBE_KIND, Probe, Runner};
use nines_slo::{DocumentError, DocumentWarning};
use nines_state::objects::{Applied, NewObject, Objects};
use tokio::sync::Mutex;

use super::tower::Tower;
use crate::runbooks::{Found, taken_out};

/// A probe each half a second is what one runner of 64 checks at once does with ease at the default interval.
const PROBES_MAX: usize = 2_000;
const HEARTBEATS_MAX: usize = 10_000;

/// Everything else as somebody else keeps it, and probes and heartbeats beside it.
pub struct Declared {
    promises: Arc<dyn Promises>,
    objects: Objects,
    tower: Arc<Tower>,
    runner: Runner,
    clock: SharedClock,
    /// One apply at a time: what is checked is what is stored.
    applying: Mutex<()>,
}

/// One document of ours, read.
struct Ours {
    kind: &'static str,
    name: String,
    text: String,
}

impl Declared {
    pub async fn open(
        promises: Arc<dyn Promises>,
        objects: Objects,
        tower: Arc<Tower>,
        runner: Runner,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let declared = Self { promises, objects, tower, runner, clock, applying: Mutex::default() };
        declared.load().await?;
        Ok(declared)
    }

    /// Reads what is stored. What this version cannot read is logged and left out.
    async fn load(&self) -> Result<(), nines_state::objects::ObjectsError> {
        let (mut probes, mut heartbeats): (Vec<(Arc<Probe>, String)>, Vec<Heartbeat>) = Default::default();
        for object in self.objects.list().await? {
            if !KINDS.contains(&object.kind.as_str()) {
                continue;
            }
            match nines_probe::parse(None, &object.yaml) {
                Ok(parsed) => {
                    let read = parsed.probes.into_iter();
                    probes.extend(read.map(|probe| (Arc::new(probe), object.yaml.clone())));
                    heartbeats.extend(parsed.heartbeats);
                }
                Err(errors) => {
                    let error = errors.first().map(ToString::to_string).unwrap_or_default();
                    tracing::error!(
                        kind = object.kind,
                        name = object.name,
                        error,
                        "stored document cannot be read"
                    );
                }
            }
        }
        self.runner.replace(probes.iter().map(|(probe, _)| Arc::clone(probe)));
        self.tower.declare(probes, heartbeats);
        Ok(())
    }

    fn checked(
        file: Option<&str>,
        found: &[Found],
    ) -> Result<(Vec<Ours>, Vec<DocumentWarning>), Vec<DocumentError>> {
        let mut ours: Vec<Ours> = Vec::new();
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        for one in found {
            // With the lines before it, so that every place is one of the whole file.
            let padded = "\n".repeat(one.lines_before as usize) + &one.text;
            match nines_probe::parse(file, &padded) {
                Ok(parsed) => {
                    warnings.extend(parsed.warnings);
                    let probes = parsed.probes.into_iter().map(|probe| (PROBE_KIND, probe.name));
                    let beats = parsed.heartbeats.into_iter().map(|beat| (HEARTBEAT_KIND, beat.name));
                    for (kind, name) in probes.chain(beats) {
                        if ours.iter().any(|known| known.kind == kind && known.name == name) {
                            faults.push(DocumentError {
                                file: file.map(Arc::from),
                                line: one.lines_before + 1,
                                column: 1,
                                path: String::new(),
                                message: format!("there are two documents {kind} `{name}`"),
                                hint: Some("keep one of them".to_owned()),
                            });
                        }
                        ours.push(Ours { kind, name, text: one.text.clone() });
                    }
                }
                Err(errors) => faults.extend(errors),
            }
        }
        if faults.is_empty() { Ok((ours, warnings)) } else { Err(faults) }
    }

    /// Whether there is room for what is new.
    fn check_room(&self, ours: &[Ours]) -> Result<(), Vec<DocumentError>> {
        let known = self.tower.names();
        for (kind, limit) in [(PROBE_KIND, PROBES_MAX), (HEARTBEAT_KIND, HEARTBEATS_MAX)] {
            let here = known.iter().filter(|(known, _)| *known == kind).count();
            let is_new = |one: &&Ours| one.kind == kind && !known.contains(&(kind, one.name.clone()));
            let count = here + ours.iter().filter(is_new).count();
            if count > limit {
                return Err(vec![DocumentError {
                    file: None,
                    line: 0,
                    column: 0,
                    path: String::new(),
                    message: format!("{count} documents of kind {kind} are more than {limit}"),
                    hint: Some("delete some first".to_owned()),
                }]);
            }
        }
        Ok(())
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
        let (rest, found) = taken_out(yaml, &KINDS);
        if found.is_empty() {
            return self.promises.apply(file, yaml, by, dry_run).await;
        }
        let _turn = self.applying.lock().await;
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
        let checked = Self::checked(file, &found).and_then(|it| self.check_room(&it.0).map(|()| it));
        let (ours, more) = match checked {
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
        let known = self.tower.names();
        let stored = if dry_run {
            None
        } else {
            let objects: Vec<_> = ours
                .iter()
                .map(|one| NewObject {
                    kind: one.kind.to_owned(),
                    name: one.name.clone(),
                    yaml: one.text.clone(),
                })
                .collect();
            let stored = self.objects.apply(&objects, by, self.clock.now()).await;
            let stored = stored.map_err(|error| ApplyError::Store(Box::new(error)))?;
            self.load().await.map_err(|error| ApplyError::Store(Box::new(error)))?;
            Some(stored)
        };
        for (index, one) in ours.into_iter().enumerate() {
            let (outcome, revision) = match stored.as_ref().and_then(|stored| stored.get(index)) {
                Some(Applied::Created { revision }) => ("created", *revision),
                Some(Applied::Updated { revision }) => ("changed", *revision),
                Some(Applied::Unchanged { revision }) => ("unchanged", *revision),
                // A dry run does not compare texts.
                None if known.contains(&(one.kind, one.name.clone())) => ("changed", 0),
                None => ("created", 0),
            };
            applied.push(AppliedDocument { kind: one.kind, name: one.name, outcome, revision });
        }
        Ok((applied, warnings))
    }

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError> {
        let Some(kind) = KINDS.into_iter().find(|known| known.eq_ignore_ascii_case(kind)) else {
            return self.promises.remove(kind, name, by).await;
        };
        let _turn = self.applying.lock().await;
        if !self.tower.names().contains(&(kind, name.to_owned())) {
            return Err(ApplyError::NotFound { kind, name: name.to_owned() });
        }
        let deleted = self.objects.delete(kind, name, by, self.clock.now()).await;
        deleted.map_err(|error| ApplyError::Store(Box::new(error)))?;
        self.load().await.map_err(|error| ApplyError::Store(Box::new(error)))
    }

    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError> {
        self.promises.replay(rehearsal).await
    }
}

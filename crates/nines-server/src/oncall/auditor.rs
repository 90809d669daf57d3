//! The auditor of paging: once a minute it proves that no page is being forgotten, and says so loudly if one is.
//!
//! It is a task of its own that reads what is stored, not what the loops that it checks remember. It looks at three
//! things: whether rules are evaluated, whether escalations are walked, and whether each open incident with a policy has
//! a next step in the future or stands where people can see it. What it finds goes to the first line as a P0, each
//! finding once an hour. That it has looked is told by [`Vitals`]: by a metric, by `/status`, and by the heartbeat
//! outwards, which is not sent while the auditor itself stands still.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown, chain};
use nines_incidents::{Incident, Incidents, Level};
use nines_model::Timestamp;
use nines_notify::{Deliverer, Draft, Event as PageEvent, OutboxStore, Subject, SubjectKind, plan_draft};
use nines_oncall::escalation::{AUDIT_GRACE, Standing, audit};
use nines_oncall::{OncallRepository, Roster, Rota};
use serde_json::{Value, json};

use super::Shared;
use super::calls::{self, Call};
use crate::paging::Vitals;
use crate::promises::PromiseKeeper;

/// As RELIABILITY B7 asks.
const EVERY: Duration = Duration::from_secs(60);
/// How often a new process looks whether the first round of escalations is over: before it, everything that became due
/// while the process was away looks forgotten.
const FIRST_LOOK: Duration = Duration::from_secs(1);

pub struct Auditor {
    pub clock: SharedClock,
    pub rota: Rota,
    pub repository: Arc<dyn OncallRepository>,
    pub incidents: Incidents,
    pub outbox: Arc<dyn OutboxStore>,
    pub deliverer: Deliverer,
    pub keeper: Arc<PromiseKeeper>,
    pub public_url: String,
    pub shared: Arc<Shared>,
    pub vitals: Arc<Vitals>,
}

/// Something that would let a page be forgotten.
struct Finding {
    /// Tells findings apart; the same one is told once an hour.
    key: String,
    words: String,
    incident: Option<Incident>,
}

impl Auditor {
    /// Until shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        while !shutdown.has_begun()
            && !self.vitals.has_walked()
            && self.vitals.standstill(&self.clock).is_none()
        {
            self.pause(FIRST_LOOK, &shutdown).await;
        }
        while !shutdown.has_begun() {
            match self.look().await {
                Ok(()) => self.vitals.audited(&self.clock),
                Err(error) => {
                    tracing::error!(error = %chain(&*error), "paging cannot be audited, will retry")
                }
            }
            self.pause(EVERY, &shutdown).await;
        }
    }

    async fn pause(&self, length: Duration, shutdown: &Shutdown) {
        tokio::select! {
            () = shutdown.begun() => {}
            () = self.clock.sleep(length) => {}
        }
    }

    async fn look(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let roster = self.rota.roster();
        let mut findings = self.forgotten(&roster, now).await?;
        self.shared.defects.store(findings.len() as u64, Ordering::Relaxed);
        if let Some(words) = self.vitals.standstill(&self.clock) {
            findings.push(Finding { key: "standstill".to_owned(), words, incident: None });
        }
        for finding in findings {
            tracing::error!(key = finding.key, finding.words, "a page would be forgotten");
            self.alarm(&finding, now).await?;
        }
        Ok(())
    }

    /// Open incidents with a policy that have neither a next step nor an end that people can see.
    async fn forgotten(&self, roster: &Roster, now: Timestamp) -> anyhow::Result<Vec<Finding>> {
        let open = self.incidents.open().await?;
        let escalations = self.repository.open_escalations().await?;
        let mut findings = Vec::new();
        for stored in &escalations {
            let defect = match audit(&stored.state, now) {
                Ok(Standing::NextAt(_) | Standing::Visible(_)) => continue,
                Err(defect) => defect,
            };
            let id = &stored.state.incident;
            let incident = open.iter().find(|incident| incident.id.to_string() == *id).cloned();
            findings.push(Finding { key: id.clone(), words: defect.to_string(), incident });
        }
        let walked: HashSet<&str> = escalations.iter().map(|stored| stored.state.incident.as_str()).collect();
        for incident in open {
            let id = incident.id.to_string();
            let is_new = incident.reported_at + AUDIT_GRACE >= now;
            if is_new || walked.contains(id.as_str()) || roster.policy_of(&incident.services).is_none() {
                continue;
            }
            if self.repository.escalation(&id).await?.is_none() {
                let words = format!("{id} has a policy and does not escalate");
                findings.push(Finding { key: id, words, incident: Some(incident) });
            }
        }
        Ok(findings)
    }

    async fn alarm(&self, finding: &Finding, now: Timestamp) -> anyhow::Result<()> {
        let key = format!("audit/{}/{}", finding.key, now.as_secs() / 3_600);
        if !self.repository.tell_once(&key, now).await? {
            return Ok(());
        }
        let (subject, draft) = match &finding.incident {
            Some(incident) => {
                let reason = format!("the auditor of escalations: {}", finding.words);
                let call = Call {
                    incident,
                    alert: &Value::Null,
                    person: None,
                    step: None,
                    reason: &reason,
                    public_url: &self.public_url,
                    now,
                };
                (Subject::incident(incident.id.to_string()), call.draft())
            }
            None => {
                let title = format!("[P0] paging: {}", finding.words);
                let url = format!("{}/status", self.public_url);
                let payload = json!({
                    "type": "oncall.audit",
                    "timestamp": now.to_string(),
                    "data": {"title": title, "level": "P0", "url": url},
                });
                let subject = Subject { kind: SubjectKind::Outbox, id: key.clone() };
                (subject, Draft::plain(title.clone(), format!("{title}\n{url}"), payload))
            }
        };
        let routes = self.keeper.duty().first_line();
        let priority = calls::priority(Level::P0);
        let pages = plan_draft(&subject, &key, PageEvent::Notice, priority, &draft, &routes, now);
        self.outbox.insert(&pages).await?;
        self.deliverer.wake();
        Ok(())
    }
}

//! From groups of foreign alerts to incidents, beside the desk so that a slow incident store delays no sender.
//!
//! Idempotent: a group is one alert to its incident, however often it is told. What is opened here is told by the effect
//! that the incident store keeps with it, or by the policy of its team.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};
use nines_http::Feed;
use nines_incidents::{
    Actor, AlertSignal, Class, Command, EntryKind, Incident, IncidentId, Incidents, Origin, Record, Text,
};
use nines_model::Timestamp;
use nines_oncall::noise::{GroupNotice, GroupWhy};
use nines_state::intake::Intake;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Shared;

/// After the incident store failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The prefix by which an incident knows that an alert of it is a group of foreign ones.
const PREFIX: &str = "group/";

/// Whether the incident was opened by alerts of other systems: nobody else tells of those.
pub fn is_foreign(incident: &Incident) -> bool {
    matches!(&incident.origin, Origin::Alert(alert) if alert.starts_with(PREFIX))
}

/// Something to do for a group.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Tell(GroupNotice),
    /// A sender says that somebody has it in hand.
    Acknowledge {
        by: String,
    },
}

/// What waits, by group: at most one notice and one acknowledgement for each, so it is bounded as the groups are.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    tasks: Mutex<HashMap<(String, bool), Task>>,
    signal: Notify,
}

impl Waiting {
    pub fn add(&self, group: String, task: Task) {
        let is_notice = matches!(task, Task::Tell(_));
        self.tasks.lock().insert((group, is_notice), task);
        self.signal.notify_one();
    }

    /// The gravest first, and a notice before the acknowledgement that may follow it.
    fn next(&self) -> Option<(String, Task)> {
        let mut tasks = self.tasks.lock();
        let rank = |key: &(String, bool), task: &Task| match task {
            Task::Tell(notice) => (false, notice.level, notice.since, key.clone()),
            Task::Acknowledge { .. } => (true, nines_incidents::Level::P2, Timestamp::EPOCH, key.clone()),
        };
        let key = tasks.iter().min_by_key(|(key, task)| rank(key, task)).map(|(key, _)| key.clone())?;
        tasks.remove(&key).map(|task| (key.0, task))
    }
}

pub(super) struct Opener {
    pub clock: SharedClock,
    pub incidents: Incidents,
    pub store: Intake,
    pub waiting: Arc<Waiting>,
    pub shared: Arc<Shared>,
    /// Which incident each group belongs to; the desk reads it.
    pub incident_of: Arc<Mutex<HashMap<String, IncidentId>>>,
    pub feed: Feed,
    pub public_url: String,
}

impl Opener {
    pub async fn run(self, shutdown: Shutdown) {
        while !shutdown.has_begun() {
            let Some((group, task)) = self.waiting.next() else {
                tokio::select! {
                    () = shutdown.begun() => {}
                    () = self.waiting.signal.notified() => {}
                }
                continue;
            };
            if let Err(error) = self.perform(&group, &task).await {
                tracing::error!(
                    group,
                    error = error.to_string(),
                    "cannot open or change an incident, will retry"
                );
                self.waiting.add(group, task);
                tokio::select! {
                    () = shutdown.begun() => {}
                    () = self.clock.sleep(PAUSE) => {}
                }
            }
        }
    }

    async fn perform(&self, group: &str, task: &Task) -> anyhow::Result<()> {
        let alert_id = format!("{PREFIX}{group}");
        match task {
            Task::Tell(notice) if notice.why == GroupWhy::Ended => {
                self.incidents.alert_resolved(&alert_id).await?;
                self.shared.firing.lock().retain(|id, _| {
                    self.incident_of.lock().get(group).is_none_or(|incident| incident.to_string() != *id)
                });
            }
            Task::Tell(notice) => self.open_or_join(group, alert_id, notice).await?,
            Task::Acknowledge { by } => {
                if let Some(incident) = self.incidents.by_alert(&alert_id).await?
                    && incident.state.is_open()
                    && incident.marks.acked.is_none()
                {
                    self.incidents
                        .act(incident.id, &Command::Acknowledge, &Actor::person(by.clone()))
                        .await?;
                }
            }
        }
        self.feed.publish("alert", None);
        Ok(())
    }

    async fn open_or_join(&self, group: &str, alert_id: String, notice: &GroupNotice) -> anyhow::Result<()> {
        let now = self.clock.now();
        let outcome =
            self.incidents.alert_fired(&signal(group, alert_id, notice, &self.public_url, now)).await?;
        let incident = outcome.incident;
        self.incident_of.lock().insert(group.to_owned(), incident.id);
        let firing = u32::try_from(notice.firing).unwrap_or(u32::MAX);
        self.shared.firing.lock().insert(incident.id.to_string(), firing);
        self.store.set_incident(group, &incident.id.to_string()).await?;
        if notice.why == GroupWhy::Changed || notice.why == GroupWhy::Repeated {
            let mut text = format!(
                "{} alerts fire: {} new, {} ended since the last word",
                notice.firing, notice.new, notice.ended
            );
            if let Some(first) = notice.titles.first() {
                text = format!("{text}; newest: {first}");
            }
            let record = Record { at: now, kind: EntryKind::Page, text: Text::Plain(text), link: None };
            self.incidents.act(incident.id, &Command::Record(record), &Actor::system()).await?;
        }
        Ok(())
    }
}

fn signal(
    group: &str,
    alert_id: String,
    notice: &GroupNotice,
    public_url: &str,
    now: Timestamp,
) -> AlertSignal {
    let service = group.strip_prefix("service.name=").filter(|name| !name.is_empty());
    let first = notice.titles.first().cloned().unwrap_or_else(|| "an alert fires".to_owned());
    let summary = match notice.firing {
        0 | 1 => first,
        many => format!("{many} alerts: {first}"),
    };
    AlertSignal {
        alert_id,
        rule: "from rules or other systems".to_owned(),
        service: service.unwrap_or("unknown").to_owned(),
        class: Class::S2,
        level: notice.level,
        summary,
        scope: if notice.firing == 1 { "1 alert".to_owned() } else { format!("{} alerts", notice.firing) },
        started_at: notice.since,
        detected_at: now,
        link: Some(format!("{public_url}/alerts")),
    }
}

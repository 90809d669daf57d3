//! What becomes of a watch: an alert at the desk, which silences, groups and escalates it like any other.
//!
//! A firing alert is told again each minute and says that it ends a few minutes later, so what a crash forgets ends by
//! itself. Units that are silent because their host is are not told of beside the host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nines_fleet::{About, State, Watch, WithName};
use nines_incidents::Level;
use nines_model::Timestamp;
use nines_oncall::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};

use super::saturation::{Board, FULL_FROM, Row};
use super::{Keeper, saturation, time};

/// How often a firing alert is told again.
const RESEND_MS: i64 = 60_000;
/// How long it holds without being told again.
const HOLD: Duration = Duration::from_secs(300);
/// Alerts of one watch; more are one fault of something else, and the page shows them.
const ALERTS_PER_WATCH_MAX: usize = 500;
/// Whom the desk knows as their sender.
const SENDER: &str = "infrastructure";

/// What is told of now.
#[derive(Debug, Clone)]
pub struct Firing {
    pub text: String,
    pub since_ms: i64,
    told_ms: i64,
    alert: IncomingAlert,
}

/// What a watch says of one subject.
struct Finding {
    subject: String,
    summary: String,
    description: String,
    labels: BTreeMap<String, String>,
    since_ms: i64,
    path: String,
}

impl Keeper {
    pub fn has_forecast_watches(&self) -> bool {
        self.watches.read().values().any(|watch| matches!(watch.about, About::Forecast { .. }))
    }

    pub async fn watch_absence(self: &Arc<Self>) {
        let now_ms = self.now_ms();
        let watches = self.of(|about| matches!(about, About::Absence { .. }));
        let found = watches.into_iter().map(|watch| {
            let findings = self.absent(&watch, now_ms);
            (watch, findings)
        });
        let found = found.collect();
        self.tell(found, now_ms).await;
    }

    pub async fn watch_forecasts(self: &Arc<Self>) {
        let now_ms = self.now_ms();
        let Ok(board) = self.board_of_now().await else { return };
        let factors = board.factors();
        let watches = self.of(|about| matches!(about, About::Forecast { .. }));
        let found = watches.into_iter().map(|watch| {
            let findings = filling(&watch, &board, &factors, now_ms);
            (watch, findings)
        });
        let found = found.collect();
        self.tell(found, now_ms).await;
    }

    fn of(&self, is_wanted: impl Fn(&About) -> bool) -> Vec<Watch> {
        self.watches.read().values().filter(|watch| is_wanted(&watch.about)).cloned().collect()
    }

    fn absent(&self, watch: &Watch, now_ms: i64) -> Vec<Finding> {
        let About::Absence { intervals } = watch.about else { return Vec::new() };
        let book = self.book.read();
        let mut findings = Vec::new();
        for unit in book.units().filter(|unit| watch.is_about(unit.key.kind, *unit)) {
            let standing = book.standing_after(unit, now_ms, intervals);
            if standing.state != State::Absent || standing.follows_reporter {
                continue;
            }
            let kind = unit.key.kind.as_str();
            let mut labels = unit.attributes.clone();
            labels.insert("kind".to_owned(), kind.to_owned());
            labels.insert(kind.to_owned(), unit.name.clone());
            let missed = (now_ms - unit.last_seen_ms) / unit.interval_ms().max(1);
            let reason = standing.reason.map(|reason| format!("; {reason}")).unwrap_or_default();
            findings.push(Finding {
                subject: format!("{kind}/{}", unit.key.id),
                summary: format!("{kind} {} has not reported since {}", unit.name, time(unit.last_seen_ms)),
                description: format!(
                    "It reports every {} s and has missed {missed} reports{reason}",
                    unit.interval_ms() / 1000
                ),
                labels,
                since_ms: unit.last_seen_ms,
                path: format!("/infrastructure?kind={kind}&unit={}", encoded(&unit.key.id)),
            });
            if findings.len() == ALERTS_PER_WATCH_MAX {
                break;
            }
        }
        findings
    }

    /// Tells what is new, tells again what holds, and ends what does not hold any more.
    async fn tell(&self, found: Vec<(Watch, Vec<Finding>)>, now_ms: i64) {
        let mut alerts: Vec<((String, String), Firing)> = Vec::new();
        let mut ended = Vec::new();
        {
            let firing = self.firing.lock();
            for (watch, findings) in &found {
                let mut holding = BTreeSet::new();
                for finding in findings {
                    let key = (watch.name.clone(), finding.subject.clone());
                    holding.insert(key.clone());
                    let known = firing.get(&key);
                    if known.is_some_and(|known| now_ms - known.told_ms < RESEND_MS) {
                        continue;
                    }
                    let since_ms = known.map_or(finding.since_ms, |known| known.since_ms);
                    let alert = self.alert(watch, finding, since_ms, now_ms);
                    let text = finding.summary.clone();
                    alerts.push((key, Firing { text, since_ms, told_ms: now_ms, alert }));
                }
                let is_over = |key: &(String, String)| key.0 == watch.name && !holding.contains(key);
                ended.extend(
                    firing
                        .iter()
                        .filter(|(key, _)| is_over(key))
                        .map(|(key, one)| (key.clone(), one.alert.clone())),
                );
            }
        }
        self.hand_on(alerts, ended, now_ms).await;
    }

    /// The watch is gone: what it told of ends.
    pub async fn end_watch(&self, name: &str) {
        let of = |(key, one): (&(String, String), &Firing)| {
            (key.0 == name).then(|| (key.clone(), one.alert.clone()))
        };
        let ended = self.firing.lock().iter().filter_map(of).collect();
        self.hand_on(Vec::new(), ended, self.now_ms()).await;
    }

    async fn hand_on(
        &self,
        alerts: Vec<((String, String), Firing)>,
        ended: Vec<((String, String), IncomingAlert)>,
        now_ms: i64,
    ) {
        if alerts.is_empty() && ended.is_empty() {
            return;
        }
        let over = ended.iter().map(|(_, alert)| IncomingAlert {
            status: AlertStatus::Resolved,
            ends_at: Some(Timestamp::from_millis(now_ms)),
            ..alert.clone()
        });
        let all: Vec<IncomingAlert> = alerts.iter().map(|(_, one)| one.alert.clone()).chain(over).collect();
        if let Err(error) = self.desk.receive(all, SENDER).await {
            // The next round finds the same.
            tracing::warn!(%error, "alerts of infrastructure wait");
            return;
        }
        let mut firing = self.firing.lock();
        for (key, _) in ended {
            firing.remove(&key);
        }
        firing.extend(alerts);
        drop(firing);
        self.feed.publish("alert", None);
    }

    fn alert(&self, watch: &Watch, finding: &Finding, since_ms: i64, now_ms: i64) -> IncomingAlert {
        let name = match watch.about {
            About::Absence { .. } => "Absent",
            About::Forecast { .. } => "RunsFull",
        };
        let mut labels = finding.labels.clone();
        labels.insert("alertname".to_owned(), name.to_owned());
        labels.insert("watch".to_owned(), watch.name.clone());
        let of_labels = ["service_name", "service"].iter().find_map(|name| labels.get(*name).cloned());
        IncomingAlert {
            fingerprint: Fingerprint::given(
                Source::Nines,
                "infrastructure",
                &format!("{}/{}", watch.name, finding.subject),
            ),
            source: Source::Nines,
            status: AlertStatus::Firing,
            title: finding.summary.clone(),
            level: Level::parse(&watch.severity).ok(),
            service: watch.service.clone().or(of_labels),
            labels,
            annotations: BTreeMap::from([("description".to_owned(), finding.description.clone())]),
            links: vec![Link {
                title: "infrastructure".to_owned(),
                url: format!("{}{}", self.public_url, finding.path),
            }],
            starts_at: Some(Timestamp::from_millis(since_ms)),
            ends_at: Some(Timestamp::from_millis(now_ms) + HOLD),
        }
    }
}

fn filling(
    watch: &Watch,
    board: &Board,
    factors: &[nines_api::SaturationFactor],
    now_ms: i64,
) -> Vec<Finding> {
    let About::Forecast { within_hours, level } = watch.about else { return Vec::new() };
    let until_ms = now_ms + (within_hours * 3.6e6) as i64;
    let is_about = |row: &&Row| {
        let record = WithName { name: &row.shown.name, labels: &row.attributes };
        let kind = row.unit.as_ref().map(|unit| unit.kind);
        watch.kind.is_none_or(|wanted| kind == Some(wanted)) && watch.filter.accepts(&record)
    };
    let mut findings = Vec::new();
    for row in board.rows.iter().filter(is_about) {
        let is_full = row.shown.ratio >= FULL_FROM;
        if !is_full && !reaches(row, level, until_ms, now_ms) {
            continue;
        }
        let summary = match (&row.shown.full_at, is_full) {
            (Some(at), false) => format!("{} {} is full at {at}", row.shown.resource, row.shown.name),
            _ => {
                format!("{} {} is full: {:.0} %", row.shown.resource, row.shown.name, row.shown.ratio * 100.0)
            }
        };
        let shown = |time: &Option<String>| time.clone().unwrap_or_else(|| "not known".to_owned());
        let interval = format!(
            "{:.0} % now; full with {:.0} % between {} and {}",
            row.shown.ratio * 100.0,
            row.shown.probability * 100.0,
            shown(&row.shown.full_earliest),
            shown(&row.shown.full_latest)
        );
        let factor = factors.iter().find(|factor| {
            factor.resource == row.shown.resource && row.attributes.get(&factor.label) == Some(&factor.value)
        });
        let mut labels = row.attributes.clone();
        labels.insert("resource".to_owned(), row.shown.resource.clone());
        let mut description = interval;
        if let Some(factor) = factor {
            let only = if factor.share_of_rest == 0.0 { "only" } else { "mostly" };
            description.push_str(&format!(
                "; {only} where {} is {}: {:.0} % of those that run full, {:.0} % of the others",
                factor.label,
                factor.value,
                factor.share * 100.0,
                factor.share_of_rest * 100.0
            ));
            labels.insert("factor".to_owned(), format!("{}={}", factor.label, factor.value));
        }
        findings.push(Finding {
            subject: row.shown.id.clone(),
            summary,
            description,
            labels,
            since_ms: now_ms,
            path: format!("/saturation?row={}", encoded(&row.shown.id)),
        });
        if findings.len() == ALERTS_PER_WATCH_MAX {
            break;
        }
    }
    findings
}

/// Whether the limit is reached by then with this probability: the lower line of the interval whose one side is left out.
fn reaches(row: &Row, probability: f64, until_ms: i64, now_ms: i64) -> bool {
    let level = (2.0 * probability - 1.0).max(0.01);
    let Ok(forecast) = row.continued(level, now_ms) else { return false };
    let reached = forecast.fan.iter().find(|point| point.low >= 1.0);
    reached.is_some_and(|point| point.at_ms <= until_ms)
}

/// For the query of an address.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~/:".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// How long a board is as good as a new one.
const BOARD_MS: i64 = 30_000;

impl Keeper {
    pub async fn board_of_now(self: &Arc<Self>) -> Result<Arc<Board>, nines_http::FleetError> {
        let now_ms = self.now_ms();
        if let Some(known) = self.board.lock().as_ref().filter(|known| now_ms - known.at_ms < BOARD_MS) {
            return Ok(Arc::clone(known));
        }
        let board = self.ask(move |keeper, asked| {
            let book = keeper.book.read().clone();
            saturation::board(asked, &book, None, super::desk::PROBABILITY, now_ms)
        });
        let board = Arc::new(board.await?.map_err(|error| super::question_failed(&error))?);
        *self.board.lock() = Some(Arc::clone(&board));
        Ok(board)
    }
}

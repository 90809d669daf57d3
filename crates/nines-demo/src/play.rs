//! Plays one story against a node and notes what it did about it.

use std::time::Duration;

use nines_api::{Alert, Change, FacetsRequest, HistogramRequest, Incident, StepRequest, Suspect};
use nines_base::SharedClock;
use nines_client::{Client, ClientError};
use nines_model::Timestamp;
use serde::Serialize;

use crate::shop::{Shop, ShopError};
use crate::wait::until;
use crate::{Receiver, Say, Story};

/// A fault that is not noticed by then is missed. The slowest story should take a fifth of it.
const DETECT_WAIT_MAX: Duration = Duration::from_secs(60);
/// From the alert to the page at the receiver; the promise is one second.
const PAGE_WAIT_MAX: Duration = Duration::from_secs(20);
/// The pages of an earlier play may still be open: an alert stays for half a minute after the last bad second.
const COOL_WAIT_MAX: Duration = Duration::from_secs(120);
/// From the undo until nothing bad is seen any more.
const RECOVER_WAIT_MAX: Duration = Duration::from_secs(45);

/// The last seconds must be free of bad events before a story counts as mended.
const QUIET: Duration = Duration::from_secs(4);

/// Between the report of the change and the change itself, as a pipeline has it.
const LEAD: Duration = Duration::from_millis(700);

/// How long a responder reads the page.
const READING: Duration = Duration::from_secs(2);

/// Nobody finds and undoes a change faster than this; it gives the budget something to show, too.
const FAULT_MIN: Duration = Duration::from_secs(12);

#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    #[error("the node refused")]
    Node(#[from] ClientError),
    #[error("the shop failed")]
    Shop(#[from] ShopError),
}

impl PlayError {
    pub fn kind(&self) -> nines_base::ErrorKind {
        match self {
            Self::Node(error) => error.kind(),
            Self::Shop(_) => nines_base::ErrorKind::Unavailable,
        }
    }
}

/// What a story came to. Times are RFC 3339; seconds count from the fault's start.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub story: &'static str,
    pub promise: &'static str,
    /// When the shop began to fail, by the shop's own clock.
    pub fault_start: String,
    /// When the node's alert says that it saw it.
    pub detected_secs: Option<f64>,
    /// When the page came, by the receiver's clock.
    pub paged_secs: Option<f64>,
    /// Whether the page's signature held.
    pub signature_ok: bool,
    pub incident: Option<String>,
    /// When the incident was opened, by its timeline.
    pub incident_secs: Option<f64>,
    /// When it was resolved, by its marks.
    pub resolved_secs: Option<f64>,
    pub users_hit: Option<u64>,
    /// What the page named.
    pub named: Vec<String>,
    /// What it was.
    pub cause: &'static str,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Solved,
    /// What did not happen.
    Missed(&'static str),
}

/// Everything that a story is played with.
pub(crate) struct Player<'a> {
    pub client: &'a Client,
    pub shop: &'a Shop,
    pub receiver: &'a Receiver,
    pub clock: &'a SharedClock,
    /// Where people find the node.
    pub public_url: &'a str,
    pub say: &'a Say,
}

impl Player<'_> {
    /// Plays `story` from change to resolution. The fault is taken back in any case.
    pub(crate) async fn play(&self, story: Story) -> Result<Outcome, PlayError> {
        self.cool_down(story).await?;
        self.say(&format!("\n── {} ──", story.as_str()));
        self.say(story.opening());
        let change = self.client.record_change(&story.change()).await?;
        self.clock.sleep(LEAD).await;
        let fault = self.clock.now();
        story.break_it(self.shop).await?;
        let tale = Tale { player: self, story, fault };
        tale.note("the fault begins");
        let noticed = tale.notice(&change).await;
        self.clock.sleep(FAULT_MIN.saturating_sub(self.clock.now().since(fault))).await;
        // Whatever was found, the shop must be whole again.
        self.client.record_change(&story.undo_change()).await?;
        story.mend(self.shop).await?;
        tale.note(&format!("undone: {}", story.undo_change().title));
        let mut outcome = noticed?;
        tale.recover(&mut outcome).await?;
        Ok(outcome)
    }

    /// An alert that still fires from an earlier play could not be told from a new one.
    async fn cool_down(&self, story: Story) -> Result<(), ClientError> {
        if self.firing(story).await?.is_none() {
            return Ok(());
        }
        self.say(&format!("{} still fires from before; waiting until it has cleared", story.slo()));
        until(self.clock, COOL_WAIT_MAX, || async { Ok(self.firing(story).await?.is_none().then_some(())) })
            .await?;
        Ok(())
    }

    /// The alert that wakes somebody. A slow burn may raise a ticket first; that one becomes a page by itself.
    async fn firing(&self, story: Story) -> Result<Option<Alert>, ClientError> {
        let alerts = self.client.alerts(Some("firing"), Some(story.slo())).await?.alerts;
        Ok(alerts.into_iter().find(|alert| alert.severity == "page"))
    }

    fn say(&self, line: &str) {
        (self.say)(line);
    }
}

/// A story that is under way.
struct Tale<'a> {
    player: &'a Player<'a>,
    story: Story,
    fault: Timestamp,
}

impl Tale<'_> {
    /// One line with the time since the fault.
    fn note(&self, line: &str) {
        let elapsed = self.player.clock.now().since(self.fault).as_secs_f64();
        self.player.say(&format!("  +{elapsed:>5.1} s  {line}"));
    }

    fn link(&self, label: &str, url: &str) {
        self.player.say(&format!("             {label}: {url}"));
    }

    fn secs(&self, at: Timestamp) -> f64 {
        at.as_secs_f64() - self.fault.as_secs_f64()
    }

    /// From the fault to the cause.
    async fn notice(&self, change: &Change) -> Result<Outcome, ClientError> {
        let player = self.player;
        let mut outcome = self.blank();
        let Some(alert) = until(player.clock, DETECT_WAIT_MAX, || player.firing(self.story)).await? else {
            self.note("not noticed");
            outcome.verdict = Verdict::Missed("not detected");
            return Ok(outcome);
        };
        let detected = self.detected_at(&alert);
        outcome.detected_secs = Some(detected);
        self.note(&format!("noticed (at +{detected:.1} s): {}", alert.message.title));

        let page =
            until(player.clock, PAGE_WAIT_MAX, || async { Ok(player.receiver.first(&alert.id, self.fault)) })
                .await?;
        match &page {
            Some(page) => {
                let at = self.secs(page.at);
                outcome.paged_secs = Some(at);
                outcome.signature_ok = page.signature.is_ok();
                let signature = page
                    .signature
                    .map_or_else(|error| error.to_string(), |()| "signature verified".to_owned());
                if page.signature.is_err() {
                    outcome.verdict = Verdict::Missed("the page's signature does not hold");
                }
                self.note(&format!("mei is paged (at +{at:.1} s, {signature})"));
            }
            None => {
                outcome.verdict = Verdict::Missed("not paged");
                self.note("no page came");
            }
        }
        // The evidence is gathered while the page is on its way; a moment later it is all there.
        player.clock.sleep(READING).await;
        let alert = player.client.alert(&alert.id).await?;
        self.read_page(&alert);
        self.name_cause(&alert, change, &mut outcome);
        self.take_incident(&alert, &mut outcome).await?;
        self.search().await?;
        Ok(outcome)
    }

    fn blank(&self) -> Outcome {
        Outcome {
            story: self.story.as_str(),
            promise: self.story.slo(),
            fault_start: self.fault.to_string(),
            detected_secs: None,
            paged_secs: None,
            signature_ok: false,
            incident: None,
            incident_secs: None,
            resolved_secs: None,
            users_hit: None,
            named: Vec::new(),
            cause: self.story.cause(),
            verdict: Verdict::Solved,
        }
    }

    /// An alert that opens again keeps its first detection; then its newest page says when.
    fn detected_at(&self, alert: &Alert) -> f64 {
        let at = |time: &str| Timestamp::parse_rfc3339(time).ok().filter(|at| *at >= self.fault);
        let pages = alert.pages.iter().filter_map(|page| at(&page.queued_at)).min();
        at(&alert.detected_at).or(pages).map_or(f64::NAN, |at| self.secs(at))
    }

    fn read_page(&self, alert: &Alert) {
        let message = &alert.message;
        for sentence in [&message.explanation, &message.observed, &message.ideal] {
            if !sentence.is_empty() {
                self.note(sentence);
            }
        }
        for missing in &message.incomplete {
            self.note(&format!("(the page could not say: {missing})"));
        }
        for link in
            message.links.iter().filter(|link| matches!(link.rel.as_str(), "incident" | "search" | "slo"))
        {
            self.link(&link.rel, &link.url);
        }
    }

    /// What the page named, held against what it was.
    fn name_cause(&self, alert: &Alert, ours: &Change, outcome: &mut Outcome) {
        let message = &alert.message;
        outcome.users_hit = message.users_hit;
        let suspects = message.suspects.iter().take(SUSPECTS_COUNTED);
        outcome.named =
            suspects.clone().map(|suspect| format!("{}={}", suspect.field, suspect.value)).collect();
        let by_suspect = suspects.clone().any(|suspect| self.is_clue(suspect));
        let by_change = message.last_change.as_ref().is_some_and(|change| is_same(change, ours));
        if let Some(change) = &message.last_change {
            outcome.named.push(change.title.clone());
            let by = change.by.as_deref().unwrap_or("somebody");
            self.note(&format!(
                "last change: {} by {by}; undo: {}",
                change.title,
                change.undo.as_deref().unwrap_or("–")
            ));
        }
        if let Some(first) = message.suspects.first() {
            let share = first.share_of_bad * 100.0;
            self.note(&format!("suspect: {} = {} ({share:.0} % of what fails)", first.field, first.value));
        }
        if !(by_suspect || by_change) && outcome.verdict == Verdict::Solved {
            outcome.verdict = Verdict::Missed("cause not named");
        }
    }

    fn is_clue(&self, suspect: &Suspect) -> bool {
        self.story.clues().iter().any(|(field, value)| suspect.field == *field && suspect.value == *value)
    }

    /// The responder takes the incident over.
    async fn take_incident(&self, alert: &Alert, outcome: &mut Outcome) -> Result<(), ClientError> {
        let Some(id) = &alert.incident_id else {
            if outcome.verdict == Verdict::Solved {
                outcome.verdict = Verdict::Missed("no incident");
            }
            self.note("no incident was opened");
            return Ok(());
        };
        let client = self.player.client;
        let detail = client.incident(id).await?;
        let opened = detail.timeline.iter().filter_map(|entry| Timestamp::parse_rfc3339(&entry.at).ok());
        outcome.incident_secs = opened.filter(|at| *at >= self.fault).min().map(|at| self.secs(at));
        outcome.incident = Some(id.clone());
        self.note(&format!(
            "incident {id} ({}, next update in {} min)",
            detail.incident.level,
            detail.incident.clock.cadence_secs / 60
        ));
        self.link("incident", &format!("{}/incident/{id}", self.player.public_url));
        self.step(id, "acknowledge", StepRequest::default()).await?;
        let level = detail.incident.level.clone();
        self.step(id, "confirm", StepRequest { level: Some(level), ..StepRequest::default() }).await?;
        self.note("mei acknowledges and confirms the level");
        Ok(())
    }

    /// One question in the search, as a person would ask it.
    async fn search(&self) -> Result<(), ClientError> {
        let (dataset, filter, field) = self.story.question();
        let request = FacetsRequest {
            dataset: dataset.to_owned(),
            filter: filter.to_owned(),
            start: Some(self.fault.to_string()),
            end: None,
            fields: Some(vec![field.to_owned()]),
        };
        let answer = self.player.client.facets(&request).await?;
        let value =
            answer.facets.iter().find(|facet| facet.field == field).and_then(|facet| facet.values.first());
        match value {
            Some(value) => self.note(&format!(
                "search `{filter}`: {field} = {} ({}×, {:.0} ms)",
                value.value, value.count, answer.stats.run_time_ms
            )),
            None => self.note(&format!("search `{filter}`: nothing yet")),
        }
        Ok(())
    }

    /// From the undo to the end of the incident.
    async fn recover(&self, outcome: &mut Outcome) -> Result<(), ClientError> {
        let Some(id) = outcome.incident.clone() else { return Ok(()) };
        let text = Some(format!("undone: {}", self.story.undo_change().title));
        self.step(&id, "mitigate", StepRequest { text, ..StepRequest::default() }).await?;
        let quiet = until(self.player.clock, RECOVER_WAIT_MAX, || self.is_quiet()).await?;
        if quiet.is_none() {
            self.note("still not well");
            if outcome.verdict == Verdict::Solved {
                outcome.verdict = Verdict::Missed("not recovered");
            }
            return Ok(());
        }
        self.note("no bad event for some seconds");
        let text = Some("the promise is kept again".to_owned());
        let incident = self.step(&id, "resolve", StepRequest { text, ..StepRequest::default() }).await?;
        let resolved = incident.marks.resolved_at.as_deref().and_then(|at| Timestamp::parse_rfc3339(at).ok());
        outcome.resolved_secs = resolved.map(|at| self.secs(at));
        if resolved.is_none() && outcome.verdict == Verdict::Solved {
            outcome.verdict = Verdict::Missed("not resolved");
        }
        self.note(&format!("{id} is resolved"));
        self.cost().await
    }

    /// What it cost, in the promise's own words.
    async fn cost(&self) -> Result<(), ClientError> {
        let slo = self.player.client.slo(self.story.slo()).await?;
        self.note(&slo.sentence_engineer);
        self.link("promise", &format!("{}/slo/{}", self.player.public_url, slo.name));
        Ok(())
    }

    /// Whether events came in the last seconds, none of them bad.
    async fn is_quiet(&self) -> Result<Option<()>, ClientError> {
        let slo = self.player.client.slo(self.story.slo()).await?;
        let Some(indicator) = slo.indicator else { return Ok(None) };
        // What is on its way takes a moment to arrive.
        let end = self.player.clock.now() - Duration::from_secs(1);
        let count = |filter: String| HistogramRequest {
            dataset: indicator.dataset.clone(),
            filter,
            start: Some((end - QUIET).to_string()),
            end: Some(end.to_string()),
            buckets: Some(1),
            split_by: None,
        };
        let bad = self.player.client.histogram(&count(indicator.bad_filter.clone())).await?.total;
        let total = self.player.client.histogram(&count(indicator.total_filter.clone())).await?.total;
        Ok((bad == 0 && total > 0).then_some(()))
    }

    /// A step that the incident has already taken by itself is no error.
    async fn step(&self, id: &str, step: &str, request: StepRequest) -> Result<Incident, ClientError> {
        match self.player.client.step_incident(id, step, &request).await {
            Err(error) if error.kind() == nines_base::ErrorKind::Conflict => {
                Ok(self.player.client.incident(id).await?.incident)
            }
            result => result,
        }
    }
}

/// The page says which change it means; its title may leave out the kind, which stands beside it.
fn is_same(named: &Change, ours: &Change) -> bool {
    if named.id.is_empty() {
        !named.title.is_empty() && ours.title.ends_with(&named.title)
    } else {
        named.id == ours.id
    }
}

/// A cause that is named in fourth place is not named.
const SUSPECTS_COUNTED: usize = 3;

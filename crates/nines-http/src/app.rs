//! What handlers reach: one struct with the parts of a node.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use nines_access::Access;
use nines_api as api;
use nines_base::{Random, SharedClock, Shutdown};
use nines_dashboards::DashboardStore;
use nines_incidents::{Incidents, Language};
use nines_ingest::{Clocks, Ingest};
use nines_notify::{OutboxStore, Page, PageFilter, Subject, Targets};
use nines_oncall::{OncallRepository, Rota};
use nines_query::Engine;
use nines_receive::{Doors, OtlpReceiver};
use nines_saved::SavedQuestions;
use nines_slo::DocumentKind;
use nines_state::alerts::{AlertFilter, Alerts, StoredAlert};
use nines_state::intake::Intake;
use nines_state::objects::Objects;
use nines_storage::Store;

use crate::audit::Auditor;
use crate::desk::AlertDesk;
use crate::feed::Feed;
use crate::metric_questions::MetricQuestions;
use crate::operations::RUNBOOK_KIND;
use crate::problem::{ApiError, ApiResult};
use crate::promises::{FILE_MARK, PromiseView, Promises, RULES_KIND, SCRAPE_KIND};
use crate::render;
use crate::tail::Tails;

pub type SharedApp = Arc<App>;

/// Pages of one alert that are shown; an alert makes a few for each transition.
const PAGES_SHOWN_MAX: u32 = 100;

/// What the node knows of itself; gathered by the server.
/// Who is called, and what comes in from other systems.
pub struct Oncall {
    pub rota: Rota,
    pub repository: Arc<dyn OncallRepository>,
    pub intake: Intake,
    pub desk: Arc<dyn AlertDesk>,
    /// Confirms subscriptions of Amazon SNS and fetches the certificates of its signatures.
    pub egress: nines_egress::Egress,
}

#[async_trait]
pub trait Health: Send + Sync {
    async fn status(&self) -> Result<api::Status, Box<dyn std::error::Error + Send + Sync>>;

    /// How much is kept.
    async fn limits(&self) -> api::LimitsResponse;

    /// Deletes what these limits, as [`Health::limits`] names them, want deleted.
    async fn confirm_limits(&self, limits: &[String])
    -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

pub struct App {
    pub version: &'static str,
    pub clock: SharedClock,
    pub random: Random,
    pub shutdown: Shutdown,
    pub access: Access,
    pub audit: Auditor,
    pub secrets: crate::Secrets,
    pub policies: crate::PolicyDesk,
    /// As the node was started.
    pub settings: Vec<api::ConfigSetting>,
    /// The identity provider, if one is set up.
    pub oidc: Option<Arc<nines_oidc::Provider>>,
    /// Senders of telemetry need no key on this listener.
    pub anonymous_ingest: bool,
    /// How people reach this node, without a slash at the end.
    pub public_url: String,
    pub store: Store,
    pub engine: Engine,
    pub ingest: Ingest,
    pub receiver: OtlpReceiver,
    pub doors: Doors,
    pub promises: Arc<dyn Promises>,
    pub objects: Objects,
    pub alerts: Alerts,
    pub outbox: Arc<dyn OutboxStore>,
    pub targets: Targets,
    pub incidents: Incidents,
    pub health: Arc<dyn Health>,
    pub feed: Feed,
    pub tails: Tails,
    pub patterns: crate::SharedBook,
    /// Of those that send.
    pub clocks: Arc<Clocks>,
    pub metrics: MetricQuestions,
    pub saved: Arc<dyn SavedQuestions>,
    pub dashboards: Arc<dyn DashboardStore>,
    pub status_pages: Arc<dyn nines_statuspage::StatusStore>,
    pub subscribers: crate::Subscribers,
    pub hooks: crate::ChatHooks,
    /// In which people take notifications.
    pub browsers: nines_notify::Browsers,
    pub learning: Arc<dyn nines_learning::LearningStore>,
    pub oncall: Oncall,
    pub operations: crate::Operations,
    pub inventory: crate::InventoryDesk,
    pub credit: crate::CreditDesk,
    pub uptime: Arc<dyn crate::Uptime>,
    pub fleet: Arc<dyn crate::Fleet>,
}

impl App {
    /// Cookies are marked `Secure` when people come by TLS.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Promises on the wire, with their open alerts and incidents.
    pub async fn slos(&self, views: &[PromiseView], language: Language) -> ApiResult<Vec<api::Slo>> {
        let open = AlertFilter { open: Some(true), limit: 1000, ..AlertFilter::default() };
        let open: HashMap<String, (String, Option<String>)> = self
            .alerts
            .alerts(&open)
            .await?
            .into_iter()
            .map(|alert| (alert.slo, (alert.alert.id.0, alert.incident)))
            .collect();
        let rendered = views.iter().map(|view| {
            let (alert, incident) = open
                .get(&view.promise.id)
                .cloned()
                .map_or((None, None), |(alert, incident)| (Some(alert), incident));
            render::slos::slo(view, language, alert, incident)
        });
        Ok(rendered.collect())
    }

    pub async fn alert(&self, id: &str) -> ApiResult<Option<api::Alert>> {
        match self.alerts.alert(&nines_alerting::AlertId(id.to_owned())).await? {
            Some(stored) => self.rendered_alert(&stored).await.map(Some),
            None => Ok(None),
        }
    }

    pub async fn rendered_alert(&self, stored: &StoredAlert) -> ApiResult<api::Alert> {
        let transitions = self.alerts.transitions(&stored.alert.id).await?;
        let filter = PageFilter {
            limit: PAGES_SHOWN_MAX,
            ..PageFilter::of_subject(Subject::alert(stored.alert.id.0.clone()))
        };
        let pages = self.outbox.pages(&filter).await?;
        let pages = pages.iter().map(|page| self.rendered_page(page)).collect();
        Ok(render::alerts::alert(stored, &transitions, pages))
    }

    pub fn rendered_page(&self, page: &Page) -> api::Page {
        let kind = self.targets.kind(&page.new.target);
        render::alerts::page(page, kind.map_or("", |kind| kind.as_str()))
    }

    /// Applied documents, secrets left out.
    pub async fn objects(&self, kind: Option<&str>) -> ApiResult<Vec<api::DeclaredObject>> {
        let objects = self.objects.list().await.map_err(|error| ApiError::from_kind(error.kind(), &error))?;
        if let Some(kind) = kind {
            known_kind(kind)?;
        }
        let wanted = objects
            .into_iter()
            .filter(|object| kind.is_none_or(|kind| object.kind.eq_ignore_ascii_case(kind)));
        let dashboards = match kind {
            Some(kind) if !kind.eq_ignore_ascii_case(nines_dashboards::KIND) => Vec::new(),
            _ => self.declared_dashboards().await?,
        };
        Ok(wanted
            .map(|object| api::DeclaredObject {
                yaml: shown(&object.kind, &object.name, object.yaml),
                kind: object.kind,
                name: object.name,
                revision: object.revision,
                applied_at: object.applied_at.to_string(),
                applied_by: object.applied_by,
            })
            .chain(dashboards)
            .collect())
    }

    /// Dashboards among the applied documents; they have a store of their own, which keeps their versions.
    async fn declared_dashboards(&self) -> ApiResult<Vec<api::DeclaredObject>> {
        let mut declared = Vec::new();
        for summary in self.dashboards.list().await? {
            let stored = self.dashboards.get(&summary.name).await?;
            declared.push(api::DeclaredObject {
                kind: nines_dashboards::KIND.to_owned(),
                name: summary.name,
                revision: stored.revision.version,
                yaml: nines_dashboards::yaml(&stored.dashboard),
                applied_at: stored.revision.at.to_string(),
                applied_by: stored.revision.by,
            });
        }
        Ok(declared)
    }
}

/// A document without its secrets. Runbooks, rules and probes hold none: they come back as they were written.
fn shown(kind: &str, name: &str, yaml: String) -> String {
    if ![RULES_KIND, SCRAPE_KIND].contains(&kind) {
        let is_open = kind == RUNBOOK_KIND || crate::uptime::KINDS.contains(&kind);
        return if is_open { yaml } else { redacted(&yaml) };
    }
    let yaml = match kind {
        SCRAPE_KIND => nines_scrape::config::redacted(&yaml)
            .unwrap_or_else(|| "# the secrets of this document cannot be told from the rest\n".to_owned()),
        _ => yaml,
    };
    // These have no name in them; with it they can be applied again.
    if yaml.lines().any(|line| line.starts_with(FILE_MARK) || line.starts_with("kind:")) {
        yaml
    } else {
        format!("{FILE_MARK} {name}\n{yaml}")
    }
}

/// The document as it may be shown: parsed and written again without its secrets.
fn redacted(yaml: &str) -> String {
    // On-call documents hold no secrets: they come back as they were written.
    let mut oncall = nines_oncall::document::Documents::default();
    match nines_slo::documents::parse_with(None, yaml, &mut oncall) {
        Ok(file) if file.documents.is_empty() && !oncall.keys().is_empty() => yaml.to_owned(),
        Ok(file) => file
            .documents
            .iter()
            .map(|parsed| parsed.document.to_yaml_redacted())
            .collect::<Vec<_>>()
            .join("---\n"),
        // What is stored was parsed before; if it cannot be now, it is not shown rather than shown with its secrets.
        Err(_) => "# this document cannot be read by this version\n".to_owned(),
    }
}

/// The kinds of documents that a node takes.
fn known_kind(kind: &str) -> ApiResult<()> {
    let known: Vec<&str> = DocumentKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .chain(nines_oncall::document::KINDS)
        .chain([RUNBOOK_KIND, SCRAPE_KIND, RULES_KIND, nines_dashboards::KIND])
        .chain(crate::uptime::KINDS)
        .collect();
    if known.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    Err(ApiError::not_found(format!("there is no kind `{kind}`"))
        .hint(format!("the kinds are {}", known.join(", "))))
}

//! The action machine in a node: its cloud, who writes down what it does, and who says whether it helped.
//!
//! Runs, their history and the simulated cloud lie in `control.db`. Every transition is in the audit log before anything is
//! called; the incident that a run belongs to gets the milestones on its timeline, as well as that works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use nines_access::{Actor, AuditEntry, AuditLog, AuditResult, Role, Via};
use nines_actions::cloud::aws::{Aws, AwsConfig, Chain, Role as AwsRole, WafScope};
use nines_actions::cloud::sim::{SimCloud, SimConfig, World};
use nines_actions::{
    Actions, Cloud, Event, EventKind, Helped, History, Judge, Parts, Rules, Run, Stop, Witness,
};
use nines_base::{Random, SharedClock, Shutdown};
use nines_egress::{Config as EgressConfig, Egress, Policy};
use nines_http::{Chat, ChatPerson, DiscordChat, Feed, Operations, Promises, Runbooks, TeamsChat};
use nines_incidents::{Actor as IncidentActor, Command, EntryKind, Incidents, Record, Source, Text};
use nines_model::TimeRange;
use nines_secrets::{SecretRef, SecretResolver, Vault};
use nines_slo::{Counts, wilson_bounds};
use nines_state::Database;
use nines_state::actions::SqliteRuns;
use nines_state::audit::SqliteAudit;
use tokio::task::JoinHandle;

use crate::config::{AwsSettings, Config, OperationsConfig};

/// The indicator before a run is read over as long as the one after it.
const JUDGED_OVER: Duration = nines_actions::machine::VERDICT_DELAY;
/// Fewer events than this on either side say nothing.
const JUDGED_EVENTS_MIN: u64 = 20;
/// Where credentials of machines and containers come from: the only addresses that the reader of credentials may reach
/// besides public ones.
const METADATA: [&str; 2] = ["169.254.169.254/32", "169.254.170.2/32"];

/// What the machine stands on in this node.
pub struct Surroundings {
    pub control: Database,
    pub clock: SharedClock,
    pub random: Random,
    pub incidents: Incidents,
    pub promises: Arc<dyn Promises>,
    pub feed: Feed,
    pub runbooks: Arc<Runbooks>,
    pub secrets: Vault,
}

/// Opens the cloud and starts the machine.
///
/// # Errors
/// A configuration that cannot be used, or a stored simulated cloud that cannot be read.
pub async fn start(
    config: &Config,
    surroundings: Surroundings,
    shutdown: &Shutdown,
) -> anyhow::Result<(Operations, JoinHandle<()>)> {
    let Surroundings { control, clock, random, incidents, promises, feed, runbooks, secrets } = surroundings;
    let runs = SqliteRuns::new(control.clone());
    let history: Arc<dyn History> = Arc::new(runs.clone());
    let cloud: Arc<dyn Cloud> = match &config.operations.aws {
        Some(settings) => Arc::new(aws(settings, config, &secrets, &clock)?),
        None => {
            let store = Box::new(runs.clone());
            let opened =
                SimCloud::open(SimConfig::default(), World::demo(), clock.clone(), random.clone(), store);
            Arc::new(opened.await.map_err(anyhow::Error::msg)?)
        }
    };
    tracing::info!(cloud = cloud.name(), "actions go to");
    let witness = Scribe {
        audit: Arc::new(SqliteAudit::new(control)),
        history: Arc::clone(&history),
        incidents: incidents.clone(),
        feed,
        clock: clock.clone(),
    };
    let parts = Parts {
        runs: Arc::new(runs),
        cloud,
        witness: Arc::new(witness),
        judge: Arc::new(PromiseJudge { incidents, promises }),
        clock,
        random,
    };
    let rules = Rules { four_eyes: config.operations.four_eyes.clone(), ..Rules::default() };
    let actions = Arc::new(Actions::new(parts, rules));
    let worker = tokio::spawn({
        let (actions, stop) = (Arc::clone(&actions), shutdown.clone());
        async move { actions.work(&stop).await }
    });
    let chat = chat(&config.operations, &secrets)?;
    let (teams, discord) = (teams(&config.operations, &secrets)?, discord(&config.operations)?);
    Ok((Operations { actions, history, runbooks, chat, teams, discord }, worker))
}

fn aws(
    settings: &AwsSettings,
    config: &Config,
    secrets: &dyn SecretResolver,
    clock: &SharedClock,
) -> anyhow::Result<Aws> {
    let (aws, egress) = aws_account(settings, config, Some(secrets))?;
    Ok(Aws::new(aws, egress, clock.clone()))
}

/// One account and region with its credentials, and the way out to it. `secrets`: `None` for whoever opens the vault.
pub(crate) fn aws_account(
    settings: &AwsSettings,
    config: &Config,
    secrets: Option<&dyn SecretResolver>,
) -> anyhow::Result<(AwsConfig, Egress)> {
    let text = |name: &str, text: &Option<String>| -> anyhow::Result<Option<String>> {
        let Some(text) = text else { return Ok(None) };
        let Some(reference) = SecretRef::parse(text)? else { return Ok(Some(text.clone())) };
        let secrets = secrets.with_context(|| {
            format!("`aws.{name}` is {reference}, but the vault itself is opened by this account: give the text, or let the chain find it")
        })?;
        let value = secrets.resolve(&reference).with_context(|| format!("`aws.{name}` cannot be read"))?;
        Ok(Some(value.expose().to_owned()))
    };
    let egress = |allow| Egress::new(EgressConfig { policy: Policy { allow }, ..EgressConfig::default() });
    let metadata = METADATA.iter().map(|text| text.parse().expect("a constant network")).collect();
    let external_id = text("external_id", &settings.external_id)?;
    let role = settings.role.clone().map(|arn| AwsRole { arn, external_id });
    let mut variables =
        std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect::<BTreeMap<_, _>>();
    match (
        text("access_key_id", &settings.access_key_id)?,
        text("secret_access_key", &settings.secret_access_key)?,
    ) {
        (Some(id), Some(key)) => {
            // Given credentials are long-lived ones: a token of the environment belongs to others.
            variables.remove("AWS_SESSION_TOKEN");
            variables
                .extend([("AWS_ACCESS_KEY_ID".to_owned(), id), ("AWS_SECRET_ACCESS_KEY".to_owned(), key)]);
        }
        (None, None) => {}
        _ => bail!("`aws.access_key_id` and `aws.secret_access_key` go together: give both or neither"),
    }
    let credentials = Chain {
        variables,
        home: std::env::var_os("HOME").map(PathBuf::from),
        metadata: Some(egress(metadata)?),
        metadata_url: None,
    };
    let scope = match settings.waf_scope.as_deref() {
        None | Some("regional") => WafScope::Regional,
        Some("cloudfront") => WafScope::CloudFront,
        Some(other) => bail!("`{other}` is no scope of the firewall: use regional or cloudfront"),
    };
    let aws = AwsConfig {
        region: settings.region.clone(),
        endpoint: settings.endpoint.clone(),
        role,
        credentials,
        terminated_table: settings.terminated_table.clone(),
        waf_scope: scope,
    };
    // Calls go to public addresses, and to private ones that the administrator allows for all calls out.
    Ok((aws, egress(config.allow_egress.clone())?))
}

/// Slack's signing secret, and whom its users are here.
fn chat(config: &OperationsConfig, secrets: &dyn SecretResolver) -> anyhow::Result<Option<Chat>> {
    let Some(path) = &config.slack_signing_secret else {
        if !config.slack_users.is_empty() {
            bail!("there are slack users but no signing secret: give it with --slack-signing-secret");
        }
        return Ok(None);
    };
    let secret = secret_or_file(path, secrets)
        .with_context(|| format!("cannot read slack's signing secret from {}", path.display()))?;
    let secret = secret.trim();
    // Slack's have 32 hexadecimal digits; an empty one would let everybody sign.
    if secret.len() < 16 {
        bail!("slack's signing secret in {} is too short to be one", path.display());
    }
    Ok(Some(Chat::new(secret.to_owned(), chat_people("slack", &config.slack_users)?)))
}

/// What a file holds, or what `secret://name` stands for now.
fn secret_or_file(path: &Path, secrets: &dyn SecretResolver) -> anyhow::Result<String> {
    match path.to_str().map(SecretRef::parse).transpose()?.flatten() {
        Some(reference) => Ok(secrets.resolve(&reference)?.expose().to_owned()),
        None => Ok(std::fs::read_to_string(path)?),
    }
}

/// The security tokens of the outgoing webhooks of Teams, one a line, and whom its users are here.
fn teams(config: &OperationsConfig, secrets: &dyn SecretResolver) -> anyhow::Result<Option<TeamsChat>> {
    let Some(path) = &config.teams_tokens else {
        if !config.teams_users.is_empty() {
            bail!("there are teams users but no security token: give its file with --teams-tokens");
        }
        return Ok(None);
    };
    let text = secret_or_file(path, secrets)
        .with_context(|| format!("cannot read the security tokens of teams from {}", path.display()))?;
    let tokens: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let chat = TeamsChat::new(&tokens, chat_people("teams", &config.teams_users)?);
    chat.map(Some).with_context(|| {
        format!("{} holds no security tokens as Teams shows them: base64, one a line", path.display())
    })
}

/// The public key of an application of Discord, and whom its users are here.
fn discord(config: &OperationsConfig) -> anyhow::Result<Option<DiscordChat>> {
    let Some(key) = &config.discord_public_key else {
        if !config.discord_users.is_empty() {
            bail!(
                "there are discord users but no public key: give the application's with --discord-public-key"
            );
        }
        return Ok(None);
    };
    let people = chat_people("discord", &config.discord_users)?;
    let chat = DiscordChat::new(key, people);
    chat.map(Some).with_context(|| {
        format!("`{key}` is no public key of Discord: it has 64 hexadecimal digits, see General Information")
    })
}

fn chat_people(chat: &str, users: &[String]) -> anyhow::Result<BTreeMap<String, ChatPerson>> {
    users.iter().map(|text| chat_person(chat, text)).collect()
}

/// `U02ABC=mei:responder`.
fn chat_person(chat: &str, text: &str) -> anyhow::Result<(String, ChatPerson)> {
    let wrong =
        || format!("`{text}` is no {chat} user: write USER_ID=name:role, such as U02ABC=mei:responder");
    let (user, person) = text.split_once('=').with_context(wrong)?;
    let (name, role) = person.rsplit_once(':').with_context(wrong)?;
    let (user, name) = (user.trim(), name.trim());
    if user.is_empty() || name.is_empty() {
        bail!(wrong());
    }
    let role = Role::parse(role).with_context(wrong)?;
    Ok((user.to_owned(), ChatPerson { name: name.to_owned(), role }))
}

/// Writes down what runs do.
struct Scribe {
    audit: Arc<dyn AuditLog>,
    history: Arc<dyn History>,
    incidents: Incidents,
    feed: Feed,
    clock: SharedClock,
}

#[async_trait]
impl Witness for Scribe {
    async fn record(&self, event: &Event) -> Result<(), String> {
        let result = match event.kind {
            EventKind::StepFailed => AuditResult::Failed,
            _ => AuditResult::Done,
        };
        let (action, resource) = (format!("action.{}", event.kind.as_str()), format!("runs/{}", event.run));
        let entry = AuditEntry::new(event.at, &named(&event.actor), &action, &resource, result);
        let entry = entry.with_details(&told(event));
        self.audit.append(&entry).await.map_err(|error| error.to_string())?;
        // From here on nothing stops the run: what counts is on record.
        if let Err(error) = self.history.keep(event).await {
            tracing::warn!(run = %event.run, %error, "an event is in the audit log but not in the run's history");
        }
        self.note(event).await;
        self.feed.publish("run", Some(event.run.0.clone()));
        Ok(())
    }

    async fn record_stop(&self, by: &str, stop: Option<&Stop>) -> Result<(), String> {
        let (action, details) = match stop {
            Some(stop) => ("action.all_stopped", stop.reason.as_str()),
            None => ("action.stop_lifted", ""),
        };
        let entry = AuditEntry::new(self.clock.now(), &named(by), action, "runs", AuditResult::Done);
        self.audit.append(&entry.with_details(details)).await.map(drop).map_err(|error| error.to_string())
    }
}

impl Scribe {
    /// Milestones go on the incident's timeline; each call would drown it.
    async fn note(&self, event: &Event) {
        let kind = match event.kind {
            EventKind::Started | EventKind::Finished => EntryKind::Change,
            EventKind::Requested
            | EventKind::Approved
            | EventKind::StepFailed
            | EventKind::Compensating
            | EventKind::WaitingForHuman
            | EventKind::Answered
            | EventKind::CancelRequested
            | EventKind::Judged => EntryKind::Note,
            EventKind::Calling
            | EventKind::Unknown
            | EventKind::StepDone
            | EventKind::StepSkipped
            | EventKind::StepCompensated => return,
        };
        // The compensation of each step follows the one of the whole run.
        if event.kind == EventKind::Compensating && event.step.is_some() {
            return;
        }
        let Some(incident) = event.incident.as_deref() else { return };
        let Ok(incident) = incident.parse() else { return };
        let record = Record {
            at: event.at,
            kind,
            text: Text::Plain(format!("operation: {}", event.text)),
            link: Some(format!("/operations/run/{}", event.run)),
        };
        let actor = IncidentActor { source: Source::Change, name: event.actor.clone() };
        if let Err(error) = self.incidents.act(incident, &Command::Record(record), &actor).await {
            tracing::warn!(run = %event.run, %incident, %error, "the timeline does not tell of an operation");
        }
        self.feed.publish("incident", Some(incident.to_string()));
    }
}

/// An event's line in the audit log: its number tells repeats after a crash from the first.
fn told(event: &Event) -> String {
    match &event.incident {
        Some(incident) => format!("#{} {} ({incident})", event.sequence, event.text),
        None => format!("#{} {}", event.sequence, event.text),
    }
}

/// Whoever is behind an event was authenticated when they gave the command; that entry says how.
fn named(name: &str) -> Actor {
    Actor { name: name.to_owned(), via: Via::System, ..Actor::anonymous(false) }
}

/// Compares the promises of the incident's services before and after the run.
struct PromiseJudge {
    incidents: Incidents,
    promises: Arc<dyn Promises>,
}

#[async_trait]
impl Judge for PromiseJudge {
    async fn judge(&self, run: &Run) -> (Helped, String) {
        let unknown = |text: &str| (Helped::Unknown, text.to_owned());
        let Some(incident) = run.incident.as_deref().and_then(|id| id.parse().ok()) else {
            return unknown("the run belongs to no incident, so no promise was asked");
        };
        let Ok(incident) = self.incidents.get(incident).await else {
            return unknown("the incident cannot be read");
        };
        let (Some(started), Some(finished)) = (run.started_at, run.finished_at) else {
            return unknown("the run was never started");
        };
        let before = TimeRange::new(started - JUDGED_OVER, started);
        let after = TimeRange::new(finished, finished + JUDGED_OVER);
        let mut verdicts = Vec::new();
        for service in &incident.services {
            for view in self.promises.of_service(service) {
                if let Some(live) = &view.live {
                    let rings = live.rings();
                    verdicts.push(compared(
                        &view.promise.id,
                        rings.sum_range(before),
                        rings.sum_range(after),
                    ));
                }
            }
        }
        // What got worse is said first; then what got better.
        let rank = |helped: &Helped| match helped {
            Helped::Worse => 0,
            Helped::Better => 1,
            Helped::Same => 2,
            Helped::Unknown => 3,
        };
        let clearest = verdicts.into_iter().min_by_key(|(helped, _)| rank(helped));
        clearest.unwrap_or_else(|| unknown("nothing is promised for the services of the incident"))
    }
}

/// Better or worse only if the two shares of bad events surely differ.
fn compared(promise: &str, before: Counts, after: Counts) -> (Helped, String) {
    if before.total().min(after.total()) < JUDGED_EVENTS_MIN {
        let text = format!(
            "{promise}: too few events, {} in the two minutes before and {} in those after",
            before.total(),
            after.total()
        );
        return (Helped::Unknown, text);
    }
    let ((low_before, high_before), (low_after, high_after)) = (wilson_bounds(before), wilson_bounds(after));
    let helped = if high_after < low_before {
        Helped::Better
    } else if low_after > high_before {
        Helped::Worse
    } else {
        Helped::Same
    };
    let percent = |counts: Counts| 100.0 * counts.bad as f64 / counts.total() as f64;
    let text = format!(
        "{promise}: {:.1} % bad in the two minutes before, {:.1} % in those after",
        percent(before),
        percent(after)
    );
    (helped, text)
}

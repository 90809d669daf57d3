//! Policies put to the past: which of the last calls they would have refused.
//!
//! The audit log says who, what and when. What somebody is (role, teams) is taken as it is now, and whether a session had
//! a second factor is not on record: such calls are asked without one, so a rehearsal refuses rather more than less.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use nines_access::{Account, Actor, AuditQuery, AuditRecord, AuditResult, Grant, Key, Role};
use nines_actions::RunId;
use nines_api::{self as api, ROUTES};
use nines_policy::{Asked, Compiled, IncidentFacts, Kind, On, Operation, Refusal, Situation, Subject};

use super::bar::{parameters, target_facts};
use super::{facts_of, incident_action};
use crate::SharedApp;
use crate::problem::ApiResult;

/// Entries that are read at a time.
const PAGE: u32 = 1_000;
/// Refused calls that are told one by one.
const EXAMPLES_MAX: usize = 50;

/// Everybody who may be behind an entry.
struct People {
    /// By name.
    accounts: HashMap<String, Account>,
    /// By id.
    keys: HashMap<String, Key>,
    /// By the name of the account.
    teams: HashMap<String, BTreeSet<String>>,
}

/// Puts the newest `calls` done calls of people and keys to the policies.
pub async fn rehearse(app: &SharedApp, compiled: &Compiled, calls: u32) -> ApiResult<api::PolicyRehearsal> {
    let people = People::read(app).await?;
    let mut told = api::PolicyRehearsal { asked: 0, unknown: 0, refused: 0, examples: Vec::new() };
    let mut before = None;
    let mut left = calls;
    while left > 0 {
        let query = AuditQuery {
            before,
            result: Some(AuditResult::Done),
            limit: PAGE.min(left),
            ..AuditQuery::default()
        };
        let page = app.audit.log.find(&query).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.sequence);
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        for record in &page {
            // What the node writes by itself follows from a call that is on record too.
            if ["system", "anonymous"].contains(&record.entry.via.as_str()) {
                continue;
            }
            match people.subject(record) {
                None => told.unknown += 1,
                Some(subject) => put(app, compiled, record, &subject, &mut told).await,
            }
        }
    }
    Ok(told)
}

async fn put(
    app: &SharedApp,
    compiled: &Compiled,
    record: &AuditRecord,
    subject: &Subject,
    told: &mut api::PolicyRehearsal,
) {
    let Some((action, refusal)) = asked(app, compiled, record, subject).await else {
        told.unknown += 1;
        return;
    };
    told.asked += 1;
    let Some(refusal) = refusal else { return };
    told.refused += 1;
    if told.examples.len() < EXAMPLES_MAX {
        told.examples.push(api::PolicyExample {
            sequence: record.sequence,
            at: record.entry.at.to_string(),
            actor: record.entry.actor.clone(),
            action,
            resource: record.entry.resource.clone(),
            policy: refusal.policy,
            reason: refusal.reason,
        });
    }
}

/// The action of an entry as policies write it, and what they say of it; `None` if nothing is known of it any more.
async fn asked(
    app: &SharedApp,
    compiled: &Compiled,
    record: &AuditRecord,
    subject: &Subject,
) -> Option<(String, Option<Refusal>)> {
    let entry = &record.entry;
    let words = app.policies.policies.vocabulary();
    let situation = Situation { now: entry.at, operation: None };
    let refusal = |action: &str, on: On<'_>, situation: Situation<'_>| {
        compiled.would_refuse(&Asked { subject, action, on, situation }, words)
    };
    let route = ROUTES.iter().find(|route| route.audit == Some(entry.action.as_str()))?;
    // The route itself first, as the guard does.
    let of_route = match words.find(route.operation) {
        Some(_) => refusal(route.operation, On::Node, situation),
        None => None,
    };
    if of_route.is_some() {
        return Some((route.operation.to_owned(), of_route));
    }
    if let Some(run) = entry.resource.strip_prefix("runs/") {
        let run = app.operations.actions.get(&RunId(run.to_owned())).await.ok()?;
        let phase = if entry.details.starts_with("approve") { "approve" } else { "start" };
        let incident = incident(app, run.incident.as_deref()).await;
        for (action, arguments) in run.plan.actions() {
            let operation = Operation {
                phase,
                runbook: run.plan.action.strip_prefix(crate::operations::RUNBOOK),
                incident: incident.as_ref(),
                machines: run.plan.radius.machines.len(),
                parameters: parameters(arguments),
            };
            let situation = Situation { now: entry.at, operation: Some(&operation) };
            for target in target_facts(app, &run.plan) {
                if words.find(action).is_some()
                    && let Some(refusal) = refusal(action, On::Target(&target), situation)
                {
                    return Some((action.to_owned(), Some(refusal)));
                }
            }
        }
        return Some((run.plan.action, None));
    }
    let mut parts = entry.resource.strip_prefix("incidents/").into_iter().flat_map(|rest| rest.split('/'));
    if let (Some(id), Some(step)) = (parts.next(), parts.next()) {
        let action = incident_action(step);
        if words.find(&action).is_some()
            && let Some(facts) = incident(app, Some(id)).await
        {
            let refusal = refusal(&action, On::Incident(&facts), situation);
            return Some((action, refusal));
        }
    }
    Some((route.operation.to_owned(), None))
}

/// An incident as it is now.
async fn incident(app: &SharedApp, id: Option<&str>) -> Option<IncidentFacts> {
    let incident = app.incidents.get(id?.parse().ok()?).await.ok()?;
    Some(facts_of(app.oncall.rota.roster().as_ref(), &incident, 0))
}

impl People {
    async fn read(app: &SharedApp) -> ApiResult<Self> {
        let reader = Actor::system("policies");
        let mut teams: HashMap<String, BTreeSet<String>> = HashMap::new();
        for member in app.access.members(&reader).await? {
            teams.entry(member.name).or_default().insert(member.team);
        }
        let accounts = app.access.accounts(&reader).await?;
        let keys = app.access.keys(&reader).await?;
        Ok(Self {
            accounts: accounts.into_iter().map(|account| (account.name.clone(), account)).collect(),
            keys: keys.into_iter().map(|key| (key.id.0.clone(), key)).collect(),
            teams,
        })
    }

    /// Who is behind an entry, as they are now.
    fn subject(&self, record: &AuditRecord) -> Option<Subject> {
        let entry = &record.entry;
        let from = entry.address.parse::<SocketAddr>().map(|address| address.ip()).ok();
        let teams_of = |name: &str| self.teams.get(name).cloned().unwrap_or_default();
        if let Some(id) = entry.via.strip_prefix("key:") {
            let key = self.keys.get(id)?;
            let teams = match (&key.bounds.team, &key.account) {
                (Some(_), _) if key.grant == Grant::Ingest => BTreeSet::new(),
                (Some(team), _) => BTreeSet::from([team.clone()]),
                (None, Some(id)) => {
                    let account = self.accounts.values().find(|account| account.id == *id);
                    account.map(|account| teams_of(&account.name)).unwrap_or_default()
                }
                (None, None) => BTreeSet::new(),
            };
            let is_kept_to_team = key.bounds.team.is_some() && key.grant != Grant::Ingest;
            let grant = if is_kept_to_team { Grant::Role(Role::Member) } else { key.grant };
            return Some(subject(Kind::Key, &key.name, grant, teams, "key", from));
        }
        let account = self.accounts.get(&entry.actor)?;
        let grant = Grant::Role(account.role);
        Some(subject(Kind::User, &account.name, grant, teams_of(&account.name), "session", from))
    }
}

fn subject(
    kind: Kind,
    name: &str,
    grant: Grant,
    teams: BTreeSet<String>,
    via: &'static str,
    from: Option<IpAddr>,
) -> Subject {
    let held = match grant {
        Grant::Role(role) => Some(role),
        Grant::Nothing | Grant::Ingest => None,
    };
    let roles = Role::ALL.into_iter().filter(|role| held.is_some_and(|held| *role <= held));
    Subject {
        kind,
        name: name.to_owned(),
        role: grant.as_str().to_owned(),
        roles: roles.map(|role| role.as_str().to_owned()).collect(),
        teams,
        second_factor: false,
        via,
        from,
    }
}

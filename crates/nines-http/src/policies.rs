//! The organisation's policies, as handlers reach them: who is asked about, what is loaded, and what a refusal looks like.

use std::collections::BTreeSet;
use std::sync::Arc;

use nines_access::{Actor, Role, Via};
use nines_api::{Reach, Route};
use nines_base::{ErrorKind, SharedClock};
use nines_filter::{Expr, Filter};
use nines_incidents::{Incident, Source};
use nines_model::{Timestamp, field};
use nines_oncall::Roster;
use nines_policy::{
    AppliesTo, Asked, Compiled, IncidentFacts, Kind, NewDocument, On, Policies, PolicyError,
    PolicyRepository, Refusal, Situation, StoredDocument, Subject,
};
use tokio::sync::Mutex;

use crate::SharedApp;
use crate::extract::Caller;
use crate::problem::{ApiError, ApiResult};

mod bar;
pub mod rehearsal;
mod vocabulary;

pub use bar::operator;
pub use vocabulary::{incident_action, vocabulary};

/// The policies in force, and where their documents are kept.
pub struct PolicyDesk {
    pub policies: Arc<Policies>,
    pub repository: Arc<dyn PolicyRepository>,
    clock: SharedClock,
    /// One change at a time, so that what was checked together is in force together.
    changing: Mutex<()>,
}

impl PolicyDesk {
    /// Loads what is stored. A document that this version cannot read keeps everybody from changing anything until it is
    /// applied again or removed: what it forbade is not known any more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        repository: Arc<dyn PolicyRepository>,
        clock: SharedClock,
    ) -> Result<Self, PolicyError> {
        let policies = Arc::new(Policies::new(vocabulary()));
        let desk = Self { policies, repository, clock, changing: Mutex::new(()) };
        desk.reload().await?;
        Ok(desk)
    }

    async fn reload(&self) -> Result<(), PolicyError> {
        let stored = self.repository.list().await?;
        let enabled = stored.iter().filter(|document| document.is_enabled);
        let texts: Vec<(&str, &str)> =
            enabled.map(|document| (document.name.as_str(), document.text.as_str())).collect();
        let compiled = Compiled::load(self.policies.vocabulary(), &texts);
        for name in compiled.unreadable() {
            tracing::error!(
                document = name,
                "a policy document cannot be read by this version: nothing can be changed"
            );
        }
        self.policies.replace(compiled);
        Ok(())
    }

    /// All documents in force with `name` having `text`; `None` for without it.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] for the mistakes of any of them.
    pub async fn compiled_with(&self, name: &str, text: Option<&str>) -> Result<Compiled, PolicyError> {
        let stored = self.repository.list().await?;
        let others = stored.iter().filter(|document| document.is_enabled && document.name != name);
        let mut texts: Vec<(&str, &str)> =
            others.map(|document| (document.name.as_str(), document.text.as_str())).collect();
        texts.extend(text.map(|text| (name, text)));
        Compiled::new(self.policies.vocabulary(), &texts)
    }

    /// Applies a document: it holds from the next question on. `may` looks at what would be in force.
    pub async fn apply(
        &self,
        name: &str,
        text: &str,
        by: &str,
        may: impl FnOnce(&Compiled) -> ApiResult<()>,
    ) -> ApiResult<StoredDocument> {
        let _one_at_a_time = self.changing.lock().await;
        may(&self.compiled_with(name, Some(text)).await?)?;
        let new = NewDocument {
            name: name.to_owned(),
            text: text.to_owned(),
            applied_at: self.clock.now(),
            applied_by: by.to_owned(),
        };
        let stored = self.repository.apply(&new).await.map_err(PolicyError::from)?;
        self.reload().await?;
        Ok(stored)
    }

    /// Removes a document; `false` if there was none.
    pub async fn remove(&self, name: &str) -> ApiResult<bool> {
        let _one_at_a_time = self.changing.lock().await;
        let was_there = self.repository.remove(name).await.map_err(PolicyError::from)?;
        self.reload().await?;
        Ok(was_there)
    }
}

impl From<PolicyError> for ApiError {
    fn from(error: PolicyError) -> Self {
        let kind = error.kind();
        match (kind, error.to_string().rsplit_once(": ")) {
            (ErrorKind::Unavailable | ErrorKind::Internal, _) | (_, None) => Self::from_kind(kind, &error),
            _ if matches!(error, PolicyError::Invalid { .. }) => Self::new(kind, error.to_string())
                .code("invalid_policy")
                .hint("nines policy test FILE shows each mistake at its place"),
            (_, Some((detail, hint))) => Self::new(kind, detail).hint(hint),
        }
    }
}

/// Who is asked about; `None` for the process itself, whom no policy binds, and for strangers, whom the table denies.
pub fn subject(actor: &Actor) -> Option<Subject> {
    let is_chat = actor.person.as_ref().is_some_and(|person| person.id.starts_with("chat:"));
    let (kind, via) = match &actor.via {
        Via::Session(_) => (Kind::User, "session"),
        Via::Key(_) => (Kind::Key, "key"),
        Via::System if is_chat => (Kind::User, "chat"),
        Via::System | Via::Anonymous => return None,
    };
    let held = actor.role();
    let roles = Role::ALL.into_iter().filter(|role| held.is_some_and(|held| *role <= held));
    Some(Subject {
        kind,
        name: actor.name.clone(),
        role: actor.grant.as_str().to_owned(),
        roles: roles.map(|role| role.as_str().to_owned()).collect(),
        teams: actor.teams.keys().cloned().collect(),
        second_factor: actor.second_factor,
        via,
        from: actor.from,
    })
}

/// A refusal as the caller reads it.
pub fn refused(refusal: &Refusal) -> ApiError {
    ApiError::new(ErrorKind::Forbidden, refusal.to_string())
        .code("policy")
        .hint("your role would permit it: an administrator sees the policy with `nines policy show`")
}

/// After the table said yes to a route: what the policies say, and how much of the answer is left. Costs a look at one
/// pointer while there are no policies.
pub fn check_route(app: &SharedApp, route: &Route, actor: &Actor, caller: &mut Caller) -> ApiResult<()> {
    let policies = &app.policies.policies;
    let is_open = !matches!(route.access, nines_api::Access::AtLeast(_));
    if policies.is_empty() || is_open {
        return Ok(());
    }
    let Some(subject) = subject(actor) else { return Ok(()) };
    let now = app.clock.now();
    let situation = Situation { now, operation: None };
    let asked = Asked { subject: &subject, action: route.operation, on: On::Node, situation };
    if let Some(refusal) = policies.refusal(&asked) {
        return Err(refused(&refusal));
    }
    let applies_to = policies.vocabulary().find(route.operation).map(|word| word.applies_to);
    if applies_to != Some(AppliesTo::NodeAndServices) {
        return Ok(());
    }
    let roster = app.oncall.rota.roster();
    let owners = roster.owners();
    let declared = owners.iter().map(|(service, owner)| (service.as_str(), Some(owner.as_str())));
    let reachable = policies.reachable(&subject, route.operation, now, declared);
    let Some(first) = reachable.others.as_ref().or_else(|| reachable.hidden.values().next()) else {
        return Ok(());
    };
    if !matches!(route.reach, Reach::Teams | Reach::Rows) {
        return Err(refused(first).hint("this call mixes services and cannot be narrowed: ask for rows, or for what belongs to one service"));
    }
    let hidden: BTreeSet<String> = reachable.hidden.keys().cloned().collect();
    if reachable.others.is_none() {
        if route.reach == Reach::Rows {
            let not_theirs = Filter::from_ast(Expr::not(rows_of(&hidden)));
            caller.sees = Some(caller.narrowed(not_theirs));
        }
        caller.hidden = Arc::new(hidden);
        return Ok(());
    }
    // Only what is declared and permitted by name is left.
    let known: BTreeSet<String> = match &caller.services {
        Some(services) => services.iter().cloned().collect(),
        None => owners.keys().cloned().chain(policies.active().services().iter().cloned()).collect(),
    };
    let left: BTreeSet<String> = known.difference(&hidden).cloned().collect();
    if left.is_empty() {
        return Err(refused(first));
    }
    if route.reach == Reach::Rows {
        caller.sees = Some(caller.narrowed(Filter::from_ast(rows_of(&left))));
    }
    caller.services = Some(Arc::new(left));
    Ok(())
}

fn rows_of(services: &BTreeSet<String>) -> Expr {
    Expr::or(services.iter().map(|service| Expr::equals(field::SERVICE_NAME, service.as_str())).collect())
}

/// Before a step of an incident is taken.
pub async fn check_incident_step(
    app: &SharedApp,
    actor: &Actor,
    step: &str,
    incident: &Incident,
) -> ApiResult<()> {
    let policies = &app.policies.policies;
    let Some(subject) = subject(actor).filter(|_| !policies.is_empty()) else { return Ok(()) };
    let facts = incident_facts(app, &subject.name, incident).await?;
    let action = incident_action(step);
    let situation = Situation { now: app.clock.now(), operation: None };
    let asked = Asked { subject: &subject, action: &action, on: On::Incident(&facts), situation };
    policies.refusal(&asked).map_or(Ok(()), |refusal| Err(refused(&refusal)))
}

/// What policies may ask of an incident.
async fn incident_facts(app: &SharedApp, caller: &str, incident: &Incident) -> ApiResult<IncidentFacts> {
    let timeline = app.incidents.timeline(incident.id, 0, TIMELINE_READ_MAX).await?;
    let people: BTreeSet<&str> = timeline
        .iter()
        .filter(|entry| entry.source == Source::Human)
        .map(|entry| entry.actor.as_str())
        .filter(|name| *name != caller)
        .collect();
    Ok(facts_of(app.oncall.rota.roster().as_ref(), incident, people.len()))
}

/// Entries of a timeline that are read to count people.
const TIMELINE_READ_MAX: u32 = 1_000;

fn facts_of(roster: &Roster, incident: &Incident, people: usize) -> IncidentFacts {
    IncidentFacts {
        id: incident.id.to_string(),
        level: incident.level().to_string(),
        is_open: incident.state.is_open(),
        services: incident.services.clone(),
        team: roster.team_of(&incident.services).map(|(team, _)| team.to_owned()),
        people,
    }
}

/// Whether the caller could still apply and remove policies under these.
pub fn keeps(compiled: &Compiled, app: &SharedApp, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
    let Some(subject) = subject(actor) else { return Ok(()) };
    for action in ["put_policy", "remove_policy"] {
        let situation = Situation { now, operation: None };
        let asked = Asked { subject: &subject, action, on: On::Node, situation };
        if let Some(refusal) = compiled.would_refuse(&asked, app.policies.policies.vocabulary()) {
            return Err(refusal);
        }
    }
    Ok(())
}

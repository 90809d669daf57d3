//! The policies in force, and the answers to questions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use cedar_policy::{Authorizer, Decision};
use nines_model::Timestamp;

use crate::ask::{Asked, On, Situation, Subject};
use crate::compile::{Compiled, Effect};
use crate::entities;
use crate::vocabulary::Vocabulary;

/// Actions in this group answer a question and change nothing.
const READ: &str = "read";
/// What mends a document that cannot be read is refused by none that cannot be read.
const MENDS: [&str; 2] = ["put_policy", "remove_policy"];

/// Which policy says no, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}` refuses this{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct Refusal {
    /// `document/id`.
    pub policy: String,
    /// As the policy says it.
    pub reason: Option<String>,
}

/// The services that somebody gets of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reachable {
    /// Those that they do not get, each with the reason.
    pub hidden: BTreeMap<String, Refusal>,
    /// Why services that nobody declared and no policy names are hidden too; `None`: they are not.
    pub others: Option<Refusal>,
}

/// What happened since the node began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub evaluated: u64,
    pub refused: u64,
    /// Evaluations that failed. Whatever changes something is refused then.
    pub errors: u64,
}

/// The policies in force. Readers take no lock; a change holds from the next question on.
pub struct Policies {
    vocabulary: Vocabulary,
    active: ArcSwap<Compiled>,
    evaluated: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
}

impl Policies {
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            active: ArcSwap::from_pointee(Compiled::empty()),
            evaluated: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn replace(&self, compiled: Compiled) {
        self.active.store(Arc::new(compiled));
    }

    pub fn active(&self) -> Arc<Compiled> {
        self.active.load_full()
    }

    /// Whether nothing is asked of anybody.
    pub fn is_empty(&self) -> bool {
        self.active.load().is_empty()
    }

    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            evaluated: read(&self.evaluated),
            refused: read(&self.refused),
            errors: read(&self.errors),
        }
    }

    /// Whether a policy says no. Ask only what the table permits.
    pub fn refusal(&self, asked: &Asked<'_>) -> Option<Refusal> {
        let active = self.active.load();
        if active.is_empty() {
            return None;
        }
        let answer = active.refusal(asked, &self.vocabulary);
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = &answer.error {
            self.errors.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                action = asked.action,
                actor = asked.subject.name,
                error,
                "a policy cannot be evaluated"
            );
        }
        if answer.refusal.is_some() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer.refusal
    }

    /// Which services the caller gets of an answer that may hold several. `services` are those that are declared, with
    /// their owners; those that policies name come besides.
    pub fn reachable<'a>(
        &self,
        subject: &Subject,
        action: &str,
        now: Timestamp,
        services: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Reachable {
        let active = self.active.load();
        let mut reachable = Reachable::default();
        if active.is_empty() || !active.tells_services_apart {
            return reachable;
        }
        let ask = |name: &str, owner: Option<&str>| {
            let on = On::Service { name, owner };
            let situation = Situation { now, operation: None };
            active.refusal(&Asked { subject, action, on, situation }, &self.vocabulary).refusal
        };
        let mut all: BTreeMap<&str, Option<&str>> =
            active.services.iter().map(|name| (name.as_str(), None)).collect();
        for (name, owner) in services {
            all.insert(name, owner);
        }
        for (name, owner) in all {
            if let Some(refusal) = ask(name, owner) {
                reachable.hidden.insert(name.to_owned(), refusal);
            }
        }
        // No policy can tell services apart that it does not name and nobody owns: one answer is that of all.
        reachable.others = ask("", None);
        reachable
    }
}

/// An answer, and what went wrong on the way to it.
pub(crate) struct Answer {
    pub refusal: Option<Refusal>,
    pub error: Option<String>,
}

impl Compiled {
    /// Whether a policy of these says no; for rehearsals too.
    pub fn would_refuse(&self, asked: &Asked<'_>, vocabulary: &Vocabulary) -> Option<Refusal> {
        match self.is_empty() {
            true => None,
            false => self.refusal(asked, vocabulary).refusal,
        }
    }

    pub(crate) fn refusal(&self, asked: &Asked<'_>, vocabulary: &Vocabulary) -> Answer {
        // Deny by default where something changes: what cannot be asked is not allowed.
        let is_question =
            vocabulary.find(asked.action).is_some_and(|word| word.groups.iter().any(|group| group == READ));
        if let (Some(document), false) =
            (self.unreadable.first(), is_question || MENDS.contains(&asked.action))
        {
            let reason = "this version cannot read it: an administrator applies it again or removes it";
            let refusal = Refusal { policy: document.clone(), reason: Some(reason.to_owned()) };
            return Answer { refusal: Some(refusal), error: None };
        }
        let failed = |policy: String, error: String| {
            let reason = Some(format!("it cannot be evaluated: {error}"));
            let refusal = (!is_question).then_some(Refusal { policy, reason });
            Answer { refusal, error: Some(error) }
        };
        let Some(word) = vocabulary.find(asked.action) else {
            return failed(
                "vocabulary".to_owned(),
                format!("`{}` is no action that policies know", asked.action),
            );
        };
        let kind = match asked.on {
            On::Node => "Node",
            On::Service { .. } => "Service",
            On::Incident(_) => "Incident",
            On::Target(_) => "Target",
        };
        let (request, entities) = match entities::of(asked, vocabulary, &self.zones) {
            Ok(built) => built,
            Err(error) => return failed("context".to_owned(), error),
        };
        let is_governed = self.governed.contains(&(word.name.clone(), word.applies_to, kind));
        let set = if is_governed { &self.alone } else { &self.with_table };
        let response = Authorizer::new().is_authorized(&request, set, &entities);
        if response.decision() == Decision::Deny {
            let mut reasons: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
            reasons.sort();
            let refusal = match reasons.into_iter().next() {
                Some(policy) => {
                    let reason = self.reasons.get(&policy).cloned().flatten();
                    Refusal { policy, reason }
                }
                None => self.nobody_permits(asked.action),
            };
            return Answer { refusal: Some(refusal), error: None };
        }
        match response.diagnostics().errors().next() {
            None => Answer { refusal: None, error: None },
            Some(error) => {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                failed(error.policy_id().to_string(), error.to_string())
            }
        }
    }

    /// An action that permits speak of, and none for this caller.
    fn nobody_permits(&self, action: &str) -> Refusal {
        let mut permits = self.policies.iter().filter(|policy| policy.effect == Effect::Permit);
        let (first, more) = (permits.next(), permits.count());
        let policy = first.map(|policy| policy.id.clone()).unwrap_or_default();
        let reason = match first.and_then(|policy| policy.reason.clone()) {
            Some(reason) if more == 0 => reason,
            _ => format!("`{action}` is kept to those whom a permit names, and none names this caller"),
        };
        Refusal { policy, reason: Some(reason) }
    }
}

//! Everything that must be known to call somebody, in memory: schedules with their overrides, policies, personal rules,
//! teams, and what is not told.
//!
//! A [`Roster`] is a value; whoever changes it makes a new one. It is asked while paging, so it leans on nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nines_incidents::Role;
use nines_model::Timestamp;
use nines_slo::{Document, Registry};

use crate::document::Documents;
use crate::escalation::{
    Contact, Directory, EscalationPolicy, PersonalRules, Reach, Target, TargetKind, Urgency,
};
use crate::intake::MailIntegration;
use crate::noise::{MaintenanceWindow, Silence};
use crate::report::ReviewReport;
use crate::schedule::{Override, PersonId, Schedule};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    /// With their overrides.
    pub schedules: BTreeMap<String, Schedule>,
    pub policies: BTreeMap<String, Arc<EscalationPolicy>>,
    pub rules: BTreeMap<PersonId, PersonalRules>,
    /// Those of documents, then those set by hand.
    pub silences: Vec<Silence>,
    pub windows: Vec<MaintenanceWindow>,
    /// Integrations by mail, by their address.
    pub mail: BTreeMap<String, Arc<MailIntegration>>,
    pub reports: BTreeMap<String, ReviewReport>,
    pub teams: BTreeMap<String, TeamDuty>,
    /// The team that answers for each service.
    owners: BTreeMap<String, String>,
    /// Declared services with those that they need.
    pub needs: BTreeMap<String, Vec<String>>,
    /// Who can be told in a browser that they registered.
    pub in_browsers: BTreeSet<PersonId>,
}

/// What personal rules call the browsers in which a person takes notifications, whatever channels are declared.
pub const BROWSERS: &str = "browsers";

/// The target that the browsers of a person are. No document can have that name.
pub fn browsers_of(person: &PersonId) -> String {
    format!("{BROWSERS}/{person}")
}

/// What a team is to whoever calls it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamDuty {
    pub members: Vec<PersonId>,
    /// Channels of the whole team.
    pub channels: Vec<String>,
    /// The policy by which its incidents escalate.
    pub policy: Option<String>,
    pub first_line: bool,
    /// Whom the team itself names as being on call.
    pub on_call: Option<PersonId>,
}

impl Roster {
    /// `documents` are all that are declared; teams and owners come from the registry. A team's policy is the one that it
    /// names, else the one that has its name.
    pub fn of(documents: &Documents, registry: &Registry) -> Self {
        let mut roster = Self::default();
        for schedule in &documents.schedules {
            roster.schedules.insert(schedule.name.clone(), schedule.clone());
        }
        for policy in &documents.policies {
            roster.policies.insert(policy.name.clone(), Arc::new(policy.clone()));
        }
        for rules in &documents.rules {
            roster.rules.insert(rules.person.clone(), rules.clone());
        }
        for mail in &documents.mail {
            roster.mail.insert(mail.address.clone(), Arc::new(mail.clone()));
        }
        for report in &documents.reports {
            roster.reports.insert(report.name.clone(), report.clone());
        }
        roster.silences.clone_from(&documents.silences);
        roster.windows.clone_from(&documents.windows);
        for document in registry.iter() {
            match &**document {
                Document::Team(team) => {
                    let named = team.escalation.clone().unwrap_or_else(|| team.meta.name.clone());
                    let duty = TeamDuty {
                        members: team.members.iter().map(PersonId::new).collect(),
                        channels: team.channels.clone(),
                        policy: roster.policies.contains_key(&named).then_some(named),
                        first_line: team.first_line,
                        on_call: team.on_call.as_ref().map(PersonId::new),
                    };
                    roster.teams.insert(team.meta.name.clone(), duty);
                }
                Document::Service(service) => {
                    if let Some(owner) = &service.owner {
                        roster.owners.insert(service.meta.name.clone(), owner.clone());
                    }
                    if !service.dependencies.is_empty() {
                        roster.needs.insert(service.meta.name.clone(), service.dependencies.clone());
                    }
                }
                _ => {}
            }
        }
        for promise in registry.promises() {
            if let Some(owner) = promise.settings.owner {
                roster.owners.entry(promise.service).or_insert(owner);
            }
        }
        roster
    }

    /// The same with these overrides and silences set by hand, each by schedule.
    #[must_use]
    pub fn with(mut self, overrides: &BTreeMap<String, Vec<Override>>, silences: &[Silence]) -> Self {
        for (name, schedule) in &mut self.schedules {
            schedule.overrides = overrides.get(name).cloned().unwrap_or_default();
        }
        self.silences.extend(silences.iter().cloned());
        self
    }

    /// The same with these people reachable in browsers.
    #[must_use]
    pub fn with_browsers(mut self, people: BTreeSet<PersonId>) -> Self {
        self.in_browsers = people;
        self
    }

    /// The team that answers for an incident of these services: the owner of the first that has one, else the first line.
    pub fn team_of(&self, services: &[String]) -> Option<(&str, &TeamDuty)> {
        let owner = services.iter().filter_map(|service| self.owners.get(service)).next();
        let owned = owner.and_then(|owner| self.teams.get_key_value(owner));
        let first_line = || self.teams.iter().find(|(_, team)| team.first_line);
        owned.or_else(first_line).map(|(name, team)| (name.as_str(), team))
    }

    /// Declared services with the teams that own them.
    pub fn owners(&self) -> &BTreeMap<String, String> {
        &self.owners
    }

    /// The services that these teams answer for.
    pub fn services_of(&self, teams: &BTreeSet<String>) -> BTreeSet<String> {
        let owned = self.owners.iter().filter(|(_, owner)| teams.contains(*owner));
        owned.map(|(service, _)| service.clone()).collect()
    }

    /// The policy by which an incident of these services escalates. Without one its pages go by the routes of its SLO or
    /// of its team.
    pub fn policy_of(&self, services: &[String]) -> Option<&Arc<EscalationPolicy>> {
        self.policies.get(self.team_of(services)?.1.policy.as_ref()?)
    }

    pub fn policy(&self, name: &str) -> Option<&Arc<EscalationPolicy>> {
        self.policies.get(name)
    }

    /// Everybody who is named anywhere, once, in alphabetical order.
    pub fn people(&self) -> Vec<PersonId> {
        let mut people: BTreeSet<PersonId> = self.rules.keys().cloned().collect();
        people.extend(self.teams.values().flat_map(|team| team.members.iter().cloned()));
        people.extend(self.schedules.values().flat_map(Schedule::people));
        people.into_iter().collect()
    }

    /// The channels of the teams that a person is in: how somebody without rules is called.
    pub fn team_channels(&self, person: &PersonId) -> Vec<String> {
        let mut channels: Vec<String> = Vec::new();
        for channel in
            self.teams.values().filter(|team| team.members.contains(person)).flat_map(|team| &team.channels)
        {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        channels
    }

    /// The same roster, for an incident in which these people have roles.
    pub fn for_roles<'a>(&'a self, roles: &'a BTreeMap<Role, String>) -> impl Directory + 'a {
        ForIncident { roster: self, roles }
    }
}

struct ForIncident<'a> {
    roster: &'a Roster,
    roles: &'a BTreeMap<Role, String>,
}

impl Directory for ForIncident<'_> {
    fn reach(&self, target: &Target, at: Timestamp) -> Reach {
        let people = match target.kind {
            TargetKind::Person => vec![PersonId::new(&target.name)],
            TargetKind::Team => match self.roster.teams.get(&target.name) {
                Some(team) => team.members.clone(),
                None => return Reach::Unknown,
            },
            TargetKind::Schedule => match self.roster.schedules.get(&target.name) {
                Some(schedule) => schedule.on_call_at(at).people,
                None => return Reach::Unknown,
            },
            TargetKind::Role => match Role::parse(&target.name) {
                Ok(role) => self.roles.get(&role).map(PersonId::new).into_iter().collect(),
                Err(_) => return Reach::Unknown,
            },
            TargetKind::Webhook | TargetKind::Action => return Reach::Unknown,
        };
        if people.is_empty() { Reach::Nobody } else { Reach::People(people) }
    }

    fn contacts(&self, person: &PersonId, urgency: Urgency) -> Vec<Contact> {
        match (self.roster.rules.get(person), urgency) {
            (Some(rules), urgency) => {
                let own = |contact: Contact| match contact.channel == BROWSERS {
                    true => Contact { channel: browsers_of(person), ..contact },
                    false => contact,
                };
                rules.contacts(urgency).into_iter().map(own).collect()
            }
            (None, Urgency::Low) => Vec::new(),
            (None, Urgency::High) => {
                // Who registers a browser wants to be told there, without a document that says so.
                let in_browsers =
                    self.roster.in_browsers.contains(person).then(|| browsers_of(person)).into_iter();
                let channels = in_browsers.chain(self.roster.team_channels(person));
                channels.map(|channel| Contact { after: std::time::Duration::ZERO, channel }).collect()
            }
        }
    }
}

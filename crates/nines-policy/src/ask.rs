//! One question, in the words of this node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nines_model::Timestamp;

/// Who calls, after authentication and after the table said yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    /// The account's or the key's, as the audit log says it.
    pub name: String,
    /// Their role everywhere, as a word.
    pub role: String,
    /// That role and those that it includes.
    pub roles: Vec<String>,
    /// The teams that they have a role in.
    pub teams: BTreeSet<String>,
    pub second_factor: bool,
    /// `session`, `key` or `chat`.
    pub via: &'static str,
    /// The peer. Behind a proxy that is the proxy.
    pub from: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    User,
    Key,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub subject: &'a Subject,
    /// A name of the vocabulary.
    pub action: &'a str,
    pub on: On<'a>,
    pub situation: Situation<'a>,
}

#[derive(Debug, Clone, Copy)]
pub enum On<'a> {
    Node,
    /// A service, with the team that owns it.
    Service {
        name: &'a str,
        owner: Option<&'a str>,
    },
    Incident(&'a IncidentFacts),
    Target(&'a TargetFacts),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFacts {
    pub id: String,
    pub level: String,
    pub is_open: bool,
    pub services: Vec<String>,
    pub team: Option<String>,
    /// Everybody but the caller who has done something on it.
    pub people: usize,
}

/// Something that an operation touches, with what its tags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFacts {
    pub id: String,
    pub environment: Option<String>,
    pub service: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub now: Timestamp,
    /// For operations.
    pub operation: Option<&'a Operation<'a>>,
}

#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// `plan`, `start` or `approve`.
    pub phase: &'static str,
    /// The runbook that the action is a step of.
    pub runbook: Option<&'a str>,
    pub incident: Option<&'a IncidentFacts>,
    pub machines: usize,
    pub parameters: BTreeMap<String, Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Number(i64),
    Text(String),
    Texts(Vec<String>),
    Weights(BTreeMap<String, i64>),
}

use std::time::Duration;

use nines_model::Timestamp;

use crate::level::{Channel, UnknownWord, parse_word};
use crate::{IncidentId, Intake, Level};

/// Who an update is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    Responder,
    Manager,
    KeyCustomer,
    /// Everybody; needs the approvals of [`ApprovalRole`].
    Public,
}

/// Who must agree before the public is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApprovalRole {
    PublicRelations,
    Manager,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub role: ApprovalRole,
    pub by: String,
}

/// What people were told, when, and whether it came as promised. Never changed once stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub incident: IncidentId,
    /// From 1.
    pub number: u32,
    pub text: String,
    /// The six fields as they were told.
    pub intake: Intake,
    pub next_update_at: Timestamp,
    pub level: Level,
    pub channel: Channel,
    /// Sorted, without duplicates.
    pub audiences: Vec<Audience>,
    pub approvals: Vec<Approval>,
    pub posted_at: Timestamp,
    pub by: String,
    /// When this update had been promised.
    pub due_at: Timestamp,
    /// Zero if it came in time.
    pub lateness: Duration,
}

impl Audience {
    pub const ALL: [Self; 4] = [Self::Responder, Self::Manager, Self::KeyCustomer, Self::Public];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Manager => "manager",
            Self::KeyCustomer => "key_customer",
            Self::Public => "public",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an audience", Self::ALL.into_iter().map(|audience| (audience, audience.as_str())))
    }
}

impl ApprovalRole {
    pub const ALL: [Self; 2] = [Self::PublicRelations, Self::Manager];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicRelations => "public_relations",
            Self::Manager => "manager",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an approval role", Self::ALL.into_iter().map(|role| (role, role.as_str())))
    }
}

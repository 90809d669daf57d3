//! The one decision.

use std::collections::BTreeSet;

use nines_base::ErrorKind;

use crate::{Actor, Grant, KeyId, Role, RouteAccess, SessionId, Via};

/// What is asked. Fine enough that two actions which could ever differ in who may do them are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Enter a route; what it needs stands in the route table.
    CallRoute(RouteAccess),
    SendTelemetry,
    ReadTelemetry,
    ReadObjects,
    ApplyObjects,
    DeleteObjects,
    ReadAlerts,
    ReadIncidents,
    ReportIncident,
    RunIncident,
    ReadStatus,
    ReadOwnMetrics,
    ReadKeys,
    CreateKey,
    RevokeKey,
    ReadAccounts,
    InviteAccount,
    DisableAccount,
    ResetFactor,
    EndSession,
    ReadAudit,
    ReadTeam,
    ManageTeam,
}

/// Of what it is asked, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The node as a whole.
    Node,
    /// What belongs to one team.
    Team {
        name: String,
    },
    /// What belongs to teams, whichever: the permit says to which of them it is narrowed.
    AnyTeam,
    /// A key, an account or an invitation with this grant.
    Holder {
        grant: Grant,
    },
    /// A key, with the team that it is kept to.
    Key {
        id: KeyId,
        grant: Grant,
        team: Option<String>,
    },
    Session {
        id: SessionId,
    },
}

/// The least grant for each action. An action that is not here is denied; a test keeps the list whole.
pub const ACTIONS: &[(Action, RouteAccess)] = {
    use RouteAccess::{AtLeast, Ingest};
    &[
        (Action::SendTelemetry, Ingest),
        (Action::ReadTelemetry, AtLeast(Role::Viewer)),
        (Action::ReadObjects, AtLeast(Role::Viewer)),
        (Action::ApplyObjects, AtLeast(Role::Editor)),
        (Action::DeleteObjects, AtLeast(Role::Editor)),
        (Action::ReadAlerts, AtLeast(Role::Viewer)),
        (Action::ReadIncidents, AtLeast(Role::Viewer)),
        (Action::ReportIncident, AtLeast(Role::Responder)),
        (Action::RunIncident, AtLeast(Role::Responder)),
        (Action::ReadStatus, AtLeast(Role::Viewer)),
        (Action::ReadOwnMetrics, AtLeast(Role::Viewer)),
        (Action::ReadKeys, AtLeast(Role::Admin)),
        (Action::CreateKey, AtLeast(Role::Admin)),
        (Action::RevokeKey, AtLeast(Role::Admin)),
        (Action::ReadAccounts, AtLeast(Role::Admin)),
        (Action::InviteAccount, AtLeast(Role::Admin)),
        (Action::DisableAccount, AtLeast(Role::Admin)),
        (Action::ResetFactor, AtLeast(Role::Admin)),
        (Action::EndSession, AtLeast(Role::Admin)),
        (Action::ReadAudit, AtLeast(Role::Admin)),
        (Action::ReadTeam, AtLeast(Role::Viewer)),
        (Action::ManageTeam, AtLeast(Role::Admin)),
    ]
};

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Allow(Permit),
    Deny(Denial),
}

/// Proof that [`authorize`] said yes to this action. Made there and nowhere else.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
    realm: Realm,
}

/// Where a permit holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realm {
    /// Everywhere.
    Node,
    /// In these teams and nowhere else; never empty.
    Teams(BTreeSet<String>),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("sign in, or send a key as `authorization: bearer nin_…`: this needs {needed}")]
    Unauthenticated { needed: RouteAccess },
    #[error("{name} has {has}, but this needs {needed}: ask an administrator")]
    NotEnough { name: String, has: &'static str, needed: RouteAccess },
    #[error("{name} has {has} and cannot give or take {other}: only somebody with at least that can")]
    Escalation { name: String, has: &'static str, other: &'static str },
}

impl Denial {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated { .. } => ErrorKind::Unauthenticated,
            Self::NotEnough { .. } | Self::Escalation { .. } => ErrorKind::Forbidden,
        }
    }
}

impl Permit {
    pub fn action(&self) -> Action {
        self.action
    }

    pub fn realm(&self) -> &Realm {
        &self.realm
    }
}

impl Decision {
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    pub fn into_result(self) -> Result<Permit, Denial> {
        match self {
            Self::Allow(permit) => Ok(permit),
            Self::Deny(denial) => Err(denial),
        }
    }
}

/// Decides whether `actor` may do `action` to `resource`. Pure, and the only place that decides.
pub fn authorize(actor: &Actor, action: Action, resource: &Resource) -> Decision {
    if is_own(actor, action, resource) {
        return Decision::Allow(Permit { action, realm: Realm::Node });
    }
    let needed = match action {
        Action::CallRoute(access) => Some(access),
        action => ACTIONS.iter().find(|(known, _)| *known == action).map(|(_, needed)| *needed),
    };
    // Deny by default: an action that nobody declared is for nobody but the owner.
    let needed = needed.unwrap_or(RouteAccess::AtLeast(Role::Owner));
    let Some(realm) = realm(actor, needed, resource) else {
        return Decision::Deny(if actor.is_anonymous() {
            Denial::Unauthenticated { needed }
        } else {
            Denial::NotEnough { name: actor.name.clone(), has: actor.grant.as_str(), needed }
        });
    };
    let (mine, other) = match resource {
        Resource::Holder { grant } | Resource::Key { grant, team: None, .. } => (actor.grant, *grant),
        Resource::Key { grant, team: Some(team), .. } => (actor.grant_in(team), *grant),
        _ => return Decision::Allow(Permit { action, realm }),
    };
    if !mine.may_give(other) {
        let (has, other) = (mine.as_str(), other.as_str());
        return Decision::Deny(Denial::Escalation { name: actor.name.clone(), has, other });
    }
    Decision::Allow(Permit { action, realm })
}

/// Where the actor may do what needs `needed`, as far as the resource reaches.
fn realm(actor: &Actor, needed: RouteAccess, resource: &Resource) -> Option<Realm> {
    if actor.grant.satisfies(needed) {
        return Some(Realm::Node);
    }
    let teams: BTreeSet<String> = match resource {
        Resource::AnyTeam => actor.teams_with(needed).cloned().collect(),
        Resource::Team { name } | Resource::Key { team: Some(name), .. } => {
            actor.teams_with(needed).filter(|team| *team == name).cloned().collect()
        }
        Resource::Node | Resource::Holder { .. } | Resource::Key { .. } | Resource::Session { .. } => {
            BTreeSet::new()
        }
    };
    (!teams.is_empty()).then_some(Realm::Teams(teams))
}

/// Everybody may give up what is theirs: end the session they are in, revoke the key they hold.
fn is_own(actor: &Actor, action: Action, resource: &Resource) -> bool {
    match (action, resource, &actor.via) {
        (Action::EndSession, Resource::Session { id }, Via::Session(own)) => id == own,
        (Action::RevokeKey, Resource::Key { id, .. }, Via::Key(own)) => id == own,
        _ => false,
    }
}

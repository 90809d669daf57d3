use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::{AccountId, Bounds, Grant, KeyId, Role, RouteAccess, SessionId};

/// What somebody may do in each of their teams, beyond what they may do everywhere.
pub type Teams = Arc<BTreeMap<String, Role>>;

/// Whoever calls, after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account's or the key's name; what timelines and the audit log say.
    pub name: String,
    /// What they may do everywhere.
    pub grant: Grant,
    pub teams: Teams,
    pub via: Via,
    /// Whose eyes these are; `None` for the process itself and for strangers.
    pub person: Option<Person>,
    /// What the key that was shown may do less than the grant says.
    pub bounds: Option<Arc<Bounds>>,
    /// Whether the session was opened with a one-time code besides what else was shown. Never for a key.
    pub second_factor: bool,
    /// The peer that calls; `None` for the process itself. Policies ask for it, rights do not depend on it.
    pub from: Option<IpAddr>,
}

/// Who somebody is, whatever their key is called: what four eyes are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// An account's id, or `chat:` and the user of a chat.
    pub id: String,
    /// The account that made the key which was shown, where that is another.
    pub key_maker: Option<String>,
}

/// How the caller proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Not at all.
    Anonymous,
    Key(KeyId),
    Session(SessionId),
    /// The process itself: control loops and the first start.
    System,
}

impl Actor {
    /// Somebody without credentials; may send telemetry only where the configuration says so.
    pub fn anonymous(may_ingest: bool) -> Self {
        let grant = if may_ingest { Grant::Ingest } else { Grant::Nothing };
        Self {
            name: "anonymous".to_owned(),
            grant,
            teams: Teams::default(),
            via: Via::Anonymous,
            person: None,
            bounds: None,
            second_factor: false,
            from: None,
        }
    }

    /// A background loop. It has an owner's grant, and its name in the audit log.
    pub fn system(part: &str) -> Self {
        Self {
            name: format!("nines/{part}"),
            grant: Grant::Role(Role::Owner),
            teams: Teams::default(),
            via: Via::System,
            person: None,
            bounds: None,
            second_factor: false,
            from: None,
        }
    }

    /// The account behind this caller, where there is one.
    pub fn account(&self) -> Option<AccountId> {
        let person = self.person.as_ref()?;
        (!person.id.starts_with("chat:")).then(|| AccountId(person.id.clone()))
    }

    pub fn role(&self) -> Option<Role> {
        match self.grant {
            Grant::Role(role) => Some(role),
            Grant::Nothing | Grant::Ingest => None,
        }
    }

    /// The most that they may do in one team.
    pub fn grant_in(&self, team: &str) -> Grant {
        let there = self.teams.get(team).map_or(Grant::Nothing, |role| Grant::Role(*role));
        match (self.grant, there) {
            (Grant::Role(everywhere), Grant::Role(there)) => Grant::Role(everywhere.max(there)),
            (Grant::Nothing, there) => there,
            (everywhere, _) => everywhere,
        }
    }

    /// Their teams in which they may do what needs `access`, by name.
    pub fn teams_with(&self, access: RouteAccess) -> impl Iterator<Item = &String> {
        self.teams.iter().filter(move |(_, role)| Grant::Role(**role).satisfies(access)).map(|(team, _)| team)
    }

    pub fn is_anonymous(&self) -> bool {
        self.via == Via::Anonymous
    }
}

use std::sync::Arc;

use crate::{AccountId, Bounds, Grant, KeyId, Role, SessionId};

/// Whoever calls, after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account's or the key's name; what timelines and the audit log say.
    pub name: String,
    pub grant: Grant,
    pub via: Via,
    /// Whose eyes these are; `None` for the process itself and for strangers.
    pub person: Option<Person>,
    /// What the key that was shown may do less than the grant says.
    pub bounds: Option<Arc<Bounds>>,
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
        Self { name: "anonymous".to_owned(), grant, via: Via::Anonymous, person: None, bounds: None }
    }

    /// A background loop. It has an owner's grant, and its name in the audit log.
    pub fn system(part: &str) -> Self {
        Self {
            name: format!("nines/{part}"),
            grant: Grant::Role(Role::Owner),
            via: Via::System,
            person: None,
            bounds: None,
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

    pub fn is_anonymous(&self) -> bool {
        self.via == Via::Anonymous
    }
}

use crate::{Grant, KeyId, Role, SessionId};

/// Whoever calls, after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account's or the key's name; what timelines and the audit log say.
    pub name: String,
    pub grant: Grant,
    pub via: Via,
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
        Self { name: "anonymous".to_owned(), grant, via: Via::Anonymous }
    }

    /// A background loop. It has an owner's grant, and its name in the audit log.
    pub fn system(part: &str) -> Self {
        Self { name: format!("nines/{part}"), grant: Grant::Role(Role::Owner), via: Via::System }
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

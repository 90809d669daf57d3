//! Operations as handlers reach them: the machine, its history, the runbooks that are applied now, and who may command it
//! from a chat.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nines_access::{Actor, Grant, Role, Via};
use nines_actions::infra::slack::{SIGNATURE_AGE_MAX, verify};
use nines_actions::runbook::Runbook;
use nines_actions::{ActionError, Actions, Bars, Caller, History, Intent, Level, Person as ActionPerson};
use nines_api::ActionArguments;
use nines_model::Timestamp;
use parking_lot::Mutex;

/// Signatures of chat commands that are remembered, so that none is taken twice: five minutes at a hundred a second.
const SIGNATURES_MAX: usize = 30_000;
/// How long a signature is remembered: as long as its time would be believed, from either side.
const SIGNATURES_KEPT: Duration = SIGNATURE_AGE_MAX.saturating_mul(2);

pub struct Operations {
    pub actions: Arc<Actions>,
    pub history: Arc<dyn History>,
    pub runbooks: Arc<Runbooks>,
    /// `None`: no signing secret is configured, and no chat command is taken.
    pub chat: Option<Chat>,
}

impl Operations {
    /// An action of the catalogue or a runbook, with its values.
    pub fn intent(&self, action: &str, arguments: &ActionArguments) -> Result<Intent, ActionError> {
        match action.strip_prefix(RUNBOOK) {
            Some(name) => self.runbooks.find(name)?.intent(arguments),
            None => Intent::of_action(action, arguments),
        }
    }
}

/// As written under `kind:`, in `nines/v1`.
pub const RUNBOOK_KIND: &str = "Runbook";
/// What the names of composed actions begin with.
pub const RUNBOOK: &str = "runbook/";

/// The runbooks that are applied now, by name. Readers take no lock.
#[derive(Default)]
pub struct Runbooks(ArcSwap<BTreeMap<String, Runbook>>);

impl Runbooks {
    pub fn replace(&self, books: impl IntoIterator<Item = Runbook>) {
        let books = books.into_iter().map(|book| (book.name.clone(), book)).collect();
        self.0.store(Arc::new(books));
    }

    pub fn all(&self) -> Arc<BTreeMap<String, Runbook>> {
        self.0.load_full()
    }

    fn find(&self, name: &str) -> Result<Runbook, ActionError> {
        let all = self.all();
        all.get(name).cloned().ok_or_else(|| {
            let nearest = nines_filter::nearest(name, all.keys().map(String::as_str));
            ActionError::UnknownAction {
                name: format!("{RUNBOOK}{}", name.chars().take(63).collect::<String>()),
                nearest: nearest.map(|near| format!("{RUNBOOK}{near}")),
            }
        })
    }
}

/// What a caller may do with actions by the table; [`crate::policies::operator`] asks the policies too. Viewers read, responders and editors change what is protected, administrators
/// what is private, and approve.
pub fn operator(actor: &Actor) -> Caller {
    let level = match actor.role() {
        Some(Role::Admin | Role::Owner) => Level::Private,
        Some(Role::Responder | Role::Editor) => Level::Protected,
        Some(Role::Member | Role::Viewer) | None => Level::Public,
    };
    Caller {
        name: actor.name.clone(),
        person: actor
            .person
            .as_ref()
            .map(|person| ActionPerson { id: person.id.clone(), key_maker: person.key_maker.clone() }),
        level,
        scopes: match actor.bounds.as_ref().map(|bounds| &bounds.scopes) {
            Some(scopes) if !scopes.is_empty() => scopes.clone(),
            _ => vec!["*".to_owned()],
        },
        may_approve: level == Level::Private,
        is_automated: false,
        bars: Bars::default(),
    }
}

/// Commands from a chat: signed by the provider, carried out at the level of the person who typed them.
pub struct Chat {
    secret: String,
    /// By the provider's own user id: a display name can be anybody's.
    people: BTreeMap<String, ChatPerson>,
    seen: Mutex<HashMap<String, Timestamp>>,
}

/// Whom a user of the chat is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPerson {
    pub name: String,
    pub role: Role,
}

/// Why a signed command is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSignature {
    /// Wrong, too old, or not there.
    Wrong,
    /// It was taken before.
    Repeated,
    /// Too many commands in a short time to tell whether it is a repeat.
    Flooded,
}

impl Chat {
    pub fn new(secret: String, people: BTreeMap<String, ChatPerson>) -> Self {
        Self { secret, people, seen: Mutex::default() }
    }

    /// Checks the signature over the raw body, and that it is used once.
    pub fn check(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), BadSignature> {
        if !verify(&self.secret, timestamp, body, signature, now) {
            return Err(BadSignature::Wrong);
        }
        // Only the digits count for the check, so only they count here.
        let signature = signature.to_ascii_lowercase();
        let mut seen = self.seen.lock();
        if seen.contains_key(&signature) {
            return Err(BadSignature::Repeated);
        }
        if seen.len() >= SIGNATURES_MAX {
            seen.retain(|_, at| now.since(*at) < SIGNATURES_KEPT);
            if seen.len() >= SIGNATURES_MAX {
                return Err(BadSignature::Flooded);
            }
        }
        seen.insert(signature, now);
        Ok(())
    }

    /// The person behind a user id of the chat.
    pub fn actor(&self, user: &str) -> Option<Actor> {
        let person = self.people.get(user)?;
        let grant = Grant::Role(person.role);
        let eyes = nines_access::Person { id: format!("chat:{user}"), key_maker: None };
        Some(Actor {
            name: person.name.clone(),
            grant,
            via: Via::System,
            person: Some(eyes),
            ..Actor::anonymous(false)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_roles_and_only_administrators_approve() {
        let level = |grant| {
            let caller = operator(&Actor { grant, ..Actor::system("test") });
            (caller.level, caller.may_approve)
        };
        assert_eq!(level(Grant::Ingest), (Level::Public, false));
        for (role, expected) in [
            (Role::Viewer, (Level::Public, false)),
            (Role::Responder, (Level::Protected, false)),
            (Role::Editor, (Level::Protected, false)),
            (Role::Admin, (Level::Private, true)),
            (Role::Owner, (Level::Private, true)),
        ] {
            assert_eq!(level(Grant::Role(role)), expected, "{role:?}");
        }
    }

    #[test]
    fn a_runbook_that_is_not_there_names_its_neighbour() {
        let books = Runbooks::default();
        let text = "apiVersion: nines/v1\nkind: Runbook\nmetadata: {name: replace-machine}\nspec:\n  steps:\n    - {name: look, manual: look at it}\n";
        books.replace([Runbook::parse(text).unwrap()]);
        let error = books.find("replace-machin").map(drop).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no action `runbook/replace-machin`; did you mean `runbook/replace-machine`?"
        );
    }
}

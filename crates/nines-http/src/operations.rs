//! Operations as handlers reach them: the machine, its history, the runbooks that are applied now, and who may command it
//! from a chat.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use nines_access::{Actor, Role};
use nines_actions::runbook::Runbook;
use nines_actions::{ActionError, Actions, Bars, Caller, History, Intent, Level, Person as ActionPerson};
use nines_api::ActionArguments;

use crate::chat::{Chat, DiscordChat, TeamsChat};

pub struct Operations {
    pub actions: Arc<Actions>,
    pub history: Arc<dyn History>,
    pub runbooks: Arc<Runbooks>,
    /// `None`: no signing secret is configured, and no chat command is taken.
    pub chat: Option<Chat>,
    pub teams: Option<TeamsChat>,
    pub discord: Option<DiscordChat>,
}

impl Operations {
    /// An action of the catalogue or a runbook, with its values.
    pub fn intent(&self, action: &str, arguments: &ActionArguments) -> Result<Intent, ActionError> {
        self.runbooks.intent(action, arguments)
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

    /// An action of the catalogue or one of these, with its values.
    pub fn intent(&self, action: &str, arguments: &ActionArguments) -> Result<Intent, ActionError> {
        match action.strip_prefix(RUNBOOK) {
            Some(name) => self.find(name)?.intent(arguments),
            None => Intent::of_action(action, arguments),
        }
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

#[cfg(test)]
mod tests {
    use nines_access::Grant;

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

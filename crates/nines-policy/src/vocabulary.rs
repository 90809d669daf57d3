//! The words that policies of this node may use: its actions, from the tables of routes and of operations.

/// What an action is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppliesTo {
    /// The node as a whole.
    Node,
    /// The node, and each service whose data may be in the answer.
    NodeAndServices,
    /// One incident.
    Incident,
    /// What an operation touches: machines, target groups, address sets.
    Target,
}

/// The type of a parameter of an operation, as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    Text,
    Number,
    /// A set of texts.
    Texts,
    /// Shares by name: `{ names: Set<String>, max: Long }`.
    Weights,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterWord {
    pub name: String,
    pub kind: ValueKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionWord {
    /// As written in `Action::"…"`.
    pub name: String,
    /// What it does, for the list of words.
    pub about: String,
    /// Actions that it is `in`, such as `read`.
    pub groups: Vec<String>,
    pub applies_to: AppliesTo,
    /// Of operations; empty for everything else.
    pub parameters: Vec<ParameterWord>,
}

/// Every action, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    actions: Vec<ActionWord>,
    groups: Vec<String>,
}

impl Vocabulary {
    /// Of these actions; a name that comes twice counts once.
    pub fn new(mut actions: Vec<ActionWord>) -> Self {
        actions.sort_by(|a, b| a.name.cmp(&b.name));
        actions.dedup_by(|a, b| a.name == b.name);
        let mut groups: Vec<String> = actions.iter().flat_map(|action| action.groups.clone()).collect();
        groups.sort();
        groups.dedup();
        Self { actions, groups }
    }

    pub fn actions(&self) -> &[ActionWord] {
        &self.actions
    }

    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    pub fn find(&self, name: &str) -> Option<&ActionWord> {
        let index = self.actions.binary_search_by(|action| action.name.as_str().cmp(name)).ok()?;
        Some(&self.actions[index])
    }
}

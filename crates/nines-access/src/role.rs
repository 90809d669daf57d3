//! Roles, grants, and what a route asks for.

use std::fmt;

/// What a person may do. Each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Signs in. What else they may do, they may do in their teams.
    Member,
    /// Reads everything but secrets.
    Viewer,
    /// Runs incidents.
    Responder,
    /// Changes promises, rules and channels.
    Editor,
    /// Makes keys, invites people, sees the node's inside.
    Admin,
    /// The account of the first start, and whoever it makes its equal.
    Owner,
}

/// What a group of an identity provider gives: a role everywhere, or one in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Everywhere(Role),
    In { team: String, role: Role },
}

impl Standing {
    /// Reads `responder`, `editor in shop`, or several with commas between.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, UnknownRole> {
        let one = |part: &str| match part.split_once(" in ") {
            None => Role::parse(part).map(Self::Everywhere),
            Some((role, team)) => {
                let role = Role::parse(role)?;
                let team = team.trim().to_owned();
                if team.is_empty() || !Role::IN_TEAM.contains(&role) {
                    return Err(UnknownRole { text: part.trim().to_owned(), nearest: None });
                }
                Ok(Self::In { team, role })
            }
        };
        text.split(',').map(one).collect()
    }
}

/// What a credential may do. Not ordered: who reads telemetry need not be able to send it, and the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Nothing but what is public: a caller without credentials.
    Nothing,
    /// Sends telemetry; reads nothing.
    Ingest,
    Role(Role),
}

/// What a route asks of its caller. There is no default: each route says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteAccess {
    /// Anybody who reaches the port.
    Public,
    /// Whoever may send telemetry.
    Ingest,
    /// This role or a higher one.
    AtLeast(Role),
}

/// The three levels in which interfaces are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exposure {
    /// No key needed.
    Public,
    /// A key with the right grant.
    Protected,
    /// The people who run the node.
    Private,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a role: use member, viewer, responder, editor, admin, owner or ingest{}", hint(.nearest))]
pub struct UnknownRole {
    pub text: String,
    pub nearest: Option<&'static str>,
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Member, Self::Viewer, Self::Responder, Self::Editor, Self::Admin, Self::Owner];
    /// Those that somebody may have in a team.
    pub const IN_TEAM: [Self; 4] = [Self::Viewer, Self::Responder, Self::Editor, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownRole> {
        match Grant::parse(text) {
            Ok(Grant::Role(role)) => Ok(role),
            Ok(_) => Err(UnknownRole { text: text.to_owned(), nearest: None }),
            Err(error) => Err(error),
        }
    }
}

impl Grant {
    /// Every grant, the weakest first.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Ingest,
        Self::Role(Role::Member),
        Self::Role(Role::Viewer),
        Self::Role(Role::Responder),
        Self::Role(Role::Editor),
        Self::Role(Role::Admin),
        Self::Role(Role::Owner),
    ];

    /// The word in the API and in a key's prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ingest => "ingest",
            Self::Role(role) => role.as_str(),
        }
    }

    /// Reads what a key or account can be given: a role or `ingest`, in any case.
    pub fn parse(text: &str) -> Result<Self, UnknownRole> {
        let word = text.trim().to_lowercase();
        let known = || Self::ALL.into_iter().filter(|grant| *grant != Self::Nothing);
        if let Some(grant) = known().find(|grant| grant.as_str() == word) {
            return Ok(grant);
        }
        let nearest = known()
            .map(|grant| (strsim::damerau_levenshtein(grant.as_str(), &word), grant.as_str()))
            .filter(|(distance, _)| *distance <= 2)
            .min()
            .map(|(_, word)| word);
        Err(UnknownRole { text: text.chars().take(64).collect(), nearest })
    }

    /// Whether this is enough for a route. People who change promises may also send telemetry (a deploy marker, a
    /// test event); people who only read or respond may not.
    pub fn satisfies(self, access: RouteAccess) -> bool {
        match (access, self) {
            (RouteAccess::Public, _) | (RouteAccess::Ingest, Self::Ingest) => true,
            (RouteAccess::Ingest, Self::Role(role)) => role >= Role::Editor,
            (RouteAccess::AtLeast(needed), Self::Role(role)) => role >= needed,
            (RouteAccess::Ingest | RouteAccess::AtLeast(_), _) => false,
        }
    }

    /// Whether whoever has this may hand out `other`: nobody gives more than they have.
    pub fn may_give(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Nothing) => true,
            (mine, Self::Ingest) => mine.satisfies(RouteAccess::Ingest),
            (Self::Role(mine), Self::Role(theirs)) => mine >= theirs,
            _ => false,
        }
    }
}

impl RouteAccess {
    pub fn exposure(self) -> Exposure {
        match self {
            Self::Public => Exposure::Public,
            Self::AtLeast(Role::Admin | Role::Owner) => Exposure::Private,
            Self::Ingest | Self::AtLeast(_) => Exposure::Protected,
        }
    }
}

impl Exposure {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Protected => "protected",
            Self::Private => "private",
        }
    }
}

impl fmt::Display for RouteAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Ingest => f.write_str("ingest"),
            Self::AtLeast(role) => write!(f, "{} or higher", role.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_typos_are_named() {
        for grant in &Grant::ALL[1..] {
            assert_eq!(Grant::parse(&grant.as_str().to_uppercase()), Ok(*grant));
        }
        assert!(Grant::parse("nothing").is_err());
        let error = Role::parse("respnder").unwrap_err();
        assert!(error.to_string().ends_with("did you mean `responder`?"), "{error}");
        assert!(Role::parse("ingest").is_err());
    }

    #[test]
    fn groups_give_roles_everywhere_and_in_teams() {
        let team = |team: &str, role| Standing::In { team: team.to_owned(), role };
        for (text, expected) in [
            ("viewer", vec![Standing::Everywhere(Role::Viewer)]),
            ("Editor in shop, viewer in pay", vec![team("shop", Role::Editor), team("pay", Role::Viewer)]),
            (
                "member, admin in the shop",
                vec![Standing::Everywhere(Role::Member), team("the shop", Role::Admin)],
            ),
        ] {
            assert_eq!(Standing::parse_all(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "viewer,",
            "owner in shop",
            "member in shop",
            "viewer in ",
            "ingest in shop",
            "vewer in shop",
        ] {
            assert!(Standing::parse_all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        for mine in Grant::ALL {
            for theirs in Grant::ALL {
                for access in [RouteAccess::Ingest].into_iter().chain(Role::ALL.map(RouteAccess::AtLeast)) {
                    let grows = theirs.satisfies(access) && !mine.satisfies(access);
                    assert!(!(mine.may_give(theirs) && grows), "{mine:?} gives {theirs:?}");
                }
            }
        }
    }
}

//! What a route is, and the words that the table of them is written in.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
    Options,
}

/// What people may do, each including the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Signs in; what else they may do, they may do in their teams.
    Member,
    /// Reads everything but secrets.
    Viewer,
    /// Runs incidents.
    Responder,
    /// Changes promises, rules and channels.
    Editor,
    /// Makes keys, sees the node's inside.
    Admin,
    Owner,
}

/// Who may call a route. There is no default: each row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody who reaches the port.
    Public,
    /// Whoever signs the body with a secret that was agreed on; the handler checks that before anything else.
    Signed,
    /// A key that may send telemetry, or anonymous senders where the configuration says so.
    Ingest,
    /// This role or a higher one.
    AtLeast(Role),
}

/// How much of a route those get who have a role in a team alone, or whose key sees some rows alone. A row that says
/// nothing is closed to both, so that a route that is added later is no way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All or nothing.
    Node,
    /// The handler keeps to the services of the caller's teams. Closed to keys that see some rows.
    Teams,
    /// The handler keeps to rows of telemetry that the caller may see.
    Rows,
    /// It is about the caller alone.
    Caller,
}

/// The name and schema of a wire type, and those of the types that it is made of.
#[derive(Clone, Copy)]
pub struct Body {
    pub(crate) name: fn() -> String,
    pub(crate) collect: fn(&mut Vec<(String, RefOr<Schema>)>),
}

#[derive(Clone, Copy)]
pub struct Route {
    pub method: Method,
    /// With `{parameters}` as axum and OpenAPI both write them.
    pub path: &'static str,
    /// Unique; the name of the generated client call.
    pub operation: &'static str,
    pub summary: &'static str,
    pub access: Access,
    /// Query parameters, all optional strings.
    pub query: &'static [&'static str],
    pub request: Option<Body>,
    pub response: Option<Body>,
    /// The word under which each call is written to the audit log; `None` for questions and telemetry.
    pub audit: Option<&'static str>,
    /// How much of what it answers those get who do not see everything.
    pub reach: Reach,
}

pub(crate) const fn body<T: ToSchema + PartialSchema>() -> Option<Body> {
    Some(Body {
        name: || T::name().into_owned(),
        collect: |schemas| {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        },
    })
}

pub(crate) const fn get(
    path: &'static str,
    operation: &'static str,
    access: Access,
    response: Option<Body>,
    summary: &'static str,
) -> Route {
    Route {
        method: Method::Get,
        path,
        operation,
        summary,
        access,
        query: &[],
        request: None,
        response,
        audit: None,
        reach: Reach::Node,
    }
}

pub(crate) const fn post(
    path: &'static str,
    operation: &'static str,
    access: Access,
    request: Option<Body>,
    response: Option<Body>,
    summary: &'static str,
) -> Route {
    Route {
        method: Method::Post,
        path,
        operation,
        summary,
        access,
        query: &[],
        request,
        response,
        audit: None,
        reach: Reach::Node,
    }
}

pub(crate) const fn put(
    path: &'static str,
    operation: &'static str,
    access: Access,
    request: Option<Body>,
    response: Option<Body>,
    summary: &'static str,
) -> Route {
    Route { method: Method::Put, ..post(path, operation, access, request, response, summary) }
}

pub(crate) const fn delete(
    path: &'static str,
    operation: &'static str,
    access: Access,
    summary: &'static str,
) -> Route {
    Route {
        method: Method::Delete,
        path,
        operation,
        summary,
        access,
        query: &[],
        request: None,
        response: None,
        audit: None,
        reach: Reach::Node,
    }
}

impl Route {
    pub(crate) const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    /// In teams: see [`Reach::Teams`].
    pub(crate) const fn in_teams(mut self) -> Self {
        self.reach = Reach::Teams;
        self
    }

    /// By rows: see [`Reach::Rows`].
    pub(crate) const fn by_rows(mut self) -> Self {
        self.reach = Reach::Rows;
        self
    }

    /// About the caller: see [`Reach::Caller`].
    pub(crate) const fn of_caller(mut self) -> Self {
        self.reach = Reach::Caller;
        self
    }

    pub(crate) const fn audited(mut self, action: &'static str) -> Self {
        self.audit = Some(action);
        self
    }
}

/// A way in for telemetry in somebody else's protocol: its bodies and answers are theirs, not ours.
pub(crate) const fn door(
    method: Method,
    path: &'static str,
    operation: &'static str,
    access: Access,
    summary: &'static str,
) -> Route {
    Route { method, ..post(path, operation, access, None, None, summary) }
}

/// A path of InfraAPI: the body is an object with the action's parameters, and `incident`, `idempotencyKey`, `planHash`.
pub(crate) const fn infra(
    method: Method,
    path: &'static str,
    operation: &'static str,
    access: Access,
    summary: &'static str,
) -> Route {
    Route { method, query: &["dryRun"], ..post(path, operation, access, None, None, summary) }
}

pub(crate) const MEMBER: Access = Access::AtLeast(Role::Member);
pub(crate) const VIEWER: Access = Access::AtLeast(Role::Viewer);
pub(crate) const RESPONDER: Access = Access::AtLeast(Role::Responder);
pub(crate) const EDITOR: Access = Access::AtLeast(Role::Editor);
pub(crate) const ADMIN: Access = Access::AtLeast(Role::Admin);

impl Method {
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Delete, Self::Options];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Member, Self::Viewer, Self::Responder, Self::Editor, Self::Admin, Self::Owner];

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

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

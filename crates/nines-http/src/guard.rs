//! The way in: one check of the path, one of the caller, one decision, before any handler runs.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nines_access::{AccessError, Action, Actor, Credentials, Realm, Resource, RouteAccess, authorize};
use nines_api::{Reach, Route};
use nines_base::ErrorKind;
use nines_filter::{Expr, Filter};
use nines_model::field;

use crate::SharedApp;
use crate::audit::{AuditNote, Call};
use crate::extract::Caller;
use crate::problem::{ApiError, ApiResult, REQUEST_ID};

/// Sent back on every answer, and in problem documents.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("nines-request-id");

/// What a browser may do with our pages: scripts and everything else from here alone, frames never. Inline style
/// attributes are how the component library positions things; inline style *elements* and scripts stay forbidden. No code
/// of ours makes markup or scripts from text, so Trusted Types refuse all of it; the one policy that a page may make permits
/// the address of the service worker and nothing else (`ui/src/lib/push.ts`).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types nines-worker";

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let kind = error.kind();
        let answer = match (&error, error.to_string().rsplit_once(": ")) {
            (AccessError::Repository(_), _) => Self::from_kind(kind, &error),
            (_, Some((detail, hint))) => Self::new(kind, detail).hint(hint),
            (_, None) => Self::new(kind, error.to_string()),
        };
        match error {
            AccessError::Throttled { wait } | AccessError::TooFast { wait, .. } => {
                answer.retry_after(wait + Duration::from_secs(1))
            }
            AccessError::Csrf => answer.code("csrf"),
            AccessError::SecondFactor => answer.code("second_factor"),
            _ => answer,
        }
    }
}

/// Outermost: names the request, refuses ambiguous paths, and puts the security headers on whatever comes back.
pub async fn envelope(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let id = app.random.uuid(app.clock.now()).simple().to_string();
    let mut response = REQUEST_ID
        .scope(id.clone(), async {
            match check_path(request.uri().path()) {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        })
        .await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(&id).expect("a UUID is visible ASCII"));
    // A page that is stricter or has other needs says so itself.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// There is one spelling of each path. Others are refused before routing, so that no rule can be walked around.
pub fn check_path(path: &str) -> ApiResult<()> {
    let lower = path.to_ascii_lowercase();
    let ambiguous = path.contains("//")
        || path.contains(['\\', ';', '\0'])
        || path.split('/').any(|part| part == "." || part == "..")
        || ["%2f", "%5c", "%2e", "%00", "%3b", "%25"].iter().any(|code| lower.contains(code));
    if ambiguous {
        return Err(ApiError::invalid("the path can be read in more than one way")
            .code("ambiguous_path")
            .hint("send it without empty, `.` or `..` segments, `;`, or encoded separators"));
    }
    Ok(())
}

/// What one row of the route table asks for, beside the application.
#[derive(Clone)]
pub struct Gate {
    pub app: SharedApp,
    pub access: RouteAccess,
    pub route: &'static Route,
}

/// Before a handler: who calls, and may they enter this route. The handler then finds the [`Actor`] and the [`Caller`].
/// After it: what it did is in the audit log before the caller hears of it.
pub async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = peer_of(&request);
    let path = request.uri().path().to_owned();
    let fallback = format!("route.{}", gate.route.operation);
    let call = Call { action: gate.route.audit.unwrap_or(&fallback), path: &path, peer };
    let audit = &gate.app.audit;
    let authenticated = {
        // Senders of alerts show their key in the ways of their own protocols, as those of telemetry do.
        let shown = match gate.access {
            RouteAccess::Ingest => nines_receive::key(request.headers()).map(|key| format!("Bearer {key}")),
            _ => basic_key(&path, request.headers()),
        };
        let mut credentials = credentials(request.headers(), request.method(), peer);
        credentials.authorization = shown.as_deref().or(credentials.authorization);
        // What is public must not fail because of a stale cookie.
        match gate.app.access.authenticate(&credentials).await {
            Err(_) if gate.access == RouteAccess::Public => None,
            other => Some(other),
        }
    };
    let actor = match authenticated {
        None => Actor::anonymous(false),
        Some(Err(error)) => {
            audit.refused(&Actor::anonymous(false), &call, &error.to_string()).await;
            return ApiError::from(error).into_response();
        }
        Some(Ok(authenticated)) => {
            if let Some(session) = authenticated.session {
                request.extensions_mut().insert(session);
            }
            authenticated.actor
        }
    };
    let actor = match (actor.is_anonymous(), gate.access) {
        (true, RouteAccess::Ingest) => Actor::anonymous(gate.app.anonymous_ingest),
        _ => actor,
    };
    let resource = match gate.route.reach {
        Reach::Teams | Reach::Rows => Resource::AnyTeam,
        Reach::Node | Reach::Caller => Resource::Node,
    };
    let permit = match authorize(&actor, Action::CallRoute(gate.access), &resource).into_result() {
        Ok(permit) => permit,
        Err(denial) => {
            let denial = AccessError::from(denial);
            audit.refused(&actor, &call, &denial.to_string()).await;
            return ApiError::from(denial).into_response();
        }
    };
    let narrowed = caller(&gate, &actor, permit.realm()).and_then(|mut caller| {
        crate::policies::check_route(&gate.app, gate.route, &actor, &mut caller)?;
        Ok(caller)
    });
    match narrowed {
        Ok(caller) => request.extensions_mut().insert(caller),
        Err(refusal) => {
            audit.refused(&actor, &call, refusal.detail()).await;
            return refusal.into_response();
        }
    };
    let actor = Arc::new(actor);
    request.extensions_mut().insert(Arc::clone(&actor));
    if gate.route.audit.is_none() {
        return next.run(request).await;
    }
    if let Err(refusal) = audit.ready(&actor, &call).await {
        return refusal.into_response();
    }
    let mut response = next.run(request).await;
    let note = response.extensions_mut().remove::<AuditNote>().unwrap_or_default();
    match audit.done(&actor, &call, response.status(), &note).await {
        Ok(()) => response,
        Err(error) if response.status().is_success() => error
            .hint("it was done, but nobody can trace it: look at the disk and the node's log before going on")
            .into_response(),
        Err(_) => response,
    }
}

/// What the handler is told of its caller: who, and how much of the node is theirs.
fn caller(gate: &Gate, actor: &Actor, realm: &Realm) -> ApiResult<Caller> {
    let bounds = actor.bounds.as_deref();
    let (filter, team) =
        (bounds.and_then(|it| it.filter.as_deref()), bounds.and_then(|it| it.team.as_deref()));
    // Who signs is known by that, and who sends sees nothing.
    let is_open = matches!(gate.access, RouteAccess::Public | RouteAccess::Ingest);
    let reach = gate.route.reach;
    if let Some(text) = filter
        && !is_open
        && !matches!(reach, Reach::Rows | Reach::Caller)
    {
        return Err(ApiError::new(ErrorKind::Forbidden, format!("this key sees only rows that match `{text}`"))
            .code("narrowed_key")
            .hint("this call cannot be narrowed to them: search, count, group by facets or tail, or use another key"));
    }
    if let Some(team) = team
        && !is_open
        && reach == Reach::Node
    {
        return Err(ApiError::new(ErrorKind::Forbidden, format!("this key is kept to team `{team}`"))
            .code("narrowed_key")
            .hint("this call is not about one team: use another key"));
    }
    // It was read when the key was made; if it cannot be read now, nothing is shown rather than everything.
    let by_key = filter.map(Filter::parse).transpose()?;
    let (services, by_team) = match realm {
        Realm::Node => (None, None),
        Realm::Teams(teams) => {
            let services = gate.app.oncall.rota.roster().services_of(teams);
            let rows = match reach {
                Reach::Rows => Some(rows_of(teams, &services)?),
                _ => None,
            };
            (Some(Arc::new(services)), rows)
        }
    };
    let sees = match (by_key, by_team) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    };
    let everywhere = actor.role();
    let here = match realm {
        Realm::Node => everywhere,
        // The least that lets them in anywhere: nothing beyond the route's own need is decided by it.
        Realm::Teams(teams) => teams.iter().filter_map(|team| actor.teams.get(team)).min().copied(),
    };
    let role = here.and_then(|role| nines_api::Role::parse(role.as_str()));
    Ok(Caller { name: actor.name.clone(), role, sees, services, hidden: Arc::default() })
}

/// The rows of the services that teams answer for.
fn rows_of(teams: &BTreeSet<String>, services: &BTreeSet<String>) -> ApiResult<Filter> {
    if services.is_empty() {
        let teams: Vec<&str> = teams.iter().map(String::as_str).collect();
        let detail = format!("no service belongs to {}", teams.join(", "));
        return Err(ApiError::new(ErrorKind::Forbidden, detail).code("no_services").hint(
            "somebody who may change documents declares one: `kind: Service` with the team as `owner`",
        ));
    }
    let of = services.iter().map(|service| Expr::equals(field::SERVICE_NAME, service.as_str()));
    Ok(Filter::from_ast(Expr::or(of.collect())))
}

pub fn peer_of(request: &Request) -> SocketAddr {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(unknown, |info| info.0)
}

/// The password of Basic as a bearer's key, for any user: what `promtool`, `amtool`, Grafana and the client libraries of
/// Prometheus can send everywhere. Only below their own paths, and never asked for, so that no browser comes to keep one.
fn basic_key(path: &str, headers: &HeaderMap) -> Option<String> {
    if !["/prometheus/", "/alertmanager/"].iter().any(|prefix| path.starts_with(prefix)) {
        return None;
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let is_basic = value.trim().split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
    is_basic.then(|| nines_receive::key(headers).map(|key| format!("Bearer {key}"))).flatten()
}

fn credentials<'a>(headers: &'a HeaderMap, method: &Method, peer: SocketAddr) -> Credentials<'a> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Credentials {
        authorization: text("authorization"),
        cookie: text("cookie"),
        csrf: text("x-nines-csrf"),
        is_unsafe: !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        address: peer.ip(),
    }
}

/// The wire's access word as the decision's.
pub fn route_access(access: nines_api::Access) -> RouteAccess {
    match access {
        // Whoever signs is let through to the handler, which checks the signature over the raw body before all else.
        nines_api::Access::Public | nines_api::Access::Signed => RouteAccess::Public,
        nines_api::Access::Ingest => RouteAccess::Ingest,
        nines_api::Access::AtLeast(role) => RouteAccess::AtLeast(
            nines_access::Role::parse(role.as_str()).expect("both enums spell the same roles"),
        ),
    }
}

/// Nothing matched: an error for programs. Pages are served by a route of their own.
pub async fn not_found(request: Request) -> ApiError {
    ApiError::new(
        ErrorKind::NotFound,
        format!("there is nothing at {} {}", request.method(), request.uri().path()),
    )
    .hint("the routes are in /api/v1/openapi.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_basic_is_a_key_below_prometheus_paths_only() {
        // user:nin_k_1
        let headers = HeaderMap::from_iter([(
            header::AUTHORIZATION,
            HeaderValue::from_static("Basic dXNlcjpuaW5fa18x"),
        )]);
        assert_eq!(basic_key("/prometheus/api/v1/query", &headers).as_deref(), Some("Bearer nin_k_1"));
        assert_eq!(basic_key("/api/v1/sql", &headers), None);
    }

    #[test]
    fn only_one_spelling_of_a_path_is_let_through() {
        for path in [
            "/",
            "/api/v1/slos/checkout-availability",
            "/incident/INC-2026-0001",
            "/search",
            "/assets/a-b.js",
        ] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        for path in [
            "//api",
            "/api//v1",
            "/./api",
            "/x/../api",
            "/%2e/api",
            "/api%2fv1",
            "/api;x=1",
            "/api%00",
            "/a%5cb",
            "/%252e",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}

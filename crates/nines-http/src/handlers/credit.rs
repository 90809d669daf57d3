//! Address credit: how clients behave, who is blocked, settings, rehearsal, release.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Query, State};
use nines_access::Actor;
use nines_actions::credit::{Entry, KeeperError, is_never_blocked, network_of};
use nines_api as api;
use nines_egress::IpNet;
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::{Body, range};
use crate::operations::operator;
use crate::problem::{ApiError, ApiResult};
use crate::render::credit as render;
use crate::{App, SharedApp};

/// Addresses in a list: nobody reads the hundred-and-first.
const WORST_SHOWN: usize = 100;
/// Blocks that are over, in a list.
const ENDED_SHOWN: usize = 100;
/// Requests of an explanation, and how far back they are looked for.
const REQUESTS_SHOWN: usize = 20;
const REQUESTS_SINCE: Duration = Duration::from_secs(3_600);
/// What a rehearsal looks at by default.
const REHEARSED_DEFAULT: Duration = Duration::from_secs(86_400);

impl From<KeeperError> for ApiError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Action(error) => error.into(),
            other => Self::from_kind(other.kind(), &other),
        }
    }
}

pub async fn status(State(app): State<SharedApp>) -> Json<api::CreditStatus> {
    Json(shown(&app))
}

fn shown(app: &App) -> api::CreditStatus {
    let keeper = &app.credit.keeper;
    let entries = keeper.entries();
    let (mut ended, mut open): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.phase.is_over());
    open.sort_by_key(|entry| entry.block.until);
    ended.sort_by_key(|entry| std::cmp::Reverse(entry.ended_at));
    ended.truncate(ENDED_SHOWN);
    let observed = app.credit.log.observed();
    api::CreditStatus {
        settings: render::settings(&keeper.settings()),
        cloud: app.operations.actions.cloud_name(),
        rules: render::rules(),
        addresses: keeper.with_credit(|credit| credit.len()) as u64,
        requests: observed.requests,
        left_out: observed.left_out,
        is_complete: observed.is_complete,
        worst: keeper.worst(WORST_SHOWN).iter().map(render::standing).collect(),
        blocks: open.into_iter().chain(ended).map(render::block).collect(),
    }
}

#[derive(Debug, Deserialize)]
pub struct ExplainQuery {
    address: Option<String>,
}

pub async fn explain(
    State(app): State<SharedApp>,
    Query(asked): Query<ExplainQuery>,
) -> ApiResult<Json<api::CreditExplanation>> {
    let text = asked.address.unwrap_or_default();
    let text = text.trim();
    let address: IpAddr =
        text.parse().or_else(|_| text.parse().map(|network: IpNet| network.addr())).map_err(|_| {
            ApiError::invalid(format!("`address`: `{text}` is no address")).hint("such as 203.0.113.7")
        })?;
    let (keeper, now) = (&app.credit.keeper, app.clock.now());
    let (settings, network) = (keeper.settings(), network_of(address));
    let standing = keeper.explain(address);
    let seen = standing.as_ref().map_or(address, |standing| standing.address);
    let log = &app.credit.log;
    let requests = log.requests_of(&settings, seen, now - REQUESTS_SINCE, REQUESTS_SHOWN).await?;
    let is_own = keeper
        .config_of(&settings)
        .allow
        .iter()
        .any(|allowed| allowed.contains(&network) || network.contains(allowed));
    let never = match () {
        () if is_never_blocked(&network) => Some("the network is not one sender of the internet".to_owned()),
        () if is_own => Some("it is on the allow-list, or this node's own".to_owned()),
        () => None,
    };
    let entries = keeper.entries();
    let of_it = entries.iter().rev().filter(|entry| entry.block.network == network);
    Ok(Json(api::CreditExplanation {
        network: network.to_string(),
        never,
        standing: standing.as_ref().map(render::standing),
        blocks: of_it.map(render::block).collect(),
        requests: requests.iter().map(render::request).collect(),
    }))
}

pub async fn set(
    State(app): State<SharedApp>,
    Body(asked): Body<api::CreditSettings>,
) -> ApiResult<(Extension<AuditNote>, Json<api::CreditStatus>)> {
    let settings = render::read_settings(&asked)?;
    let before = render::settings(&app.credit.keeper.settings());
    app.credit.keeper.set(settings.clone()).await?;
    app.credit.log.follow(&settings).await?;
    let text = |settings: &api::CreditSettings| serde_json::to_string(settings).unwrap_or_default();
    let details = format!("{} to {}; before: {}", before.mode, asked.mode, text(&before));
    let note = AuditNote { resource: Some("credit/settings".to_owned()), details, ..AuditNote::default() };
    Ok((Extension(note), Json(shown(&app))))
}

pub async fn rehearse(
    State(app): State<SharedApp>,
    Body(asked): Body<api::CreditRehearsalRequest>,
) -> ApiResult<Json<api::CreditRehearsal>> {
    let range = range(asked.start.as_deref(), asked.end.as_deref(), app.clock.now(), REHEARSED_DEFAULT)?;
    let settings = match &asked.settings {
        Some(settings) => render::read_settings(settings)?,
        None => (*app.credit.keeper.settings()).clone(),
    };
    let rehearsal = app.credit.log.rehearse(&settings, range).await?;
    Ok(Json(render::rehearsal(&rehearsal, range)))
}

pub async fn release(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::CreditReleaseRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::CreditBlock>)> {
    let text = asked.network.trim();
    let network: IpNet = text.parse().or_else(|_| text.parse().map(network_of)).map_err(|_| {
        ApiError::invalid(format!("`network`: `{text}` is no network")).hint("such as 203.0.113.7/32")
    })?;
    let entry = app.credit.keeper.release(&operator(&actor), network).await?;
    app.feed.publish("run", entry.run.as_ref().map(|run| run.0.clone()));
    let details = format!("{network} from {}", entry.list);
    let note = AuditNote { resource: Some(format!("credit/{network}")), details, ..AuditNote::default() };
    Ok((Extension(note), Json(render::block(&entry))))
}

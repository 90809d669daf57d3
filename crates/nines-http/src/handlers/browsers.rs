//! The browsers in which the caller takes notifications. Nobody sees or changes anybody else's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use nines_access::{Actor, Via};
use nines_api as api;
use nines_base::ErrorKind;
use nines_notify::{BROWSERS_MAX, Browser, BrowserError, BrowserId, NewBrowser, Secret, Subscription};
use nines_oncall::{BROWSERS, PersonId};

use super::secrets::Private;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::problem::{ApiError, ApiResult};

type Who = Extension<Arc<Actor>>;

impl From<BrowserError> for ApiError {
    fn from(error: BrowserError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

pub async fn list(
    State(app): State<SharedApp>,
    Extension(actor): Who,
) -> ApiResult<Json<api::BrowsersResponse>> {
    let account = app.access.security(&actor).await?.account;
    let browsers = app.browsers.of(&account.id.0);
    let roster = app.oncall.rota.roster();
    let rules = roster.rules.get(&PersonId::new(&account.name));
    let is_named = |contacts: &[nines_oncall::escalation::Contact]| {
        contacts.iter().any(|contact| contact.channel == BROWSERS)
    };
    Ok(Json(api::BrowsersResponse {
        public_key: app.browsers.public_key().to_owned(),
        person: account.name,
        browsers: browsers.iter().map(browser).collect(),
        limit: BROWSERS_MAX,
        has_rules: rules.is_some(),
        // Without rules, calls of high urgency go there.
        high: rules.is_none_or(|rules| is_named(&rules.high)),
        low: rules.is_some_and(|rules| is_named(&rules.low)),
    }))
}

pub async fn register(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Private(request): Private<api::NewBrowser>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Browser>)> {
    // A key may be meant for less than the account that it belongs to, and no key has a browser.
    if !matches!(actor.via, Via::Session(_)) {
        let detail = "a browser is registered by whoever is signed in to it, not with a key";
        return Err(ApiError::new(ErrorKind::Forbidden, detail)
            .hint("open your account in the browser: Notifications are there"));
    }
    let account = app.access.security(&actor).await?.account;
    let new = NewBrowser {
        account: account.id.0,
        person: account.name,
        label: request.label,
        subscription: Subscription {
            endpoint: Secret::new(request.endpoint),
            p256dh: request.p256dh,
            auth: Secret::new(request.auth),
        },
    };
    let registered = app.browsers.register(new).await?;
    Ok((noted(&registered), Json(browser(&registered))))
}

pub async fn remove(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    let account = app.access.security(&actor).await?.account;
    let removed = app.browsers.remove(&account.id.0, &BrowserId(id)).await?;
    Ok((noted(&removed), StatusCode::NO_CONTENT))
}

pub async fn test(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Browser>)> {
    let account = app.access.security(&actor).await?.account;
    let tested = app.browsers.test(&account.id.0, &BrowserId(id)).await?;
    Ok((noted(&tested), Json(browser(&tested))))
}

/// The address is a secret; what its owner calls it is not.
fn noted(browser: &Browser) -> Extension<AuditNote> {
    let details = match &browser.failure {
        None => browser.label.clone(),
        Some(failure) => format!("{}: {failure}", browser.label),
    };
    Extension(AuditNote { details, ..AuditNote::default() })
}

fn browser(it: &Browser) -> api::Browser {
    api::Browser {
        id: it.id.to_string(),
        label: it.label.clone(),
        service: it.subscription.as_ref().map(Subscription::service),
        is_gone: it.subscription.is_none(),
        registered_at: it.registered_at.to_string(),
        used_at: it.used_at.map(|at| at.to_string()),
        failure: it.failure.clone(),
    }
}

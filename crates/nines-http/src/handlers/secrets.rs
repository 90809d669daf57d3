//! Secrets: put, replaced, removed, and once in a while shown to a person who says why.

use axum::Json;
use axum::extract::{Extension, FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use nines_access::Secret as Token;
use nines_api as api;
use nines_base::ErrorKind;
use nines_secrets::{SecretError, SecretName, SecretRef, SecretSummary, SecretText};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{BODY_BYTES_MAX, Caller, bytes};
use crate::problem::{ApiError, ApiResult};
use crate::secrets::references;

/// Characters of a reason to see a value: a ticket's number and a few words.
const REASON_CHARS_MIN: usize = 10;

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        let kind = error.kind();
        match (kind, error.to_string().rsplit_once(": ")) {
            (ErrorKind::Internal | ErrorKind::Unavailable, _) | (_, None) => Self::from_kind(kind, &error),
            (_, Some((detail, hint))) => Self::new(kind, detail).hint(hint),
        }
    }
}

/// A JSON body that may hold a value: what is wrong with it is said without repeating any of it.
pub struct Private<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Private<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = request
            .headers()
            .get(axum::http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(ApiError::invalid("this content type is not accepted here")
                .code("unsupported_media_type")
                .hint("send content-type: application/json"));
        }
        let body = bytes(request, BODY_BYTES_MAX).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            ApiError::invalid(format!("the body is not what this call takes, at {place}"))
                .code("invalid_body")
                .hint("the shapes are in /api/v1/openapi.json; the body is not repeated here because it may hold a secret")
        })
    }
}

pub async fn list(State(app): State<SharedApp>) -> ApiResult<Json<api::SecretsResponse>> {
    let uses = uses(&app).await?;
    let vault = &app.secrets.vault;
    let secrets = vault.list().iter().map(|secret| rendered(secret, &uses)).collect();
    Ok(Json(api::SecretsResponse { secrets, master: vault.master().to_owned() }))
}

pub async fn put(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Private(request): Private<api::SecretRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Secret>)> {
    let (secret, note) = store(&app, &caller, &name, &SecretText::new(request.value)).await?;
    Ok((Extension(note), Json(secret)))
}

pub async fn rotate(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Private(request): Private<api::RotateRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::SecretRotated>)> {
    let known = SecretName::parse(&name)?;
    if app.secrets.vault.get(&known).is_none() {
        return Err(SecretError::NotFound { name }.into());
    }
    let made = request.value.is_none().then(|| Token::random(&app.secrets.random).expose().to_owned());
    let value = SecretText::new(request.value.or_else(|| made.clone()).unwrap_or_default());
    let (secret, note) = store(&app, &caller, &name, &value).await?;
    Ok((Extension(note), Json(api::SecretRotated { secret, value: made })))
}

async fn store(
    app: &SharedApp,
    caller: &Caller,
    name: &str,
    value: &SecretText,
) -> ApiResult<(api::Secret, AuditNote)> {
    let name = SecretName::parse(name)?;
    let vault = &app.secrets.vault;
    let stored = vault.put(&name, value, &caller.name).await?;
    app.secrets.follower.changed(&name).await;
    app.feed.publish("secret", Some(name.to_string()));
    let summary = vault.get(&name).ok_or_else(|| SecretError::NotFound { name: name.to_string() })?;
    let note = AuditNote {
        resource: Some(format!("secrets/{name}")),
        details: format!("version {}", stored.version),
        ..AuditNote::default()
    };
    Ok((rendered(&summary, &uses(app).await?), note))
}

pub async fn reveal(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Private(request): Private<api::RevealRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::SecretRevealed>)> {
    let reason = request.reason.trim();
    if reason.chars().count() < REASON_CHARS_MIN {
        return Err(ApiError::invalid(format!("`reason` has fewer than {REASON_CHARS_MIN} characters"))
            .hint("say why the value has to be seen: it is kept in the audit log"));
    }
    let reference = SecretRef { name: SecretName::parse(&name)?, version: request.version };
    let (version, value) = app.secrets.vault.reveal(&reference)?;
    let note = AuditNote {
        resource: Some(format!("secrets/{name}")),
        details: format!("version {version}: {reason}"),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(api::SecretRevealed { name, version, value: value.expose().to_owned() })))
}

#[derive(Debug, Deserialize)]
pub struct Forced {
    force: Option<String>,
}

pub async fn delete(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(asked): Query<Forced>,
) -> ApiResult<StatusCode> {
    let name = SecretName::parse(&name)?;
    let users = used_by(&uses(&app).await?, &name);
    if !users.is_empty() && asked.force.as_deref() != Some("true") {
        let names = users.join(", ");
        return Err(ApiError::new(ErrorKind::Conflict, format!("`{name}` is used by {names}"))
            .code("secret_in_use")
            .hint("take it out of them first, or delete it with force=true and they are left without"));
    }
    app.secrets.vault.delete(&name).await?;
    app.secrets.follower.changed(&name).await;
    app.feed.publish("secret", Some(name.to_string()));
    Ok(StatusCode::NO_CONTENT)
}

/// Which documents refer to what.
type Uses = Vec<(String, Vec<SecretRef>)>;

async fn uses(app: &SharedApp) -> ApiResult<Uses> {
    let objects = app.objects.list().await.map_err(|error| ApiError::from_kind(error.kind(), &error))?;
    let found =
        objects.iter().map(|object| (format!("{}/{}", object.kind, object.name), references(&object.yaml)));
    Ok(found.filter(|(_, references)| !references.is_empty()).collect())
}

fn used_by(uses: &Uses, name: &SecretName) -> Vec<String> {
    let uses = uses.iter().filter(|(_, references)| references.iter().any(|it| it.name == *name));
    uses.map(|(document, _)| document.clone()).collect()
}

fn rendered(secret: &SecretSummary, uses: &Uses) -> api::Secret {
    api::Secret {
        name: secret.name.to_string(),
        reference: SecretRef { name: secret.name.clone(), version: None }.to_string(),
        versions: secret
            .versions
            .iter()
            .map(|version| api::SecretVersion {
                version: version.version,
                created_at: version.created_at.to_string(),
                created_by: version.created_by.clone(),
                master: version.master.clone(),
            })
            .collect(),
        last_used_at: secret.last_used_at.map(|at| at.to_string()),
        used_by: used_by(uses, &secret.name),
    }
}

//! Who is told of news of status pages: forms that work without a program. What is answered does not say whether an
//! address is known.

use axum::extract::{Extension, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use nines_base::ErrorKind;
use nines_incidents::Language;
use nines_statuspage::{ASK_AGAIN_AFTER, StatusPage, Subscriber, Way, Words, leaf};

use super::statuspage::{answer, language, opened};
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::bytes;
use crate::guard::peer_of;
use crate::problem::{ApiError, ApiResult};

/// An address, a hundred components by name, and a key.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The fields of a form, in order; names may come more than once.
struct Fields(Vec<(String, String)>);

impl Fields {
    async fn read(request: Request) -> ApiResult<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let body = bytes(request, BODY_BYTES_MAX).await?;
        let mut form = Request::builder().method("POST").uri("/");
        if let Some(content_type) = content_type {
            form = form.header(header::CONTENT_TYPE, content_type);
        }
        let form = form.body(axum::body::Body::from(body)).map_err(|error| ApiError::internal(&error))?;
        let form = axum::Form::<Vec<(String, String)>>::from_request(form, &()).await;
        form.map(|axum::Form(fields)| Self(fields)).map_err(|_| ApiError::invalid("this is not a form"))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }
}

/// Somebody asks to be told.
pub async fn subscribe(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let (peer, headers) = (peer_of(&request).ip(), request.headers().clone());
    let fields = Fields::read(request).await?;
    let page = opened(&app, &name, fields.get("key")).await?;
    let (now, language) = (app.clock.now(), language(fields.get("lang"), &headers));
    let words = Words::of(language);
    let random = || app.random.uuid(now).simple().to_string();
    let way = match (fields.get("email"), fields.get("url")) {
        (Some(address), _) if page.mail_channel.is_some() => Way::Email(address.to_owned()),
        (_, Some(url)) => {
            Way::Webhook { url: url.to_owned(), secret: format!("whsec_{}", hex(app.random.bytes::<24>())) }
        }
        _ => return Err(ApiError::invalid("an address is missing").hint("fill in one of the fields")),
    };
    let known_components: Vec<&String> = page.components.iter().map(|it| &it.name).collect();
    let mut components = fields.all("component");
    components.retain(|name| known_components.contains(&name));
    let mut subscriber = Subscriber {
        id: Subscriber::id_of(&page.name, &way),
        page: page.name.clone(),
        way,
        components,
        language,
        token: format!("{}{}", random(), hex(app.random.bytes::<8>())),
        asked_at: now,
        confirmed_at: None,
        told: 0,
    };
    subscriber.check()?;
    if !app.subscribers.may_ask(peer, now) {
        return Err(ApiError::new(ErrorKind::Exhausted, "too many addresses were asked for from here")
            .hint("try again in an hour"));
    }
    let known = app.subscribers.store.subscriber(&page.name, &subscriber.id).await?;
    let details = format!("{} by {}", page.name, subscriber.way.as_str());
    let sentence = match &subscriber.way {
        Way::Email(_) => {
            // One that is confirmed keeps what it has; one that was asked a moment ago is not asked again.
            let is_done = known.as_ref().is_some_and(|known| {
                known.confirmed_at.is_some() || now.since(known.asked_at) < ASK_AGAIN_AFTER
            });
            if !is_done {
                app.subscribers.store.put_subscriber(&subscriber).await?;
                app.subscribers.ask(&app, &page, &subscriber).await;
            }
            words.asked_email
        }
        Way::Webhook { .. } => {
            if !app.subscribers.challenge(&app, &subscriber).await {
                return Err(ApiError::invalid("the webhook did not answer the challenge")
                    .hint("answer 200 with the value of `challenge` of the body that is posted to it"));
            }
            subscriber.confirmed_at = Some(now);
            subscriber.told = app.subscribers.post_news(&app, &page).await?;
            app.subscribers.store.put_subscriber(&subscriber).await?;
            words.asked_webhook
        }
    };
    let note = AuditNote { details, ..AuditNote::default() };
    Ok((Extension(note), said(&page, language, sentence, None, fields.get("key"))).into_response())
}

/// What a link leads to. It changes nothing: programs that look at mails follow every link in them.
pub async fn shown(
    State(app): State<SharedApp>,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let Some((page, subscriber)) = find(&app, &name, &key).await? else { return Ok(gone(&name, &headers)) };
    let words = Words::of(subscriber.language);
    let (sentence, button) = match subscriber.confirmed_at {
        None => (words.confirm_why, ("confirm", words.confirm)),
        Some(_) => (words.unsubscribe_why, ("unsubscribe", words.unsubscribe)),
    };
    Ok(said(&page, subscriber.language, sentence, Some(button), None))
}

/// A button of that page, or a mail program that ends it with one click.
pub async fn change(
    State(app): State<SharedApp>,
    Path((name, key)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let fields = Fields::read(request).await?;
    let Some((page, mut subscriber)) = find(&app, &name, &key).await? else {
        return Ok(gone(&name, &headers));
    };
    let words = Words::of(subscriber.language);
    let one_click = fields.get("List-Unsubscribe") == Some("One-Click");
    let (what, sentence) = match fields.get("do") {
        Some("confirm") if subscriber.confirmed_at.is_none() => {
            subscriber.confirmed_at = Some(app.clock.now());
            subscriber.told = app.subscribers.post_news(&app, &page).await?;
            app.subscribers.store.put_subscriber(&subscriber).await?;
            ("confirmed", words.confirmed)
        }
        Some("confirm") => ("confirmed before", words.confirmed),
        Some("unsubscribe") => {
            app.subscribers.store.remove_subscriber(&page.name, &subscriber.id).await?;
            ("ended", words.unsubscribed)
        }
        _ if one_click => {
            app.subscribers.store.remove_subscriber(&page.name, &subscriber.id).await?;
            ("ended by one click", words.unsubscribed)
        }
        _ => return Err(ApiError::invalid("the form says neither `confirm` nor `unsubscribe`")),
    };
    let note =
        AuditNote { details: format!("{}: {} {what}", page.name, subscriber.id), ..AuditNote::default() };
    Ok((Extension(note), said(&page, subscriber.language, sentence, None, None)).into_response())
}

/// The subscriber whose link this is.
async fn find(app: &SharedApp, name: &str, key: &str) -> ApiResult<Option<(StatusPage, Subscriber)>> {
    let Some((id, token)) = key.split_once('-') else { return Ok(None) };
    let page = app.status_pages.pages().await?.into_iter().find(|page| page.name == name);
    let Some(page) = page else { return Ok(None) };
    let subscriber = app.subscribers.store.subscriber(&page.name, id).await?;
    Ok(subscriber.filter(|subscriber| subscriber.knows(token)).map(|subscriber| (page, subscriber)))
}

fn said(
    page: &StatusPage,
    language: Language,
    sentence: &str,
    button: Option<(&str, &str)>,
    key: Option<&str>,
) -> Response {
    let key = key.map(|key| format!("&key={key}")).unwrap_or_default();
    let back = format!("/status/{}?lang={}{key}", page.name, language.as_str());
    answer(leaf(&page.title, language, sentence, button, &back), "text/html; charset=utf-8", true)
}

/// The same for a link that was never good as for one that is not any more.
fn gone(name: &str, headers: &HeaderMap) -> Response {
    let language = language(None, headers);
    let words = Words::of(language);
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    let body = leaf(words.subscribe, language, words.gone, None, &format!("/status/{name}"));
    let mut response = answer(body, "text/html; charset=utf-8", true);
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What people press, type and move in chats and ticket systems, carried out as themselves.
//!
//! A request is checked before it is read (Slack's and Jira's signature, Telegram's secret), taken once, answered with 200
//! and words, and written to the audit log under the person's name. Nobody is somebody here by a display name.

pub mod discord;
pub mod teams;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, FromRequest, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_access::{Actor as Who, AuditResult, Grant, Person, Role, Via};
use nines_api::StepRequest;
use nines_base::ErrorKind;
use nines_egress::Request as Outgoing;
use nines_incidents::{Actor, Incident, IncidentError, IncidentId, Query};
use serde_json::{Value, json};

use super::incidents::command;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::chat::{BadSignature, Hook, is_shown, is_signed};
use crate::extract::bytes;
use crate::problem::{ApiError, ApiResult};

/// An interaction of Slack holds the message that it came from, of at most 50 blocks of 3000 characters, encoded.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Open incidents that a list in a chat shows.
const LISTED_MAX: usize = 15;

const HELP: &str = "`/nines list` · `/nines ack INC-…` · `/nines escalate INC-… [why]` · `/nines confirm INC-… P1` · \
    `/nines update INC-… text` · `/nines note INC-… text` · `/nines assign INC-… who` · `/nines mitigate INC-… [how]` · \
    `/nines resolve INC-… [how]` · `/nines review INC-… [what was learnt]` · `/nines oncall`";

/// What can be typed, and what can be pressed.
const STEPS: [&str; 9] =
    ["acknowledge", "escalate", "confirm", "update", "note", "assign", "mitigate", "resolve", "review"];

/// A slash command.
pub async fn slack_command(State(app): State<SharedApp>, request: Request) -> ApiResult<Response> {
    let form = slack_form(&app, request).await?;
    let text = form.get("text").cloned().unwrap_or_default();
    let user = form.get("user_id").cloned().unwrap_or_default();
    let Some(who) = slack_person(&app, &user) else { return Ok(stranger(&user)) };
    let said = typed(&app, &who, &text).await;
    Ok(answered(&who, format!("slack user {user}: {text}"), said, ephemeral))
}

/// A button, a menu or a dialog.
pub async fn slack_interaction(State(app): State<SharedApp>, request: Request) -> ApiResult<Response> {
    let form = slack_form(&app, request).await?;
    let payload: Value = form
        .get("payload")
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| ApiError::invalid("an interaction has a JSON payload"))?;
    let user = payload["user"]["id"].as_str().unwrap_or_default().to_owned();
    let Some(who) = slack_person(&app, &user) else {
        let told =
            tell_slack(&app, &payload, "I do not know you: an administrator adds you with --slack-user")
                .await;
        tracing::debug!(told, "a stranger pressed a button");
        return Ok(stranger(&user));
    };
    if payload["type"] == "view_submission" {
        return Ok(submitted(&app, &who, &payload["view"]).await);
    }
    let action = &payload["actions"][0];
    let name = action["action_id"].as_str().unwrap_or_default();
    let Some(step) = name.strip_prefix("nines_") else {
        // A link: Slack reports it, and there is nothing to do.
        let note =
            AuditNote { details: format!("{name}: a link"), is_question: true, ..AuditNote::default() };
        return Ok((Extension(note), StatusCode::OK).into_response());
    };
    let value = action["selected_option"]["value"].as_str().or(action["value"].as_str()).unwrap_or_default();
    let details = format!("slack user {user}: {step} {value}");
    let said = match step {
        "update" => open_dialog(&app, &payload, value).await,
        "confirm" => match value.split_once(':') {
            Some((level, id)) => act(&app, &who, id, "confirm", level).await,
            None => Err(ApiError::invalid("the menu names no level")),
        },
        step => act(&app, &who, value, step, "").await,
    };
    if let Ok(text) | Err(text) = said.as_ref().map(String::as_str).map_err(ApiError::detail)
        && !text.is_empty()
    {
        tell_slack(&app, &payload, text).await;
    }
    // The answer to a button is empty; words come over its response address.
    Ok(answered(&who, details, said, |_| StatusCode::OK.into_response()))
}

/// A button of Telegram, or a message to its bot.
pub async fn telegram(
    State(app): State<SharedApp>,
    Path(channel): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let shown = header_text(&request, "x-telegram-bot-api-secret-token");
    let (secret, api_url, token, people) = match app.hooks.get(&channel) {
        Some(Hook::Telegram { secret, api_url, token, people }) => (secret, api_url, token, people),
        _ => return Err(refused()),
    };
    if !is_shown(&secret, &shown) {
        return Err(refused());
    }
    let update: Value = serde_json::from_slice(&bytes(request, BODY_BYTES_MAX).await?)
        .map_err(|error| ApiError::invalid(format!("an update of Telegram is JSON: {error}")))?;
    let callback = &update["callback_query"];
    let message = &update["message"];
    let from = if callback.is_object() { &callback["from"] } else { &message["from"] };
    let user = from["id"].as_i64().map(|id| id.to_string()).unwrap_or_default();
    let text = match callback["data"].as_str() {
        Some(data) => data.strip_prefix("nines:").unwrap_or_default().replacen(':', " ", 1),
        None => message["text"].as_str().unwrap_or_default().trim_start_matches("/nines").trim().to_owned(),
    };
    let Some(who) = people.get(&user).map(|name| person(name, Role::Responder)) else {
        return Ok(stranger(&user));
    };
    let said = typed(&app, &who, &text).await;
    let words = said.as_ref().map_or_else(|error| error.detail().to_owned(), Clone::clone);
    let (method, body) = match callback["id"].as_str() {
        Some(id) => ("answerCallbackQuery", json!({"callback_query_id": id, "text": cut(&words, 190)})),
        None => ("sendMessage", json!({"chat_id": message["chat"]["id"], "text": cut(&words, 4_000)})),
    };
    let url = format!("{}/bot{}/{method}", api_url.trim_end_matches('/'), token.expose());
    send(&app, Outgoing::post(url, body.to_string())).await;
    Ok(answered(&who, format!("telegram user {user}: {text}"), said, |_| StatusCode::OK.into_response()))
}

/// Somebody moved the issue of an incident: in progress acknowledges, done resolves.
pub async fn jira(
    State(app): State<SharedApp>,
    Path(channel): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let signature = header_text(&request, "x-hub-signature");
    let Some(Hook::Jira { secret }) = app.hooks.get(&channel) else { return Err(refused()) };
    let body = bytes(request, BODY_BYTES_MAX).await?;
    if !is_signed(&secret, &signature, &body) {
        return Err(refused());
    }
    let event: Value = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("an event of Jira is JSON: {error}")))?;
    let fields = &event["issue"]["fields"];
    let labels = fields["labels"].as_array().cloned().unwrap_or_default();
    let id =
        labels.iter().find_map(|label| label.as_str()?.strip_prefix("nines-")?.parse::<IncidentId>().ok());
    let name = event["user"]["displayName"].as_str().unwrap_or("somebody");
    let who = person(&format!("{} (jira)", cut(name, 100)), Role::Responder);
    let status = fields["status"]["statusCategory"]["key"].as_str().unwrap_or_default();
    let key = event["issue"]["key"].as_str().unwrap_or_default();
    let said = match (id, status) {
        (Some(id), "indeterminate") => follow(&app, &who, id, "acknowledge", key).await,
        (Some(id), "done") => follow(&app, &who, id, "resolve", key).await,
        _ => Ok(String::new()),
    };
    Ok(answered(&who, format!("{key} is {status}"), said, |text| Json(json!({"said": text})).into_response()))
}

/// What a ticket says is done if it is not done yet: its own news come back to it as they were.
async fn follow(app: &SharedApp, who: &Who, id: IncidentId, step: &str, key: &str) -> ApiResult<String> {
    let incident = app.incidents.get(id).await?;
    let is_done = match step {
        "acknowledge" => incident.marks.acked.is_some(),
        _ => !incident.state.is_open(),
    };
    if is_done {
        return Ok(String::new());
    }
    act(app, who, &id.to_string(), step, &format!("{key} was moved")).await
}

/// Carries out what somebody typed; if that takes longer than `patience`, what will come of it.
async fn timely(app: &SharedApp, who: &Who, text: String, patience: Duration) -> Timely<ApiResult<String>> {
    let (app_of_work, who) = (SharedApp::clone(app), who.clone());
    let work = async move { typed(&app_of_work, &who, &text).await };
    in_time(&app.clock, patience, work).await
}

/// Chats wait for seconds, and what was begun is not broken off.
enum Timely<T> {
    Now(T),
    Later(tokio::task::JoinHandle<T>),
}

async fn in_time<T: Send + 'static>(
    clock: &nines_base::SharedClock,
    patience: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Timely<T> {
    let mut work = tokio::spawn(work);
    tokio::select! {
        Ok(done) = &mut work => Timely::Now(done),
        () = clock.sleep(patience) => Timely::Later(work),
    }
}

/// `word INC-… rest`.
async fn typed(app: &SharedApp, who: &Who, text: &str) -> ApiResult<String> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (id, rest) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let step = match word.to_ascii_lowercase().as_str() {
        "" | "help" => return Ok(HELP.to_owned()),
        "list" => return listed(app).await,
        "oncall" => return Ok(on_call(app)),
        "ack" => "acknowledge".to_owned(),
        other => other.to_owned(),
    };
    if !STEPS.contains(&step.as_str()) {
        return Err(ApiError::invalid(format!("I do not know `{}`. {HELP}", cut(word, 40))));
    }
    act(app, who, id, &step, rest.trim()).await
}

/// One step of an incident, at the level of whoever asks.
async fn act(app: &SharedApp, who: &Who, id: &str, step: &str, text: &str) -> ApiResult<String> {
    if who.role() < Some(Role::Responder) {
        return Err(ApiError::new(
            ErrorKind::Forbidden,
            format!("{} may read but not run incidents", who.name),
        ));
    }
    let id: IncidentId = id.parse().map_err(|error| ApiError::from(IncidentError::from(error)))?;
    let text = Some(text.to_owned()).filter(|text| !text.is_empty());
    let request = match step {
        "confirm" => StepRequest { level: text, ..StepRequest::default() },
        "assign" => StepRequest { commander: text, ..StepRequest::default() },
        _ => StepRequest { text, ..StepRequest::default() },
    };
    let before = app.incidents.get(id).await?;
    crate::policies::check_incident_step(app, who, step, &before).await?;
    if step == "review" {
        super::learning::check_reviewed(app, &before).await?;
    }
    let command = command(step, request, app.clock.now())?;
    let incident = app.incidents.act(id, &command, &Actor::person(who.name.clone())).await?;
    Ok(told(&incident))
}

fn told(incident: &Incident) -> String {
    let next = incident.next_update_at().map(|at| format!(", next update by {at}")).unwrap_or_default();
    format!("{} {} is {}{next}", incident.id, incident.level(), incident.state)
}

async fn listed(app: &SharedApp) -> ApiResult<String> {
    let open = app.incidents.find(&Query::open()).await?;
    if open.is_empty() {
        return Ok("no incident is open".to_owned());
    }
    let lines = open.iter().take(LISTED_MAX).map(|it| format!("{}: {}", told(it), plain(&it.title)));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn on_call(app: &SharedApp) -> String {
    let (roster, now) = (app.oncall.rota.roster(), app.clock.now());
    let lines: Vec<String> = roster
        .schedules
        .values()
        .map(|schedule| {
            let people = schedule.on_call_at(now).people;
            let names: Vec<&str> = people.iter().map(|person| person.as_str()).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            format!("{}: {}", plain(&schedule.name), plain(&names))
        })
        .collect();
    if lines.is_empty() { "there is no schedule".to_owned() } else { lines.join("\n") }
}

/// The dialog of an update: the six fields, as the incident has them now, and what is new.
async fn open_dialog(app: &SharedApp, payload: &Value, id: &str) -> ApiResult<String> {
    let incident =
        app.incidents.get(id.parse().map_err(|error| ApiError::from(IncidentError::from(error)))?).await?;
    let (api_url, token) = app
        .hooks
        .slack()
        .ok_or_else(|| ApiError::new(ErrorKind::Conflict, "no slack channel of this node is interactive"))?;
    let readings = app.promises.of_service(&incident.intake.service);
    let language = nines_incidents::Language::En;
    let facts: Vec<_> = readings
        .iter()
        .filter_map(|view| crate::render::slos::fact(view, language))
        .map(nines_incidents::Fact)
        .collect();
    let draft = app.incidents.draft(incident.id, &facts, language).await?.text;
    let view = dialog(&incident, &draft);
    let body = json!({"trigger_id": payload["trigger_id"], "view": view});
    let request = Outgoing::post(format!("{}/views.open", api_url.trim_end_matches('/')), body.to_string())
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .bearer(token.expose());
    let answer = app.oncall.egress.send(request).await;
    let answer = answer.map_err(|error| ApiError::new(ErrorKind::Unavailable, error.to_string()))?;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer["ok"] != json!(true) {
        let error = answer["error"].as_str().unwrap_or("no reason named");
        return Err(ApiError::new(
            ErrorKind::Unavailable,
            format!("slack opened no dialog: {}", cut(error, 100)),
        ));
    }
    Ok(String::new())
}

/// Limits of Slack: title 24, label 2000, an input's value 3000 characters.
fn dialog(incident: &Incident, draft: &str) -> Value {
    let input = |id: &str, label: &str, value: &str, lines: bool, optional: bool| {
        json!({
            "type": "input",
            "block_id": id,
            "optional": optional,
            "label": {"type": "plain_text", "text": label},
            "element": {
                "type": "plain_text_input",
                "action_id": "value",
                "multiline": lines,
                "max_length": 3000,
                "initial_value": cut(value, 3_000),
            },
        })
    };
    let intake = &incident.intake;
    let known = format!("*{}* {} since {}", plain(&intake.service), incident.level(), intake.started_at);
    let mut next = input("next_update_at", "Next update (RFC 3339; by the level if empty)", "", false, true);
    next["element"].as_object_mut().map(|element| element.remove("initial_value"));
    json!({
        "type": "modal",
        "callback_id": "nines_update",
        "private_metadata": incident.id.to_string(),
        "title": {"type": "plain_text", "text": incident.id.to_string()},
        "submit": {"type": "plain_text", "text": "Post"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": known}},
            input("text", "What is new", draft, true, false),
            input("scope", "Scope", &intake.scope, false, false),
            input("status", "Current status", &intake.status, false, false),
            input("progress", "Progress", &intake.progress, false, false),
            next,
        ],
    })
}

/// The dialog was sent: an update, or what is wrong with it beside the field.
async fn submitted(app: &SharedApp, who: &Who, view: &Value) -> Response {
    let value = |name: &str| {
        let text = view["state"]["values"][name]["value"]["value"].as_str();
        text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let id = view["private_metadata"].as_str().unwrap_or_default().to_owned();
    let request = StepRequest {
        text: value("text"),
        scope: value("scope"),
        status: value("status"),
        progress: value("progress"),
        next_update_at: value("next_update_at"),
        ..StepRequest::default()
    };
    let posted = async {
        if who.role() < Some(Role::Responder) {
            let why = format!("{} may read but not run incidents", who.name);
            return Err(ApiError::new(ErrorKind::Forbidden, why));
        }
        let command = command("update", request, app.clock.now())?;
        let id: IncidentId = id.parse().map_err(|error| ApiError::from(IncidentError::from(error)))?;
        let before = app.incidents.get(id).await?;
        crate::policies::check_incident_step(app, who, "update", &before).await?;
        Ok(told(&app.incidents.act(id, &command, &Actor::person(who.name.clone())).await?))
    };
    let said = posted.await;
    let body = match &said {
        Ok(_) => json!({"response_action": "clear"}),
        Err(error) => {
            let field = if error.detail().contains("next_update_at") { "next_update_at" } else { "text" };
            json!({"response_action": "errors", "errors": {field: cut(error.detail(), 300)}})
        }
    };
    answered(who, format!("update of {id} by a dialog"), said, |_| Json(body).into_response())
}

/// Checks that Slack signed it just now and that it was not taken before, and reads the form.
async fn slack_form(app: &SharedApp, request: Request) -> ApiResult<BTreeMap<String, String>> {
    let chat = app.operations.chat.as_ref().ok_or_else(refused)?;
    let timestamp = header_text(&request, "x-slack-request-timestamp");
    let signature = header_text(&request, "x-slack-signature");
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let body = bytes(request, BODY_BYTES_MAX).await?;
    chat.check(&timestamp, &signature, &body, app.clock.now()).map_err(bad_signature)?;
    let mut form = Request::builder().method("POST").uri("/");
    if let Some(content_type) = content_type {
        form = form.header(header::CONTENT_TYPE, content_type);
    }
    let form = form.body(axum::body::Body::from(body)).map_err(|error| ApiError::internal(&error))?;
    let form = axum::Form::<BTreeMap<String, String>>::from_request(form, &()).await;
    form.map(|axum::Form(form)| form).map_err(|_| ApiError::invalid("this is not a form"))
}

fn slack_person(app: &SharedApp, user: &str) -> Option<Who> {
    app.operations.chat.as_ref()?.actor(user)
}

fn person(name: &str, role: Role) -> Who {
    let eyes = Person { id: format!("chat:{name}"), key_maker: None };
    Who {
        name: name.to_owned(),
        grant: Grant::Role(role),
        via: Via::System,
        person: Some(eyes),
        ..Who::anonymous(false)
    }
}

/// Over the address that came with the button; best effort, for what was done is done.
async fn tell_slack(app: &SharedApp, payload: &Value, text: &str) -> bool {
    let Some(url) = payload["response_url"].as_str() else { return false };
    let body =
        json!({"response_type": "ephemeral", "replace_original": false, "text": cut(&plain(text), 3_000)});
    send(app, Outgoing::post(url, body.to_string())).await
}

async fn send(app: &SharedApp, request: Outgoing) -> bool {
    match app.oncall.egress.send(request.header(header::CONTENT_TYPE, "application/json")).await {
        Ok(response) => response.status.is_success(),
        Err(error) => {
            tracing::debug!(%error, "a chat cannot be told what became of it");
            false
        }
    }
}

fn answered(
    who: &Who,
    details: String,
    said: ApiResult<String>,
    render: impl FnOnce(String) -> Response,
) -> Response {
    let mut note = AuditNote { actor: Some(Arc::new(who.clone())), details, ..AuditNote::default() };
    let text = match said {
        Ok(text) => text,
        Err(error) => {
            note.outcome = Some(AuditResult::Failed);
            format!("refused: {}", error.detail())
        }
    };
    (Extension(note), render(text)).into_response()
}

fn ephemeral(text: String) -> Response {
    Json(json!({"response_type": "ephemeral", "text": text})).into_response()
}

fn stranger(user: &str) -> Response {
    let note = AuditNote {
        outcome: Some(AuditResult::Denied),
        details: format!("chat user {} is nobody here", cut(user, 64)),
        ..AuditNote::default()
    };
    let text = format!("I do not know you (`{}`): an administrator adds you", cut(user, 64));
    (Extension(note), ephemeral(text)).into_response()
}

fn bad_signature(bad: BadSignature) -> ApiError {
    match bad {
        BadSignature::Flooded => {
            ApiError::new(ErrorKind::Exhausted, "too many calls").hint("try again in a minute")
        }
        BadSignature::Repeated | BadSignature::Wrong => refused(),
    }
}

fn refused() -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, "this is not signed by a chat that this node knows")
        .code("bad_signature")
        .hint("check the secret and the clocks of both sides")
}

fn header_text(request: &Request, name: &str) -> String {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// The three characters that Slack's markup reserves.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

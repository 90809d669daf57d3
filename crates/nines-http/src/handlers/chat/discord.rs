//! Discord: slash commands, and buttons of the pages that this node sent. An answer is due within three seconds; what
//! takes longer is announced, and comes as an edit of that announcement.

use axum::http::Method;

use super::*;

/// Below Discord's three seconds, with time for the way.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Only the one who asked sees it.
const EPHEMERAL: u32 = 1 << 6;
/// Of one message.
const CONTENT_MAX: usize = 2_000;

// Kinds of interactions, and of answers.
const PING: u64 = 1;
const COMMAND: u64 = 2;
const COMPONENT: u64 = 3;
const PONG: u8 = 1;
const MESSAGE: u8 = 4;
const DEFERRED: u8 = 5;

pub async fn interaction(State(app): State<SharedApp>, request: Request) -> ApiResult<Response> {
    let chat = app.operations.discord.as_ref().ok_or_else(refused)?;
    let timestamp = header_text(&request, "x-signature-timestamp");
    let signature = header_text(&request, "x-signature-ed25519");
    let body = bytes(request, BODY_BYTES_MAX).await?;
    chat.check(&timestamp, &signature, &body, app.clock.now()).map_err(bad_signature)?;
    let interaction: Value = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("an interaction of Discord is JSON: {error}")))?;
    let text = match interaction["type"].as_u64() {
        Some(PING) => {
            let note = AuditNote { details: "ping".to_owned(), is_question: true, ..AuditNote::default() };
            return Ok((Extension(note), Json(json!({"type": PONG}))).into_response());
        }
        Some(COMMAND) => command_of(&interaction["data"]),
        Some(COMPONENT) => {
            let id = interaction["data"]["custom_id"].as_str().unwrap_or_default();
            id.strip_prefix("nines:").unwrap_or_default().replacen(':', " ", 1)
        }
        _ => return Err(ApiError::invalid("this node takes commands and buttons of Discord")),
    };
    // In a server the user is a member of it, elsewhere alone.
    let user = interaction["member"]["user"]["id"].as_str().or(interaction["user"]["id"].as_str());
    let user = user.unwrap_or_default();
    let Some(who) = chat.actor(user) else {
        let note = AuditNote {
            outcome: Some(AuditResult::Denied),
            details: format!("discord user {} is nobody here", cut(user, 64)),
            ..AuditNote::default()
        };
        let text =
            format!("I do not know you ({}): an administrator adds you with --discord-user", cut(user, 64));
        return Ok((Extension(note), Json(message(MESSAGE, &text))).into_response());
    };
    let details = format!("discord user {user}: {text}");
    match timely(&app, &who, text, ANSWERED_WITHIN).await {
        Timely::Now(said) => {
            Ok(answered(&who, details, said, |text| Json(message(MESSAGE, &text)).into_response()))
        }
        Timely::Later(work) => {
            let url = follow_up(&chat.api_url, &interaction);
            tokio::spawn(later(app.clone(), work, url));
            let details = format!("{details} (answered later)");
            let said = Ok(String::new());
            Ok(answered(&who, details, said, |_| {
                Json(json!({"type": DEFERRED, "data": {"flags": EPHEMERAL}})).into_response()
            }))
        }
    }
}

/// `/nines ack INC-…` as sub-commands with options, or as one option that holds all of it.
fn command_of(data: &Value) -> String {
    let mut words = Vec::new();
    let mut options = &data["options"];
    // A group may hold a command that holds options.
    while let Some(nested) =
        options.as_array().and_then(|all| all.first()).filter(|first| first["options"].is_array())
    {
        words.push(nested["name"].as_str().unwrap_or_default().to_owned());
        options = &nested["options"];
    }
    for option in options.as_array().into_iter().flatten() {
        match &option["value"] {
            Value::String(text) => words.push(text.trim().to_owned()),
            Value::Null => words.push(option["name"].as_str().unwrap_or_default().to_owned()),
            other => words.push(other.to_string()),
        }
    }
    words.join(" ")
}

fn message(kind: u8, text: &str) -> Value {
    let text = if text.is_empty() { "done" } else { text };
    json!({
        "type": kind,
        "data": {"content": cut(text, CONTENT_MAX), "flags": EPHEMERAL, "allowed_mentions": {"parse": []}},
    })
}

/// Where the announcement is edited. `None` if the interaction names nothing that fits into an address.
fn follow_up(api_url: &str, interaction: &Value) -> Option<String> {
    let part = |name: &str| {
        let text = interaction[name].as_str()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
        (!text.is_empty() && !text.starts_with('.') && text.chars().all(fits)).then_some(text)
    };
    let (application, token) = (part("application_id")?, part("token")?);
    Some(format!("{}/webhooks/{application}/{token}/messages/@original", api_url.trim_end_matches('/')))
}

async fn later(app: SharedApp, work: tokio::task::JoinHandle<ApiResult<String>>, url: Option<String>) {
    let text = match work.await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => format!("refused: {}", error.detail()),
        Err(_) => "this did not end; look at the incident".to_owned(),
    };
    if let Some(url) = url {
        let edit = Outgoing {
            method: Method::PATCH,
            ..Outgoing::post(url, message(MESSAGE, &text)["data"].to_string())
        };
        send(&app, edit).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_options_of_either_shape() {
        let whole =
            json!({"name": "nines", "options": [{"name": "command", "type": 3, "value": "ack INC-1"}]});
        assert_eq!(command_of(&whole), "ack INC-1");
        let parts = json!({"name": "nines", "options": [{"name": "update", "type": 1, "options": [
            {"name": "incident", "type": 3, "value": "INC-1"}, {"name": "text", "type": 3, "value": "it is back"}]}]});
        assert_eq!(command_of(&parts), "update INC-1 it is back");
        assert_eq!(command_of(&json!({"options": [{"name": "list", "type": 1, "options": []}]})), "list");
        assert_eq!(command_of(&json!({"options": [{"name": "list", "type": 1}]})), "list");
        assert_eq!(command_of(&json!({})), "");
    }

    #[test]
    fn a_later_answer_goes_to_discord_and_nowhere_else() {
        let url = |application: &str, token: &str| {
            follow_up("https://discord.com/api/v10", &json!({"application_id": application, "token": token}))
        };
        let good = "https://discord.com/api/v10/webhooks/1/aW50.x-_=/messages/@original";
        assert_eq!(url("1", "aW50.x-_=").as_deref(), Some(good));
        for (application, token) in
            [("", "x"), ("1", ""), ("1/..", "x"), ("1", "../x"), ("..", "x"), ("1", "a?b")]
        {
            assert_eq!(url(application, token), None, "{application} {token}");
        }
    }

    #[tokio::test]
    async fn what_takes_longer_is_not_broken_off() {
        let clock = nines_base::ManualClock::at(nines_model::Timestamp::from_secs(1));
        let shared: nines_base::SharedClock = clock.clone();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let quick = in_time(&shared, ANSWERED_WITHIN, async { 1 }).await;
        assert!(matches!(quick, Timely::Now(1)));
        let slow = in_time(&shared, ANSWERED_WITHIN, async move { wait.await.map(|()| 2) });
        let tick = async {
            tokio::task::yield_now().await;
            clock.advance(ANSWERED_WITHIN);
        };
        let (slow, ()) = tokio::join!(slow, tick);
        let Timely::Later(work) = slow else { panic!("it cannot be done yet") };
        go.send(()).unwrap();
        assert_eq!(work.await.unwrap(), Ok(2));
    }
}

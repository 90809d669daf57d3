//! Microsoft Teams: a message that mentions an outgoing webhook. Its answer is shown under the message; it cannot be sent
//! later, and the webhook can call nothing else.

use nines_model::Timestamp;

use super::*;

/// Teams waits for five seconds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);

pub async fn message(State(app): State<SharedApp>, request: Request) -> ApiResult<Response> {
    let chat = app.operations.teams.as_ref().ok_or_else(refused)?;
    let authorization = header_text(&request, "authorization");
    let body = bytes(request, BODY_BYTES_MAX).await?;
    chat.check(&authorization, &body).map_err(bad_signature)?;
    let activity: Value = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("a message of Teams is JSON: {error}")))?;
    let sent_at = activity["timestamp"].as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
    let sent_at =
        sent_at.ok_or_else(|| ApiError::invalid("the message says no time: `timestamp` is missing"))?;
    let id = activity["id"].as_str().unwrap_or_default();
    chat.once(sent_at, id, app.clock.now()).map_err(bad_signature)?;
    let from = &activity["from"];
    let ids = [from["aadObjectId"].as_str(), from["id"].as_str()];
    let user = ids.into_iter().flatten().next().unwrap_or_default();
    let Some(who) = ids.into_iter().flatten().find_map(|id| chat.actor(id)) else {
        let note = AuditNote {
            outcome: Some(AuditResult::Denied),
            details: format!("teams user {} is nobody here", cut(user, 64)),
            ..AuditNote::default()
        };
        let text =
            format!("I do not know you ({}): an administrator adds you with --teams-user", cut(user, 64));
        return Ok((Extension(note), shown(text)).into_response());
    };
    let text = command_of(activity["text"].as_str().unwrap_or_default());
    let details = format!("teams user {user}: {text}");
    let said = match timely(&app, &who, text, ANSWERED_WITHIN).await {
        Timely::Now(said) => said,
        Timely::Later(_) => {
            Ok("this takes longer; the incident's timeline says what became of it".to_owned())
        }
    };
    Ok(answered(&who, details, said, shown))
}

fn shown(text: String) -> Response {
    Json(json!({"type": "message", "text": plain(&text).replace('\n', "<br>")})).into_response()
}

/// What is left of `<at>Nines</at>&nbsp;ack INC-1` without the mention and the markup.
fn command_of(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let (mut rest, mut is_mention) = (html, false);
    while let Some((before, tag)) = rest.split_once('<') {
        if !is_mention {
            text.push_str(before);
        }
        let Some((name, after)) = tag.split_once('>') else { break };
        match name.trim().to_ascii_lowercase().as_str() {
            "/at" => is_mention = false,
            name if name == "at" || name.starts_with("at ") => is_mention = true,
            _ => text.push(' '),
        }
        rest = after;
    }
    if !is_mention && !rest.contains('<') {
        text.push_str(rest);
    }
    let text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    let text = text.replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_start_matches("/nines").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_stands_beside_the_mention() {
        for (html, text) in [
            ("<at>Nines</at> ack INC-2026-0001", "ack INC-2026-0001"),
            (
                "<p><at id=\"0\">Nines</at>&nbsp;update INC-1 a &lt;b&gt; &amp; c</p>\r\n",
                "update INC-1 a <b> & c",
            ),
            ("list", "list"),
            ("<at>Nines", ""),
            ("a <", "a"),
            ("", ""),
        ] {
            assert_eq!(command_of(html), text, "{html}");
        }
    }
}

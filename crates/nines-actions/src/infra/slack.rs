//! Chat commands: the same actions at the caller's own level, with a confirm step.
//!
//! `ec2.stop instanceIds=i-0abcd1234abcd1234 incident=inc-7` answers with the plan and keeps the run; `confirm RUN` starts
//! exactly that plan; `status RUN`, `cancel RUN`. Words are separated by blanks; there are no quotes, so a value
//! with a blank is for the API. The signature of the request is checked where its raw body is: [`verify`].

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use nines_model::Timestamp;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::split;
use crate::ActionError;
use crate::catalog;
use crate::error::shown;
use crate::parameter::Kind;
use crate::plan::Intent;
use crate::run::{RunId, RunState};
use crate::service::{Actions, Caller};

/// As Slack recommends: an older request may be a replay.
pub const SIGNATURE_AGE_MAX: Duration = Duration::from_secs(300);

/// Checks a request's `X-Slack-Signature` over its `X-Slack-Request-Timestamp` and raw body, in constant time.
/// Source: docs.slack.dev, "Verifying requests from Slack".
pub fn verify(secret: &str, timestamp: &str, body: &[u8], signature: &str, now: Timestamp) -> bool {
    let Ok(secs) = timestamp.parse::<i64>() else { return false };
    let at = Timestamp::from_secs(secs);
    if now.since(at).max(at.since(now)) > SIGNATURE_AGE_MAX {
        return false;
    }
    let Some(given) = signature.strip_prefix("v0=").and_then(unhex) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("hmac takes a key of any length");
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

/// Answers one command: `{"text": "…"}`, as the slash command's form has it. The answer is shown to the caller only.
pub(super) async fn answer(
    actions: &Actions,
    body: &Map<String, Value>,
    caller: &Caller,
) -> Result<Value, ActionError> {
    const TEXT_BYTES_MAX: usize = 4_000;
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default().trim();
    if text.len() > TEXT_BYTES_MAX {
        return Err(ActionError::Invalid(format!("a command has at most {TEXT_BYTES_MAX} bytes")));
    }
    let mut words = text.split_ascii_whitespace();
    let said = match (words.next(), words.next(), words.next()) {
        (None | Some("help"), _, _) => help(),
        (Some("confirm"), Some(run), None) => {
            let run = actions.start(caller, &RunId(run.to_owned())).await?;
            format!("started {} ({})", run.plan.action, run.id)
        }
        (Some("cancel"), Some(run), None) => {
            let run = actions.cancel(caller, &RunId(run.to_owned())).await?;
            format!("{} is {}: what it did is taken back", run.id, run.state.as_str())
        }
        (Some("status"), Some(run), None) => {
            let run = actions.get(&RunId(run.to_owned())).await?;
            let reason = run.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{} is {}{reason}", run.id, run.state.as_str())
        }
        (Some("confirm" | "cancel" | "status"), _, _) => {
            return Err(ActionError::Invalid("say which run, and nothing more: `confirm RUN`".to_owned()));
        }
        (Some(name), _, _) => plan(actions, name, text, caller).await?,
    };
    Ok(json!({"response_type": "ephemeral", "text": said}))
}

async fn plan(actions: &Actions, name: &str, text: &str, caller: &Caller) -> Result<String, ActionError> {
    let (values, request) = split(&values(name, text)?)?;
    let run = actions.submit(caller, Intent::of_action(name, &values)?, &request).await?;
    let mut said = format!("plan {} of {name}:\n", &run.plan.hash[..12]);
    for step in &run.plan.steps {
        let note = if step.is_met { " (so already)" } else { "" };
        said.push_str(&format!("• {}{note}\n", step.draft.describe()));
    }
    for group in &run.plan.radius.groups {
        let (healthy, least) = (group.healthy, group.healthy_min);
        said.push_str(&format!(
            "{}: {healthy} healthy, at least {least} stay\n",
            crate::effect::short(&group.group)
        ));
    }
    said.push_str(&match run.state {
        RunState::WaitingForApproval => format!("somebody else has to approve run {}", run.id),
        _ => format!("to do it: confirm {}", run.id),
    });
    Ok(said)
}

/// `name=value` words as the JSON that the action's parameters want.
fn values(name: &str, text: &str) -> Result<Map<String, Value>, ActionError> {
    let action = catalog::find(name)?;
    let mut values = Map::new();
    for word in text.split_ascii_whitespace().skip(1) {
        let Some((key, value)) = word.split_once('=') else {
            return Err(ActionError::Invalid(format!("`{}` is not `name=value`", shown(word))));
        };
        let kind =
            action.parameters.iter().find(|parameter| parameter.name == key).map(|parameter| parameter.kind);
        let value = match kind {
            Some(Kind::Number { .. }) => value.parse::<i64>().map_or(Value::from(value), Value::from),
            Some(Kind::Instances | Kind::Networks { .. }) => value.split(',').map(Value::from).collect(),
            Some(Kind::Weights) => weights(value)?,
            _ => Value::from(value),
        };
        if values.insert(key.to_owned(), value).is_some() {
            return Err(ActionError::Invalid(format!("`{}` stands there twice", shown(key))));
        }
    }
    Ok(values)
}

/// `blue:90,green:10`. The last colon counts: an arn has some.
fn weights(text: &str) -> Result<Value, ActionError> {
    let mut map = Map::new();
    for pair in text.split(',') {
        let parsed =
            pair.rsplit_once(':').and_then(|(group, weight)| Some((group, weight.parse::<u16>().ok()?)));
        let Some((group, weight)) = parsed else {
            return Err(ActionError::Invalid(format!("`{}` is not `group:weight`", shown(pair))));
        };
        map.insert(group.to_owned(), Value::from(weight));
    }
    Ok(Value::Object(map))
}

fn help() -> String {
    let mut said =
        "an action with its values, then `confirm RUN`; `status RUN`; `cancel RUN`. Actions:\n".to_owned();
    for action in catalog::ACTIONS {
        said.push_str(&format!("• {}: {}\n", action.name, action.summary));
    }
    said
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    // One spelling of each signature up to its case: `from_str_radix` alone would also take `+f` for `0f`, and whoever
    // remembers signatures that were used would be walked around.
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of Slack's documentation.
    #[test]
    fn the_published_signature_is_accepted_and_nothing_else() {
        let secret = "8f742231b10e8888abcd99yyyzzz85a5";
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let at = Timestamp::from_secs(1_531_420_618);
        assert!(verify(secret, "1531420618", body, signature, at));
        assert!(verify(secret, "1531420618", body, signature, at + SIGNATURE_AGE_MAX));
        for (time, body, signature, now) in [
            ("1531420618", &body[1..], signature, at),
            ("1531420619", &body[..], signature, at),
            ("1531420618", &body[..], &signature[3..], at),
            ("1531420618", &body[..], "v0=00", at),
            (
                "1531420618",
                &body[..],
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b5+3",
                at,
            ),
            ("1531420618", &body[..], signature, at + Duration::from_secs(301)),
            ("x", &body[..], signature, at),
        ] {
            assert!(!verify(secret, time, body, signature, now));
        }
    }
}

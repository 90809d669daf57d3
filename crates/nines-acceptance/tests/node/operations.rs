//! Operations, end to end: the fifteen paths and our own API against the simulated cloud and a real moto server, over HTTP
//! and by the command line; who may do what; what is refused; and what becomes of a run when the node is killed.
//!
//! A run mostly waits for machines that boot and drain, so these tests leave the machine to others.

mod clouds;
mod credit;
mod inventory;
mod key_service;
mod kills;
mod policies;
mod refusals;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hmac::{Hmac, KeyInit, Mac};
use nines_acceptance::{Api, Browser, Node, client, command, eventually, run_tool};
use serde_json::{Value, json};
use sha2::Sha256;

/// Slack's example of one.
const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// The machine of the simulated shop with this number.
fn machine(number: u32) -> String {
    format!("i-{number:017x}")
}

/// A key with this role, and the API as whoever holds it.
async fn with_role(node: &Node, name: &str, role: &str) -> anyhow::Result<Api> {
    let made = node.api()?.post("/api/v1/keys", &json!({"name": name, "role": role})).await?;
    Ok(Api::new(&node.addresses.http, made["secret"].as_str().context("a key has a secret")?))
}

/// Somebody with an account of their own: another pair of eyes than the owner's, whatever keys the owner makes.
async fn somebody(node: &Node, name: &str, role: &str) -> anyhow::Result<Api> {
    Browser::invited(node, name, role).await?.terminal().await
}

/// Status and answer of a POST with a JSON body.
async fn post(api: &Api, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
    api.call("POST", path, Some(("application/json", body.to_string().into_bytes()))).await
}

/// Waits until a run is over or asks for somebody, and gives it. A call whose end nobody saw alone is waited for for
/// 50 s, so this has more patience than one wait.
async fn settled(api: &Api, run: &str) -> anyhow::Result<Value> {
    const WAITS: usize = 4;
    let path = format!("/api/v1/actions/runs/{run}");
    let mut waited = Ok(Value::Null);
    for _ in 0..WAITS {
        waited = eventually(&format!("the end of run {run}"), || async {
            let found = api.get(&path).await?;
            let rests = found["is_over"] == true || found["state"] == "waiting_for_human";
            Ok(rests.then_some(found))
        })
        .await;
        if waited.is_ok() {
            break;
        }
    }
    waited
}

/// Plans, starts (with a second person's approval where that is asked for), and waits for a good end.
async fn carry_out(
    first: &Api,
    second: &Api,
    action: &str,
    arguments: Value,
    incident: Option<&str>,
) -> anyhow::Result<Value> {
    let plan = first.post("/api/v1/actions/plan", &json!({"action": action, "arguments": arguments})).await?;
    let body = json!({
        "action": action,
        "arguments": arguments,
        "plan_hash": plan["hash"],
        "incident": incident,
    });
    let run = first.post("/api/v1/actions/runs", &body).await?;
    let id = run["id"].as_str().context("a run has an id")?.to_owned();
    if run["state"] == "waiting_for_approval" {
        let step = format!("/api/v1/actions/runs/{id}/approve");
        second.post(&step, &json!({"plan_hash": plan["hash"]})).await?;
        first.post(&format!("/api/v1/actions/runs/{id}/start"), &json!({})).await?;
    }
    let ended = settled(first, &id).await?;
    ensure!(ended["state"] == "done", "{action}: {ended:#}");
    Ok(ended)
}

/// `nines` as somebody types it: exit code, standard output, standard error.
async fn nines(node: &Node, key: &str, arguments: &[&str]) -> anyhow::Result<(i32, String, String)> {
    let output = command(arguments)?
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", key)
        .stdin(std::process::Stdio::null())
        .output()
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr)))
}

/// A slash command as Slack sends it, with a signature over `signed` (the body, unless a test says otherwise).
struct SlashCommand<'a> {
    user: &'a str,
    text: &'a str,
    age: Duration,
    secret: &'a str,
}

impl SlashCommand<'_> {
    fn headers_and_body(&self) -> ([(&'static str, String); 3], String) {
        let at = nines_base::SystemClock::shared().now() - self.age;
        let timestamp = at.as_secs().to_string();
        let encoded: String = self
            .text
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        let body = format!(
            "token=x&team_id=T1&user_id={}&user_name=anybody&command=%2Fops&text={encoded}",
            self.user
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any key will do");
        mac.update(format!("v0:{timestamp}:{body}").as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = [
            ("x-slack-request-timestamp", timestamp),
            ("x-slack-signature", format!("v0={digits}")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        (headers, body)
    }

    async fn send(&self, node: &Node) -> anyhow::Result<(u16, Value)> {
        let (headers, body) = self.headers_and_body();
        send_signed(node, &headers, body).await
    }
}

async fn send_signed(
    node: &Node,
    headers: &[(&'static str, String); 3],
    body: String,
) -> anyhow::Result<(u16, Value)> {
    let mut request = client().post(format!("{}/Ops/Slack", node.addresses.http));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = request.body(body).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// Runs SQL in a database of a node that is not running.
async fn sqlite(database: &Path, statement: &str) -> anyhow::Result<Value> {
    const SCRIPT: &str = "import json, sqlite3, sys\n\
        connection = sqlite3.connect(sys.argv[1])\n\
        rows = connection.execute(sys.argv[2]).fetchall()\n\
        connection.commit()\n\
        print(json.dumps(rows))";
    let database = database.to_str().context("the path is UTF-8")?;
    let told = run_tool("python3", &["-c", SCRIPT, database, statement], Path::new(".")).await?;
    Ok(serde_json::from_str(&told)?)
}

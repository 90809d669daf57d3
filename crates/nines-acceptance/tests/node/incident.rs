//! One incident as people live it: taken and updated from a chat, told to the public, learnt from. One node for all of it.

use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use axum::extract::{Path, State};
use nines_acceptance::{Api, Node, alone, eventually, run_tool, workspace_root};
use serde_json::{Value, json};

use crate::subscribers;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

#[derive(Clone, Default)]
pub struct FakeSlack(Arc<Mutex<Vec<(String, Value)>>>);

impl FakeSlack {
    /// Bodies of one method, in order.
    pub fn of(&self, method: &str) -> Vec<Value> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|(name, _)| name == method)
            .map(|(_, body)| body.clone())
            .collect()
    }
}

async fn answer(
    State(slack): State<FakeSlack>,
    Path(method): Path<String>,
    body: String,
) -> axum::Json<Value> {
    slack.0.lock().unwrap().push((method, serde_json::from_str(&body).unwrap_or(Value::String(body))));
    axum::Json(json!({"ok": true, "channel": "C1", "ts": "1.2"}))
}

/// Slack's SDK signs and sends; each answer is a status and a body for each time it was sent.
pub async fn press(node: &Node, calls: Value) -> anyhow::Result<Vec<Vec<(u16, String)>>> {
    let asked = json!({"base": node.addresses.http, "secret": SECRET, "calls": calls}).to_string();
    let root = workspace_root();
    let python = root.join("target/oncall-venv/bin/python");
    let told = run_tool(python, &["tests/oncall/chat.py", &asked], &root).await?;
    Ok(serde_json::from_str(&told)?)
}

pub fn interaction(user: &str, base: &str, rest: Value) -> Value {
    let mut payload = json!({
        "type": "block_actions", "user": {"id": user, "username": "anybody"}, "trigger_id": "1.2.3",
        "response_url": format!("{base}/response"),
    });
    for (name, value) in rest.as_object().cloned().unwrap_or_default() {
        payload[name] = value;
    }
    json!({"path": "/api/v1/chat/slack/interactions", "form": {"payload": payload.to_string()}})
}

pub fn command(user: &str, text: &str) -> Value {
    json!({"path": "/api/v1/chat/slack/commands", "form": {"user_id": user, "command": "/nines", "text": text}})
}

#[tokio::test]
async fn an_incident_is_run_from_a_chat_told_to_the_public_and_learnt_from() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let (node, slack, base) = node_with_slack(folder.path(), "guest:viewer").await?;
    let owner = node.api()?;
    owner.apply(&documents(&base)).await?;
    let id = from_a_chat(&node, &owner, &slack, &base).await.context("the chat")?;
    to_the_public(&node, &owner, &id).await.context("the public")?;
    let press = owner.post("/api/v1/keys", &json!({"name": "press", "role": "editor"})).await?;
    let press = Api::new(&node.addresses.http, press["secret"].as_str().context("secret")?);
    subscribers::told_and_left_alone(&node, &owner, &id, &press).await.context("subscribers")?;
    tickets_and_telegram(&node, &owner).await.context("tickets and Telegram")?;
    learnt(&owner, &id).await.context("learning")?;
    node.stop().await
}

/// A node that knows `U1` of Slack as a responder called mei and `U2` as `second`, a Slack that takes every call, and its
/// address. The SDK that speaks for it is set up.
pub async fn node_with_slack(
    folder: &std::path::Path,
    second: &str,
) -> anyhow::Result<(Node, FakeSlack, String)> {
    run_tool("/bin/sh", &["tests/oncall/setup.sh"], &workspace_root()).await?;
    let secret = folder.join("slack");
    {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).open(&secret)?;
        file.write_all(SECRET.as_bytes())?;
    }
    let slack = FakeSlack::default();
    let router =
        axum::Router::new().route("/{method}", axum::routing::post(answer)).with_state(slack.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (secret, second) = (secret.to_str().context("the path is UTF-8")?, format!("U2={second}"));
    let more = [
        "--allow-egress",
        "127.0.0.0/8",
        "--slack-signing-secret",
        secret,
        "--slack-user",
        "U1=mei:responder",
        "--slack-user",
        &second,
    ];
    Ok((Node::start(&folder.join("data"), &more).await?, slack, base))
}

fn documents(base: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: chat}}\n\
         spec: {{type: slack, apiUrl: '{base}', token: xoxb-1, channel: C1, interactive: true, fallback: pager}}\n---\n\
         apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: pager}}\n\
         spec: {{type: pagerduty, apiUrl: '{base}', routingKey: R1}}\n---\n\
         apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: bot}}\n\
         spec: {{type: telegram, apiUrl: '{base}', token: '1', chat: '-1', webhookSecret: hush, people: '4711=bo'}}\n---\n\
         apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: tickets}}\n\
         spec: {{type: jira, url: '{base}', project: OPS, token: t, webhookSecret: hush}}\n---\n\
         apiVersion: nines/v1\nkind: Team\nmetadata: {{name: desk}}\nspec: {{channels: [chat], firstLine: true}}\n"
    )
}

fn report(level: &str, is_drill: bool) -> Value {
    json!({
        "level": level, "class": "S1", "service": "loyalty", "scope": "members <b>in</b> Taipei",
        "status": "points are not added", "started_at": "2026-11-21T08:00:00Z", "progress": "asking the team",
        "is_drill": is_drill,
    })
}

async fn from_a_chat(node: &Node, owner: &Api, slack: &FakeSlack, base: &str) -> anyhow::Result<String> {
    let reported = owner.post("/api/v1/incidents", &report("P1", false)).await?;
    let id = reported["id"].as_str().context("id")?.to_owned();
    let message = eventually("the message with its buttons", || async {
        let posted = slack.of("chat.postMessage");
        Ok(posted.into_iter().find(|message| message.to_string().contains(&id)))
    })
    .await?;
    let buttons = message["blocks"].to_string();
    ensure!(buttons.contains("nines_acknowledge") && buttons.contains("nines_confirm"), "{message:#}");

    let button = |user: &str, action: &str| {
        interaction(user, base, json!({"actions": [{"action_id": format!("nines_{action}"), "value": id}]}))
    };
    let confirm = json!({"actions": [{"action_id": "nines_confirm", "selected_option": {"value": format!("P0:{id}")}}]});
    let mut twice = button("U1", "acknowledge");
    twice["again"] = json!(1);
    let mut old = button("U1", "escalate");
    old["age"] = json!(301);
    let mut forged = button("U1", "escalate");
    forged["signature"] = json!("v0=00");
    let calls = json!([
        old,
        forged,
        button("U9", "acknowledge"),
        button("U2", "acknowledge"),
        interaction("U1", base, confirm),
        twice,
        button("U1", "update"),
    ]);
    let answers = press(node, calls).await?;
    let statuses: Vec<Vec<u16>> =
        answers.iter().map(|times| times.iter().map(|(status, _)| *status).collect()).collect();
    ensure!(
        statuses == [vec![401], vec![401], vec![200], vec![200], vec![200], vec![200, 401], vec![200]],
        "{answers:?}"
    );
    let shown = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    let incident = &shown["incident"];
    ensure!(incident["confirmed_level"] == "P0" && incident["confirmed_by"] == "mei", "{incident}");
    ensure!(incident["state"] == "responding", "{incident}");
    let told = slack.of("response");
    ensure!(told.iter().any(|it| it["text"].to_string().contains("guest may read")), "{told:?}");

    // The dialog holds the fields as they are; what is sent is an update under the person's name.
    let views = slack.of("views.open");
    let view = &views.first().context("a dialog")?["view"];
    ensure!(view["private_metadata"] == id.as_str(), "{view}");
    let value = |text: &str| json!({"value": {"type": "plain_text_input", "value": text}});
    let values = json!({
        "text": value("rolled back"), "scope": value("members in Taipei"), "status": value("points are added late"),
        "progress": value("watching"), "next_update_at": {"value": {"value": null}},
    });
    let submit = |values: &Value| {
        let view =
            json!({"callback_id": "nines_update", "private_metadata": id, "state": {"values": values}});
        interaction("U1", base, json!({"type": "view_submission", "view": view}))
    };
    let mut wrong = values.clone();
    wrong["next_update_at"] = value("tomorrow");
    let answers =
        press(node, json!([submit(&wrong), submit(&values), command("U1", "list"), command("U9", "list")]))
            .await?;
    ensure!(answers[0][0].1.contains("\"errors\":{\"next_update_at\""), "{answers:?}");
    ensure!(answers[1][0].1.contains("clear"), "{answers:?}");
    ensure!(answers[2][0].1.contains(&id) && answers[3][0].1.contains("do not know you"), "{answers:?}");
    let shown = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    ensure!(shown["incident"]["status"] == "points are added late", "{shown:#}");
    let audit = owner.get("/api/v1/audit").await?;
    let chat: Vec<&Value> = audit["entries"]
        .as_array()
        .context("entries")?
        .iter()
        .filter(|it| it["action"] == "chat.slack")
        .collect();
    ensure!(chat.iter().any(|it| it["actor"] == "mei" && it["result"] == "done"), "{chat:?}");
    ensure!(chat.iter().any(|it| it["actor"] == "guest" && it["result"] == "failed"), "{chat:?}");

    // Slack's own SDK would send every message and dialog of ours.
    let posted = json!({"messages": slack.of("chat.postMessage"), "views": [view]}).to_string();
    let root = workspace_root();
    let python = root.join("target/oncall-venv/bin/python");
    let checked = run_tool(python, &["tests/oncall/chat.py", &posted], &root).await?;
    ensure!(checked.contains(", 1]"), "{checked}");
    Ok(id)
}

async fn to_the_public(node: &Node, owner: &Api, id: &str) -> anyhow::Result<()> {
    let page = json!({"title": "Shop", "components": [{"name": "Points & more", "services": ["loyalty"]}]});
    let made = owner.post("/api/v1/status-pages/public", &page).await?;
    ensure!(made["private"] == false, "{made}");
    let mut hidden = page.clone();
    hidden["private"] = json!(true);
    let hidden = owner.post("/api/v1/status-pages/customer", &hidden).await?;
    let link = hidden["url"].as_str().context("url")?;
    let stranger = nines_acceptance::client();
    let read = |url: String| {
        let stranger = stranger.clone();
        async move {
            let response = stranger.get(url).send().await?;
            let policy = response.headers().get("content-security-policy").cloned();
            anyhow::Ok((response.status().as_u16(), policy, response.text().await?))
        }
    };
    let address = format!("{}/status/public", node.addresses.http);
    let (status, policy, text) = read(address.clone()).await?;
    ensure!(
        status == 200 && text.contains("Points &amp; more") && text.contains("Major outage"),
        "{status} {text}"
    );
    let policy = policy.context("a policy")?.to_str()?.to_owned();
    ensure!(policy.contains("style-src 'sha256-") && !policy.contains("script-src"), "{policy}");
    ensure!(!text.contains("points are added late") && !text.contains("<script"), "{text}");
    let (status, ..) = read(format!("{}/status/customer", node.addresses.http)).await?;
    let path = link.split("/status/").nth(1).context("path")?;
    let (opened, ..) = read(format!("{}/status/{path}", node.addresses.http)).await?;
    ensure!((status, opened) == (404, 200), "{status} {opened}");

    // A text is published by two people, and nobody is two.
    let statements = format!("/api/v1/incidents/{id}/statements");
    let text = "We <script>alert(1)</script> are on it";
    owner.post(&statements, &json!({"text": text})).await?;
    let key = owner.post("/api/v1/keys", &json!({"name": "pr", "role": "editor"})).await?;
    let pr = Api::new(&node.addresses.http, key["secret"].as_str().context("secret")?);
    let approve = format!("{statements}/1");
    let send = |role: &str| Some(("application/json", json!({"role": role}).to_string().into_bytes()));
    ensure!(pr.call("POST", &approve, send("manager")).await?.0 == 403);
    ensure!(owner.call("POST", &approve, send("manager")).await?.0 == 200);
    ensure!(owner.call("POST", &approve, send("public_relations")).await?.0 == 403);
    ensure!(!read(address.clone()).await?.2.contains("are on it"));
    ensure!(pr.call("POST", &approve, send("public_relations")).await?.0 == 200);
    let (_, _, text) = read(address.clone()).await?;
    ensure!(text.contains("We &lt;script&gt;alert(1)&lt;/script&gt; are on it"), "{text}");
    for feed in ["atom.xml", "rss.xml"] {
        let (status, _, text) = read(format!("{address}/{feed}")).await?;
        ensure!(status == 200 && text.contains("are on it") && !text.contains("<script"), "{text}");
    }
    Ok(())
}

async fn tickets_and_telegram(node: &Node, owner: &Api) -> anyhow::Result<()> {
    use hmac::{Hmac, KeyInit, Mac};
    let reported = owner.post("/api/v1/incidents", &report("P2", false)).await?;
    let id = reported["id"].as_str().context("id")?.to_owned();
    owner.post(&format!("/api/v1/incidents/{id}/confirm"), &json!({"level": "P2"})).await?;
    let client = nines_acceptance::client();
    let update = json!({"callback_query": {"id": "1", "from": {"id": 4711}, "data": format!("nines:acknowledge:{id}")}});
    let telegram = |shown: &'static str| {
        let request = client.post(format!("{}/api/v1/chat/telegram/bot", node.addresses.http));
        request.header("x-telegram-bot-api-secret-token", shown).json(&update).send()
    };
    ensure!(telegram("wrong").await?.status() == 401);
    ensure!(telegram("hush").await?.status() == 200);
    let shown = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    ensure!(shown["incident"]["state"] == "responding", "{shown:#}");
    let event = json!({
        "user": {"displayName": "Kim"},
        "issue": {"key": "OPS-1", "fields": {"labels": ["nines", format!("nines-{id}")],
            "status": {"statusCategory": {"key": "done"}}}},
    });
    let body = event.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"hush").expect("any key will do");
    mac.update(body.as_bytes());
    let signed: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let jira = |signature: String| {
        let request = client.post(format!("{}/api/v1/chat/jira/tickets", node.addresses.http));
        request.header("x-hub-signature", format!("sha256={signature}")).body(body.clone()).send()
    };
    ensure!(jira("0".repeat(64)).await?.status() == 401);
    ensure!(jira(signed).await?.status() == 200);
    let shown = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    ensure!(shown["incident"]["state"] == "resolved", "{shown:#}");
    ensure!(shown["timeline"].to_string().contains("OPS-1 was moved"), "{shown:#}");
    Ok(())
}

async fn learnt(owner: &Api, id: &str) -> anyhow::Result<()> {
    let drill = owner.post("/api/v1/incidents", &report("P0", true)).await?;
    let drill = drill["id"].as_str().context("id")?.to_owned();
    for (id, step) in [
        (id, "resolve"),
        (drill.as_str(), "confirm"),
        (drill.as_str(), "acknowledge"),
        (drill.as_str(), "resolve"),
    ] {
        let body = json!({"text": "rolled back", "level": "P0"});
        owner.post(&format!("/api/v1/incidents/{id}/{step}"), &body).await?;
    }
    let path = format!("/api/v1/postmortems/{id}");
    let drafted = eventually("the draft of the postmortem", || async {
        let (status, found) = owner.call("GET", &path, None).await?;
        Ok((status == 200).then_some(found))
    })
    .await?;
    ensure!(drafted["summary"]["mandatory"] == true && drafted["summary"]["level"] == "P0", "{drafted:#}");
    ensure!(drafted["facts"]["timeline"].to_string().contains("rolled back"), "{drafted:#}");

    // Neither the incident nor its postmortem is done without an owned and dated long-term measure.
    let post = |path: String, body: Value| async move {
        owner.call("POST", &path, Some(("application/json", body.to_string().into_bytes()))).await
    };
    let (status, answer) = post(format!("/api/v1/incidents/{id}/review"), json!({})).await?;
    ensure!((status, answer["code"].as_str()) == (409, Some("not_ready")), "{answer}");
    let (status, answer) = post(format!("{path}/close"), json!({"version": drafted["version"]})).await?;
    ensure!(status == 409 && answer["hint"].to_string().contains("long-term measure"), "{answer}");
    let measure =
        json!({"text": "canary each deploy", "kind": "long_term", "owner": "lin", "due": "2030-01-31"});
    let edit = json!({
        "version": drafted["version"], "owner": "mei", "measures": [measure],
        "sections": {"contributing_factors": "no canary <img src=x onerror=alert(1)>"},
    });
    let edited = owner.post(&path, &edit).await?;
    ensure!(post(path.clone(), edit).await?.0 == 409, "a stale change was taken");
    let closed = owner.post(&format!("{path}/close"), &json!({"version": edited["version"]})).await?;
    ensure!(closed["summary"]["state"] == "closed", "{closed:#}");
    let incident = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    ensure!(incident["incident"]["state"] == "reviewed", "{incident:#}");
    let (_, document) = owner.call("GET", &format!("{path}/markdown"), None).await?;
    ensure!(document.as_str().is_some_and(|text| text.contains("canary each deploy")), "{document}");

    let review = owner.get("/api/v1/review").await?;
    ensure!(review["incidents"] == 2 && review["p0"] == 1 && review["p2"] == 1, "{review:#}");
    ensure!(review["drills"][0]["incident"] == drill.as_str(), "{review:#}");
    ensure!(review["postmortems_closed"] == 1 && review["measures"][0]["owner"] == "lin", "{review:#}");
    let (_, csv) = owner.call("GET", "/api/v1/review?format=csv", None).await?;
    ensure!(csv.as_str().is_some_and(|csv| csv.contains("figure,incidents,2,")), "{csv}");
    let meeting = owner.get("/api/v1/meetings/now").await?;
    ensure!(meeting["review"]["measures"][0]["origin"] == id, "{meeting:#}");
    let point = json!({"version": 0, "points": {"decisions": {"text": "freeze", "done": true}}});
    let week = meeting["week"].as_str().context("week")?;
    let sheet = owner.post(&format!("/api/v1/meetings/{week}"), &point).await?;
    ensure!(sheet["version"] == 1, "{sheet:#}");
    let takeover = owner.get("/api/v1/takeovers/loyalty").await?;
    ensure!(takeover["points"].as_array().is_some_and(|points| points.len() == 12), "{takeover:#}");
    ensure!(takeover.to_string().contains("canary each deploy"), "{takeover:#}");
    Ok(())
}

//! Microsoft Teams and Discord: messages, commands and buttons as those services sign them, at the level of the person
//! behind them, once each.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use nines_acceptance::{Node, client, eventually};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::reports::receiver;

const TEAMS_KEY: [u8; 32] = [7; 32];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now() -> jiff::Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a test signs with the time that it is")]
    jiff::Timestamp::now()
}

async fn send(
    node: &Node,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> anyhow::Result<(u16, Value)> {
    let mut request = client().post(format!("{}{path}", node.addresses.http)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.header("content-type", "application/json").send().await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_str(&answer.text().await?).unwrap_or_default()))
}

/// A message to the outgoing webhook, with its signature.
fn teams(user: &str, id: &str, at: jiff::Timestamp, text: &str) -> (String, String) {
    let body = json!({
        "type": "message", "id": id, "timestamp": at.to_string(),
        "text": format!("<p><at>Nines</at>&nbsp;{text}</p>"),
        "from": {"id": "29:1abc", "name": "Mei", "aadObjectId": user},
    });
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(&TEAMS_KEY).expect("a key of any length");
    mac.update(body.as_bytes());
    (format!("HMAC {}", STANDARD.encode(mac.finalize().into_bytes())), body)
}

struct Discord {
    pair: Ed25519KeyPair,
}

impl Discord {
    fn signed(&self, at: jiff::Timestamp, body: &Value) -> ([(&'static str, String); 2], String) {
        let (at, body) = (at.as_second().to_string(), body.to_string());
        let signature = hex(self.pair.sign(&[at.as_bytes(), body.as_bytes()].concat()).as_ref());
        ([("x-signature-timestamp", at), ("x-signature-ed25519", signature)], body)
    }

    async fn send(&self, node: &Node, body: &Value) -> anyhow::Result<(u16, Value)> {
        let (headers, body) = self.signed(now(), body);
        send(node, "/api/v1/chat/discord", &headers, &body).await
    }
}

fn interaction(user: &str, kind: u8, data: Value) -> Value {
    json!({"type": kind, "id": "1", "application_id": "2", "token": "t", "data": data,
        "member": {"user": {"id": user, "username": "mei"}}})
}

#[tokio::test]
async fn teams_and_discord_run_an_incident_as_the_person_who_asks() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let tokens = folder.path().join("teams");
    {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).open(&tokens)?;
        file.write_all(format!("{}\n", STANDARD.encode(TEAMS_KEY)).as_bytes())?;
    }
    let discord = Discord { pair: Ed25519KeyPair::from_seed_unchecked(&[3; 32]).ok().context("a seed")? };
    let public = hex(discord.pair.public_key().as_ref());
    let tokens = tokens.to_str().context("the path is UTF-8")?;
    let more = [
        "--allow-egress",
        "127.0.0.0/8",
        "--teams-tokens",
        tokens,
        "--teams-user",
        "aad-mei=mei:responder",
        "--teams-user",
        "aad-guest=guest:viewer",
        "--discord-public-key",
        &public,
        "--discord-user",
        "4711=mei:responder",
        "--discord-user",
        "4712=guest:viewer",
    ];
    let node = Node::start(&folder.path().join("data"), &more).await?;
    let owner = node.api()?;
    let (hook, taken) = receiver().await?;
    owner
        .apply(&format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: room}}\n\
             spec: {{type: discord, url: '{hook}/room?with_components=true'}}\n---\n\
             apiVersion: nines/v1\nkind: Team\nmetadata: {{name: desk}}\nspec: {{channels: [room], firstLine: true}}\n"
        ))
        .await?;
    let report = json!({
        "level": "P1", "class": "S1", "service": "loyalty", "scope": "members", "status": "points are not added",
        "started_at": "2026-11-21T08:00:00Z", "progress": "asking the team",
    });
    let id = owner.post("/api/v1/incidents", &report).await?["id"].as_str().context("id")?.to_owned();
    let incident = format!("/api/v1/incidents/{id}");

    // The page has buttons that say what they do.
    let button = format!("nines:acknowledge:{id}");
    eventually("the page with its buttons", || async {
        let taken = taken.lock().unwrap();
        Ok(taken.iter().any(|page| page["components"].to_string().contains(&button)).then_some(()))
    })
    .await?;

    // Discord: its own test, a stranger, somebody who may not, a button, a command of either shape.
    ensure!(discord.send(&node, &json!({"type": 1})).await? == (200, json!({"type": 1})));
    let press =
        |user: &str, step: &str| interaction(user, 3, json!({"custom_id": format!("nines:{step}:{id}")}));
    for (user, words) in [("9", "I do not know you"), ("4712", "guest may read but not run incidents")] {
        let (status, said) = discord.send(&node, &press(user, "acknowledge")).await?;
        ensure!(status == 200 && said["data"]["content"].to_string().contains(words), "{said}");
        ensure!(said["data"]["flags"] == 64 && said["type"] == 4, "{said}");
    }
    let taken_by = async || {
        let told = owner.get(&incident).await?;
        let entries = told["timeline"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(
            entries.into_iter().find(|entry| entry["kind"] == "acknowledged").map(|it| it["actor"].clone()),
        )
    };
    ensure!(taken_by().await?.is_none());
    let (headers, body) = discord.signed(now(), &press("4711", "acknowledge"));
    let (status, said) = send(&node, "/api/v1/chat/discord", &headers, &body).await?;
    ensure!(status == 200 && said["data"]["content"].to_string().contains(&id), "{status} {said}");
    ensure!(taken_by().await? == Some(json!("mei")));
    // The same once more, another body under it, too old, none.
    ensure!(send(&node, "/api/v1/chat/discord", &headers, &body).await?.0 == 401);
    let fresh = discord.signed(now(), &json!({"type": 1}));
    ensure!(send(&node, "/api/v1/chat/discord", &fresh.0, &body).await?.0 == 401);
    let old = discord.signed(now() - jiff::SignedDuration::from_secs(600), &json!({"type": 1}));
    ensure!(send(&node, "/api/v1/chat/discord", &old.0, &old.1).await?.0 == 401);
    ensure!(send(&node, "/api/v1/chat/discord", &[], "{\"type\":1}").await?.0 == 401);
    let note = interaction(
        "4711",
        2,
        json!({"name": "nines", "options": [{"name": "note", "type": 1, "options": [
        {"name": "incident", "value": id}, {"name": "text", "value": "from discord"}]}]}),
    );
    let (_, said) = discord.send(&node, &note).await?;
    ensure!(said["data"]["content"].to_string().contains(&id), "{said}");

    // Teams: the same words.
    let path = "/api/v1/chat/teams";
    let say = async |(signature, body): (String, String)| {
        send(&node, path, &[("authorization", signature)], &body).await
    };
    let (status, said) = say(teams("aad-9", "m0", now(), "list")).await?;
    ensure!(status == 200 && said["text"].to_string().contains("I do not know you"), "{said}");
    let (_, said) = say(teams("aad-guest", "m1", now(), &format!("resolve {id}"))).await?;
    ensure!(said["text"].to_string().contains("may read but not run"), "{said}");
    let (_, said) = say(teams("aad-mei", "m2", now(), "list")).await?;
    ensure!(said["type"] == "message" && said["text"].to_string().contains(&id), "{said}");
    let update = teams("aad-mei", "m3", now(), &format!("update {id} points &amp; gifts are back"));
    let (status, said) = say(update.clone()).await?;
    ensure!(status == 200 && said["text"].to_string().contains(&id), "{said}");
    ensure!(say(update).await?.0 == 401, "taken twice");
    ensure!(
        say(teams("aad-mei", "m4", now() - jiff::SignedDuration::from_secs(600), "list")).await?.0 == 401
    );
    let (signature, body) = teams("aad-mei", "m5", now(), "list");
    ensure!(say((signature.clone(), body.replace("list", "help"))).await?.0 == 401);
    ensure!(say((signature.replace("HMAC", "Bearer"), body)).await?.0 == 401);
    ensure!(send(&node, path, &[], "{}").await?.0 == 401);

    let told = owner.get(&incident).await?["timeline"].to_string();
    ensure!(told.contains("points & gifts are back") && told.contains("from discord"), "{told}");
    let log = owner.get("/api/v1/audit?limit=200").await?.to_string();
    for words in [
        "chat.discord",
        "chat.teams",
        "discord user 4711: acknowledge",
        "teams user aad-mei: update",
        "is nobody here",
    ] {
        ensure!(log.contains(words), "{words}: {log}");
    }
    node.stop().await
}

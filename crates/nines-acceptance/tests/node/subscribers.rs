//! Subscribers of a status page as strangers meet it: a form, a mail with a link, news, one click and nothing more. And
//! everybody who shows links and signatures that are not theirs.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::routing::post;
use nines_acceptance::{Api, Mail, MailSink, Node, eventually};
use serde_json::{Value, json};

use crate::reports::Taken;

/// Names with their values, of a form or of headers.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Forged and replayed links and callbacks that are tried.
const FORGED: usize = 500;

/// A webhook that answers challenges and keeps the rest.
async fn webhook() -> anyhow::Result<(String, Taken)> {
    let taken = Taken::default();
    let keep = |State(taken): State<Taken>, body: String| async move {
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let answer = axum::Json(json!({"challenge": body["challenge"]}));
        taken.lock().unwrap().push(body);
        answer
    };
    let silent = || async { "ok" };
    let router = axum::Router::new().route("/status", post(keep)).route("/silent", post(silent));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = router.with_state(taken.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, taken))
}

struct Visitor {
    client: reqwest::Client,
    base: String,
}

impl Visitor {
    /// A form, as a browser sends it.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<(u16, String)> {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", nines_base::percent_encoded(value)))
            .collect();
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(body.join("&")).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    async fn read(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let response = self.client.get(format!("{}{path}", self.base)).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

/// The path of the subscriber's link in a mail.
fn link(mail: &Mail) -> anyhow::Result<String> {
    let text = mail.decoded();
    let at = text.find("/status/public/subscribers/").context("the mail has a link")?;
    let end = text[at..].find(|c: char| c.is_whitespace() || "\"<>".contains(c)).unwrap_or(0);
    Ok(text[at..at + end].to_owned())
}

pub async fn told_and_left_alone(node: &Node, owner: &Api, incident: &str, pr: &Api) -> anyhow::Result<()> {
    let (sink, (hook, told)) = (MailSink::start().await?, webhook().await?);
    let visitor = Visitor { client: nines_acceptance::client(), base: node.addresses.http.clone() };
    owner
        .apply(&format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: news}}\n\
             spec: {{type: email, smtp: '{}', from: 'Shop <status@example.com>', to: [nobody@example.com]}}\n",
            sink.url
        ))
        .await?;
    let page = json!({
        "title": "Shop", "mail_channel": "news",
        "components": [{"name": "Points & more", "services": ["loyalty"]}, {"name": "Search", "services": ["search"]}],
    });
    owner.post("/api/v1/status-pages/public", &page).await?;

    // A mail address is asked first; a link that is only looked at does nothing.
    let form = "/status/public/subscribers";
    let (status, text) = visitor.send(form, &[("email", "ann@example.com"), ("lang", "zh-TW")]).await?;
    ensure!(status == 200 && text.contains("確認連結"), "{status} {text}");
    let (again, same) = visitor.send(form, &[("email", "ann@example.com"), ("lang", "zh-TW")]).await?;
    ensure!((again, &same) == (status, &text), "the answer says that the address is known");
    let other = visitor.send(form, &[("email", "bo@example.com"), ("component", "Search")]).await?;
    ensure!(other.0 == 200, "{other:?}");
    let asked = eventually("two mails that ask", || async {
        let taken = sink.taken().await;
        Ok((taken.len() == 2).then_some(taken))
    })
    .await?;
    let (ann, bo) = (link(&asked[0])?, link(&asked[1])?);
    ensure!(asked[0].to == ["ann@example.com"], "{:?}", asked[0].to);
    let counts = |owner: Api| async move {
        let pages = owner.get("/api/v1/status-pages").await?;
        let public =
            pages["pages"].as_array().and_then(|pages| pages.iter().find(|page| page["name"] == "public"));
        anyhow::Ok(public.context("the page")?["subscribers"].clone())
    };
    let (status, text) = visitor.read(&ann).await?;
    ensure!(status == 200 && text.contains("value=\"confirm\""), "{status} {text}");
    ensure!(counts(owner.clone()).await? == json!({"email": 0, "webhook": 0, "pending": 2}));
    for path in [&ann, &bo] {
        ensure!(visitor.send(path, &[("do", "confirm")]).await?.0 == 200);
    }
    // A webhook must answer the challenge.
    let (status, text) = visitor.send(form, &[("url", &format!("{hook}/silent"))]).await?;
    ensure!(status == 400 && text.contains("challenge"), "{status} {text}");
    ensure!(visitor.send(form, &[("url", &format!("{hook}/status"))]).await?.0 == 200);
    ensure!(counts(owner.clone()).await? == json!({"email": 2, "webhook": 1, "pending": 0}));

    // News: who asked for that component is told, and nobody of what was before.
    let statements = format!("/api/v1/incidents/{incident}/statements");
    let drafted = owner.post(&statements, &json!({"text": "A <b>fix</b> is on its way"})).await?;
    let approve = format!("{statements}/{}", drafted["number"]);
    owner.post(&approve, &json!({"role": "manager"})).await?;
    pr.post(&approve, &json!({"role": "public_relations"})).await?;
    let mail = eventually("the news by mail", || async {
        let taken = sink.taken().await;
        Ok(taken.into_iter().find(|mail| mail.decoded().contains("on its way")))
    })
    .await?;
    ensure!(mail.to == ["ann@example.com"] && link(&mail)? == ann, "{mail:?}");
    ensure!(mail.html().is_some_and(|html| html.contains("&lt;b&gt;fix")), "{}", mail.decoded());
    let leave = mail.header("List-Unsubscribe").context("List-Unsubscribe")?;
    ensure!(leave.ends_with(&format!("{ann}>")), "{leave}");
    ensure!(mail.header("List-Unsubscribe-Post").as_deref() == Some("List-Unsubscribe=One-Click"));
    let news = eventually("the news by webhook", || async {
        let told = told.lock().unwrap();
        Ok(told.iter().find(|it| it["type"] == "status.news").cloned())
    })
    .await?;
    ensure!(news["data"]["posts"][0]["text"] == "A <b>fix</b> is on its way", "{news}");
    ensure!(news["data"]["posts"].as_array().map(Vec::len) == Some(1), "what was before is told: {news}");

    // No page, feed, API or file of the node shows who they are.
    for path in ["/status/public", "/status/public/atom.xml", "/status/public/rss.xml"] {
        ensure!(!visitor.read(path).await?.1.contains("@example.com"), "{path}");
    }
    ensure!(!owner.get("/api/v1/status-pages").await?.to_string().contains("ann@"));
    ensure!(!owner.get("/api/v1/audit").await?.to_string().contains("ann@example"));

    forged(node, &visitor, &ann).await?;
    ensure!(
        counts(owner.clone()).await? == json!({"email": 2, "webhook": 1, "pending": 0}),
        "a forged link worked"
    );

    // One click, as a mail program does it; the link is good for nothing then.
    ensure!(visitor.send(&ann, &[("List-Unsubscribe", "One-Click")]).await?.0 == 200);
    ensure!(visitor.send(&ann, &[("List-Unsubscribe", "One-Click")]).await?.0 == 404);
    ensure!(visitor.send(&ann, &[("do", "confirm")]).await?.0 == 404, "a used link was good again");
    ensure!(counts(owner.clone()).await? == json!({"email": 1, "webhook": 1, "pending": 0}));
    // Strangers are told to wait before they have written to half the world.
    let mut refused = 0;
    for index in 0..12 {
        let address = format!("stranger{index}@example.com");
        refused += usize::from(visitor.send(form, &[("email", &address)]).await?.0 == 429);
    }
    ensure!(refused >= 6, "{refused} of 12 were refused");
    Ok(())
}

/// Reliability B10: links of subscribers and callbacks of chats that somebody else made up, or sends again.
async fn forged(node: &Node, visitor: &Visitor, good: &str) -> anyhow::Result<()> {
    let (path, key) = good.rsplit_once('/').context("a path")?;
    let (id, token) = key.split_once('-').context("id and token")?;
    let (mut tried, mut accepted, mut answers) = (0, Vec::new(), BTreeSet::new());
    for index in 0..FORGED {
        let byte = index % token.len();
        let digit = if token.as_bytes()[byte] == b'0' { '1' } else { '0' };
        let mut changed = token.to_owned();
        changed.replace_range(byte..=byte, &digit.to_string());
        let text = index.to_string();
        let (path, fields, headers): (String, Pairs<'_>, Pairs<'_>) = match index % 10 {
            0 => (format!("{path}/{id}-{changed}"), vec![("do", "unsubscribe")], vec![]),
            1 => (format!("{path}/{id}-{}", &token[..byte]), vec![("do", "unsubscribe")], vec![]),
            2 => (format!("{path}/{id}-{token}{index}"), vec![("List-Unsubscribe", "One-Click")], vec![]),
            3 => (format!("{path}/{changed}-{token}"), vec![("do", "confirm")], vec![]),
            // Of another page.
            4 => (format!("/status/customer/subscribers/{key}"), vec![("do", "unsubscribe")], vec![]),
            5 => (
                "/api/v1/chat/slack/commands".to_owned(),
                vec![("user_id", "U1"), ("command", "/nines"), ("text", "list")],
                vec![("x-slack-request-timestamp", "1795348800"), ("x-slack-signature", "v0=00")],
            ),
            6 => (
                "/api/v1/chat/slack/interactions".to_owned(),
                vec![("payload", "{\"type\":\"block_actions\",\"user\":{\"id\":\"U1\"}}")],
                vec![("x-slack-signature", &text)],
            ),
            7 => (
                "/api/v1/chat/telegram/bot".to_owned(),
                vec![("x", "y")],
                vec![("x-telegram-bot-api-secret-token", &changed)],
            ),
            8 => (
                "/api/v1/chat/jira/tickets".to_owned(),
                vec![("x", &changed)],
                vec![("x-hub-signature", "sha256=00")],
            ),
            _ => ("/api/v1/session".to_owned(), vec![("token", &changed)], vec![]),
        };
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", nines_base::percent_encoded(value)))
            .collect();
        let mut request = visitor.client.post(format!("{}{path}", node.addresses.http)).body(body.join("&"));
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let status = request.send().await?.status().as_u16();
        tried += 1;
        answers.insert(status);
        if status < 400 {
            accepted.push(path);
        }
    }
    println!("B10 {tried} forged links and callbacks: {} accepted; answers {answers:?}", accepted.len());
    ensure!(accepted.is_empty(), "{accepted:?}");
    Ok(())
}

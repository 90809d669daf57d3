//! Notifications of browsers, against a push service of the test's own that reads them as a browser does: with the
//! browser's keys alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use nines_acceptance::{Api, Browser, Node, alone, eventually, workspace_root};
use nines_base::SystemClock;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};
use serde_json::{Value, json};
use sha2::Sha256;

const EGRESS: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];
const AUTH: [u8; 16] = [9; 16];
const HALF_A_DAY_SECS: u64 = 12 * 3_600;

const DOCUMENTS: &str = "apiVersion: nines/v1
kind: Channel
metadata: {name: desk}
spec: {type: webhook, url: 'http://127.0.0.1:9/desk'}
---
apiVersion: nines/v1
kind: Team
metadata: {name: shop}
spec: {members: [ann], channels: [desk], firstLine: true}
---
apiVersion: nines/v1
kind: Service
metadata: {name: checkout}
spec: {owner: shop}
---
apiVersion: nines/v1
kind: PersonalRules
metadata: {name: ann}
spec: {high: [{channel: browsers}], low: []}
---
apiVersion: nines/v1
kind: EscalationPolicy
metadata: {name: shop}
spec:
  steps:
    - {name: first, targets: [{person: ann}], timeout: 1h}
";

#[derive(Clone)]
struct Push {
    browser: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Takes what is pushed, or answers what it is told to answer for a browser.
#[derive(Clone, Default)]
struct Service {
    pushed: Arc<Mutex<Vec<Push>>>,
    answers: Arc<Mutex<HashMap<String, u16>>>,
}

impl Service {
    async fn start() -> anyhow::Result<(String, Self)> {
        let service = Self::default();
        let take = |State(service): State<Self>,
                    Path(browser): Path<String>,
                    headers: HeaderMap,
                    body: axum::body::Bytes| async move {
            let answer = service.answers.lock().unwrap().get(&browser).copied().unwrap_or(201);
            service.pushed.lock().unwrap().push(Push { browser, headers, body: body.to_vec() });
            StatusCode::from_u16(answer).unwrap()
        };
        let router = axum::Router::new().route("/push/{browser}", post(take)).with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((origin, service))
    }

    /// The `nth` push to a browser, from 0.
    async fn nth(&self, browser: &str, nth: usize) -> anyhow::Result<Push> {
        eventually("a push", || async {
            let pushed = self.pushed.lock().unwrap();
            Ok(pushed.iter().filter(|push| push.browser == browser).nth(nth).cloned())
        })
        .await
    }

    fn count(&self, browser: &str) -> usize {
        self.pushed.lock().unwrap().iter().filter(|push| push.browser == browser).count()
    }
}

/// What a browser keeps to itself. It can read one message, as `ring` has no keys that are used twice.
struct Keys {
    private: EphemeralPrivateKey,
    public: Vec<u8>,
}

impl Keys {
    fn new() -> Self {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Self { private, public }
    }

    fn subscription(&self, origin: &str, name: &str) -> Value {
        json!({
            "label": name,
            "endpoint": format!("{origin}/push/{name}"),
            "p256dh": URL_SAFE_NO_PAD.encode(&self.public),
            "auth": URL_SAFE_NO_PAD.encode(AUTH),
        })
    }

    /// RFC 8291, from the receiver's side.
    fn read(self, push: &Push) -> anyhow::Result<Value> {
        ensure!(push.body.len() <= 4_096, "a push service takes no more than 4096 bytes");
        let (salt, rest) = push.body.split_at(16);
        ensure!(rest[..5] == [0, 0, 16, 0, 65], "one record of 4096, and the sender's key");
        let (sender, record) = rest[5..].split_at(65);
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let (key, nonce) = agree_ephemeral(self.private, &peer, |shared| {
            let secret = mac(&AUTH, &[shared]);
            let material = mac(&secret, &[b"WebPush: info\0", &self.public, sender, &[1]]);
            let random = mac(salt, &[&material]);
            (
                mac(&random, &[b"Content-Encoding: aes128gcm\0\x01"])[..16].to_vec(),
                mac(&random, &[b"Content-Encoding: nonce\0\x01"])[..12].to_vec(),
            )
        })
        .ok()
        .context("the sender's key is a point")?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok().context("a key")?);
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok().context("a nonce")?;
        let mut record = record.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut record);
        let plain = plain.ok().context("encrypted for this browser")?;
        Ok(serde_json::from_slice(plain.strip_suffix(&[2]).context("the last record")?)?)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// RFC 8292: what a push service makes sure of before it takes anything.
fn check_sender(push: &Push, node_key: &str, origin: &str) -> anyhow::Result<()> {
    let header = push.headers.get("authorization").context("authorization")?.to_str()?;
    let (token, key) = header
        .strip_prefix("vapid t=")
        .and_then(|rest| rest.split_once(", k="))
        .context(header.to_owned())?;
    ensure!(key == node_key, "the key that the browser was told to expect");
    let (signed, signature) = token.rsplit_once('.').context("a token")?;
    let verifier = Verifier::new(&ECDSA_P256_SHA256_FIXED, URL_SAFE_NO_PAD.decode(key)?);
    let verified = verifier.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature)?);
    ensure!(verified.is_ok(), "the signature is not the node's");
    let claims = signed.split_once('.').context("claims")?.1;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    let (now, until) = (SystemClock::shared().now().as_secs().cast_unsigned(), claims["exp"].as_u64());
    ensure!(claims["aud"] == origin, "{claims}");
    ensure!(until.is_some_and(|until| until > now && until <= now + HALF_A_DAY_SECS), "{claims}");
    Ok(())
}

/// Alerts of one service would be one incident; what nobody owns is the first line's.
async fn report(api: &Api, service: &str, title: &str) -> anyhow::Result<()> {
    let alert = json!({"title": title, "level": "P0", "service": service});
    api.post("/api/v1/alerts", &alert).await.map(drop)
}

#[tokio::test]
async fn a_call_reaches_every_browser_of_a_person_and_no_other_eyes() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (origin, service) = Service::start().await?;
    let node = Node::start(&data, &EGRESS).await?;
    let owner = node.api()?;
    let ann = Browser::invited(&node, "ann", "responder").await?;
    let bo = Browser::invited(&node, "bo", "responder").await?;

    let warned = owner.apply(DOCUMENTS).await?;
    ensure!(warned["warnings"].to_string().contains("ann has no browser registered yet"), "{warned}");
    let before = ann.get("/api/v1/me/browsers").await?;
    let node_key = before["public_key"].as_str().context("the node's key")?.to_owned();
    ensure!(before["high"] == true && before["low"] == false && before["limit"] == 8, "{before}");

    // Two that can be read once each, and one that will go away.
    let (phone, laptop, old) = (Keys::new(), Keys::new(), Keys::new());
    let mut ids = Vec::new();
    for (name, keys) in [("phone", &phone), ("laptop", &laptop), ("old", &old)] {
        let registered = ann.post("/api/v1/me/browsers", &keys.subscription(&origin, name)).await?;
        ensure!(!registered.to_string().contains("/push/"), "an address is a secret: {registered}");
        ids.push(registered["id"].as_str().context("an id")?.to_owned());
    }
    let applied = owner.apply(DOCUMENTS).await?;
    ensure!(!applied["warnings"].to_string().contains("browser"), "{applied}");

    // A key registers nothing, nothing leads to the inside, and nobody touches what is another's.
    let subscription = Keys::new().subscription(&origin, "x");
    let body = Some(("application/json", subscription.to_string().into_bytes()));
    let status = owner.status("POST", "/api/v1/me/browsers", body).await?;
    ensure!(status == 403, "{status}");
    for endpoint in ["http://10.0.0.1/x", "ftp://push.example/x", "https://ann:pw@push.example/x", "/x"] {
        let mut wrong = subscription.clone();
        wrong["endpoint"] = json!(endpoint);
        let (status, answer) = ann.call("POST", "/api/v1/me/browsers", Some(&wrong)).await?;
        ensure!(status == 400, "{endpoint}: {status} {answer}");
    }
    let mut inside = Keys::new().subscription(&origin, "inside");
    inside["endpoint"] = json!("https://169.254.169.254/latest/");
    let inside = bo.post("/api/v1/me/browsers", &inside).await?["id"].as_str().context("id")?.to_owned();
    let tested = bo.post(&format!("/api/v1/me/browsers/{inside}/test"), &json!({})).await?;
    ensure!(tested["failure"].as_str().is_some_and(|it| it.contains("which is not reached")), "{tested}");
    ensure!(bo.get("/api/v1/me/browsers").await?["browsers"].as_array().is_some_and(|all| all.len() == 1));
    for (method, path) in [("DELETE", ""), ("POST", "/test")] {
        let path = format!("/api/v1/me/browsers/{}{path}", ids[0]);
        let (status, answer) = bo.call(method, &path, None).await?;
        ensure!(status == 404, "{path}: {status} {answer}");
    }

    report(&owner, "checkout", "payments fail <b>in</b> Taipei").await?;
    let push = service.nth("phone", 0).await?;
    check_sender(&push, &node_key, &origin)?;
    for (name, value) in [("content-encoding", "aes128gcm"), ("urgency", "high"), ("ttl", "3600")] {
        ensure!(push.headers.get(name).is_some_and(|it| it == value), "{name}: {:?}", push.headers);
    }
    let topic = push.headers.get("topic").context("a topic")?.clone();
    ensure!(topic.len() <= 32, "{topic:?}");
    let shown = phone.read(&push)?;
    let path = shown["path"].as_str().context("a path")?.to_owned();
    let incident = path.strip_prefix("/incident/").context("the incident's page")?.to_owned();
    ensure!(shown["title"] == format!("[P0] {incident}: payments fail <b>in</b> Taipei"), "{shown}");
    ensure!(shown["answer"] == format!("{path}?do=acknowledge"), "{shown}");
    ensure!((&shown["over"], &shown["urgent"]) == (&json!(false), &json!(true)), "{shown}");
    service.nth("laptop", 0).await?;
    service.nth("old", 0).await?;

    // Somebody has it: what the browsers show is replaced, without a sound.
    let (status, answer) =
        ann.call("POST", &format!("/api/v1/incidents/{incident}/acknowledge"), Some(&json!({}))).await?;
    ensure!(status == 200, "{answer}");
    let push = service.nth("laptop", 1).await?;
    check_sender(&push, &node_key, &origin)?;
    ensure!(push.headers.get("topic") == Some(&topic), "the push service replaces one by the other");
    ensure!(push.headers.get("urgency").is_some_and(|it| it == "normal"), "{:?}", push.headers);
    let over = laptop.read(&push)?;
    ensure!(over["over"] == true && over["tag"] == shown["tag"] && over["answer"].is_null(), "{over}");
    ensure!(over["body"].as_str().is_some_and(|body| body.contains("ann has it in hand")), "{over}");
    eventually("the list to say that all were reached", || async {
        let all = ann.get("/api/v1/me/browsers").await?["browsers"].clone();
        let is_well = |it: &Value| it["used_at"].is_string() && it["failure"].is_null();
        Ok(all.as_array().is_some_and(|all| all.len() == 3 && all.iter().all(is_well)).then_some(()))
    })
    .await?;

    // Killed: the same key, the same browsers.
    node.kill().await?;
    let node = Node::start(&data, &EGRESS).await?;
    let owner = node.api()?;
    let ann = Browser::with_cookie(&node, ann.cookie()).await?;
    let after = ann.get("/api/v1/me/browsers").await?;
    ensure!(after["public_key"] == node_key.as_str(), "a node has one key for ever");
    ensure!(after["browsers"].as_array().is_some_and(|all| all.len() == 3), "{after}");

    // One of them withdrew its permission. The others are reached, it is not asked again, and its owner sees it.
    service.answers.lock().unwrap().insert("old".to_owned(), 410);
    let tested = ann.post(&format!("/api/v1/me/browsers/{}/test", ids[2]), &json!({})).await?;
    ensure!(tested["is_gone"] == true && tested["service"].is_null(), "{tested}");
    eventually("that it is gone to be on record", || async {
        let log = owner.get("/api/v1/audit?action=browser.gone").await?;
        Ok(log.to_string().contains("old: it takes nothing any more (http status 410)").then_some(()))
    })
    .await?;
    let (asked_old, asked_phone) = (service.count("old"), service.count("phone"));
    report(&owner, "basket", "another matter").await?;
    service.nth("phone", asked_phone).await?;
    service.nth("laptop", 2).await?;
    ensure!(service.count("old") == asked_old, "a browser that is gone is not asked again");

    // An account that may do nothing any more hears of nothing any more, and the next one is told at once.
    let account = ann.get("/api/v1/me").await?["account"]["id"].as_str().context("id")?.to_owned();
    let (status, answer) = owner.call("DELETE", &format!("/api/v1/accounts/{account}"), None).await?;
    ensure!(status == 204, "{answer}");
    let asked = service.pushed.lock().unwrap().len();
    report(&owner, "search", "a third matter").await?;
    eventually("the timeline to say that she cannot be reached", || async {
        let all = owner.get("/api/v1/incidents").await?;
        let found = all["incidents"].as_array().and_then(|all| {
            all.iter().find(|it| it["title"].as_str().is_some_and(|title| title.contains("a third matter")))
        });
        let Some(id) = found.and_then(|it| it["id"].as_str().map(str::to_owned)) else { return Ok(None) };
        let told = owner.get(&format!("/api/v1/incidents/{id}")).await?.to_string();
        Ok(told.contains("ann cannot be called: there is no channel `browsers/ann`").then_some(()))
    })
    .await?;
    ensure!(service.pushed.lock().unwrap().len() == asked, "nothing goes to somebody without an account");
    node.stop().await
}

#[tokio::test]
async fn a_real_browser_shows_a_call_and_leads_to_its_page() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &EGRESS).await?;
    node.api()?.apply(DOCUMENTS).await?;
    let ann = Browser::invited(&node, "ann", "responder").await?;
    let shown = nines_base::spawn::program("node")
        .envs(std::env::vars_os())
        .args(["e2e/push.mjs"])
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", node.key("owner.key")?)
        .env("NINES_COOKIE", ann.cookie())
        .current_dir(workspace_root().join("ui"))
        .output()
        .await
        .context("node could not be started")?;
    let told = String::from_utf8_lossy(&shown.stdout);
    println!("{told}");
    ensure!(shown.status.success(), "{told}\n{}", String::from_utf8_lossy(&shown.stderr));
    node.stop().await
}

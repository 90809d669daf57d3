//! People and secrets, end to end on one node: accounts, passwords and one-time codes, sessions, terminals, a real identity
//! provider; secrets by reference, and where none of them may ever be found.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Browser, Node, client, command, eventually, run_tool, workspace_root};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// `oauth2-mock-server`, which does what the standard says and checks PKCE.
struct Issuer {
    url: String,
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Issuer {
    async fn start() -> anyhow::Result<Self> {
        let root = workspace_root();
        run_tool(root.join("tests/oidc/setup.sh"), &[], &root).await?;
        let mut child = nines_base::spawn::program("node")
            .envs(std::env::vars_os())
            .arg(root.join("tests/oidc/issuer.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("standard input is piped")?;
        let mut output = BufReader::new(child.stdout.take().context("standard output is piped")?).lines();
        let url = output.next_line().await?.context("the issuer ended")?;
        Ok(Self { url, _child: child, input, output })
    }

    /// What the next tokens say.
    async fn says(&mut self, claims: &Value) -> anyhow::Result<()> {
        self.input.write_all(format!("{claims}\n").as_bytes()).await?;
        self.output.next_line().await?.context("the issuer ended")?;
        Ok(())
    }
}

/// The way of a browser: to the provider, and back with a code. Gives the status, the answer and the session's cookie.
async fn by_provider(node: &Node) -> anyhow::Result<(u16, String, Option<String>)> {
    let hops = without_redirects()?;
    let start = hops.get(format!("{}/oidc/start", node.addresses.http)).send().await?;
    ensure!(start.status() == 302, "{}", start.text().await?);
    let cookie = cookies(&start).join("; ");
    let away = location(&start)?;
    let back = location(&hops.get(away).send().await?)?;
    // The state is bound to this browser: without its cookie, or with another's, the code is worth nothing.
    for stolen in ["", "nines_oidc=AAAA"] {
        let answer = hops.get(&back).header("cookie", stolen).send().await?;
        ensure!(answer.status() == 400, "a stolen code was answered {}", answer.status());
    }
    let answer = hops.get(&back).header("cookie", &cookie).send().await?;
    let session = cookies(&answer).into_iter().find(|cookie| cookie.starts_with("nines_session="));
    let again = hops.get(&back).header("cookie", &cookie).send().await?;
    ensure!(again.status() == 400, "a state is good once, and was answered {}", again.status());
    Ok((answer.status().as_u16(), answer.text().await?, session))
}

#[expect(clippy::disallowed_methods, reason = "a test's own client, apart from the product's")]
fn without_redirects() -> anyhow::Result<reqwest::Client> {
    drop(client());
    Ok(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?)
}

fn location(response: &reqwest::Response) -> anyhow::Result<String> {
    Ok(response.headers().get("location").context("it redirects")?.to_str()?.to_owned())
}

fn cookies(response: &reqwest::Response) -> Vec<String> {
    let all = response.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    all.filter_map(|text| text.split(';').next()).map(str::to_owned).collect()
}

/// What an authenticator app shows, `steps` from now, by another implementation than ours.
async fn code(secret: &str, steps: i64) -> anyhow::Result<String> {
    let program = "import base64, hmac, struct, sys, time\n\
        key = base64.b32decode(sys.argv[1] + '=' * (-len(sys.argv[1]) % 8))\n\
        step = int(time.time()) // 30 + int(sys.argv[2])\n\
        tag = hmac.new(key, struct.pack('>q', step), 'sha1').digest()\n\
        at = tag[-1] & 15\n\
        print('%06d' % ((struct.unpack('>I', tag[at:at + 4])[0] & 0x7fffffff) % 1000000))";
    let shown = run_tool("python3", &["-c", program, secret, &steps.to_string()], Path::new(".")).await?;
    Ok(shown.trim().to_owned())
}

#[tokio::test]
async fn people_sign_in_and_nobody_else_does() -> anyhow::Result<()> {
    let mut issuer = Issuer::start().await?;
    let folder = tempfile::tempdir()?;
    let more = [
        "--oidc-issuer",
        &issuer.url,
        "--oidc-client-id",
        "nines",
        "--oidc-role",
        "sre=admin",
        "--oidc-role",
        "*=viewer",
        "--allow-egress",
        "127.0.0.0/8",
    ];
    let node = Node::start(&folder.path().join("data"), &more).await?;

    // An invitation, a password, a second factor.
    let mei = Browser::invited(&node, "mei", "responder").await?;
    let short = mei.call("POST", "/api/v1/me/password", Some(&json!({"new": "short"}))).await?;
    ensure!(short.0 == 400, "{short:?}");
    mei.post("/api/v1/me/password", &json!({"new": "correct horse battery"})).await?;
    let proof = |password: &str| json!({"name": "Mei", "password": password});
    let (answer, other) = Browser::sign_in(&node, &proof("correct horse battery")).await?;
    let other = other.with_context(|| answer.to_string())?;
    let begun = mei.post("/api/v1/me/totp", &json!({})).await?;
    ensure!(begun["svg"].as_str().is_some_and(|svg| svg.starts_with("<svg")), "{begun}");
    let secret = begun["secret"].as_str().context("a secret to type")?;
    let codes = mei.post("/api/v1/me/totp/confirm", &json!({"code": code(secret, 0).await?})).await?;
    ensure!(codes["codes"].as_array().map(Vec::len) == Some(10), "{codes}");
    ensure!(other.call("GET", "/api/v1/session", None).await?.0 == 401, "the other session has ended");
    let (answer, none) = Browser::sign_in(&node, &proof("correct horse battery")).await?;
    ensure!(none.is_none() && answer["code"] == "second_factor", "{answer}");
    let with = |code: &str| {
        let mut proof = proof("correct horse battery");
        proof["code"] = json!(code);
        proof
    };
    let next = code(secret, 1).await?;
    ensure!(Browser::sign_in(&node, &with(&next)).await?.1.is_some());
    ensure!(Browser::sign_in(&node, &with(&next)).await?.1.is_none(), "a code is good once");
    // A link is one factor of two: without a code it opens nothing, and is not used up either.
    let accounts = node.api()?.get("/api/v1/accounts").await?;
    let accounts = accounts["accounts"].as_array().context("accounts")?;
    let id = accounts.iter().find(|one| one["name"] == "mei").context("mei")?["id"].clone();
    let id = id.as_str().unwrap_or_default();
    let invited = node.api()?.post(&format!("/api/v1/accounts/{id}/link"), &json!({})).await?;
    let token = invited["link"].as_str().and_then(|link| link.rsplit('/').next()).context("a link")?;
    for proof in [json!({"token": token}), json!({"token": token, "code": "000000"})] {
        let (answer, session) = Browser::sign_in(&node, &proof).await?;
        ensure!(session.is_none(), "{proof}: {answer}");
    }
    let by_link = json!({"token": token, "code": codes["codes"][1]});
    ensure!(Browser::sign_in(&node, &by_link).await?.1.is_some());
    ensure!(Browser::sign_in(&node, &by_link).await?.1.is_none(), "a link is good once");

    let recovery = codes["codes"][0].as_str().unwrap_or_default();
    ensure!(Browser::sign_in(&node, &with(recovery)).await?.1.is_some());
    ensure!(Browser::sign_in(&node, &with(recovery)).await?.1.is_none(), "so is a recovery code");
    let sessions = mei.get("/api/v1/sessions").await?;
    ensure!(sessions["sessions"].as_array().map(Vec::len) == Some(4), "{sessions:#}");
    ensure!(mei.call("GET", "/api/v1/sessions?all=true", None).await?.0 == 403);
    let theirs = sessions["sessions"][0]["id"].as_str().unwrap_or_default();
    ensure!(mei.call("DELETE", &format!("/api/v1/sessions/{theirs}"), None).await?.0 == 204);

    // Phone and codes are lost: an administrator takes the factor away, and whoever had it is signed out.
    let reset = format!("/api/v1/accounts/{id}/second-factor");
    ensure!(mei.call("DELETE", &reset, None).await?.0 == 403, "nobody does it for themselves");
    ensure!(node.api()?.call("DELETE", &reset, None).await?.0 == 204);
    ensure!(mei.call("GET", "/api/v1/session", None).await?.0 == 401, "signed out");
    ensure!(Browser::sign_in(&node, &proof("correct horse battery")).await?.1.is_some());

    // A key is changed without a gap: both are good, and the old one is replaced once.
    let owner = node.api()?;
    let old = owner.post("/api/v1/keys", &json!({"name": "relay", "role": "viewer"})).await?;
    let replace = format!("/api/v1/keys/{}/replace", old["key"]["id"].as_str().unwrap_or_default());
    let new = owner.post(&replace, &json!({"grace_secs": 3600})).await?;
    ensure!(new["key"]["replaces"] == old["key"]["id"] && new["key"]["role"] == "viewer", "{new}");
    for key in [&old, &new] {
        let api = Api::new(&node.addresses.http, key["secret"].as_str().unwrap_or_default());
        ensure!(api.get("/api/v1/session").await?["name"] == "relay");
    }
    let again = owner.call("POST", &replace, Some(("application/json", b"{}".to_vec()))).await?;
    ensure!(again.0 == 409, "{again:?}");

    // Guessing is stopped, and the answer does not tell whether there is such an account.
    let mut last = Value::Null;
    for _ in 0..6 {
        last = Browser::sign_in(&node, &proof("wrong horse battery")).await?.0;
    }
    ensure!(last["code"] == "exhausted", "locked out after five: {last}");
    let (answer, _) = Browser::sign_in(&node, &with(recovery)).await?;
    ensure!(answer["code"] == "exhausted", "the right password is not told apart: {answer}");

    // Whom the identity provider vouches for.
    issuer.says(&json!({"sub": "7", "preferred_username": "lin", "groups": ["sre", "cooks"]})).await?;
    let (status, text, cookie) = by_provider(&node).await?;
    ensure!(status == 200, "{status} {text}");
    let lin = Browser::with_cookie(&node, &cookie.context("a session")?).await?;
    ensure!(lin.get("/api/v1/session").await?["role"] == "admin");
    // Somebody else there with the names and the address of an account here: a stranger all the same.
    issuer.says(&json!({"sub": "8", "preferred_username": "owner", "email": "owner@nines"})).await?;
    let (status, text, cookie) = by_provider(&node).await?;
    ensure!(status == 200, "{status} {text}");
    let session =
        Browser::with_cookie(&node, &cookie.context("a session")?).await?.get("/api/v1/session").await?;
    ensure!(session["role"] == "viewer" && session["name"] != "owner", "{session}");
    // Tokens that cannot be believed.
    for wrong in [
        json!({"aud": "somebody-else"}),
        json!({"iss": "http://elsewhere.example"}),
        json!({"nonce": "another"}),
        json!({"exp": 1_000_000_000}),
        json!({"forged": true}),
    ] {
        issuer.says(&wrong).await?;
        let (status, text, cookie) = by_provider(&node).await?;
        ensure!(status == 401 && cookie.is_none(), "{wrong}: {status} {text}");
    }

    // A terminal, by the command line itself.
    let config = folder.path().join("config");
    let mut login = command(&["login", "--device", "--url", &node.addresses.http])?;
    login.env("XDG_CONFIG_HOME", &config).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut login = login.spawn()?;
    let mut told = BufReader::new(login.stderr.take().context("standard error is piped")?).lines();
    let first = told.next_line().await?.unwrap_or_default();
    let (_, user_code) = first.split_once("code=").context("a link with the code")?;
    let user_code = user_code.split_whitespace().next().unwrap_or_default();
    let waiting = lin.get(&format!("/api/v1/device/{}", user_code.to_lowercase())).await?;
    ensure!(waiting["client"].as_str().is_some_and(|client| client.starts_with("nines on ")), "{waiting}");
    lin.post(&format!("/api/v1/device/{user_code}/answer"), &json!({"confirm": true})).await?;
    ensure!(login.wait().await?.success());
    ensure!(
        lin.call("GET", &format!("/api/v1/device/{user_code}"), None).await?.0 == 404,
        "a code is used once"
    );
    let mut whoami = command(&["key", "list"])?;
    let listed = whoami.env("XDG_CONFIG_HOME", &config).env_remove("NINES_URL").output().await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    ensure!(listed.contains("lin on nines on"), "{listed}");

    narrowed_keys_see_their_rows_only(&node).await?;

    // What happened is on record, and no secret of it.
    let audit = node.api()?.get("/api/v1/audit?limit=1000").await?.to_string();
    for word in
        ["account.invite", "account.totp_confirm", "account.totp_reset", "session.oidc", "device.answer"]
    {
        ensure!(audit.contains(word), "{word} is not on record");
    }
    for hidden in ["horse battery", secret, recovery] {
        ensure!(!audit.contains(hidden), "the audit log holds {hidden}");
    }
    node.stop().await
}

/// A key with a filter: what it reads is narrowed, and what cannot be narrowed is refused, whichever route it is.
async fn narrowed_keys_see_their_rows_only(node: &Node) -> anyhow::Result<()> {
    let owner = node.api()?;
    let rows = [("shop", 3), ("bank", 2)].map(|(service, count)| {
        format!("{{\"service.name\":\"{service}\",\"message\":\"hello from {service}\"}}\n").repeat(count)
    });
    let sent = owner.call(
        "POST",
        "/api/v1/ingest/logs?format=jsonl",
        Some(("application/x-ndjson", rows.concat().into_bytes())),
    );
    let (status, answer) = sent.await?;
    ensure!(status < 300, "{status} {answer}");
    let key = json!({"name": "shop's", "role": "admin", "filter": "service.name: shop"});
    let made = owner.post("/api/v1/keys", &key).await?;
    let shop = Api::new(&node.addresses.http, made["secret"].as_str().context("a key has a secret")?);
    for asked in ["", "hello", "service.name: bank or service.name: shop", "not service.name: nothing"] {
        let found =
            shop.post("/api/v1/search", &json!({"dataset": "logs", "filter": asked, "limit": 100})).await?;
        let found: Vec<_> = found["rows"].as_array().into_iter().flatten().collect();
        ensure!(
            found.len() == 3 && found.iter().all(|row| row["service.name"] == "shop"),
            "`{asked}`: {found:#?}"
        );
    }
    let counted = shop
        .post(
            "/api/v1/search/histogram",
            &json!({"dataset": "logs", "filter": "", "split_by": "service.name"}),
        )
        .await?;
    ensure!(counted["total"] == 3 && !counted.to_string().contains("bank"), "{counted}");
    let facets = shop
        .post("/api/v1/search/facets", &json!({"dataset": "logs", "filter": "", "fields": ["service.name"]}))
        .await?;
    ensure!(!facets.to_string().contains("bank"), "{facets}");
    let rows = shop
        .text("/api/v1/search", &json!({"dataset": "logs", "filter": "service.name: bank"}), "text/csv")
        .await?;
    ensure!(!rows.contains("hello"), "{rows}");
    let (mut narrowed, mut closed) = (0, 0);
    for route in nines_api::ROUTES {
        let path = route.path.replace("{*path}", "x").replace(['{', '}'], "");
        let is_narrowed = matches!(route.reach, nines_api::Reach::Rows | nines_api::Reach::Caller);
        narrowed += usize::from(is_narrowed);
        if !is_narrowed && matches!(route.access, nines_api::Access::AtLeast(_)) {
            let body = Some(("application/json", b"{}".to_vec()));
            let status = shop.status(route.method.as_str(), &path, body).await?;
            ensure!(status == 403, "{} {path} answered {status} to a narrowed key", route.method.as_str());
            closed += 1;
        }
    }
    println!("a narrowed key: {narrowed} routes narrowed, {closed} refused");
    for path in ["/api/v1/search/around", "/api/v1/search/compare"] {
        let body = json!({"dataset": "logs", "filter": "", "at": "2026-01-01T00:00:00Z", "stream": [],
            "selected": {"filter": "service.name: bank"}});
        let answer = shop.post(path, &body).await?;
        ensure!(!answer.to_string().contains("bank"), "{path}: {answer}");
    }
    Ok(())
}

/// In fifty forms: what people really paste, each with a mark of its own.
fn canaries() -> Vec<String> {
    let forms = [
        "xoxb-1234-{}",
        "ghp_{}",
        "AKIA{}",
        "sk-live-{}",
        "-----BEGIN KEY-----\n{}\n-----END KEY-----",
        "Bearer {}",
        "eyJhbGciOi.{}.sig",
        "postgres://u:{}@db/x",
        "smtp://u:{}@127.0.0.1:1",
        "{} with spaces",
    ];
    (0..50)
        .map(|number| forms[number % forms.len()].replace("{}", &format!("c4n4ry{number:02}hush")))
        .collect()
}

/// Files below `folder` that hold the mark of any canary.
fn holding(folder: &Path, found: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            holding(&path, found)?;
        } else if std::fs::read(&path)?.windows(6).any(|window| window == b"c4n4ry") {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

#[tokio::test]
async fn fifty_secrets_go_in_and_none_comes_out() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (old, new) = (folder.path().join("old.key"), folder.path().join("new.key"));
    for (path, digit) in [(&old, "a"), (&new, "b")] {
        use std::io::Write;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(digit.repeat(64).as_bytes())?;
    }
    let (old, new) = (old.to_string_lossy().into_owned(), new.to_string_lossy().into_owned());
    // As loud as it gets: what is not in this log is in none.
    let loud = ["--master-key", &old, "--allow-egress", "127.0.0.0/8", "--log", "debug"];
    let node = Node::start(&data, &loud).await?;
    let owner = node.api()?;
    let json_type = |body: String| Some(("application/json", body.into_bytes()));
    let mut answers = String::new();
    let canaries = canaries();
    for (number, canary) in canaries.iter().enumerate() {
        // Kept well, and sent wrongly in each way that people do: to another field, as another type, as a name, as a key.
        let path = format!("/api/v1/secrets/s-{number}");
        let (status, kept) =
            owner.call("PUT", &path, json_type(json!({"value": canary}).to_string())).await?;
        ensure!(status == 200, "{status} {kept}");
        let wrong = [
            owner.call("PUT", &path, json_type(json!({"values": canary}).to_string())).await?,
            owner.call("PUT", &path, json_type(json!({"value": [canary]}).to_string())).await?,
            owner.call("PUT", &path, json_type(format!("{{\"value\": \"{canary}"))).await?,
            owner.call("PUT", &path, Some(("text/plain", canary.clone().into_bytes()))).await?,
            owner
                .call(
                    "POST",
                    &format!("{path}/reveal"),
                    json_type(json!({"reason": canary, "version": canary}).to_string()),
                )
                .await?,
            Api::new(&node.addresses.http, "")
                .call(
                    "POST",
                    "/api/v1/session",
                    json_type(json!({"key": canary, "password": [canary]}).to_string()),
                )
                .await?,
        ];
        ensure!(wrong.iter().all(|(status, _)| (400..500).contains(status)), "{wrong:?}");
        answers.push_str(&format!("{kept} {wrong:?}"));
    }
    // By reference and, as careless people do, written into the document.
    let (hook, mut arrivals) = webhook().await?;
    let (status, _) =
        owner.call("PUT", "/api/v1/secrets/hook", json_type(json!({"value": hook}).to_string())).await?;
    ensure!(status == 200);
    let careless = canaries.iter().enumerate().map(|(number, canary)| {
        let token = serde_json::to_string(canary).unwrap_or_default();
        format!("---\napiVersion: nines/v1\nkind: Channel\nmetadata: {{name: c-{number}}}\nspec: {{type: slack, token: {token}, channel: x}}\n")
    });
    let channel = "apiVersion: nines/v1\nkind: Channel\nmetadata: {name: desk}\nspec: {type: webhook, url: 'secret://hook', secret: 'secret://signing'}\n";
    let team = "---\napiVersion: nines/v1\nkind: Team\nmetadata: {name: desk}\nspec: {channels: [desk], firstLine: true}\n";
    let signing = json!({"value": "whsec_bmluZXMtYmVuY2gtc2VjcmV0LW9mLTMyLWJ5dGVz"});
    owner.call("PUT", "/api/v1/secrets/signing", json_type(signing.to_string())).await?;
    owner.apply(&format!("{channel}{team}{}", careless.collect::<String>())).await?;
    let report = json!({"level": "P0", "class": "S1", "service": "checkout", "title": "down", "scope": "all", "status": "x", "progress": "y", "started_at": "2026-01-01T00:00:00Z"});
    let (status, reported) = owner.call("POST", "/api/v1/incidents", json_type(report.to_string())).await?;
    ensure!(status < 300, "{reported}");
    tokio::time::timeout(nines_acceptance::PATIENCE, arrivals.recv())
        .await?
        .context("the page went to the kept address")?;
    for path in [
        "/api/v1/secrets",
        "/api/v1/objects",
        "/api/v1/audit?limit=1000",
        "/api/v1/status",
        "/metrics",
        "/api/v1/pages",
    ] {
        answers.push_str(&owner.call("GET", path, None).await?.1.to_string());
    }
    ensure!(answers.contains("secret://hook") && !answers.contains("c4n4ry"), "an answer holds a secret");
    let deleted = owner.call("DELETE", "/api/v1/secrets/hook", None).await?;
    ensure!(deleted.0 == 409 && deleted.1["detail"].to_string().contains("Channel/desk"), "{deleted:?}");

    // The one way out says who and why.
    let reason = json!({"reason": "the other side lost it, INC-7"});
    let shown = owner.post("/api/v1/secrets/s-3/reveal", &reason).await?;
    ensure!(shown["value"] == canaries[3].as_str(), "{shown}");
    let audit = owner.get("/api/v1/audit?newest=1&action=secret.reveal").await?;
    ensure!(audit["entries"][0]["details"] == "version 1: the other side lost it, INC-7", "{audit:#}");
    ensure!(
        owner
            .call("POST", "/api/v1/secrets/s-3/reveal", json_type(json!({"reason": "because"}).to_string()))
            .await?
            .0
            == 400
    );

    // A backup, the files of a node that was killed, and its log.
    let repository = folder.path().join("backups");
    let backed =
        command(&["backup", "--data", &data.to_string_lossy(), "--to", &repository.to_string_lossy()])?
            .output()
            .await?;
    ensure!(backed.status.success(), "{}", String::from_utf8_lossy(&backed.stderr));
    node.kill().await?;
    let mut found = Vec::new();
    holding(folder.path(), &mut found)?;
    ensure!(found.is_empty(), "secrets lie in clear in {found:?}");
    println!(
        "50 canaries through 8 ways in: 0 found in answers, log, audit, database, write-ahead log and backup"
    );

    // Without the master key, with another, and with both: refused by name, refused, wrapped anew.
    for key in [None, Some(&new)] {
        let mut arguments = vec![
            "serve",
            "--data",
            data.to_str().context("UTF-8")?,
            "--listen",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
        ];
        arguments.extend(key.iter().flat_map(|key| ["--master-key", key.as_str()]));
        let refused = command(&arguments)?.output().await?;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(!refused.status.success() && told.contains("local:"), "{told}");
    }
    let node = Node::start(&data, &["--master-key", &new, "--previous-master-key", &old]).await?;
    let listed = node.api()?.get("/api/v1/secrets").await?;
    let master = listed["master"].as_str().unwrap_or_default().to_owned();
    ensure!(
        listed["secrets"].as_array().is_some_and(
            |all| all.len() == 52 && all.iter().all(|it| it["versions"][0]["master"] == master.as_str())
        ),
        "{listed:#}"
    );
    node.stop().await?;
    // The same key as `age` keeps it, for whoever has the identity.
    let identity = folder.path().join("identity");
    let (identity, sealed) = (identity.to_string_lossy().into_owned(), format!("{new}.age"));
    run_tool("age-keygen", &["--output", &identity], folder.path()).await?;
    let recipient = run_tool("age-keygen", &["-y", &identity], folder.path()).await?;
    run_tool("age", &["--recipient", recipient.trim(), "--output", &sealed, &new], folder.path()).await?;
    let (by_age, variable) = (format!("age:{sealed}"), [("NINES_AGE_IDENTITY", identity.as_str())]);
    let node = Node::start_with(&data, &["--master-key", &by_age], &variable).await?;
    let shown = node.api()?.post("/api/v1/secrets/s-49/reveal", &reason).await?;
    ensure!(shown["value"] == canaries[49].as_str(), "{shown}");
    let rotated = node.api()?.post("/api/v1/secrets/s-49/rotate", &json!({})).await?;
    ensure!(rotated["value"].as_str().is_some_and(|value| value.len() == 52), "{rotated}");
    eventually("the audit entry of the new master key", || async {
        let audit = node.api()?.get("/api/v1/audit?newest=1&action=secret.rewrap").await?;
        Ok((audit["entries"][0]["result"] == "done").then_some(()))
    })
    .await?;
    node.stop().await
}

/// A receiver of pages on loopback, and what arrives there.
async fn webhook() -> anyhow::Result<(String, tokio::sync::mpsc::Receiver<()>)> {
    let (sender, arrivals) = tokio::sync::mpsc::channel(64);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/kept-out-of-sight", listener.local_addr()?);
    let app = axum::Router::new().route(
        "/kept-out-of-sight",
        axum::routing::post(move || {
            let sender = sender.clone();
            async move {
                let _ = sender.try_send(());
            }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, arrivals))
}

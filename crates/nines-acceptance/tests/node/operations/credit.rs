//! Address credit, from the line of an access log to the firewall's set as Amazon's own client reads it, and out of it again;
//! with the node killed in between.

use super::clouds::{Moto, write};
use super::*;

const BAD: &str = "203.0.113.7";
/// On the allow-list, private, and well-behaved.
const SPARED: [&str; 3] = ["198.51.100.20", "10.0.0.5", "192.0.2.99"];

fn settings(mode: &str, from: &str) -> Value {
    json!({
        "mode": mode, "from": from, "dataset": "logs", "allow": ["198.51.100.0/24"], "list": "bad",
        "block_at": 20.0, "release_at": 10.0, "half_life_secs": 4, "block_secs": 3, "block_secs_max": 60,
        "blocks_max": 10,
    })
}

async fn put(api: &Api, settings: &Value) -> anyhow::Result<(u16, Value)> {
    let body = Some(("application/json", settings.to_string().into_bytes()));
    api.call("PUT", "/api/v1/credit/settings", body).await
}

/// Thirty probes of each of three, and thirty plain requests.
fn access_log() -> String {
    let now =
        nines_base::SystemClock::shared().now().to_jiff().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    let mut text = String::new();
    for _ in 0..30 {
        for (address, path, status) in [
            (BAD, "/.env", 404),
            (SPARED[0], "/.env", 404),
            (SPARED[1], "/.env", 404),
            (SPARED[2], "/products/7", 200),
        ] {
            text.push_str(&format!(
                "{address} - - [{now}] \"GET {path} HTTP/1.1\" {status} 12 \"-\" \"Mozilla/5.0\"\n"
            ));
        }
    }
    text
}

#[tokio::test]
async fn an_attacker_is_blocked_on_aws_and_released_and_a_kill_changes_nothing() -> anyhow::Result<()> {
    let moto = Moto::start().await?;
    moto.script("aws.py", "make").await?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let more =
        ["--aws-region", "ap-northeast-1", "--aws-endpoint", &moto.url, "--allow-egress", "127.0.0.0/8"];
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let node = Node::start_with(&data, &more, &keys).await?;
    let owner = node.api()?;

    // Turning it on is an administrator's, and says whose logs are believed.
    let editor = with_role(&node, "ed", "editor").await?;
    ensure!(put(&editor, &settings("act", "service.name: edge")).await?.0 == 403, "an editor turned it on");
    let (status, answer) = put(&owner, &settings("act", "")).await?;
    ensure!(status == 400 && answer["detail"].to_string().contains("believed"), "{status} {answer:#}");
    let (status, answer) = put(&owner, &settings("act", "service.name: edge")).await?;
    ensure!(status == 200 && answer["settings"]["mode"] == "act", "{status} {answer:#}");

    let log = folder.path().join("access.log");
    std::fs::OpenOptions::new().create_new(true).write(true).open(&log)?;
    write(&log, &access_log())?;
    let (log, key) = (log.to_str().context("the path is UTF-8")?, node.key("owner.key")?);
    // Another service's log is not believed.
    let other = ["import", log, "--format", "nginx", "--service", "shop", "--state"];
    let state = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (code, out, err) = nines(&node, &key, &[other.as_slice(), &[&state("a")]].concat()).await?;
    ensure!(code == 0, "{code} {out} {err}");
    let credit = owner.get("/api/v1/credit").await?;
    ensure!(credit["requests"] == 0 && credit["blocks"] == json!([]), "{credit:#}");
    let edge = ["import", log, "--format", "nginx", "--service", "edge", "--state"];
    let (code, out, err) = nines(&node, &key, &[edge.as_slice(), &[&state("b")]].concat()).await?;
    ensure!(code == 0, "{code} {out} {err}");

    // As soon as it is decided, the node dies.
    eventually("a decision", || async {
        let credit = owner.get("/api/v1/credit").await?;
        Ok(credit["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty()).then_some(()))
    })
    .await?;
    node.kill().await?;
    let node = Node::start_with(&data, &more, &keys).await?;
    let owner = node.api()?;
    let in_set = json!(["198.51.100.1/32", "203.0.113.7/32"]);
    eventually("the address in the firewall's set", || async {
        Ok((moto.script("aws.py", "read").await?["blocked"] == in_set).then_some(()))
    })
    .await?;
    let told = owner.get(&format!("/api/v1/credit/address?address={BAD}")).await?;
    ensure!(told["blocks"][0]["because"][0]["rule"] == "secret-probe", "{told:#}");
    ensure!(told["requests"][0]["rules"].to_string().contains("secret-probe"), "{told:#}");
    for spared in SPARED {
        let told = owner.get(&format!("/api/v1/credit/address?address={spared}")).await?;
        ensure!(told["blocks"] == json!([]), "{spared} was blocked: {told:#}");
        ensure!((told["never"].is_string()) == (spared != SPARED[2]), "{told:#}");
    }
    let (code, out, err) = nines(&node, &key, &["credit", "status"]).await?;
    ensure!(code == 0 && out.contains(BAD) && out.contains("secret-probe"), "{code} {out} {err}");

    // What these settings would have done to the last hour is what they did.
    let (code, out, err) =
        nines(&node, &key, &["credit", "rehearse", "--since", "1h", "--output", "json"]).await?;
    ensure!(code == 0, "{code} {out} {err}");
    let rehearsed: Value = serde_json::from_str(&out)?;
    ensure!(rehearsed["requests"] == 120 && rehearsed["blocks_count"] == 1, "{rehearsed:#}");
    ensure!(rehearsed["blocks"][0]["network"] == "203.0.113.7/32", "{rehearsed:#}");

    // Its time is over after three seconds; a run on the same set comes some twenty after the one before.
    eventually("the release", || async {
        let credit = owner.get("/api/v1/credit").await?;
        Ok((credit["blocks"][0]["phase"] == "released").then_some(()))
    })
    .await?;
    let now = moto.script("aws.py", "read").await?;
    ensure!(now["blocked"] == json!(["198.51.100.1/32"]), "{now:#}");

    let audited = owner.get("/api/v1/audit?limit=1000").await?;
    let entries = audited["entries"].as_array().context("entries")?;
    let count = |action: &str, actor: &str| {
        let of = |entry: &&Value| entry["action"] == action && entry["actor"] == actor;
        entries.iter().filter(of).count()
    };
    // What is ordered is on record before it is stored, so the kill may leave an order of which nothing came; one run that
    // blocks and one that releases came to their end.
    let (asked, ended) =
        (count("action.requested", "address credit"), count("action.finished", "nines/actions"));
    ensure!(asked >= 2 && ended == 2, "{asked} {ended}: {entries:#?}");
    ensure!(
        entries.iter().any(|entry| entry["action"] == "credit.settings"),
        "the settings are not on record"
    );
    node.stop().await
}

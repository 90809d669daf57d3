//! A data directory is copied while the node takes telemetry in, put back, and goes on; damage is found and named.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, Spans, command, eventually, shared};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};
use tokio::sync::watch;

const SPANS_PER_BATCH: u64 = 100;
const BATCHES_BEFORE: u64 = 40;

/// What `nines …` prints as JSON, and whether it succeeded.
async fn nines(arguments: &[&str]) -> anyhow::Result<(bool, Value, String)> {
    nines_with(arguments, &[]).await
}

/// As [`nines`], with an environment besides.
pub async fn nines_with(
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<(bool, Value, String)> {
    let environment = environment.iter().copied();
    let done = command(arguments)?.args(["--output", "json"]).envs(environment).output().await?;
    let answer = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
    Ok((done.status.success(), answer, String::from_utf8_lossy(&done.stderr).into_owned()))
}

/// What no backup holds, brought by hand as the guide says.
pub fn bring_master_key(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from.join("master.key"), to.join("master.key"))?;
    Ok(())
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// Sends batches, one after the other, until told to stop; tells how many were acknowledged.
async fn send(address: String, now: u64, stop: watch::Receiver<bool>, acked: watch::Sender<u64>) {
    let mut client = TraceServiceClient::connect(address).await.unwrap();
    for batch in 0_u64.. {
        if *stop.borrow() {
            return;
        }
        let (first, count) = (batch * SPANS_PER_BATCH, SPANS_PER_BATCH);
        let spans = Spans { service: "checkout", first, count, at: now, fail_every: 0 };
        spans.send(&mut client).await.unwrap();
        acked.send_replace(batch + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_busy_node_goes_on_where_it_was_and_damage_is_named() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let (data, repository) = (folder.path().join("data"), folder.path().join("backups"));
    let anchors = folder.path().join("anchors");
    let node = Node::start(&data, &["--audit-anchors", text(&anchors)]).await?;
    let owner_key = node.key("owner.key")?;
    let api = Api::new(&node.addresses.http, &owner_key);
    api.post("/api/v1/keys", &json!({"name": "board", "role": "viewer"})).await?;
    let token = json!({"value": "a token of somebody else's"}).to_string();
    api.call("PUT", "/api/v1/secrets/hook", Some(("application/json", token.into_bytes()))).await?;
    api.apply(
        "apiVersion: nines/v1\nkind: Channel\nmetadata: {name: hook}\n\
         spec: {type: webhook, url: 'http://127.0.0.1:9/', secret: 'secret://hook'}\n---\n\
         apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {}\n",
    )
    .await?;

    #[expect(clippy::disallowed_methods, reason = "the spans must be of now")]
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let (stop, stopped) = watch::channel(false);
    let (acked, mut seen) = watch::channel(0);
    let sender = tokio::spawn(send(node.addresses.otlp_grpc.clone(), now, stopped, acked));
    seen.wait_for(|batches| *batches >= BATCHES_BEFORE).await?;
    let before = *seen.borrow() * SPANS_PER_BATCH;
    let (ok, first, told) = nines(&["backup", "--data", text(&data), "--to", text(&repository)]).await?;
    ensure!(ok && first["missing"] == json!([]), "{first}\n{told}");
    stop.send(true)?;
    sender.await?;
    let all = *seen.borrow() * SPANS_PER_BATCH;

    // What was acknowledged before is there, nothing is there twice, and keys and audit log came along.
    let copy = folder.path().join("copy");
    let (ok, _, told) = nines(&["restore", "--from", text(&repository), "--data", text(&copy)]).await?;
    ensure!(ok && told.contains("master key"), "{told}");
    bring_master_key(&data, &copy)?;
    let restored = Node::start(&copy, &[]).await?;
    let its_api = Api::new(&restored.addresses.http, &owner_key);
    let count = its_api.sql_number("select count(*) from spans").await? as u64;
    let distinct = its_api.sql_number("select count(distinct span_id) from spans").await? as u64;
    println!("{before} acknowledged before, {count} restored, {all} sent in all");
    ensure!(
        count >= before && count <= all && count == distinct,
        "{before} <= {count} ({distinct}) <= {all}"
    );
    ensure!(its_api.get("/api/v1/audit/verify").await?["intact"] == true, "the audit log is broken");
    restored.stop().await?;

    // With the key lost for good, everything else is there, and what is gone is named.
    let bare = folder.path().join("bare");
    let (ok, answer, told) =
        nines(&["restore", "--from", text(&repository), "--data", text(&bare), "--give-up-secrets"]).await?;
    ensure!(ok, "{told}");
    ensure!(
        answer["given_up"]
            == json!({"secrets": ["hook"], "documents": ["Channel/hook"], "second_factors": [], "browsers": []}),
        "{answer}"
    );
    let restored = Node::start(&bare, &[]).await?;
    let its_api = Api::new(&restored.addresses.http, &owner_key);
    ensure!(its_api.sql_number("select count(*) from spans").await? as u64 == count, "rows are missing");
    ensure!(its_api.get("/api/v1/audit/verify").await?["intact"] == true, "the audit log is broken");
    let objects = its_api.get("/api/v1/objects").await?;
    ensure!(objects["objects"].as_array().is_some_and(|all| all.len() == 1), "{objects}");
    ensure!(its_api.get("/api/v1/secrets").await?["secrets"] == json!([]), "a secret outlived its key");
    restored.stop().await?;

    // Entries were made since the backup, and their end is written down elsewhere: a log that goes back is found out.
    api.post("/api/v1/keys", &json!({"name": "wall", "role": "viewer"})).await?;
    node.stop().await?;
    let cut = Node::start(&copy, &["--audit-anchors", text(&anchors)]).await?;
    let its_api = Api::new(&cut.addresses.http, &owner_key);
    eventually("the status to say that the audit log was cut", || async {
        Ok((its_api.get("/api/v1/status").await?["modes"] == json!(["audit_log_cut"])).then_some(()))
    })
    .await?;
    ensure!(its_api.get("/api/v1/audit/verify").await?["intact"] == true, "the chain alone shows nothing");
    let asked = ["audit", "verify", "--anchors", text(&anchors), "--url", &cut.addresses.http];
    let (ok, answer, _) = nines_with(&asked, &[("NINES_KEY", &owner_key)]).await?;
    let fault = answer["fault"].as_str().unwrap_or("");
    ensure!(!ok && fault.contains("cut off or written anew after entry"), "{answer}");
    cut.stop().await?;

    // A stopped node has sealed: the next backup takes the segment, the one after it costs no segment again.
    let (_, second, _) = nines(&["backup", "--data", text(&data), "--to", text(&repository)]).await?;
    let size = second["bytes"].as_u64().context("bytes")?;
    let (_, third, _) =
        nines(&["backup", "--data", text(&data), "--to", text(&repository), "--keep", "1"]).await?;
    ensure!(third["new_bytes"].as_u64().context("new_bytes")? < size, "{second} then {third}");
    ensure!(third["pruned"].as_array().context("pruned")?.len() == 2, "{third}");

    let (ok, report, told) = nines(&["verify", "--data", text(&data)]).await?;
    ensure!(ok && report["faults"] == json!([]), "{report}\n{told}");
    let segment = only_segment(&data.join("telemetry/segments/spans"))?;
    flip_a_bit(&segment)?;
    let (ok, report, _) = nines(&["verify", "--data", text(&data)]).await?;
    let file = report["faults"][0]["file"].as_str().unwrap_or("");
    ensure!(!ok && segment.ends_with(file), "{report}");

    let stored = only_segment(&repository.join("segments/spans"))?;
    flip_a_bit(&stored)?;
    let again = folder.path().join("again");
    let (ok, _, told) = nines(&["restore", "--from", text(&repository), "--data", text(&again)]).await?;
    ensure!(!ok && told.contains(text(&stored)) && told.contains("checksum"), "{told}");
    ensure!(!again.exists(), "half of a data directory was left");
    let (ok, _, told) = nines(&["restore", "--from", text(&repository), "--data", text(&data)]).await?;
    ensure!(!ok && told.contains("is not empty"), "{told}");
    Ok(())
}

fn only_segment(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut files = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    ensure!(files.len() == 1, "{files:?}");
    Ok(files.remove(0).path())
}

#[expect(clippy::disallowed_methods, reason = "damage is not a durable write")]
fn flip_a_bit(path: &Path) -> anyhow::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    Ok(std::fs::write(path, bytes)?)
}

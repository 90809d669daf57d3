//! Policies by the real command line: what they refuse at every door, what they say about the past, and the way out.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Browser, Node, command};
use serde_json::{Value, json};

use super::{machine, nines, post};

const HOUSE: &str = r#"
@id("machines") @reason("machines are team infra's")
forbid (principal, action in Action::"operate", resource) unless { principal in Team::"infra" };

@id("pay") @reason("guests do not read pay")
forbid (principal, action in Action::"topic.telemetry", resource == Service::"pay")
when { principal.name == "guest" };

@id("not-alone") @reason("nobody ends a P0 alone")
forbid (principal, action == Action::"incident.resolve", resource)
when { resource.level == "P0" && resource.people < 1 };
"#;

/// What a refusal must be: 403, and the policy named with its reason.
fn refuses(answer: &(u16, Value), policy: &str, reason: &str) -> anyhow::Result<()> {
    let (status, body) = answer;
    let detail = body["detail"].as_str().unwrap_or_default();
    ensure!(*status == 403 && body["code"] == "policy", "{status} {body}");
    ensure!(detail.contains(&format!("`{policy}`")) && detail.contains(reason), "{detail}");
    Ok(())
}

#[tokio::test]
async fn policies_narrow_at_every_door_and_nobody_locks_himself_out_for_good() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let (owner, owner_key) = (node.api()?, node.key("owner.key")?);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, text).map(|()| path.display().to_string())
    };

    // Something of the past, for the rehearsal, and rows of two services.
    let stop = json!({"action": "ec2.stop", "arguments": {"instanceIds": [machine(1)]}});
    let plan = owner.post("/api/v1/actions/plan", &stop).await?;
    ensure!(plan.get("refused_by").is_none(), "{plan}");
    let run = json!({"action": "ec2.stop", "arguments": stop["arguments"], "plan_hash": plan["hash"]});
    owner.post("/api/v1/actions/runs", &run).await?;
    let ingest = Api::new(&node.addresses.http, &node.key("ingest.key")?);
    let rows = "{\"service.name\":\"pay\",\"body\":\"one\"}\n{\"service.name\":\"shop\",\"body\":\"two\"}\n";
    let sent = ingest
        .call("POST", "/api/v1/ingest/logs", Some(("application/x-ndjson", rows.as_bytes().to_vec())))
        .await?;
    ensure!(sent.0 == 200, "{sent:?}");

    // A mistake is told at its place, by the command line as by compilers.
    let wrong = write("wrong.cedar", "forbid (principal, action == Action::\"serch\",\n  resource);\n")?;
    let (code, _, told) = nines(&node, &owner_key, &["policy", "test", &wrong]).await?;
    ensure!(code != 0 && told.contains("wrong.cedar:1:") && told.contains("did you mean"), "{code} {told}");

    let house = write("house.cedar", HOUSE)?;
    let (code, told, error) = nines(&node, &owner_key, &["policy", "test", &house]).await?;
    ensure!(
        code == 0 && told.contains("1 would have been refused") && told.contains("house/machines"),
        "{told}{error}"
    );
    ensure!(owner.get("/api/v1/policies").await?["documents"] == json!([]), "a test applied something");
    let (code, told, error) = nines(&node, &owner_key, &["policy", "apply", &house]).await?;
    ensure!(code == 0 && told.contains("house version 1"), "{told}{error}");

    // Operations: the plan says it, and every door to a run refuses.
    let plan = owner.post("/api/v1/actions/plan", &stop).await?;
    ensure!(plan["refused_by"]["policy"] == "house/machines", "{plan}");
    let machines = "machines are team infra's";
    refuses(&post(&owner, "/api/v1/actions/runs", &run).await?, "house/machines", machines)?;
    let by_path = json!({"instanceIds": [machine(1)]});
    refuses(&post(&owner, "/Ops/AWSResource/EC2/Stop", &by_path).await?, "house/machines", machines)?;
    let book = "apiVersion: nines/v1\nkind: Runbook\nmetadata: {name: stop-one}\nspec:\n  steps:\n    - {name: stop, action: ec2.stop, with: {instanceIds: [\"MACHINE\"]}}\n";
    owner.apply(&book.replace("MACHINE", &machine(1))).await?;
    let book = json!({"action": "runbook/stop-one", "arguments": {}});
    let plan = owner.post("/api/v1/actions/plan", &book).await?;
    let run_book = json!({"action": "runbook/stop-one", "arguments": {}, "plan_hash": plan["hash"]});
    refuses(&post(&owner, "/api/v1/actions/runs", &run_book).await?, "house/machines", machines)?;
    // Those whom the policy spares may, and still no more than their role lets them.
    let lin = Browser::invited(&node, "lin", "responder").await?;
    let infra = "apiVersion: nines/v1\nkind: Team\nmetadata: {name: infra}\nspec: {members: [lin]}\n";
    owner.apply(infra).await?;
    let (code, told, error) =
        nines(&node, &owner_key, &["team", "add", "infra", "lin", "--role", "viewer"]).await?;
    ensure!(code == 0, "{told}{error}");
    let planned = lin.post("/api/v1/actions/plan", &stop).await?;
    ensure!(planned.get("refused_by").is_none(), "{planned}");
    ensure!(lin.call("GET", "/api/v1/policies", None).await?.0 == 403, "a responder reads policies");

    // Rows: a guest sees one service of two, and nothing that mixes them.
    let made = owner.post("/api/v1/keys", &json!({"name": "guest", "role": "viewer"})).await?;
    let guest = Api::new(&node.addresses.http, made["secret"].as_str().context("a secret")?);
    let search = json!({"dataset": "logs", "filter": ""});
    let rows = |answer: &Value| answer["rows"].as_array().map_or(0, Vec::len);
    ensure!(rows(&owner.post("/api/v1/search", &search).await?) == 2, "the owner sees both");
    let seen = guest.post("/api/v1/search", &search).await?;
    ensure!(rows(&seen) == 1 && !seen.to_string().contains("pay"), "{seen}");
    let sql = json!({"query": "select body from logs"});
    refuses(&post(&guest, "/api/v1/sql", &sql).await?, "house/pay", "guests do not read pay")?;

    // Incidents: alone no, with another's word yes.
    let report = json!({"class": "S1", "level": "P0", "service": "shop", "scope": "all", "status": "down",
        "started_at": "2026-01-01T00:00:00Z", "progress": "seen", "title": "down"});
    let incident = lin.post("/api/v1/incidents", &report).await?["id"].as_str().context("an id")?.to_owned();
    let step = |step: &str| format!("/api/v1/incidents/{incident}/{step}");
    lin.post(&step("confirm"), &json!({"level": "P0"})).await?;
    lin.post(&step("mitigate"), &json!({"text": "rolled back"})).await?;
    let alone = lin.call("POST", &step("resolve"), Some(&json!({"text": "done"}))).await?;
    refuses(&alone, "house/not-alone", "nobody ends a P0 alone")?;
    owner.post(&step("note"), &json!({"text": "seen, it is over"})).await?;
    lin.post(&step("resolve"), &json!({"text": "done"})).await?;

    // Whoever would lock himself out is told; whoever insists needs the machine.
    let all = "@id(\"all\") forbid (principal, action in Action::\"change\", resource);";
    let locked = write("locked.cedar", all)?;
    let (code, _, told) = nines(&node, &owner_key, &["policy", "apply", &locked]).await?;
    ensure!(code != 0 && told.contains("you could not take this back"), "{told}");
    let (code, _, told) = nines(&node, &owner_key, &["policy", "apply", &locked, "--force"]).await?;
    ensure!(code == 0, "{told}");
    let (code, _, told) = nines(&node, &owner_key, &["policy", "remove", "locked"]).await?;
    ensure!(code != 0 && told.contains("locked/all"), "{told}");
    settings(
        &node,
        &owner_key,
        &write("nines.toml", "listen = \"127.0.0.1:1\"\nfour_eyes = [\"ec2.stop\"]\n")?,
    )
    .await?;
    node.stop().await?;

    let output =
        command(&["policy", "disable", "--all", "--data", data.to_str().context("UTF-8")?])?.output().await?;
    ensure!(String::from_utf8_lossy(&output.stdout).contains("2 documents are off"), "{output:?}");
    let node = Node::start(&data, &[]).await?;
    let (code, told, _) = nines(&node, &owner_key, &["policy", "list"]).await?;
    ensure!(code == 0 && told.contains("off"), "{told}");
    let (code, _, told) = nines(&node, &owner_key, &["policy", "remove", "locked"]).await?;
    ensure!(code == 0, "{told}");
    let log = node.api()?.get("/api/v1/audit?newest=1&action=policy.").await?.to_string();
    for word in ["policy.disable_all", "policy.apply", "policy.remove"] {
        ensure!(log.contains(word), "{word} is not in the audit log: {log}");
    }
    let (code, told, _) = nines(&node, &owner_key, &["audit", "verify"]).await?;
    ensure!(code == 0, "{told}");
    node.stop().await
}

/// Settings say where they come from, and a file what it would change.
async fn settings(node: &Node, key: &str, file: &str) -> anyhow::Result<()> {
    let (code, told, error) = nines(node, key, &["config", "show", "--output", "json"]).await?;
    ensure!(code == 0, "{error}");
    let shown: Value = serde_json::from_str(&told)?;
    let of = |key: &str| {
        let all = shown["settings"].as_array().into_iter().flatten();
        all.filter(|one| one["key"] == key).map(|one| one["origin"].clone()).next().unwrap_or_default()
    };
    ensure!(of("data") == "--data" && of("listen") == "--listen" && of("disk_max") == "default", "{told}");
    let (code, told, error) = nines(node, key, &["config", "check", file]).await?;
    ensure!(code == 0 && told.contains("--listen wins over the file"), "{told}{error}");
    ensure!(
        told.lines().any(|line| line.contains("four_eyes") && line.contains("at the next start")),
        "{told}"
    );
    Ok(())
}

//! What must not be done is not done: F10's list over the wire, and chat commands that nobody signed.

use super::*;

const START: &str = "/Ops/AWSResource/EC2/Start";

#[tokio::test]
async fn nobody_does_more_than_their_role_lets_them() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let arguments = |action: &str| match action {
        "ec2.terminated_update_table" => json!({"instanceId": machine(6), "reason": "gone"}),
        "asg.create_launch_template" => json!({"name": "t", "imageId": "ami-1", "instanceType": "m7g.large"}),
        "asg.set_desired_capacity" => json!({"group": "shop-web", "desiredCapacity": 2}),
        "asg.set_weight" => json!({"listener": "shop", "weights": {"shop-blue": 50, "shop-green": 50}}),
        "asg.group_weight" => json!({"listener": "shop"}),
        "asg.launch_template_list" => json!({}),
        "elb.group_instances_state" => json!({"targetGroup": "shop-blue"}),
        "elb.add_rule_quarantine" => {
            json!({"listener": "shop", "quarantineGroup": "quarantine", "priority": 9, "host": "x.example"})
        }
        "ec2.start" | "ec2.stop" => json!({"instanceIds": [machine(5)]}),
        "waf.block" | "waf.unblock" => json!({"list": "blocked", "addresses": ["203.0.113.9/32"]}),
        "waf.block_list" => json!({"list": "blocked"}),
        "ec2.in_service" | "elb.register" => {
            json!({"instanceIds": [machine(4)], "targetGroup": "shop-green"})
        }
        _ => json!({"instanceIds": [machine(1)], "targetGroup": "shop-blue"}),
    };
    let catalogue = node.api()?.get("/api/v1/actions").await?;
    let actions = catalogue["actions"].as_array().context("a catalogue has actions")?.clone();
    ensure!(actions.len() >= 16, "{} actions", actions.len());
    let levels = ["public", "protected", "private"];
    let mut tried = 0;
    for (role, may) in [("viewer", 0), ("responder", 1), ("editor", 1), ("admin", 2)] {
        let api = with_role(&node, role, role).await?;
        for action in &actions {
            let name = action["name"].as_str().unwrap_or_default();
            let needs = levels.iter().position(|level| action["level"] == *level).context("a level")?;
            let path = if action["reads"] == true { "read" } else { "plan" };
            let body = json!({"action": name, "arguments": arguments(name)});
            let (status, answer) = post(&api, &format!("/api/v1/actions/{path}"), &body).await?;
            let expected = if may >= needs { 200 } else { 403 };
            ensure!(status == expected, "{role} {path}s {name}: {status}, expected {expected}: {answer:#}");
            // And by its path of InfraAPI, where the dry run asks for the same right.
            if let Some((method, path)) = action["path"].as_str().and_then(|path| path.split_once(' ')) {
                let (status, answer) = match method {
                    "GET" => {
                        api.call(
                            "GET",
                            &format!("{path}?listener=shop").replace("List?listener=shop", "List"),
                            None,
                        )
                        .await?
                    }
                    _ => post(&api, &format!("{path}?dryRun=true"), &arguments(name)).await?,
                };
                ensure!(status == expected, "{role} {method} {path}: {status}: {answer:#}");
                tried += 1;
            }
            tried += 1;
        }
    }
    println!("{tried} calls, each answered as its level says");
    let nobody = Api::new(&node.addresses.http, "");
    ensure!(post(&nobody, START, &json!({"instanceIds": [machine(5)]})).await?.0 == 401);
    node.stop().await
}

#[tokio::test]
async fn a_plan_is_carried_out_as_it_was_seen_and_approved_or_not_at_all() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--four-eyes", "ec2.start"]).await?;
    let (owner, lin) = (node.api()?, somebody(&node, "lin", "admin").await?);
    let responder = with_role(&node, "wu", "responder").await?;
    let runs = "/api/v1/actions/runs";
    let weights =
        |blue: u16| json!({"listener": "shop", "weights": {"shop-blue": blue, "shop-green": 100 - blue}});
    let ask = |hash: &Value, arguments: Value| json!({"action": "asg.set_weight", "arguments": arguments, "plan_hash": hash});
    let planned = async |arguments: Value| {
        let body = json!({"action": "asg.set_weight", "arguments": arguments});
        anyhow::Ok(owner.post("/api/v1/actions/plan", &body).await?["hash"].clone())
    };
    let code = |answer: &Value| answer["code"].as_str().unwrap_or_default().to_owned();

    // Other parameters than those of the plan.
    let hash = planned(weights(80)).await?;
    let (status, answer) = post(&owner, runs, &ask(&hash, weights(10))).await?;
    ensure!((status, code(&answer).as_str()) == (409, "plan_changed"), "{status} {answer:#}");

    // Not approved, approved by the author, by somebody without the right, for another plan.
    let run = owner.post(runs, &ask(&hash, weights(80))).await?;
    let step = |step: &str| format!("{runs}/{}/{step}", run["id"].as_str().unwrap_or_default());
    ensure!(run["state"] == "waiting_for_approval", "{run:#}");
    ensure!(post(&owner, &step("start"), &json!({})).await?.0 == 409);
    let (status, answer) = post(&owner, &step("approve"), &json!({"plan_hash": hash})).await?;
    ensure!(
        status == 403 && answer["detail"].to_string().contains("cannot approve it"),
        "{status} {answer:#}"
    );
    ensure!(post(&responder, &step("approve"), &json!({"plan_hash": hash})).await?.0 == 403);
    // By a second key of the author, however it is called and whomever it is made out to.
    for key in [
        json!({"name": "not-me", "role": "admin"}),
        json!({"name": "lin", "role": "admin", "account": "lin"}),
    ] {
        let made = owner.post("/api/v1/keys", &key).await?;
        let second = Api::new(&node.addresses.http, made["secret"].as_str().unwrap_or_default());
        let (status, answer) = post(&second, &step("approve"), &json!({"plan_hash": hash})).await?;
        ensure!(
            status == 403 && answer["detail"].to_string().contains("by another key neither"),
            "{key}: {status} {answer:#}"
        );
    }
    let other = planned(weights(10)).await?;
    let (status, answer) = post(&lin, &step("approve"), &json!({"plan_hash": other})).await?;
    ensure!((status, code(&answer).as_str()) == (409, "plan_changed"), "{status} {answer:#}");
    ensure!(post(&lin, &step("approve"), &json!({})).await?.0 == 400);

    // Approved, and started once.
    lin.post(&step("approve"), &json!({"plan_hash": hash})).await?;
    owner.post(&step("start"), &json!({})).await?;
    ensure!(settled(&owner, run["id"].as_str().unwrap_or_default()).await?["state"] == "done");
    ensure!(post(&owner, &step("start"), &json!({})).await?.0 == 409);

    // The hash of a plan that was carried out is good for nothing: the world has moved.
    let (status, answer) = post(&owner, runs, &ask(&hash, weights(80))).await?;
    ensure!((status, code(&answer).as_str()) == (409, "plan_changed"), "replayed: {status} {answer:#}");

    // What is asked for by configuration counts as well, also for chat and InfraAPI.
    let (status, run) = post(&responder, START, &json!({"instanceIds": [machine(5)]})).await?;
    ensure!(status == 202 && run["state"] == "waiting_for_approval", "{status} {run:#}");

    // Too much at once, an incident that is none, a key for two things.
    let (status, answer) = post(
        &owner,
        "/Ops/AWSResource/EC2/OffService",
        &json!({"instanceIds": [machine(1), machine(2)], "targetGroup": "shop-blue"}),
    )
    .await?;
    ensure!((status, code(&answer).as_str()) == (403, "over_radius"), "{status} {answer:#}");
    let body = json!({"instanceIds": [machine(6)], "incident": "INC-2026-9999"});
    ensure!(post(&owner, "/Ops/AWSResource/EC2/Stop", &body).await?.0 == 404);
    let stop = |number: u32| json!({"instanceIds": [machine(number)], "idempotencyKey": "one"});
    let (_, first) = post(&owner, "/Ops/AWSResource/EC2/Stop", &stop(6)).await?;
    let (_, again) = post(&owner, "/Ops/AWSResource/EC2/Stop", &stop(6)).await?;
    ensure!(first["run"] == again["run"], "{first:#} {again:#}");
    let (status, answer) = post(&owner, "/Ops/AWSResource/EC2/Stop", &stop(5)).await?;
    ensure!((status, code(&answer).as_str()) == (409, "idempotency_key_reused"), "{status} {answer:#}");

    // The stop holds for everybody, and an administrator lifts it.
    responder.post("/api/v1/actions/stop", &json!({"reason": "the network team asked for quiet"})).await?;
    let (status, answer) =
        post(&owner, "/Ops/AWSResource/EC2/Stop", &json!({"instanceIds": [machine(3)]})).await?;
    ensure!((status, code(&answer).as_str()) == (503, "actions_stopped"), "{status} {answer:#}");
    ensure!(answer["detail"].to_string().contains("the network team"), "{answer:#}");
    ensure!(responder.call("DELETE", "/api/v1/actions/stop", None).await?.0 == 403);
    ensure!(owner.call("DELETE", "/api/v1/actions/stop", None).await?.0 == 204);
    node.stop().await
}

#[tokio::test]
async fn chat_commands_that_nobody_signed_are_not_taken() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("slack");
    {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).open(&secret)?;
        file.write_all(SIGNING_SECRET.as_bytes())?;
    }
    let secret = secret.to_str().context("the path is UTF-8")?;
    let more = ["--slack-signing-secret", secret, "--slack-user", "U1=mei:responder"];
    let node = Node::start(&folder.path().join("data"), &more).await?;
    let good = SlashCommand { user: "U1", text: "help", age: Duration::ZERO, secret: SIGNING_SECRET };
    let (headers, body) = good.headers_and_body();
    let (status, answer) = send_signed(&node, &headers, body.clone()).await?;
    ensure!(status == 200 && answer["text"].to_string().contains("ec2.start"), "{status} {answer:#}");

    // The very same again; the same in another case; another body, time or user under it; none; too old; another secret.
    let mut tried = vec![("repeated", headers.clone(), body.clone())];
    let mut upper = headers.clone();
    upper[1].1 = format!("v0={}", upper[1].1[3..].to_uppercase());
    tried.push(("repeated in capitals", upper, body.clone()));
    tried.push(("another body", headers.clone(), body.replace("help", "confirm")));
    tried.push(("another user", headers.clone(), body.replace("U1", "U9")));
    let mut later = headers.clone();
    later[0].1.push('0');
    tried.push(("another time", later, body.clone()));
    for signature in ["", "v0=", "v1=00", "v0=zz", "v0=+f"] {
        let mut none = headers.clone();
        none[1].1 = signature.to_owned();
        tried.push(("no signature", none, body.clone()));
    }
    let old = SlashCommand { age: Duration::from_secs(600), ..good };
    let (old_headers, old_body) = old.headers_and_body();
    tried.push(("too old", old_headers, old_body));
    let foreign = SlashCommand { secret: "another secret of some length", ..old };
    let (foreign_headers, foreign_body) = foreign.headers_and_body();
    tried.push(("another secret", foreign_headers, foreign_body));
    for (what, headers, body) in tried {
        let (status, answer) = send_signed(&node, &headers, body).await?;
        ensure!(status == 401, "{what}: {status} {answer:#}");
    }
    // A key is no signature.
    let (status, _) = post(&node.api()?, "/Ops/Slack", &json!({"text": "help"})).await?;
    ensure!(status == 401, "an owner's key was taken for a signature: {status}");
    node.stop().await
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    Node::start(&data, &[]).await?.stop().await?;
    let control = data.join("control.db");
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no room'); END";
    sqlite(&control, full).await?;
    let node = Node::start(&data, &[]).await?;
    let owner = node.api()?;
    let (status, answer) = post(&owner, START, &json!({"instanceIds": [machine(5)]})).await?;
    ensure!(status == 503 && answer["code"] == "audit_unavailable", "{status} {answer:#}");
    let inventory = owner.get("/api/v1/actions/inventory").await?;
    ensure!(inventory["instances"][4]["state"] == "stopped", "{inventory:#}");
    node.stop().await?;
    let ledger = sqlite(&control, "SELECT world FROM simulated_cloud").await?;
    ensure!(ledger == json!([]), "something was called: {ledger:#}");

    // With room it is done, and the chain is whole; a changed entry shows.
    sqlite(&control, "DROP TRIGGER full").await?;
    let node = Node::start(&data, &[]).await?;
    let key = node.key("owner.key")?;
    let (status, run) = post(&node.api()?, START, &json!({"instanceIds": [machine(5)]})).await?;
    ensure!(status == 202, "{status} {run:#}");
    settled(&node.api()?, run["run"].as_str().unwrap_or_default()).await?;
    let (exit, out, err) = nines(&node, &key, &["audit", "verify"]).await?;
    ensure!(exit == 0 && out.starts_with("intact"), "{exit} {out} {err}");
    let anchor = out.split("anchor").nth(1).context(out.clone())?.trim().to_owned();
    node.stop().await?;
    sqlite(&control, "DROP TRIGGER IF EXISTS audit_log_no_update").await?;
    let changed =
        sqlite(&control, "UPDATE audit_log SET actor = 'nobody' WHERE sequence = 2 RETURNING sequence").await;
    let node = Node::start(&data, &[]).await?;
    if changed.is_ok() {
        let (exit, out, _) = nines(&node, &key, &["audit", "verify"]).await?;
        ensure!(exit == 1 && out.contains("entry 2 is not what was written"), "{exit} {out}");
    }
    // A log that was cut behind the anchor, however whole its rest.
    let (exit, out, err) =
        nines(&node, &key, &["audit", "verify", "--anchor", &format!("9{anchor}")]).await?;
    ensure!(exit == 1, "{exit} {out} {err}");
    node.stop().await
}

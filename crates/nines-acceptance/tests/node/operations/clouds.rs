//! All fifteen paths with their effects, on both clouds.

use std::path::PathBuf;

use nines_acceptance::{PATIENCE, workspace_root};

use super::*;

#[tokio::test]
async fn the_fifteen_paths_move_the_simulated_cloud() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("slack");
    std::fs::OpenOptions::new().create_new(true).write(true).open(&secret)?;
    write(&secret, SIGNING_SECRET)?;
    let secret = secret.to_str().context("the path is UTF-8")?;
    let more = ["--slack-signing-secret", secret, "--slack-user", "U1=mei:responder"];
    let node = Node::start(&folder.path().join("data"), &more).await?;
    let (owner, lin) = (node.api()?, somebody(&node, "lin", "admin").await?);
    let ops = |path: &str| format!("/Ops/AWSResource/{path}");

    // A dry run tells, and does nothing.
    let in_service = json!({"instanceIds": [machine(4)], "targetGroup": "shop-blue"});
    let (status, plan) = post(&owner, &ops("EC2/InService?dryRun=true"), &in_service).await?;
    ensure!(status == 200 && plan["steps"].as_array().map(Vec::len) == Some(4), "{status} {plan:#}");
    let instances = state_of(&owner, "shop-blue").await?;
    ensure!(instances.as_array().map(Vec::len) == Some(3), "{instances:#}");

    // What can go on side by side goes on side by side.
    let mut started = Vec::new();
    for (path, body) in [
        ("EC2/InService", in_service),
        ("EC2/OffService", json!({"instanceIds": [machine(1)], "targetGroup": "shop-blue"})),
        ("ELB/Deregister", json!({"instanceIds": [machine(2)], "targetGroup": "shop-blue"})),
        ("ELB/Register", json!({"instanceIds": [machine(3)], "targetGroup": "shop-green"})),
        ("EC2/Start", json!({"instanceIds": [machine(5)]})),
        ("EC2/Stop", json!({"instanceIds": [machine(6)]})),
        (
            "ELB/AddRuleQuarantine",
            json!({"listener": "shop", "quarantineGroup": "quarantine", "priority": 7, "sourceIps": ["203.0.113.0/24"]}),
        ),
        ("EC2/TerminatedUpdateTable", json!({"instanceId": machine(6), "reason": "磁碟壞了"})),
        (
            "ASG/CreateLaunchTemplate",
            json!({"name": "fresh", "imageId": "ami-1", "instanceType": "m7g.large"}),
        ),
    ] {
        let (status, run) = post(&owner, &ops(path), &body).await?;
        ensure!(status == 202 && run["state"] == "running", "{path}: {status} {run:#}");
        started.push((path, run["run"].as_str().context("a run has an id")?.to_owned()));
    }
    // These two ask for a second person.
    for (path, body) in [
        ("ASG/SetDesiredCapacity", json!({"group": "shop-web", "desiredCapacity": 2})),
        ("ASG/SetWeight", json!({"listener": "shop", "weights": {"shop-blue": 90, "shop-green": 10}})),
    ] {
        let (status, run) = post(&owner, &ops(path), &body).await?;
        ensure!(status == 202 && run["state"] == "waiting_for_approval", "{path}: {status} {run:#}");
        let id = run["run"].as_str().context("a run has an id")?.to_owned();
        let step = |step: &str| format!("/api/v1/actions/runs/{id}/{step}");
        lin.post(&step("approve"), &json!({"plan_hash": run["planHash"]})).await?;
        owner.post(&step("start"), &json!({})).await?;
        started.push((path, id));
    }
    for (path, run) in &started {
        let ended = settled(&owner, run).await?;
        ensure!(ended["state"] == "done", "{path}: {ended:#}");
    }

    // The four that read, and what they see now.
    let state = state_of(&owner, "shop-blue").await?;
    let mut online: Vec<_> =
        state.as_array().into_iter().flatten().map(|one| one["instanceId"].clone()).collect();
    online.sort_by_key(ToString::to_string);
    ensure!(online == [json!(machine(3)), json!(machine(4))], "{state:#}");
    let templates = owner.get(&ops("ASG/LaunchTemplateList")).await?;
    ensure!(templates["launchTemplates"][0]["name"] == "fresh", "{templates:#}");
    let weights = owner.get(&ops("ASG/GroupWeight?listener=shop")).await?;
    ensure!(weights == json!({"weights": {"shop-blue": 90, "shop-green": 10}}), "{weights:#}");

    // The fifteenth: a signed command, at the level of whoever typed it.
    let said = slack(&node, "U1", &format!("ec2.stop instanceIds={}", machine(5))).await?;
    let run = said.split("confirm ").nth(1).context(said.clone())?.trim().to_owned();
    let said = slack(&node, "U1", &format!("confirm {run}")).await?;
    ensure!(said.starts_with("started ec2.stop"), "{said}");
    let refused = slack(&node, "U1", "asg.set_desired_capacity group=shop-web desiredCapacity=3").await?;
    ensure!(refused.contains("mei may not do this"), "{refused}");
    let refused = slack(&node, "U2", "help").await?;
    ensure!(refused.contains("I do not know you"), "{refused}");

    // The inventory shows what became of it all.
    let inventory = owner.get("/api/v1/actions/inventory").await?;
    let of = |number: u32| {
        let all = inventory["instances"].as_array().into_iter().flatten();
        all.filter(|one| one["id"] == machine(number)).map(|one| one["state"].clone()).next()
    };
    ensure!(of(1) == Some(json!("stopped")) && of(4) == Some(json!("running")), "{inventory:#}");
    ensure!(inventory["scaling_groups"][0]["desired"] == 2, "{inventory:#}");

    let ended = settled(&owner, &run).await?;
    ensure!(ended["state"] == "done" && ended["author"] == "mei", "{ended:#}");
    let audited = owner.get("/api/v1/audit?limit=1000").await?;
    let entries = audited["entries"].as_array().context("entries")?;
    for (_, run) in &started {
        let of_run = |action: &str| {
            entries
                .iter()
                .any(|entry| entry["resource"] == format!("runs/{run}") && entry["action"] == action)
        };
        ensure!(of_run("action.requested") && of_run("action.finished"), "run {run} is not on record");
    }
    node.stop().await
}

async fn state_of(api: &Api, group: &str) -> anyhow::Result<Value> {
    let answer = api.post("/Ops/AWSResource/ELB/GroupInstancesState", &json!({"targetGroup": group})).await?;
    Ok(answer["instances"].clone())
}

async fn slack(node: &Node, user: &str, text: &str) -> anyhow::Result<String> {
    let command = SlashCommand { user, text, age: Duration::ZERO, secret: SIGNING_SECRET };
    let (status, answer) = command.send(node).await?;
    ensure!(status == 200, "{status} {answer:#}");
    Ok(answer["text"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).truncate(true).open(path)?.write_all(text.as_bytes())
}

/// moto on a port of its own; it ends with the test.
pub(super) struct Moto {
    pub url: String,
    _child: tokio::process::Child,
}

fn venv(program: &str) -> PathBuf {
    workspace_root().join("target/moto-venv/bin").join(program)
}

impl Moto {
    pub async fn start() -> anyhow::Result<Self> {
        let root = workspace_root();
        run_tool(root.join("tests/moto/setup.sh"), &[], &root).await?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = nines_base::spawn::program(venv("moto_server"))
            .envs(std::env::vars_os())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()?;
        eventually("moto", || async {
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(()))
        })
        .await?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), _child: child })
    }

    /// Amazon's own client: sets the account up, or reads it back.
    async fn boto3(&self, what: &str) -> anyhow::Result<Value> {
        self.script("aws.py", what).await
    }

    pub async fn script(&self, name: &str, what: &str) -> anyhow::Result<Value> {
        let script = workspace_root().join("tests/moto").join(name);
        let script = script.to_str().context("the path is UTF-8")?;
        let told = run_tool(venv("python"), &[script, &self.url, what], &workspace_root()).await?;
        Ok(serde_json::from_str(&told)?)
    }
}

#[tokio::test]
async fn the_fifteen_paths_and_the_command_line_move_aws() -> anyhow::Result<()> {
    let moto = Moto::start().await?;
    let made = moto.boto3("make").await?;
    let text = |path: &str| made.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (first, second, third) = (text("/instances/0"), text("/instances/1"), text("/instances/2"));
    let (blue, green, quarantine) = (text("/groups/blue"), text("/groups/green"), text("/groups/quarantine"));
    let listener = text("/listener");
    let folder = tempfile::tempdir()?;
    let more = [
        "--aws-region",
        "ap-northeast-1",
        "--aws-endpoint",
        &moto.url,
        "--aws-role",
        &text("/role"),
        "--allow-egress",
        "127.0.0.0/8",
    ];
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let node = Node::start_with(&folder.path().join("data"), &more, &keys).await?;
    let (owner, lin) = (node.api()?, somebody(&node, "lin", "admin").await?);
    let key = node.key("owner.key")?;

    let inventory = owner.get("/api/v1/actions/inventory").await?;
    ensure!(inventory["cloud"] == "aws ap-northeast-1", "{inventory:#}");
    // Three of ours, and one that the scaling group made.
    ensure!(inventory["instances"].as_array().map(Vec::len) == Some(4), "{inventory:#}");
    ensure!(inventory["listeners"][0]["name"] == "front:80", "{inventory:#}");

    // By the command line, things named as people name them.
    let group = "targetGroup=blue";
    for (action, instance) in [("ec2.in_service", &third), ("ec2.off_service", &first)] {
        let instance = format!("instanceIds={instance}");
        let (code, out, err) = nines(&node, &key, &["ops", "run", action, &instance, group]).await?;
        ensure!(code == 1 && err.contains("add --yes"), "not asked: {code} {out} {err}");
        let (code, out, err) = nines(&node, &key, &["ops", "run", action, &instance, group, "--yes"]).await?;
        ensure!(code == 0 && out.contains("done"), "{code} {out} {err}");
    }
    let now = moto.boto3("read").await?;
    ensure!(now["states"][&third] == "running" && now["states"][&first] == "stopped", "{now:#}");
    let mut online = [second.clone(), third.clone()];
    online.sort();
    ensure!(now["targets"]["blue"] == json!(online), "{now:#}");
    let (code, out, _) = nines(&node, &key, &["ops", "plan", "elb.group_instances_state", group]).await?;
    ensure!(code == 0 && out.contains(&third), "{code} {out}");

    // Over HTTP, side by side.
    let mut started = Vec::new();
    for (path, body) in [
        ("EC2/Start", json!({"instanceIds": [first]})),
        ("ELB/Deregister", json!({"instanceIds": [second], "targetGroup": blue})),
        ("ELB/Register", json!({"instanceIds": [third], "targetGroup": green})),
        (
            "ELB/AddRuleQuarantine",
            json!({"listener": listener, "quarantineGroup": quarantine, "priority": 10, "host": "bad.example"}),
        ),
        ("EC2/TerminatedUpdateTable", json!({"instanceId": second, "reason": "磁碟壞了 & \"gone\""})),
        (
            "ASG/CreateLaunchTemplate",
            json!({"name": "fresh", "imageId": text("/image"), "instanceType": "m7g.large"}),
        ),
        ("ASG/SetDesiredCapacity", json!({"group": "web", "desiredCapacity": 2})),
        ("ASG/SetWeight", json!({"listener": listener, "weights": {&blue: 60, &green: 40}})),
    ] {
        let (status, run) = post(&owner, &format!("/Ops/AWSResource/{path}"), &body).await?;
        ensure!(status == 202, "{path}: {status} {run:#}");
        let id = run["run"].as_str().context("a run has an id")?.to_owned();
        if run["state"] == "waiting_for_approval" {
            let step = |step: &str| format!("/api/v1/actions/runs/{id}/{step}");
            lin.post(&step("approve"), &json!({"plan_hash": run["planHash"]})).await?;
            owner.post(&step("start"), &json!({})).await?;
        }
        started.push((path, id));
    }
    for (path, id) in started {
        let ended = settled(&owner, &id).await?;
        ensure!(ended["state"] == "done", "{path}: {ended:#}");
    }
    carry_out(&owner, &lin, "waf.block", json!({"list": "bad", "addresses": ["203.0.113.7/32"]}), None)
        .await?;
    carry_out(&owner, &lin, "ec2.stop", json!({"instanceIds": [second]}), None).await?;

    let now = moto.boto3("read").await?;
    ensure!(now["states"][&first] == "running" && now["states"][&second] == "stopped", "{now:#}");
    ensure!(now["targets"]["green"] == json!([third]) && now["targets"]["blue"] == json!([third]), "{now:#}");
    ensure!(now["weights"] == json!({&blue: 60, &green: 40}), "{now:#}");
    ensure!(now["rules"][0]["to"] == json!(quarantine), "{now:#}");
    ensure!(now["desired"] == 2, "{now:#}");
    ensure!(now["terminated"] == json!({second.as_str(): "磁碟壞了 & \"gone\""}), "{now:#}");
    ensure!(now["templates"][0]["ImageId"] == made["image"], "{now:#}");
    ensure!(now["blocked"] == json!(["198.51.100.1/32", "203.0.113.7/32"]), "{now:#}");
    let templates = owner.get("/Ops/AWSResource/ASG/LaunchTemplateList").await?;
    ensure!(templates["launchTemplates"].as_array().map(Vec::len) == Some(2), "{templates:#}");
    println!("every effect was read back by boto3 within {PATIENCE:?} each");
    node.stop().await
}

//! AWS's wire protocols against a real moto server, effects read back through boto3.
//!
//! moto is installed by `tests/moto/setup.sh`. Nothing is skipped: if it cannot be installed or started, this fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nines_actions::cloud::aws::{Aws, AwsConfig, Chain, Role, WafScope};
use nines_actions::infra::{Reply, dispatch};
use nines_actions::memory::MemoryRuns;
use nines_actions::{
    Actions, Cloud, Helped, Intent, Parts, Query, Request, Rules, RunId, RunState, Seen, Tick,
};
use nines_base::{Clock, ManualClock, Random, SystemClock, spawn};
use nines_egress::{Config, Egress, Policy};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{Fuse, Notes, Said, operator};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// moto on a free port; it ends with the test.
struct Moto {
    url: String,
    _child: tokio::process::Child,
}

impl Moto {
    async fn start() -> Self {
        let root = root();
        let setup = spawn::program(root.join("tests/moto/setup.sh")).envs(std::env::vars_os()).output().await;
        let setup = setup.unwrap();
        assert!(
            setup.status.success(),
            "moto cannot be installed: {}",
            String::from_utf8_lossy(&setup.stderr)
        );
        // Nobody else takes the port in the moment between.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn::program(root.join("target/moto-venv/bin/moto_server"))
            .envs(std::env::vars_os())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        const START_TRIES: usize = 600;
        for _ in 0..START_TRIES {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { url: format!("http://127.0.0.1:{port}"), _child: child };
            }
            SystemClock::shared().sleep(Duration::from_millis(100)).await;
        }
        panic!("moto does not listen on port {port}");
    }

    async fn boto3(&self, command: &str) -> Value {
        let root = root();
        let output = spawn::program(root.join("target/moto-venv/bin/python"))
            .envs(std::env::vars_os())
            .arg(root.join("tests/moto/aws.py"))
            .args([&self.url, command])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn aws(&self, role: Option<Role>) -> Aws {
        let egress = Egress::new(Config {
            policy: Policy::with_loopback(),
            timeout: Duration::from_secs(60),
            ..Config::default()
        });
        let variables: BTreeMap<_, _> = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let config = AwsConfig {
            region: "ap-northeast-1".to_owned(),
            endpoint: Some(self.url.clone()),
            role,
            credentials: Chain { variables, ..Chain::default() },
            terminated_table: "terminated".to_owned(),
            waf_scope: WafScope::Regional,
        };
        Aws::new(config, egress.unwrap(), SystemClock::shared())
    }
}

struct Node {
    actions: Actions,
    clock: Arc<ManualClock>,
}

impl Node {
    fn new(cloud: Aws) -> Self {
        let clock = ManualClock::at(SystemClock::shared().now());
        let notes = Notes {
            fuse: Fuse::never(),
            events: Mutex::default(),
            refuses: false.into(),
            stops: Mutex::default(),
        };
        let parts = Parts {
            runs: Arc::new(MemoryRuns::default()),
            cloud: Arc::new(cloud),
            witness: Arc::new(notes),
            judge: Arc::new(Said(Mutex::new(Helped::Unknown))),
            clock: clock.clone(),
            random: Random::from_seed(1),
        };
        Self { actions: Actions::new(parts, Rules::default()), clock }
    }

    async fn finish(&self, id: &RunId) -> RunState {
        for _ in 0..10_000 {
            match self.actions.tick(id).await.unwrap() {
                Tick::Rest { until } => self.clock.advance(until.since(self.clock.now())),
                Tick::Idle => break,
                tick => panic!("{tick:?}"),
            }
        }
        let run = self.actions.get(id).await.unwrap();
        assert!(run.state == RunState::Done, "{:?}: {:?}", run.plan.action, run.reason);
        run.state
    }

    async fn post(&self, path: &str, body: Value) {
        let path = format!("/Ops/AWSResource/{path}");
        let dry = dispatch(&self.actions, &path, "POST", &body, true, &operator("mei")).await.unwrap();
        let reply = dispatch(&self.actions, &path, "POST", &body, false, &operator("mei")).await.unwrap();
        let Reply::Accepted(run) = reply else { panic!("{reply:?}") };
        assert_eq!(dry.body()["planHash"], run["planHash"]);
        let id = RunId(run["run"].as_str().unwrap().to_owned());
        if run["state"] == "waiting_for_approval" {
            let hash = run["planHash"].as_str().unwrap();
            self.actions.approve(&operator("lin"), &id, hash).await.unwrap();
            self.actions.start(&operator("mei"), &id).await.unwrap();
        }
        self.finish(&id).await;
    }

    async fn read(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("/Ops/AWSResource/{path}");
        dispatch(&self.actions, &path, method, &body, false, &operator("mei")).await.unwrap().body().clone()
    }
}

#[tokio::test]
async fn every_path_has_its_effect_at_a_real_server() {
    let moto = Moto::start().await;
    let made = moto.boto3("make").await;
    let text = |path: &str| made.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    let (first, second, third) = (text("/instances/0"), text("/instances/1"), text("/instances/2"));
    let (blue, green, quarantine) = (text("/groups/blue"), text("/groups/green"), text("/groups/quarantine"));
    let listener = text("/listener");
    let role = Role { arn: text("/role"), external_id: Some("nines".to_owned()) };
    // Everything goes through a role that is taken on first.
    let node = Node::new(moto.aws(Some(role)));
    let both = |id: &str| json!({"instanceIds": [id], "targetGroup": blue});

    node.post("EC2/InService", both(&third)).await;
    node.post("EC2/OffService", both(&first)).await;
    let state = node.read("POST", "ELB/GroupInstancesState", json!({"targetGroup": blue})).await;
    assert_eq!(state["instances"].as_array().unwrap().len(), 2, "{state}");
    let now = moto.boto3("read").await;
    assert_eq!(now["states"][&third], "running");
    assert_eq!(now["states"][&first], "stopped");
    let mut online = vec![second.clone(), third.clone()];
    online.sort();
    assert_eq!(now["targets"]["blue"], json!(online));

    node.post("EC2/Start", json!({"instanceIds": [first]})).await;
    node.post("ELB/Register", json!({"instanceIds": [first], "targetGroup": green})).await;
    node.post("ELB/Deregister", both(&second)).await;
    node.post("EC2/Stop", json!({"instanceIds": [second]})).await;
    let quarantined = json!({
        "listener": listener,
        "quarantineGroup": quarantine,
        "priority": 10,
        "host": "bad.example",
        "sourceIps": ["203.0.113.0/24"],
    });
    node.post("ELB/AddRuleQuarantine", quarantined).await;
    node.post("EC2/TerminatedUpdateTable", json!({"instanceId": second, "reason": "磁碟壞了 & \"gone\""}))
        .await;
    let template = json!({"name": "fresh", "imageId": text("/image"), "instanceType": "m7g.large"});
    node.post("ASG/CreateLaunchTemplate", template).await;
    let listed = node.read("GET", "ASG/LaunchTemplateList", json!({})).await;
    assert_eq!(listed["launchTemplates"].as_array().unwrap().len(), 2, "{listed}");
    node.post("ASG/SetDesiredCapacity", json!({"group": "web", "desiredCapacity": 3})).await;
    node.post("ASG/SetWeight", json!({"listener": listener, "weights": {&blue: 60, &green: 40}})).await;
    let weights = node.read("GET", "ASG/GroupWeight", json!({"listener": listener})).await;
    assert_eq!(weights, json!({"weights": {&blue: 60, &green: 40}}));

    let now = moto.boto3("read").await;
    assert_eq!((&now["states"][&first], &now["states"][&second]), (&json!("running"), &json!("stopped")));
    assert_eq!((&now["targets"]["green"], &now["targets"]["blue"]), (&json!([first]), &json!([third])));
    assert_eq!(now["weights"], json!({&blue: 60, &green: 40}));
    assert_eq!(now["rules"][0]["priority"], "10");
    assert_eq!(now["rules"][0]["conditions"], json!([["bad.example"], ["203.0.113.0/24"]]));
    assert_eq!(now["rules"][0]["to"], json!(quarantine));
    assert_eq!(now["desired"], 3);
    assert_eq!(now["terminated"], json!({second.as_str(): "磁碟壞了 & \"gone\""}));
    assert_eq!(now["templates"][0]["ImageId"], made["image"]);

    block_and_unblock(&moto, &node).await;
    what_is_not_there_is_refused(&moto, &node, &blue).await;
}

/// The block list, and the compensation of a run that adds to it.
async fn block_and_unblock(moto: &Moto, node: &Node) {
    let blocked = async || moto.boto3("read").await["blocked"].clone();
    let run = async |action: &str, addresses: &[&str]| {
        let values = json!({"list": "bad", "addresses": addresses});
        let intent = Intent::of_action(action, values.as_object().unwrap()).unwrap();
        let run = node.actions.submit(&operator("mei"), intent, &Request::default()).await.unwrap();
        node.actions.start(&operator("mei"), &run.id).await.unwrap();
        node.finish(&run.id).await;
    };
    run("waf.block", &["203.0.113.7/32", "198.51.100.1/32"]).await;
    assert_eq!(blocked().await, json!(["198.51.100.1/32", "203.0.113.7/32"]));
    run("waf.unblock", &["203.0.113.7/32"]).await;
    assert_eq!(blocked().await, json!(["198.51.100.1/32"]));
}

async fn what_is_not_there_is_refused(moto: &Moto, node: &Node, blue: &str) {
    let body = json!({"instanceIds": ["i-00000000000000001"], "targetGroup": blue});
    let path = "/Ops/AWSResource/EC2/InService";
    let refused = dispatch(&node.actions, path, "POST", &body, false, &operator("mei")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the plan is not possible: there is no instance/i-00000000000000001");
    let aws = moto.aws(None);
    let nowhere = [
        Query::Targets { group: blue.replace("/blue/", "/nothing/") },
        Query::Instance { instance: "i-00000000000000001".to_owned() },
        Query::ScalingGroup { group: "nothing".to_owned() },
        Query::Terminated { instance: "i-00000000000000001".to_owned() },
        Query::BlockList { list: "nothing".to_owned() },
    ];
    for query in nowhere {
        assert_eq!(aws.look(&query).await, Ok(Seen::Missing), "{query:?}");
    }
}

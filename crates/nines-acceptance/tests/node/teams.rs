//! F2: teams as tenants. Two teams on one node; what belongs to one is asked for by the other in every way that is open
//! to it, and nothing of it comes back.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Browser, Node};
use nines_api::{Method, ROUTES, Reach};
use serde_json::{Value, json};

/// In everything that belongs to the other team.
const CANARY: &str = "canary-of-pay";

const DOCUMENTS: &str = "apiVersion: nines/v1
kind: Team
metadata: {name: shop}
spec: {members: [lin]}
---
apiVersion: nines/v1
kind: Team
metadata: {name: pay}
spec: {members: [mei]}
---
apiVersion: nines/v1
kind: Service
metadata: {name: cart}
spec: {owner: shop}
---
apiVersion: nines/v1
kind: Service
metadata: {name: canary-of-pay}
spec: {owner: pay}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: cart-answers}
spec:
  service: cart
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  indicator:
    metadata: {name: cart-answers-sli}
    spec:
      ratioMetric:
        good: {metricSource: {type: nines, spec: {dataset: logs, filter: 'service.name: cart and severity: INFO'}}}
        total: {metricSource: {type: nines, spec: {dataset: logs, filter: 'service.name: cart'}}}
  objectives: [{target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: canary-of-pay-answers}
spec:
  service: canary-of-pay
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  indicator:
    metadata: {name: canary-of-pay-sli}
    spec:
      ratioMetric:
        good: {metricSource: {type: nines, spec: {dataset: logs, filter: 'service.name: canary-of-pay and severity: INFO'}}}
        total: {metricSource: {type: nines, spec: {dataset: logs, filter: 'service.name: canary-of-pay'}}}
  objectives: [{target: 0.99}]
";

/// Ways to ask for more than one's own.
const FILTERS: &[&str] = &[
    "",
    "service.name: canary-of-pay",
    "not service.name: cart",
    "service.name: cart or service.name: canary-of-pay",
    "service.name: *",
    "not (service.name: cart)",
    "body: canary",
    "canary-of-pay",
    "service.name != cart",
    "service.name: c*",
    "service.name: cart) or (service.name: canary-of-pay",
    "not secret: \"\"",
];

#[tokio::test]
async fn nothing_of_one_team_reaches_another() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let owner = node.api()?;
    let world = World::make(&node).await?;
    // By a key that is kept to the team, by a person's browser, and by that person's terminal.
    let made = json!({"name": "shop's", "role": "admin", "team": "shop"});
    let key = owner.post("/api/v1/keys", &made).await?;
    let lin = Browser::invited(&node, "lin", "member").await?;
    ensure!(lin.call("GET", "/api/v1/slos", None).await?.0 == 403, "a member of nothing sees nothing");
    let put = json!({"role": "admin"});
    owner
        .call("PUT", "/api/v1/teams/shop/members/lin", Some(("application/json", put.to_string().into())))
        .await?;
    let api = Api::new(&node.addresses.http, key["secret"].as_str().context("a secret")?);
    let mut asked = world.ask_everything(&api).await?;
    asked += world.ask_everything(&lin.terminal().await?).await?;
    println!("{asked} questions for another team's data, 0 answered");
    ensure!(asked >= 1_000, "only {asked} ways were tried");

    // Their own is all there.
    let slos = lin.get("/api/v1/slos").await?;
    ensure!(slos["slos"].as_array().is_some_and(|slos| slos.len() == 1), "{slos}");
    let own = lin.post("/api/v1/search", &json!({"dataset": "logs", "filter": ""})).await?;
    ensure!(own["rows"].as_array().is_some_and(|rows| rows.len() == 5), "{own}");
    let incidents = lin.get("/api/v1/incidents").await?;
    ensure!(incidents["incidents"].as_array().is_some_and(|all| all.len() == 1), "{incidents}");
    lin.post(&format!("/api/v1/incidents/{}/acknowledge", world.own_incident), &json!({})).await?;

    // An administrator of a team gives roles in it and nowhere else, and takes them away; both hold at once.
    let mei = Browser::invited(&node, "mei", "member").await?;
    let (status, _) =
        lin.call("PUT", "/api/v1/teams/shop/members/mei", Some(&json!({"role": "viewer"}))).await?;
    ensure!(status == 200, "{status}");
    mei.get(&format!("/api/v1/incidents/{}", world.own_incident)).await?;
    let step = format!("/api/v1/incidents/{}/note", world.own_incident);
    ensure!(mei.call("POST", &step, Some(&json!({"text": "x"}))).await?.0 == 403, "a viewer wrote");
    for (team, role, expected) in
        [("shop", "owner", 403), ("shop", "member", 400), ("pay", "viewer", 404), ("nothing", "viewer", 404)]
    {
        let path = format!("/api/v1/teams/{team}/members/mei");
        let (status, answer) = lin.call("PUT", &path, Some(&json!({"role": role}))).await?;
        ensure!(status == expected, "{role} in {team}: {status} {answer}");
    }
    ensure!(lin.call("DELETE", "/api/v1/teams/shop/members/mei", None).await?.0 == 204);
    ensure!(mei.call("GET", "/api/v1/incidents", None).await?.0 == 403, "a role outlived its taking");
    node.stop().await
}

struct World {
    own_incident: String,
    /// Paths with ids of what belongs to the other team.
    others: Vec<(&'static str, String)>,
}

impl World {
    async fn make(node: &Node) -> anyhow::Result<Self> {
        let owner = node.api()?;
        owner.apply(DOCUMENTS).await?;
        let ingest = Api::new(&node.addresses.http, &node.key("ingest.key")?);
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let mut lines = String::new();
        for number in 0..5 {
            for service in ["cart", CANARY] {
                let line = json!({"service.name": service, "severity": "INFO", "body": format!("{service} says {number}"),
                    "trace_id": trace, "secret": if service == CANARY { CANARY } else { "" }});
                lines.push_str(&format!("{line}\n"));
            }
        }
        let sent = ingest
            .call("POST", "/api/v1/ingest/logs", Some(("application/x-ndjson", lines.into_bytes())))
            .await?;
        ensure!(sent.0 == 200, "{sent:?}");
        let change = json!({"title": format!("{CANARY} 2.0"), "kind": "deploy", "service": CANARY});
        owner.post("/api/v1/changes", &change).await?;
        let alert = json!({"title": format!("{CANARY} burns"), "service": CANARY, "level": "P1"});
        ingest.post("/api/v1/alerts", &alert).await?;
        let mut ids = Vec::new();
        for service in ["cart", CANARY] {
            let report = json!({"class": "S1", "level": "P1", "service": service, "scope": service,
                "status": service, "started_at": "2026-01-01T00:00:00Z", "progress": "seen", "title": service});
            let made = owner.post("/api/v1/incidents", &report).await?;
            ids.push(made["id"].as_str().context("an id")?.to_owned());
        }
        let key = json!({"name": CANARY, "role": "viewer", "team": "pay"});
        let key = owner.post("/api/v1/keys", &key).await?["key"]["id"].as_str().context("an id")?.to_owned();
        let (slo, incident) = (format!("{CANARY}-answers"), ids.remove(1));
        let others = vec![
            ("/api/v1/slos/{name}", slo),
            ("/api/v1/incidents/{id}", incident),
            ("/api/v1/keys/{id}", key),
            ("/api/v1/traces/{trace_id}", trace.to_owned()),
            ("/api/v1/teams/{name}", "pay".to_owned()),
        ];
        Ok(Self { own_incident: ids.remove(0), others })
    }

    /// Puts every question to every route that is open to teams; gives how many there were.
    async fn ask_everything(&self, api: &Api) -> anyhow::Result<usize> {
        let mut asked = 0;
        for route in ROUTES.iter().filter(|route| matches!(route.reach, Reach::Teams | Reach::Rows)) {
            // It never ends; its events carry no id for those who do not see all.
            if ["events", "tail"].contains(&route.operation) {
                continue;
            }
            let path = self.path(route.path);
            match route.method {
                Method::Get => {
                    for filter in FILTERS {
                        let filter: String = url_encoded(filter);
                        for more in
                            ["", "&service=canary-of-pay", "&state=open", "&slo=canary-of-pay-answers"]
                        {
                            let path = format!("{path}?filter={filter}&start=2020-01-01T00:00:00Z{more}");
                            self.ask(api, route.method, &path, None).await?;
                            asked += 1;
                        }
                    }
                }
                Method::Post => {
                    for body in bodies() {
                        self.ask(api, route.method, &path, Some(&body)).await?;
                        asked += 1;
                    }
                }
                method => {
                    self.ask(api, method, &path, Some(&json!({"role": "viewer"}))).await?;
                    asked += 1;
                }
            }
        }
        // What is closed to teams is closed whatever is asked.
        for (method, path) in
            [("POST", "/api/v1/sql"), ("GET", "/prometheus/api/v1/series"), ("GET", "/api/v1/objects")]
        {
            let body = json!({"query": "SELECT * FROM logs"}).to_string().into_bytes();
            let (status, answer) = api.call(method, path, Some(("application/json", body))).await?;
            ensure!(status == 403 && !answer.to_string().contains(CANARY), "{path}: {status} {answer}");
        }
        Ok(asked)
    }

    fn path(&self, path: &str) -> String {
        let known = self.others.iter().find(|(template, _)| path.starts_with(template));
        let path = match known {
            Some((template, id)) => {
                let parameter = &template[template.find('{').unwrap_or_default()..];
                path.replacen(parameter, id, 1)
            }
            None => path.to_owned(),
        };
        path.replace("{step}", "note")
            .replace("{person}", "lin")
            .replace("{fingerprint}", "0000000000000000")
            .replace("{id}", "1")
    }

    async fn ask(&self, api: &Api, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<()> {
        let bytes = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let (status, answer) = api.call(method.as_str(), path, bytes).await?;
        ensure!(status < 500, "{} {path}: {status} {answer}", method.as_str());
        // What was asked may be said back in a refusal; data never is.
        let data = if status < 300 { answer.to_string() } else { String::new() };
        ensure!(
            !data.contains(CANARY),
            "{} {path} with {body:?} answered {status}: {answer}",
            method.as_str()
        );
        Ok(())
    }
}

/// A body for every call that takes one; what a call does not know it ignores or refuses.
fn bodies() -> Vec<Value> {
    let mut bodies = Vec::new();
    for dataset in ["logs", "spans", "changes", "pages"] {
        for filter in FILTERS {
            bodies.push(json!({
                "dataset": dataset, "filter": filter, "start": "2020-01-01T00:00:00Z", "limit": 100,
                "at": "2026-06-01T00:00:00Z", "stream": [], "selected": {"filter": filter},
                "split_by": "service.name", "fields": ["service.name", "body", "secret"],
                "service": "canary-of-pay", "baseline": {"filter": filter}, "candidate": {"filter": "*", "version": "1"},
                "class": "S1", "level": "P2", "scope": "s", "status": "s", "started_at": "2026-01-01T00:00:00Z",
                "progress": "p", "text": "t", "name": "x", "role": "viewer", "team": "pay",
            }));
        }
    }
    bodies
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

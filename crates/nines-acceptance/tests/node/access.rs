//! F1: who may call what, for every route that exists, over the wire.
//!
//! The table is `nines_api::ROUTES`, which the router itself is built from, so a route that is not covered here cannot
//! exist. The matrix is kept as a golden file for people to read.

use std::fmt::Write as _;

use nines_acceptance::{Api, Node, shared, workspace_root};
use nines_api::{Access, Method, ROUTES, Reach, Role, Route};
use serde_json::json;

/// A team with a service: rows can be told to belong to it.
const TEAM: &str = "apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {}\n---\n\
    apiVersion: nines/v1\nkind: Service\nmetadata: {name: cart}\nspec: {owner: shop}\n";

/// Who knocks.
struct Visitor {
    name: &'static str,
    key: String,
    role: Option<Role>,
    /// What they may do in one team.
    in_team: Option<Role>,
    /// May send telemetry.
    sends: bool,
    /// The key itself is refused, whatever the route.
    refused: bool,
}

#[tokio::test]
async fn every_route_admits_exactly_whom_the_table_says() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--anonymous-ingest", "false"]).await?;
    node.api()?.apply(TEAM).await?;
    let visitors = visitors(&node).await?;
    println!("{} routes as {} visitors", ROUTES.len(), visitors.len());
    let mut faults = Vec::new();
    for route in ROUTES {
        for visitor in &visitors {
            let api = Api::new(&node.addresses.http, &visitor.key);
            let status = api.status(route.method.as_str(), &concrete(route.path), sample(route)).await?;
            let admitted = status != 401 && status != 403;
            let expected = expected(route, visitor);
            // Somebody who tries wrong keys again and again is made to wait, which is no way in either.
            if visitor.refused && status == wait_status(route) {
                continue;
            }
            if admitted != (expected == 200) || (!admitted && status != expected) {
                faults.push(format!(
                    "{} {} as {}: {status}, expected {expected}",
                    route.method.as_str(),
                    route.path,
                    visitor.name
                ));
            }
            if status >= 500 {
                faults.push(format!(
                    "{} {} as {}: {status}",
                    route.method.as_str(),
                    route.path,
                    visitor.name
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    node.stop().await
}

/// How a door says "later" to somebody who tries wrong keys: the protocols of Splunk and Firehose have 503 for it, and
/// senders of remote write drop what is answered by 429.
fn wait_status(route: &Route) -> u16 {
    let says_unavailable = ["/services/collector", "/v1/firehose", "/prometheus/api/v1/write"];
    if says_unavailable.iter().any(|door| route.path.starts_with(door)) { 503 } else { 429 }
}

#[tokio::test]
async fn another_spelling_of_a_path_is_never_a_way_round() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--anonymous-ingest", "false"]).await?;
    let stranger = Api::new(&node.addresses.http, "");
    let mut faults = Vec::new();
    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        let path = concrete(route.path);
        let tail = path.trim_start_matches('/');
        let variants = [
            format!("//{tail}"),
            format!("/./{tail}"),
            format!("/x/../{tail}"),
            format!("/%2e/{tail}"),
            format!("{path}/"),
            format!("{path}//"),
            format!("{path};x=1"),
            format!("{path}%2f"),
            format!("{path}%00"),
            path.replacen('/', "/%2f", 1),
            path.to_uppercase(),
            path.replace("api", "%61pi"),
            route.path.to_owned(),
        ];
        for variant in variants {
            tried += 1;
            let status = stranger.raw_status(route.method.as_str(), &variant).await?;
            // The web application answers any page-like path; what it serves is public.
            let served = (200..300).contains(&status)
                && !(route.method == Method::Get && stranger.is_page(&variant).await?);
            if served || status >= 500 {
                faults.push(format!("{} {variant}: {status}", route.method.as_str()));
            }
        }
    }
    println!("{tried} spellings tried");
    assert!(faults.is_empty(), "{faults:#?}");
    node.stop().await
}

#[test]
fn the_matrix_in_the_reference_is_fresh() {
    let mut text = String::from(
        "# Who may call what\n\nGenerated from `nines_api::ROUTES`; `NINES_BLESS=1` with the test `the_matrix_in_the_reference_is_fresh` rewrites it.\n\n",
    );
    text.push_str("| method | path | anybody | ingest key | member | viewer | responder | editor | admin | owner | in a team |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for route in ROUTES {
        let _ = write!(text, "| {} | `{}` |", route.method.as_str(), route.path);
        let mark = |yes: bool| if yes { " ✓ |" } else { " · |" };
        text.push_str(mark(route.access == Access::Public));
        text.push_str(mark(matches!(route.access, Access::Public | Access::Ingest)));
        for role in Role::ALL {
            text.push_str(mark(match route.access {
                Access::Public => true,
                // No key opens it: see the summary of the route.
                Access::Signed => false,
                Access::Ingest => role >= Role::Editor,
                Access::AtLeast(least) => role >= least,
            }));
        }
        text.push_str(match route.reach {
            Reach::Node => " · |\n",
            Reach::Teams => " its services |\n",
            Reach::Rows => " its rows |\n",
            Reach::Caller => " ✓ |\n",
        });
    }
    let path = workspace_root().join("docs/reference/access.md");
    if std::env::var_os("NINES_BLESS").is_some() {
        #[expect(clippy::disallowed_methods, reason = "a test that rewrites its golden file")]
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        text,
        "docs/reference/access.md is stale: run `make bless` and read it"
    );
}

async fn visitors(node: &Node) -> anyhow::Result<Vec<Visitor>> {
    let owner = node.api()?;
    let mut visitors = vec![
        Visitor {
            name: "nobody",
            key: String::new(),
            role: None,
            in_team: None,
            sends: false,
            refused: false,
        },
        Visitor {
            name: "a wrong key",
            key: "nin_k_AAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            role: None,
            in_team: None,
            sends: false,
            refused: true,
        },
        Visitor {
            name: "an ingest key",
            key: node.key("ingest.key")?,
            role: None,
            in_team: None,
            sends: true,
            refused: false,
        },
        Visitor {
            name: "owner",
            key: node.key("owner.key")?,
            role: Some(Role::Owner),
            in_team: None,
            sends: true,
            refused: false,
        },
    ];
    for role in [Role::Viewer, Role::Responder, Role::Editor, Role::Admin] {
        let made =
            owner.post("/api/v1/keys", &json!({ "name": role.as_str(), "role": role.as_str() })).await?;
        let key = made["secret"].as_str().unwrap_or_default().to_owned();
        visitors.push(Visitor {
            name: role.as_str(),
            key,
            role: Some(role),
            in_team: None,
            sends: role >= Role::Editor,
            refused: false,
        });
    }
    for role in [Role::Viewer, Role::Responder, Role::Editor, Role::Admin] {
        let name = format!("{} of a team", role.as_str());
        let made = json!({ "name": name, "role": role.as_str(), "team": "shop" });
        let made = owner.post("/api/v1/keys", &made).await?;
        let key = made["secret"].as_str().unwrap_or_default().to_owned();
        visitors.push(Visitor {
            name: role.as_str(),
            key,
            role: Some(Role::Member),
            in_team: Some(role),
            sends: false,
            refused: false,
        });
    }
    let revoked = owner.post("/api/v1/keys", &json!({ "name": "revoked", "role": "admin" })).await?;
    owner
        .call("DELETE", &format!("/api/v1/keys/{}", revoked["key"]["id"].as_str().unwrap_or_default()), None)
        .await?;
    let key = revoked["secret"].as_str().unwrap_or_default().to_owned();
    visitors.push(Visitor {
        name: "a revoked key",
        key,
        role: None,
        in_team: None,
        sends: false,
        refused: true,
    });
    Ok(visitors)
}

/// 200 stands for "let in": what the handler then says about the sample is its own affair.
fn expected(route: &Route, visitor: &Visitor) -> u16 {
    let known = visitor.role.is_some() || visitor.sends;
    let let_in = match route.access {
        Access::Public => return 200,
        // Nobody here can sign, whatever their key.
        Access::Signed => return 401,
        Access::Ingest => visitor.sends,
        // A key that is kept to a team opens what is about teams, rows, or the key itself.
        Access::AtLeast(least) => match (visitor.in_team, route.reach) {
            (Some(_), Reach::Node) => false,
            (Some(role), Reach::Teams | Reach::Rows) => role >= least,
            _ => visitor.role.is_some_and(|role| role >= least),
        },
    };
    match (let_in, known) {
        (true, _) => 200,
        (false, true) => 403,
        (false, false) => 401,
    }
}

/// The path with something that does not exist in each parameter, so that the sweep changes nothing.
fn concrete(path: &str) -> String {
    path.replace("{step}", "note")
        .replace("{dataset}", "spans")
        .replace("{trace_id}", "00000000000000000000000000000000")
        .replace("{*path}", "some-page")
        .replace("{kind}", "SLO")
        .replace("{name}", "no-such-thing")
        .replace("{token}", "no-such-token")
        .replace("{person}", "nobody")
        .replace("{code}", "no-such-code")
        .replace("{id}", "INC-2000-9999")
}

fn sample(route: &Route) -> Option<(&'static str, Vec<u8>)> {
    (route.method == Method::Post).then(|| ("application/json", b"{}".to_vec()))
}

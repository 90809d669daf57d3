//! A whole incident without a desk: once by two phones and their browsers, once by what Slack sends and nothing else.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Browser, Node, Provider, alone, eventually, workspace_root};
use serde_json::{Value, json};

use crate::incident::{command, interaction, node_with_slack, press};

const PAGE: &str =
    "{\"title\": \"Shop\", \"components\": [{\"name\": \"Payments\", \"services\": [\"shop\"]}]}";

/// A team of two, each with a channel of the given kind, and a policy that calls one after the other.
fn documents(channel: impl Fn(&str) -> String) -> String {
    let person = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}-phone}}\nspec: {}\n---\n\
             apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {{name: {name}}}\n\
             spec: {{high: [{{channel: {name}-phone}}], low: []}}\n---\n",
            channel(name)
        )
    };
    person("mei")
        + &person("bo")
        + "apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {members: [mei, bo], firstLine: true}\n---\n\
           apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {name: shop}\nspec:\n  steps:\n\
           \x20   - {name: on call, targets: [{person: mei}], timeout: 15m}\n\
           \x20   - {name: second, targets: [{person: bo}], timeout: 15m}\n---\n\
           apiVersion: nines/v1\nkind: Service\nmetadata: {name: shop}\nspec: {owner: shop}\n"
}

async fn alert(owner: &Api) -> anyhow::Result<()> {
    let alert = json!({"title": "payments fail in Taipei", "level": "P1", "service": "shop"});
    owner.post("/api/v1/alerts", &alert).await.map(drop)
}

#[tokio::test]
async fn an_incident_is_run_by_touch_on_two_phones() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let (owner, provider) = (node.api()?, Provider::start().await?);
    owner.apply(&documents(|name| format!("{{type: webhook, url: '{}/{name}'}}", provider.url))).await?;
    owner.post("/api/v1/status-pages/shop", &serde_json::from_str(PAGE)?).await?;
    let people =
        [Browser::invited(&node, "mei", "editor").await?, Browser::invited(&node, "lin", "admin").await?];
    alert(&owner).await?;
    let call = eventually("somebody to be called", || async {
        let taken = provider.taken().await;
        Ok(taken.into_iter().map(|(_, page)| page).find(|page| page["type"] == "oncall.call"))
    })
    .await?;
    let incident = call["data"]["incident"].as_str().context("a call names its incident")?;
    let cookies = json!(people.iter().map(Browser::cookie).collect::<Vec<_>>()).to_string();
    let walked = nines_base::spawn::program("node")
        .envs(std::env::vars_os())
        .args(["e2e/phone.mjs"])
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_INCIDENT", incident)
        .env("NINES_PEOPLE", cookies)
        .current_dir(workspace_root().join("ui"))
        .output()
        .await
        .context("node could not be started")?;
    let told = String::from_utf8_lossy(&walked.stdout);
    println!("{told}");
    ensure!(walked.status.success(), "{told}\n{}", String::from_utf8_lossy(&walked.stderr));
    ensure!(provider.called("bo", "shop").await.is_some(), "the next person was not called");
    let shown = owner.get(&format!("/api/v1/incidents/{incident}")).await?;
    ensure!(shown["incident"]["state"] == "reviewed" && shown["incident"]["commander"] == "lin", "{shown:#}");
    node.stop().await
}

#[tokio::test]
async fn an_incident_is_run_by_slack_alone() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let (node, slack, base) = node_with_slack(folder.path(), "bo:responder").await?;
    let owner = node.api()?;
    let channel = |name: &str| {
        format!("{{type: slack, apiUrl: '{base}', token: xoxb-1, channel: D-{name}, interactive: true}}")
    };
    owner.apply(&documents(channel)).await?;
    alert(&owner).await?;
    // From here on nothing but what Slack was sent, and what it sends back.
    let message = |person: &'static str| {
        let slack = &slack;
        async move {
            eventually("the message of a call", || async {
                let posted = slack.of("chat.postMessage");
                Ok(posted.into_iter().find(|it| it["channel"] == format!("D-{person}")))
            })
            .await
        }
    };
    let buttons = message("mei").await?["blocks"].clone();
    let elements: Vec<Value> = buttons
        .as_array()
        .context("blocks")?
        .iter()
        .flat_map(|block| block["elements"].as_array().cloned().unwrap_or_default())
        .collect();
    let value = |action: &str| {
        let found = elements.iter().find(|it| it["action_id"] == action);
        found.and_then(|it| it["value"].as_str()).map(str::to_owned)
    };
    let id = value("nines_acknowledge").context("a button to acknowledge")?;
    let button = |user: &str, action: &str| {
        interaction(user, &base, json!({"actions": [{"action_id": format!("nines_{action}"), "value": id}]}))
    };
    let answered =
        |answers: &[Vec<(u16, String)>]| answers.iter().flatten().all(|(status, _)| *status == 200);

    let answers = press(&node, json!([button("U1", "acknowledge"), button("U1", "escalate")])).await?;
    ensure!(answered(&answers), "{answers:?}");
    message("bo").await?;
    // Less than it looked like: one that needs no postmortem to be closed.
    let level = json!({"actions": [{"action_id": "nines_confirm", "selected_option": {"value": format!("P2:{id}")}}]});
    let answers = press(&node, json!([interaction("U2", &base, level), button("U2", "update")])).await?;
    ensure!(answered(&answers), "{answers:?}");
    let view = slack.of("views.open").first().context("a dialog")?["view"].clone();
    let values = json!({"text": {"value": {"value": "the last deploy is being taken back"}}});
    let sent = json!({"type": "view_submission", "view": {
        "callback_id": view["callback_id"], "private_metadata": view["private_metadata"], "state": {"values": values}}});
    let calls = json!([
        interaction("U2", &base, sent),
        command("U2", &format!("assign {id} bo")),
        command("U2", &format!("note {id} pool size back to 20")),
        command("U2", &format!("mitigate {id} the deploy was taken back")),
        command("U2", &format!("resolve {id} a config of the last deploy")),
        command("U2", &format!("review {id} a canary would have caught it")),
        command("U2", "list"),
    ]);
    let answers = press(&node, calls).await?;
    ensure!(answered(&answers), "{answers:?}");
    ensure!(
        answers[0][0].1.contains("clear") && answers[6][0].1.contains("no incident is open"),
        "{answers:?}"
    );
    let refused: Vec<&String> =
        answers.iter().flatten().map(|(_, said)| said).filter(|said| said.contains("refused")).collect();
    ensure!(refused.is_empty(), "{refused:?}");

    let shown = owner.get(&format!("/api/v1/incidents/{id}")).await?;
    let incident = &shown["incident"];
    ensure!(incident["state"] == "reviewed" && incident["commander"] == "bo", "{incident:#}");
    ensure!(incident["confirmed_level"] == "P2" && incident["confirmed_by"] == "bo", "{incident:#}");
    let timeline = shown["timeline"].to_string();
    for words in ["the last deploy is being taken back", "pool size back to 20", "bo called by bo-phone"] {
        ensure!(timeline.contains(words), "{words}: {timeline}");
    }
    node.stop().await
}

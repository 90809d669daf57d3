//! Registering a service gives it promises with a reasoned target, alerts that reach its team's policy, and a dashboard.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::{Node, Provider, Spans, eventually, shared};
use nines_base::SystemClock;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};

use crate::oncall::documents;

const HOUR: u64 = 3_600_000_000_000;

fn now_nanos() -> u64 {
    u64::try_from(SystemClock::shared().now().as_nanos()).unwrap_or(0)
}

/// The results of an apply: kind and name, outcome, whether there is a reason.
fn given(answer: &Value) -> Vec<(String, String, bool)> {
    let results = answer["results"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    results
        .iter()
        .filter(|it| it["kind"] == "SLO")
        .map(|it| (text(&it["name"]), text(&it["outcome"]), it["reason"].is_string()))
        .collect()
}

#[tokio::test]
async fn a_registered_service_promises_pages_and_is_drawn_by_itself() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let provider = Provider::start().await?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let api = node.api()?;
    let client = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    let send = |first, count, at, fail_every| {
        let spans = Spans { service: "checkout", first, count, at, fail_every };
        let mut client = client.clone();
        async move { spans.send(&mut client).await }
    };

    // First telemetry, of nobody: what it could promise, from its past, and that nobody would hear of it.
    for part in 0..10 {
        send(part * 1_000, 1_000, now_nanos() - (10 - part) * HOUR, 5_000).await?;
    }
    let path = "/api/v1/services/checkout/defaults";
    let proposed = api.get(path).await?;
    ensure!(proposed["registered"] == false && proposed["slos"] == json!([]), "{proposed}");
    ensure!(proposed["route"]["by"] == "nobody", "{proposed}");
    let [availability, latency] = proposed["proposals"].as_array().map(Vec::as_slice).unwrap_or_default()
    else {
        anyhow::bail!("{proposed}");
    };
    // 2 of 10 000 failed: a fifth of the budget of 99.9 %.
    ensure!(availability["target"] == 0.999, "{availability}");
    let reason = availability["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("99.98% of 10000 requests") && reason.contains("uses 20%"), "{reason}");
    // They took 10 ms: the next step with room is 25.
    ensure!(latency["yaml"].as_str().is_some_and(|yaml| yaml.contains("value: 25")), "{latency}");
    let drawn = api.get("/api/v1/services/checkout/dashboard").await?;
    ensure!(drawn["document"]["spec"]["panels"][0]["id"] == "requests", "{drawn}");

    // Registering it is enough; asking what would happen changes nothing.
    let text = documents(&provider.url);
    let yaml = || Some(("application/yaml", text.clone().into_bytes()));
    let wanted = |outcome: &str| {
        let one = |name: &str| (name.to_owned(), outcome.to_owned(), true);
        vec![one("checkout-availability"), one("checkout-latency")]
    };
    let (status, tried) = api.call("POST", "/api/v1/apply?dry_run=true", yaml()).await?;
    ensure!(status == 200 && given(&tried) == wanted("created"), "{tried}");
    ensure!(api.get("/api/v1/slos").await?["slos"] == json!([]), "a dry run made promises");
    let (status, applied) = api.call("POST", "/api/v1/apply", yaml()).await?;
    ensure!(status == 200 && given(&applied) == wanted("created"), "{applied}");
    let has = api.get(path).await?;
    ensure!(has["registered"] == true, "{has}");
    ensure!(has["slos"] == json!(["checkout-availability", "checkout-latency"]), "{has}");
    ensure!(has["route"]["by"] == "policy" && has["route"]["policy"] == "shop", "{has}");
    let drawn = api.get("/api/v1/services/checkout/dashboard").await?;
    let panels = drawn["document"]["spec"]["panels"].to_string();
    ensure!(panels.contains(r#""slo":"checkout-availability""#), "{panels}");

    // Its alert calls who is on call by the team's policy.
    eventually("the past to be counted", || async {
        let slo = api.get("/api/v1/slos/checkout-availability").await?;
        Ok((slo["total"] == 10_000).then_some(()))
    })
    .await?;
    let clock = SystemClock::shared();
    let began = clock.monotonic();
    eventually("ann to be called", || async {
        let first = 20_000 + u64::try_from((clock.monotonic() - began).as_millis())? * 10;
        send(first, 500, now_nanos(), 2).await?;
        Ok(provider.called("ann", "checkout").await)
    })
    .await?;
    let after = clock.monotonic() - began;
    ensure!(after <= Duration::from_secs(60), "{after:?}");

    // What somebody removes stays away, and a service that has its own is given none.
    api.call("DELETE", "/api/v1/objects/SLO/checkout-latency", None).await?;
    let (_, again) = api.call("POST", "/api/v1/apply", yaml()).await?;
    ensure!(given(&again).is_empty(), "{again}");
    let bare = "apiVersion: nines/v1\nkind: Service\nmetadata: {name: cart}\nspec: {owner: shop}\n";
    let body = || Some(("application/yaml", bare.as_bytes().to_vec()));
    let (_, asked) = api.call("POST", "/api/v1/apply?defaults=false", body()).await?;
    ensure!(given(&asked).is_empty(), "{asked}");
    node.stop().await
}

#[tokio::test]
async fn a_service_without_a_past_promises_the_default_and_is_not_shown_as_good() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let bare = "apiVersion: nines/v1\nkind: Service\nmetadata: {name: cart}\nspec: {owner: nobody-yet}\n";
    let (_, applied) =
        api.call("POST", "/api/v1/apply", Some(("application/yaml", bare.as_bytes().to_vec()))).await?;
    ensure!(given(&applied) == [("cart-availability".to_owned(), "created".to_owned(), true)], "{applied}");
    ensure!(applied["warnings"].to_string().contains("nobody is told when `cart` fails"), "{applied}");
    let slo = api.get("/api/v1/slos/cart-availability").await?;
    ensure!(slo["target"] == 0.999 && slo["measurement"] != "measured", "{slo}");
    ensure!(slo["status"].is_null(), "{slo}");
    node.stop().await
}

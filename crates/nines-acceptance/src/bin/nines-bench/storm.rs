//! B3, B5 and B6: how soon people are called, how exactly the next one is, and what a storm does to both.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::{Node, Provider, Storm, eventually};
use serde_json::json;

use crate::figures::distribution;

/// Teams, each with somebody on call and somebody who is next; one person's limit of messages is not reached.
const TEAMS: usize = 200;
const SERVICES_EACH: usize = 5;
/// A thousand in a minute.
const OVER: Duration = Duration::from_secs(60);
/// How long the first step of each policy waits.
const STEP: Duration = Duration::from_secs(30);

/// A channel that leads to the provider, a person called by it, and a team with nothing else.
fn person(name: &str, hook: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}-hook}}\n\
         spec: {{type: webhook, url: '{hook}/{name}'}}\n---\n\
         apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {{name: {name}}}\n\
         spec: {{high: [{{channel: {name}-hook}}], low: []}}\n---\n"
    )
}

fn team(index: usize, hook: &str) -> String {
    let (first, next) = (format!("first-{index}"), format!("next-{index}"));
    let mut yaml = person(&first, hook) + &person(&next, hook);
    yaml += &format!(
        "apiVersion: nines/v1\nkind: Team\nmetadata: {{name: team-{index}}}\nspec: {{members: [{first}, {next}]}}\n---\n\
         apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {{name: team-{index}}}\nspec:\n  steps:\n\
         \x20   - {{name: first, targets: [{{person: {first}}}], timeout: {}s}}\n\
         \x20   - {{name: next, targets: [{{person: {next}}}], timeout: 30m}}\n",
        STEP.as_secs()
    );
    for service in 0..SERVICES_EACH {
        yaml += &format!(
            "---\napiVersion: nines/v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{owner: team-{index}}}\n",
            name(index, service)
        );
    }
    yaml
}

fn name(team: usize, service: usize) -> String {
    format!("service-{team}-{service}")
}

fn is_of_next(page: &serde_json::Value) -> bool {
    page["type"] == "oncall.call"
        && page["data"]["person"].as_str().is_some_and(|name| name.starts_with("next-"))
}

/// A thousand alerts a minute, each of a service of its own, none acknowledged.
pub async fn pace() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let (api, provider) = (node.api()?, Provider::start().await?);
    for chunk in (0..TEAMS).collect::<Vec<_>>().chunks(20) {
        let yaml: Vec<String> = chunk.iter().map(|index| team(*index, &provider.url)).collect();
        api.apply(&yaml.join("---\n")).await?;
    }
    let clock = provider.clock.clone();
    let (began, total) = (clock.monotonic(), TEAMS * SERVICES_EACH);
    let mut acknowledged = Vec::with_capacity(total);
    for number in 0..total {
        let due = began + OVER.mul_f64(number as f64 / total as f64);
        clock.sleep(due.saturating_sub(clock.monotonic())).await;
        let service = name(number % TEAMS, number / TEAMS);
        let alert = json!({"title": format!("{service} is down"), "level": "P0", "service": service});
        api.post("/api/v1/alerts", &alert).await?;
        acknowledged.push((number % TEAMS, service, clock.monotonic()));
    }
    // The last of those who are next, and a minute for whoever is late.
    clock.sleep(STEP).await;
    let all = eventually("everybody who is next to be called", || async {
        let called = provider.taken().await.iter().filter(|(_, page)| is_of_next(page)).count();
        Ok((called >= total).then_some(()))
    });
    if let Err(error) = all.await {
        println!("   {error:#}");
    }
    let (mut first, mut off) = (Vec::new(), Vec::new());
    for (team, service, at) in &acknowledged {
        let called = provider.called(&format!("first-{team}"), service).await;
        let next = provider.called(&format!("next-{team}"), service).await;
        let Some(called) = called else { continue };
        first.push(called.saturating_sub(*at).as_secs_f64());
        let Some(next) = next else { continue };
        off.push((next.as_secs_f64() - called.as_secs_f64() - STEP.as_secs_f64()).abs());
    }
    println!(
        "B5 {total} alerts in {} s, {} called; ack to the provider's request: {}",
        OVER.as_secs(),
        first.len(),
        distribution(&mut first)
    );
    println!("B3 the next person, beside the policy's {} s: {}", STEP.as_secs(), distribution(&mut off));
    ensure!(first.len() == total, "{} of {total} were called", first.len());
    node.stop().await
}

/// Fifty thousand alerts in five minutes and one P0 that has nothing to do with them.
pub async fn rage() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let provider = Provider::start().await?;
    let yaml = person("ann", &provider.url)
        + "apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {members: [ann], firstLine: true}\n---\n\
           apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {name: shop}\n\
           spec: {steps: [{name: on call, targets: [{person: ann}], timeout: 30m}]}\n";
    node.api()?.apply(&yaml).await?;
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let over = Duration::from_secs(number("NINES_STORM_SECS", 300) as u64);
    let storm = Storm { alerts: number("NINES_STORM_ALERTS", 50_000), services: 50, over };
    let ledger = storm.rage(&node, &provider).await?;
    println!("{ledger}");
    ensure!(ledger.received == ledger.sent as u64, "not all are counted");
    ensure!(ledger.most.1 <= 10, "somebody had more than ten messages in five minutes");
    ensure!(ledger.grave_after <= Duration::from_secs(30), "the unrelated P0 waited");
    node.stop().await
}

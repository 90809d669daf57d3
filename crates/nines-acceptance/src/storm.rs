//! Alerts by the thousand through a real node: what one person is called for, how soon, and what all of it costs.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{Api, Node, Provider, eventually};

/// Alerts of one request: what an Alertmanager in trouble sends at once.
const BATCH: usize = 50;
/// The window within which nobody may get more than ten messages.
pub const WINDOW: Duration = Duration::from_secs(300);

/// A storm, and one grave thing that has nothing to do with it.
pub struct Storm {
    pub alerts: usize,
    pub services: usize,
    /// From the first alert to the last; zero sends as fast as the node takes them.
    pub over: Duration,
}

/// What came of it.
pub struct Ledger {
    pub sent: usize,
    pub received: u64,
    pub open: u64,
    pub incidents: usize,
    /// From the answer to the unrelated P0 to the provider's request.
    pub grave_after: Duration,
    pub took: Duration,
    /// Whoever had most messages in any five minutes, and how many.
    pub most: (String, usize),
    pub digesting: u64,
    pub rss_before: u64,
    pub rss_after: u64,
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "B6 {} alerts in {:.1} s: {} counted, {} open, {} incidents; the unrelated P0 called {:.2} s after its answer; \
             {} had most messages in five minutes, {}; {} wait for a digest; memory {:.0} MB before, {:.0} MB after",
            self.sent,
            self.took.as_secs_f64(),
            self.received,
            self.open,
            self.incidents,
            self.grave_after.as_secs_f64(),
            self.most.0,
            self.most.1,
            self.digesting,
            self.rss_before as f64 / 1e6,
            self.rss_after as f64 / 1e6,
        )
    }
}

impl Storm {
    /// `ann` of team `shop` is on call for everything, by a channel that leads to `provider`.
    pub async fn rage(&self, node: &Node, provider: &Provider) -> anyhow::Result<Ledger> {
        let api = node.api()?;
        let clock = provider.clock.clone();
        let rss_before = memory(&api).await?;
        let began = clock.monotonic();
        let mut sending = tokio::task::JoinSet::new();
        let batches = self.alerts.div_ceil(BATCH);
        let mut grave_at = None;
        for batch in 0..batches {
            if batch == batches / 2 {
                let grave = json!({"title": "payments are lost", "level": "P0", "service": "payment"});
                let answer = api.post("/api/v1/alerts", &grave).await?;
                ensure!(answer["alerts"][0]["received"] == "new", "{answer}");
                grave_at = Some(clock.monotonic());
            }
            let due = began + self.over.mul_f64(batch as f64 / batches as f64);
            clock.sleep(due.saturating_sub(clock.monotonic())).await;
            let alerts: Vec<Value> = (batch * BATCH..((batch + 1) * BATCH).min(self.alerts))
                .map(|number| {
                    let service = number % self.services;
                    json!({
                        "title": format!("pod {number} of service {service} is not ready"), "level": "P1",
                        "service": format!("service-{service}"), "labels": {"pod": number.to_string()},
                    })
                })
                .collect();
            let api = api.clone();
            sending.spawn(async move { api.post("/api/v1/alerts", &Value::Array(alerts)).await });
            // As many connections as a sender would keep.
            if sending.len() >= 16
                && let Some(sent) = sending.join_next().await
            {
                sent??;
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        let took = clock.monotonic() - began;
        let grave_at = grave_at.unwrap_or(began);
        let called = eventually("the P0 to call ann in the middle of the storm", || async {
            Ok(provider.called("ann", "payment").await)
        })
        .await?;
        let (incidents, digesting) =
            eventually("the storm to have become incidents and a digest", || async {
                let open = api.get("/api/v1/incidents?state=open").await?;
                let incidents = open["incidents"].as_array().map_or(0, Vec::len);
                let status = api.get("/api/v1/status").await?;
                let digesting = status["paging"]["digesting"].as_u64().unwrap_or(0);
                let had_digests =
                    provider.taken().await.iter().any(|(_, page)| page["type"] == "oncall.digest");
                let is_told = digesting > 0 || had_digests;
                Ok((incidents == self.services + 1 && is_told).then_some((incidents, digesting)))
            })
            .await?;
        let counts = api.get("/api/v1/alerts").await?["foreign_counts"].clone();
        Ok(Ledger {
            sent: self.alerts + 1,
            received: counts["received"].as_u64().unwrap_or(0),
            open: counts["open"].as_u64().unwrap_or(0),
            incidents,
            grave_after: called.saturating_sub(grave_at),
            took,
            most: provider.most_in(WINDOW).await,
            digesting,
            rss_before,
            rss_after: memory(&api).await?,
        })
    }
}

async fn memory(api: &Api) -> anyhow::Result<u64> {
    Ok(api.get("/api/v1/status").await?["memory_bytes"].as_u64().unwrap_or(0))
}

//! A provider of messages as the node meets it: a webhook that keeps what it is sent, with the instant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use nines_base::{SharedClock, SystemClock};
use serde_json::Value;
use tokio::sync::Mutex;

/// Bodies with the instants at which they came.
type Taken = Arc<Mutex<Vec<(Duration, Value)>>>;

/// Cloning shares everything. Instants are monotonic time of this process.
#[derive(Clone)]
pub struct Provider {
    pub clock: SharedClock,
    pub url: String,
    taken: Taken,
}

impl Provider {
    pub async fn start() -> anyhow::Result<Self> {
        let clock = SystemClock::shared();
        let taken = Taken::default();
        let keep = |State((clock, taken)): State<(SharedClock, Taken)>, body: String| async move {
            let at = clock.monotonic();
            taken.lock().await.push((at, serde_json::from_str(&body).unwrap_or(Value::String(body))));
        };
        let router =
            axum::Router::new().route("/{name}", post(keep)).with_state((clock.clone(), taken.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { clock, url, taken })
    }

    /// In the order in which it came.
    pub async fn taken(&self) -> Vec<(Duration, Value)> {
        self.taken.lock().await.clone()
    }

    /// When a call of the person about the service first came.
    pub async fn called(&self, person: &str, service: &str) -> Option<Duration> {
        let taken = self.taken.lock().await;
        let is_it = |page: &Value| {
            let data = &page["data"];
            page["type"] == "oncall.call" && data["person"] == person && data["service"] == service
        };
        taken.iter().find(|(_, page)| is_it(page)).map(|(at, _)| *at)
    }

    /// The most messages that one person got within any window of that length.
    pub async fn most_in(&self, window: Duration) -> (String, usize) {
        let mut by_person: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        for (at, page) in self.taken.lock().await.iter() {
            if let Some(person) = page["data"]["person"].as_str() {
                by_person.entry(person.to_owned()).or_default().push(*at);
            }
        }
        let most = by_person.into_iter().map(|(person, times)| {
            let within =
                |from: &Duration| times.iter().filter(|at| **at >= *from && **at < *from + window).count();
            (times.iter().map(within).max().unwrap_or(0), person)
        });
        let (count, person) = most.max().unwrap_or_default();
        (person, count)
    }
}

//! What reached the people, told by the receiver and not by the nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::Mutex;

use super::postgres::{Epochs, Postgres};

#[derive(Debug, Clone)]
struct Taken {
    id: String,
    /// As the page says; 0 if it says none.
    epoch: i64,
    /// The lease's when it came; `None` if PostgreSQL did not say.
    current: Option<i64>,
    page: Value,
}

/// A webhook that keeps what it is sent. Cloning shares it.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// Calls about one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// By the page's id: to whom, and how often it came.
    pub pages: BTreeMap<String, (String, usize)>,
    pub incident: Option<String>,
}

impl Calls {
    pub fn reached(&self, person: &str) -> bool {
        self.pages.values().any(|(called, _)| called == person)
    }

    /// What came more than once.
    pub fn duplicates(&self) -> usize {
        self.pages.values().map(|(_, count)| count - 1).sum()
    }
}

impl Receiver {
    pub async fn start(postgres: &Postgres) -> anyhow::Result<Self> {
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let keep = |State((epochs, taken)): State<(Epochs, Arc<Mutex<Vec<Taken>>>)>,
                    headers: HeaderMap,
                    body: String| async move {
            let current = epochs.now().await.ok();
            let header =
                |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let one = Taken {
                id: header("webhook-id").to_owned(),
                epoch: header("nines-epoch").parse().unwrap_or(0),
                current,
                page: serde_json::from_str(&body).unwrap_or_default(),
            };
            taken.lock().await.push(one);
        };
        let router = axum::Router::new()
            .route("/{name}", post(keep))
            .with_state((postgres.epochs(), Arc::clone(&taken)));
        let listener = tokio::net::TcpListener::bind((postgres.here(), 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, taken })
    }

    pub async fn calls(&self, service: &str) -> Calls {
        let mut calls = Calls::default();
        for one in self.taken.lock().await.iter() {
            let data = &one.page["data"];
            if one.page["type"] != "oncall.call" || data["service"] != service {
                continue;
            }
            let person = data["person"].as_str().unwrap_or_default().to_owned();
            calls.pages.entry(one.id.clone()).or_insert((person, 0)).1 += 1;
            calls.incident = data["incident"].as_str().map(str::to_owned).or(calls.incident);
        }
        calls
    }

    /// How many pages came in all.
    pub async fn count(&self) -> usize {
        self.taken.lock().await.len()
    }

    /// Pages that were sent in another epoch than the lease's when they came.
    pub async fn stale(&self) -> Vec<String> {
        let taken = self.taken.lock().await;
        let is_stale = |one: &&Taken| one.current.is_some_and(|current| one.epoch != current);
        taken
            .iter()
            .filter(is_stale)
            .map(|one| format!("{} of epoch {} came in {:?}", one.id, one.epoch, one.current))
            .collect()
    }
}

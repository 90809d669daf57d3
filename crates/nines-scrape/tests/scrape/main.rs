//! Scraping as a whole: loops in virtual time, HTTP to a server of our own and into a store, and upstream's Prometheus
//! and node exporter beside them where they are installed.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

mod http;
mod loops;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use nines_scrape::{AppendError, Appended, Appender, Batch, LabelSet, PointValue};
use nines_secrets::{SecretError, SecretRef, SecretResolver, SecretText};
use nines_series::Labels;
use parking_lot::Mutex;

/// Keeps what it gets.
#[derive(Default)]
struct Kept(Mutex<Vec<Batch>>);

#[async_trait::async_trait]
impl Appender for Kept {
    async fn append(&self, batch: Batch) -> Result<Appended, AppendError> {
        let written = batch.points.len() as u64;
        self.0.lock().push(batch);
        Ok(Appended { written, rejected: 0 })
    }

    async fn living(&self, _: &LabelSet, _: i64, _: i64) -> Result<Vec<Labels>, AppendError> {
        Ok(Vec::new())
    }
}

impl Kept {
    fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Time and value of each sample of a series, in the order of their arrival; NaN is a marker.
    fn series(&self, labels: &str) -> Vec<(i64, f64)> {
        let batches = self.0.lock();
        let points = batches.iter().flat_map(|batch| &batch.points);
        let points = points.filter(|point| point.labels.to_string() == labels);
        points
            .map(|point| match point.value {
                PointValue::Float(value) => (point.t_ms, value),
                PointValue::Histogram(_) => (point.t_ms, f64::INFINITY),
            })
            .collect()
    }
}

/// Waits for something that other tasks are about to do.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} did not happen");
}

/// A vault with `secret://token` in it.
struct OneSecret;

impl SecretResolver for OneSecret {
    fn resolve_all(&self, reference: &SecretRef) -> Result<Vec<SecretText>, SecretError> {
        match reference.name.as_str() {
            "token" => Ok(vec![SecretText::new("fr0m-the-vault")]),
            _ => Err(SecretError::NotFound { name: reference.name.to_string() }),
        }
    }
}

fn nobody() -> Arc<dyn nines_scrape::Names> {
    struct Nobody;

    #[async_trait::async_trait]
    impl nines_scrape::Names for Nobody {
        async fn lookup(
            &self,
            name: &str,
            _: nines_scrape::config::RecordType,
        ) -> Result<Vec<nines_scrape::Record>, nines_scrape::DnsError> {
            Err(nines_scrape::DnsError::NoAnswer {
                name: name.to_owned(),
                reason: "nobody is there".to_owned(),
            })
        }
    }
    Arc::new(Nobody)
}

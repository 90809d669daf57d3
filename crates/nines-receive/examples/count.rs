//! A receiver whose sink only counts: what arrives is added up by dataset and service, and printed as JSON on Ctrl-C.
//! For trying a sender without a store: `cargo run --release -p nines-receive --example count -- 4317 4318`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use nines_base::{Shutdown, SystemClock};
use nines_model::{Batch, field};
use nines_receive::{AnonymousGate, Limits, OtlpReceiver, Sink, SinkError};
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Default)]
struct Sums {
    count: u64,
    i: i64,
    f: f64,
    value: f64,
    duration_ns: i64,
}

#[derive(Default)]
struct CountingSink(Mutex<BTreeMap<(String, String), Sums>>);

#[async_trait::async_trait]
impl Sink for CountingSink {
    async fn submit(&self, batches: Vec<Batch>, _bytes: u64) -> Result<(), SinkError> {
        let mut sums = self.0.lock().expect("no holder panics");
        for batch in batches {
            for row in batch.rows.iter() {
                let service = row.service().unwrap_or("").to_owned();
                let sums = sums.entry((service, batch.dataset.to_string())).or_default();
                let int = |name| row.get(name).and_then(|value| value.as_int()).unwrap_or(0);
                let float = |name| row.get(name).and_then(|value| value.as_f64()).unwrap_or(0.0);
                sums.count += 1;
                sums.i += int("i");
                sums.f += float("f");
                sums.value += float(field::VALUE);
                sums.duration_ns += int(field::DURATION_NS);
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ports = std::env::args().skip(1).map(|port| port.parse::<u16>());
    let mut listener = async || -> Result<TcpListener, Box<dyn std::error::Error>> {
        let port = ports.next().transpose()?.unwrap_or(0);
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        eprintln!("listening on {}", listener.local_addr()?);
        Ok(listener)
    };
    let (grpc, http) = (listener().await?, listener().await?);
    let sink = Arc::new(CountingSink::default());
    let receiver =
        OtlpReceiver::new(Limits::default(), sink.clone(), Arc::new(AnonymousGate), SystemClock::shared());
    let shutdown = Shutdown::new();
    let stop = async {
        let waited = tokio::signal::ctrl_c().await;
        shutdown.begin();
        waited
    };
    let (_, _, waited) =
        tokio::join!(receiver.serve(grpc, shutdown.clone()), receiver.serve(http, shutdown.clone()), stop);
    waited?;

    let mut report = BTreeMap::<String, BTreeMap<String, serde_json::Value>>::new();
    for ((service, dataset), sums) in sink.0.lock().expect("no holder panics").iter() {
        let sums = json!({
            "count": sums.count, "sum_i": sums.i, "sum_f": sums.f, "sum_value": sums.value,
            "sum_duration_ns": sums.duration_ns,
        });
        report.entry(service.clone()).or_default().insert(dataset.clone(), sums);
    }
    println!(
        "{}",
        serde_json::to_string_pretty(
            &json!({ "received": report, "stats": format!("{:?}", receiver.stats()) })
        )?
    );
    Ok(())
}

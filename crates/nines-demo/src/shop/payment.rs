//! Charges, with a pool of database connections. Where the flag `inline-fraud-check` is on, a charge holds its
//! connection while it is checked, and the pool runs dry.

use std::time::Duration;

use axum::http::StatusCode;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::call::{Call, Failure};
use super::topology::FRAUD_FLAG;

pub(super) const CHARGES: &str = "/charges";

/// Connections of one pod: at 3 charges per second of 30 ms each, one is usually enough.
pub(super) const POOL_SIZE: usize = 2;

/// A charge that cannot have a connection in this time opens one of its own, which the database allows but hates.
const POOL_WAIT_MAX: Duration = Duration::from_millis(900);

const CHARGE_TIME: Duration = Duration::from_millis(20);
/// Two connections serve 2 ÷ 1.6 s = 1.25 charges per second then: less than come.
const FRAUD_CHECK_TIME: Duration = Duration::from_millis(1600);

/// Of all cards, this share is declined. That is no failure of ours.
const DECLINED_SHARE: f64 = 0.02;

pub(super) async fn charge(call: Call) -> Result<&'static str, Failure> {
    let checked = call.pod.world.settings.load().fraud_flag.contains(&call.pod.identity.region);
    call.attribute("feature_flag.key", FRAUD_FLAG);
    call.attribute("feature_flag.result.variant", if checked { "on" } else { "off" });

    let began = call.pod.clock().monotonic();
    let acquire = call.child("acquire connection", SpanKind::Internal, vec![]);
    let connection = tokio::select! {
        connection = call.pod.connections.acquire() => connection.ok(),
        () = call.pod.clock().sleep(POOL_WAIT_MAX) => None,
    };
    acquire.end();
    let waited = call.pod.clock().monotonic().saturating_sub(began);
    let used = POOL_SIZE - call.pod.connections.available_permits();
    call.attribute("db.client.connection.pool.name", "payment");
    call.attribute("db.client.connection.wait_ms", waited.as_secs_f64() * 1e3);
    call.attribute("db.client.connection.pool.utilization", used as f64 / POOL_SIZE as f64);
    call.pod
        .telemetry
        .pool_wait
        .record(waited.as_secs_f64(), &[KeyValue::new("db.client.connection.pool.name", "payment")]);
    if connection.is_none() {
        let body =
            format!("connection pool exhausted: {used} of {POOL_SIZE} in use for {} ms", waited.as_millis());
        call.warn(body, vec![("feature_flag.key", FRAUD_FLAG.to_owned())]);
    }

    let insert = call.child(
        "INSERT charge",
        SpanKind::Client,
        vec![
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.operation.name", "INSERT"),
            KeyValue::new("db.query.text", "INSERT INTO charge (order_id, amount) VALUES ($1, $2)"),
        ],
    );
    insert.work(CHARGE_TIME).await;
    insert.end();
    if checked {
        let check = call.child("fraud check", SpanKind::Internal, vec![]);
        check.work(FRAUD_CHECK_TIME).await;
        check.end();
    }
    drop(connection);
    if call.pod.random.unit() < DECLINED_SHARE {
        call.info("card declined".to_owned(), vec![]);
        return Err(Failure::new(StatusCode::PAYMENT_REQUIRED, "Declined", "card declined"));
    }
    Ok("charged")
}

//! Orders: reserve, charge, confirm. Release 2.4.1 converts currencies with a table that it does not have.

use std::time::Duration;

use axum::http::StatusCode;

use super::call::{Call, Failure};
use super::gateway::passed_on;
use super::topology::{BAD_CHECKOUT, Service};
use super::{inventory, payment};

pub(super) const ORDERS: &str = "/orders";

const RESERVE_WAIT: Duration = Duration::from_millis(2500);
const CHARGE_WAIT: Duration = Duration::from_millis(3500);

/// Of the orders that release 2.4.1 gets, this share needs a conversion; the others are in its own currency.
const CONVERTED_SHARE: f64 = 0.94;
/// And of those, this share waits for the exchange rates until the time-out instead of failing at once.
const WAITING_SHARE: f64 = 0.2;
const RATES_WAIT: Duration = Duration::from_millis(1200);

pub(super) async fn order(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(4)).await;
    let items = 1 + call.pod.random.below(5);
    call.attribute("shop.order.items", i64::try_from(items).unwrap_or(1));
    if call.pod.identity.release == BAD_CHECKOUT && call.pod.random.unit() < CONVERTED_SHARE {
        return Err(convert_currency(&call).await);
    }
    passed_on(Service::Inventory, call.ask(Service::Inventory, inventory::RESERVATIONS, RESERVE_WAIT).await)?;
    passed_on(Service::Payment, call.ask(Service::Payment, payment::CHARGES, CHARGE_WAIT).await)?;
    call.info(format!("order placed, {items} items"), vec![]);
    Ok("ordered")
}

/// What is new in release 2.4.1, and wrong.
async fn convert_currency(call: &Call) -> Failure {
    let (status, kind, message, line) = if call.pod.random.unit() < WAITING_SHARE {
        call.pod.clock().sleep(RATES_WAIT).await;
        (StatusCode::GATEWAY_TIMEOUT, "TimeoutError", "exchange rates did not answer within 1200 ms", 131)
    } else {
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "MissingRateError",
            "no exchange rate for TWD in table `rates_v2`",
            118,
        )
    };
    let stack = format!(
        "checkout::currency::convert at src/currency.rs:{line}\ncheckout::order::total at src/order.rs:64\n\
         checkout::handlers::order at src/handlers.rs:37"
    );
    call.exception(kind, message, &stack);
    Failure::new(status, kind, message)
}

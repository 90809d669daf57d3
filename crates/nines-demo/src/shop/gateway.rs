//! The edge: what shoppers ask for, and from whom it is got.

use std::time::Duration;

use axum::http::StatusCode;

use super::call::{Call, Failure, Reply};
use super::topology::Service;
use super::{checkout, inventory, recommendation};

pub(super) const BROWSE: &str = "/products";
pub(super) const SEARCH: &str = "/search";
pub(super) const CHECKOUT: &str = "/checkout";

/// A page without recommendations is better than a page too late.
const RECOMMENDATION_WAIT: Duration = Duration::from_millis(800);
const STOCK_WAIT: Duration = Duration::from_millis(2500);
const ORDER_WAIT: Duration = Duration::from_millis(4000);

pub(super) async fn browse(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(3)).await;
    let reply = call.ask(Service::Recommendation, recommendation::ROUTE, RECOMMENDATION_WAIT).await;
    if !matches!(&reply, Ok(reply) if reply.status.is_success()) {
        call.attribute("shop.page.degraded", true);
        call.warn("page without recommendations".to_owned(), vec![]);
    }
    Ok("products")
}

pub(super) async fn search(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(2)).await;
    passed_on(Service::Inventory, call.ask(Service::Inventory, inventory::STOCK, STOCK_WAIT).await)?;
    Ok("results")
}

pub(super) async fn checkout(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(3)).await;
    passed_on(Service::Checkout, call.ask(Service::Checkout, checkout::ORDERS, ORDER_WAIT).await)?;
    Ok("ordered")
}

/// An error of a service behind is ours towards the shopper.
pub(super) fn passed_on(service: Service, reply: Result<Reply, Failure>) -> Result<(), Failure> {
    match reply {
        Ok(reply) if reply.status.is_server_error() => {
            let message = format!("{} answered {}", service.as_str(), reply.status.as_u16());
            Err(Failure::new(StatusCode::BAD_GATEWAY, "UpstreamError", message))
        }
        Ok(reply) if reply.status.is_client_error() => {
            Err(Failure::new(reply.status, "Refused", format!("{} refused", service.as_str())))
        }
        Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}

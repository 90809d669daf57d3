//! The API as data: what crosses the wire, which routes exist, who may call them and which errors they answer.
//! The server, the client, the command line, the OpenAPI document and the web's types are all built from here.
//!
//! Conventions: snake_case keys; times are RFC 3339 in UTC; durations and sizes carry their unit in the name; lists are
//! newest first unless said otherwise; an absent value is `null` or left out, never an empty string; errors are
//! [`Problem`] documents. Nothing here behaves.

mod alerts;
mod apm;
mod audit;
mod browsers;
mod credit;
mod dashboards;
mod explore;
mod fleet;
mod incidents;
mod intake;
mod inventory;
mod learning;
mod oncall;
mod openapi;
mod operations;
mod patterns;
mod people;
mod policies;
mod probes;
mod problem;
mod replay;
mod route;
mod routes;
mod secrets;
mod session;
mod slos;
mod status;
mod statuspage;
mod telemetry;

pub use alerts::*;
pub use apm::*;
pub use audit::*;
pub use browsers::*;
pub use credit::*;
pub use dashboards::*;
pub use explore::*;
pub use fleet::*;
pub use incidents::*;
pub use intake::*;
pub use inventory::*;
pub use learning::*;
pub use oncall::*;
pub use openapi::openapi;
pub use operations::*;
pub use patterns::*;
pub use people::*;
pub use policies::*;
pub use probes::*;
pub use problem::{Fault, Problem};
pub use replay::*;
pub use route::{Access, Method, Reach, Role, Route};
pub use routes::{ROUTES, topic};
pub use secrets::*;
pub use session::*;
pub use slos::*;
pub use status::*;
pub use statuspage::*;
pub use telemetry::*;

/// RFC 3339, UTC.
pub type Time = String;

//! The demo shop: five retail services that really call one another over HTTP, their traffic, and four ways to break
//! them. Everything that Nines is shown doing with it, it does from the telemetry alone.
//!
//! ```text
//!   shoppers ──► gateway ─┬─► recommendation
//!  (open loop)            ├─► inventory ◄──┐            each of them: 2 or 3 pods in each of 3 regions,
//!                         └─► checkout ────┴─► payment  OpenTelemetry SDK, OTLP/gRPC to the node
//! ```
//!
//! Words
//! - **Pod**: one axum server on a loopback port with a telemetry pipeline and a resource of its own. Deploying starts
//!   new pods of another version and drains the old ones.
//! - **Story** ([`Story`]): a change that breaks a promise, how it is found, and its undo. The fault comes *with* the
//!   change (a version, a configuration, a flag); nothing but the shop's own code knows of it.
//! - **Outcome** ([`Outcome`]): when it was noticed, paged and mended, as the node and the receiver of the page tell it.
//!
//! Deliberately absent: knowledge of the node's inside. The shop sends OTLP, the player uses the public API, and the
//! receiver verifies signatures with code of its own.

mod documents;
mod play;
mod receiver;
mod run;
mod shop;
mod story;
mod wait;

pub use documents::{SLOS, documents};
pub use play::{Outcome, PlayError, Verdict};
pub use receiver::{Received, Receiver, SignatureError, verify};
pub use run::{Command, DemoError, Options, Target, run};
pub use shop::{BAD_CHECKOUT, Region, Release, Sender, Service, Shop, ShopError, Traffic};
pub use story::Story;

/// Where `nines demo` keeps the node's data unless told otherwise.
pub const DATA_DIR: &str = "nines-demo-data";

/// Takes the sentences of the narration, one line each.
pub type Say = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

//! Receives telemetry over the network: OTLP over gRPC and over HTTP, what other agents speak over HTTP ([`Doors`]), and syslog
//! ([`Syslog`]).
//!
//! An export request goes through the same steps whichever way it came: who sends it, and whether they have used up what
//! they may ([`IngestGate`]) → is there room ([`Limits`]) → read the body → decompress and decode on a blocking thread → take
//! it from the sender's limits → [`Sink::submit`] → answer.
//!
//! # Promises
//! - **A success answer means durable**: it is sent after the sink has said so, never before.
//! - **Nothing is dropped by an unlucky answer.** OTLP clients retry on HTTP 429, 502, 503 and 504, on gRPC
//!   `UNAVAILABLE`, and on `RESOURCE_EXHAUSTED` with `RetryInfo`, and drop the data on everything else. So whatever may succeed later (overload, a full disk, a stop)
//!   is 429 or 503 with `Retry-After`, or `UNAVAILABLE` (a limit that somebody set: `RESOURCE_EXHAUSTED`) with `RetryInfo`;
//!   what can never succeed is 400, 413 or 415, or `INVALID_ARGUMENT` or `RESOURCE_EXHAUSTED` without `RetryInfo`.
//! - **Memory is bounded** whatever clients do: by requests, by bytes in flight, by the size after decompression (which
//!   stops at the limit, not after it), by connections, and by time for a slow sender or reader ([`Connections`]).
//!
//! gRPC is spoken here directly (a unary call is a five-byte prefix and two trailers) rather than through a server
//! library, so that the limits, the one decompressor and the exact status codes are ours. Either kind of listener
//! accepts both protocols; two ports exist because clients expect them.

mod body;
mod budget;
mod config;
mod connections;
mod doors;
mod gate;
mod grpc;
mod http;
mod ingest;
mod metered;
mod receiver;
mod refusal;
mod serve;
mod sink;
mod stats;
mod syslog;
mod watch;

pub use config::Limits;
pub use connections::{ConnectionStats, Connections, Cut};
pub use doors::{Doors, Receipts, ReceiptsError};
pub use gate::{AnonymousGate, GateError, IngestGate, IngestIdentity, key};
pub use metered::Metered;
pub use receiver::OtlpReceiver;
pub use serve::{Site, serve};
pub use sink::{Sink, SinkError};
pub use stats::Stats;
pub use syslog::{Syslog, SyslogLimits, SyslogStats};

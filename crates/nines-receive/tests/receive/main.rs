//! A receiver on a real socket, and clients that behave and that do not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod bombs;
mod doors;
mod grpc;
mod http;
mod lifecycle;
mod pressure;
mod support;
mod syslog;

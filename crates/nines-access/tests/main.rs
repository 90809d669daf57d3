//! Tests of the access service as handlers see it, on the store in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

mod audit;
mod contract;
mod matrix;
mod service;

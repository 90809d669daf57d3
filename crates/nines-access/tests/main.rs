//! Tests of the access service as handlers see it, on the store in memory.

mod audit;
mod contract;
mod matrix;
mod service;

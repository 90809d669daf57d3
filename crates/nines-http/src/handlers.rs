//! One module for each part of the API. A handler takes what its extractors checked, makes one call, renders.

pub mod alerts;
pub mod apm;
pub mod audit;
pub mod changes;
pub mod explore;
pub mod export;
pub mod incidents;
pub mod jaeger;
pub mod patterns;
pub mod prometheus;
pub mod replay;
pub mod saved;
pub mod session;
pub mod slos;
pub mod status;
pub mod stream;
pub mod tail;
pub mod telemetry;
pub mod web;

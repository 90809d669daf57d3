//! One module for each part of the API. A handler takes what its extractors checked, makes one call, renders.

pub mod alertmanager;
pub mod alerts;
pub mod apm;
pub mod audit;
pub mod changes;
pub mod explore;
pub mod export;
pub mod incidents;
pub mod infra;
pub mod intake;
pub mod jaeger;
pub mod oncall;
pub mod operations;
pub mod patterns;
pub mod prometheus;
pub mod replay;
pub mod saved;
pub mod session;
pub mod silences;
pub mod slos;
pub mod sns;
pub mod status;
pub mod stream;
pub mod tail;
pub mod telemetry;
pub mod web;

//! One module for each part of the API. A handler takes what its extractors checked, makes one call, renders.

pub mod alerts;
pub mod audit;
pub mod changes;
pub mod incidents;
pub mod session;
pub mod slos;
pub mod status;
pub mod stream;
pub mod telemetry;
pub mod web;

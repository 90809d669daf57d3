//! Domain types as they cross the wire. Pure.

pub mod alerts;
pub mod apm;
pub mod incidents;
pub mod jaeger;
pub mod learning;
pub mod oncall;
pub mod operations;
pub mod picture;
pub mod slos;
pub mod traces;

//! Domain types as they cross the wire. Pure.

pub mod alerts;
pub mod apm;
pub mod credit;
pub mod csv;
pub mod incidents;
pub mod inventory;
pub mod jaeger;
pub mod learning;
pub mod oncall;
pub mod operations;
pub mod picture;
pub mod slos;
pub mod traces;

//! Domain types as they cross the wire. Pure.

pub mod alerts;
pub mod incidents;
pub mod slos;
pub mod traces;

//! Questions over hot and cold telemetry; the only crate that knows DataFusion.

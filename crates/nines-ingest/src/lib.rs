//! From a decoded batch to a durable, visible one: limits, group commit, observers.

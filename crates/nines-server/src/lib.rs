//! One node: configuration, wiring, control loops, start and stop.

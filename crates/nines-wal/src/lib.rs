//! The journal: append, fsync together, replay.

//! Durable control state in SQLite behind the traits that the operations crates declare.

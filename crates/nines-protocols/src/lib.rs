//! Wire formats to events and back. Bytes in, [`nines_model::Event`]s out: nothing here does IO, reads a clock or
//! keeps state between calls, so every decoder can be fuzzed and replayed.
//!
//! Each protocol is one module. A decoder promises three things for *any* input: it returns (no panic, no stack
//! overflow), it allocates in proportion to the input, and an error says what is wrong and where.

pub mod otlp;

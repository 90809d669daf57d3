//! Pages that arrive: the durable outbox and one module for each channel.

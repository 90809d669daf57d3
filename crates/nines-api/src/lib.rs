//! Wire types, error codes and routes as data; no behaviour.

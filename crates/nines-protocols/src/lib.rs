//! Wire formats to events and back, without IO.

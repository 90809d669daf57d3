//! The engine over a real store: hot rows, sealed segments, and both at once.

mod query {
    mod aggregates;
    mod limits;
    mod lowering;
    mod malformed;
    mod search;
    mod sql;
    mod support;
}

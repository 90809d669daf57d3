//! The language as its users see it: what parses to what, what selects what, and what is refused how.

mod filter {
    mod malformed;
    mod properties;
    mod semantics;
}

//! The standards that come with Nines. They are documents like everybody's own: apply one of the same name to change it,
//! or with `disabled: true` to put it aside.

use std::sync::OnceLock;

use crate::standard::{self, Standard};

/// By area.
pub const TEXTS: [&str; 5] = [
    include_str!("builtin/tags.yaml"),
    include_str!("builtin/identity.yaml"),
    include_str!("builtin/compute.yaml"),
    include_str!("builtin/data.yaml"),
    include_str!("builtin/edge.yaml"),
];

/// All of them.
pub fn standards() -> Vec<Standard> {
    static PARSED: OnceLock<Vec<Standard>> = OnceLock::new();
    let parse = || {
        let parsed = TEXTS.iter().map(|text| standard::parse(None, text).expect("a test reads all of them"));
        parsed.flatten().collect()
    };
    PARSED.get_or_init(parse).clone()
}

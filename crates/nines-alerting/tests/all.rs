//! The one integration-test binary of this crate.

#[path = "all/machine.rs"]
mod machine;
#[path = "all/messages.rs"]
mod messages;
#[path = "all/scene.rs"]
mod scene;

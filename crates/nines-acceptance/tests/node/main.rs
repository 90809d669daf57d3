//! A node as users meet it.

mod access;
mod durability;
mod guides;
mod malformed;
mod sdks;
mod stories;

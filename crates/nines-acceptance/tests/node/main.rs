//! A node as users meet it.

mod durability;
mod sdks;

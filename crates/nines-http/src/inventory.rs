//! The inventory, as handlers reach it.

use std::sync::Arc;

use async_trait::async_trait;
use nines_inventory::{Inventory, InventoryError, Listing, Merged};

/// What is kept, and whoever fetches it.
pub struct InventoryDesk {
    pub inventory: Arc<Inventory>,
    /// `None`: no provider is set up, so everything comes from files.
    pub collector: Option<Arc<dyn Collector>>,
}

/// A listing that was taken in, with what it changed.
pub struct Collected {
    pub listing: Listing,
    pub merged: Merged,
}

/// Asks the providers for everything and takes it in. One at a time: who comes second waits.
#[async_trait]
pub trait Collector: Send + Sync {
    /// What was found, kind by kind; a kind that refused is among them with its reason.
    ///
    /// # Errors
    /// [`InventoryError::Conflict`] if no provider says who we are; those of the store.
    async fn collect(&self) -> Result<Vec<Collected>, InventoryError>;
}

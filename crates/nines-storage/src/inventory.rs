use std::path::Path;
use std::sync::Arc;

use nines_model::Dataset;

use crate::catalog::Catalog;
use crate::{SegmentFile, StoreError};

/// The segments that count, oldest first in each dataset.
#[derive(Debug, Default)]
pub struct Inventory {
    pub here: Vec<Arc<SegmentFile>>,
    /// Only in the object store.
    pub elsewhere: Vec<Arc<SegmentFile>>,
}

/// By the catalog file; `root` is the store's folder that the paths of segments are in. Changes nothing, and works beside a
/// running node: for backups and checks. Damaged ones that were put in quarantine are left out.
///
/// # Errors
/// If the catalog cannot be read or is of a newer version.
pub async fn inventory(catalog: &Path, root: &Path) -> Result<Inventory, StoreError> {
    let catalog = Catalog::open_read_only(catalog, root).await?;
    let mut inventory = Inventory::default();
    for dataset in Dataset::ALL {
        let record = catalog.load(dataset).await?;
        let is_elsewhere =
            |segment: &Arc<SegmentFile>| record.kept.contains(&segment.id) && !segment.path.exists();
        let (elsewhere, here): (Vec<_>, Vec<_>) = record.segments.into_iter().partition(is_elsewhere);
        inventory.here.extend(here);
        inventory.elsewhere.extend(elsewhere);
    }
    catalog.close().await;
    Ok(inventory)
}

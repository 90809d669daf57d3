use std::path::Path;
use std::sync::Arc;

use nines_model::Dataset;

use crate::catalog::Catalog;
use crate::{SegmentFile, StoreError};

/// The segments that count, by the catalog file, oldest first in each dataset; `root` is the store's folder that their
/// paths are in. Changes nothing, and works beside a running node: for backups and checks. Damaged ones that were put
/// in quarantine are left out.
///
/// # Errors
/// If the catalog cannot be read or is of a newer version.
pub async fn inventory(catalog: &Path, root: &Path) -> Result<Vec<Arc<SegmentFile>>, StoreError> {
    let catalog = Catalog::open_read_only(catalog, root).await?;
    let mut segments = Vec::new();
    for dataset in Dataset::ALL {
        segments.extend(catalog.load(dataset).await?.segments);
    }
    catalog.close().await;
    Ok(segments)
}

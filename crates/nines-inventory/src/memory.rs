//! An inventory that is kept in memory, for tests.

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::listing::ListingState;
use crate::report::Day;
use crate::resource::{Resource, ResourceKey};
use crate::service::{Repository, Stored};
use crate::waiver::Waiver;
use crate::{InventoryError, format};

/// Keeps the persisted forms, so that whoever uses it tests them too.
#[derive(Default)]
pub struct MemoryInventory {
    held: Mutex<Maps>,
}

type Map = std::collections::BTreeMap<String, String>;

#[derive(Default)]
struct Maps {
    resources: Map,
    listings: Map,
    waivers: Map,
    standards: Map,
    days: Map,
}

#[async_trait]
impl Repository for MemoryInventory {
    async fn load(&self) -> Result<Stored, InventoryError> {
        let held = self.held.lock();
        fn all<T>(
            map: &Map,
            read: fn(&str, &str) -> Result<T, InventoryError>,
        ) -> Result<Vec<T>, InventoryError> {
            map.iter().map(|(key, body)| read(key, body)).collect()
        }
        Ok(Stored {
            resources: all(&held.resources, format::decode_resource)?,
            listings: all(&held.listings, format::decode_listing)?,
            waivers: all(&held.waivers, format::decode_waiver)?,
            standards: held.standards.clone().into_iter().collect(),
            days: all(&held.days, format::decode_day)?,
        })
    }

    async fn put_listing(
        &self,
        state: &ListingState,
        resources: &[Resource],
        forgotten: &[ResourceKey],
    ) -> Result<(), InventoryError> {
        let mut held = self.held.lock();
        let key = format!("{}/{}/{}/{}", state.provider, state.account, state.region, state.kind);
        held.listings.insert(key, format::encode_listing(state)?);
        for key in forgotten {
            held.resources.remove(&key.to_string());
        }
        for resource in resources {
            held.resources.insert(resource.key.to_string(), format::encode_resource(resource)?);
        }
        Ok(())
    }

    async fn put_waiver(&self, waiver: &Waiver) -> Result<(), InventoryError> {
        self.held.lock().waivers.insert(waiver.id.clone(), format::encode_waiver(waiver)?);
        Ok(())
    }

    async fn remove_waiver(&self, id: &str) -> Result<(), InventoryError> {
        self.held.lock().waivers.remove(id);
        Ok(())
    }

    async fn put_standards(&self, standards: &[(String, String)]) -> Result<(), InventoryError> {
        self.held.lock().standards.extend(standards.iter().cloned());
        Ok(())
    }

    async fn remove_standard(&self, name: &str) -> Result<(), InventoryError> {
        self.held.lock().standards.remove(name);
        Ok(())
    }

    async fn put_day(&self, day: &Day, first_kept: &str) -> Result<(), InventoryError> {
        let mut held = self.held.lock();
        held.days.insert(day.day.clone(), format::encode_day(day)?);
        held.days.retain(|day, _| day.as_str() >= first_kept);
        Ok(())
    }
}

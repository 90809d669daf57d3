//! The inventory in `control.db`.

use async_trait::async_trait;
use nines_inventory::format;
use nines_inventory::{Day, InventoryError, ListingState, Repository, Resource, ResourceKey, Stored, Waiver};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "inventory",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/inventory/0001_inventory.sql") }],
};

/// Keeps it in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteInventory {
    database: Database,
}

impl SqliteInventory {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn all(&self, sql: &'static str) -> Result<Vec<(String, String)>, InventoryError> {
        let found = sqlx::query_as(sql).fetch_all(self.database.readers()).await;
        found.map_err(failed("read the inventory"))
    }

    /// One statement with a name and perhaps a body.
    async fn write(
        &self,
        operation: &'static str,
        sql: &'static str,
        name: &str,
        body: Option<&str>,
    ) -> Result<(), InventoryError> {
        let mut write = self.database.write().await.map_err(store(operation))?;
        let mut query = sqlx::query(sql).bind(name);
        if let Some(body) = body {
            query = query.bind(body);
        }
        query.execute(&mut *write).await.map_err(failed(operation))?;
        write.commit().await.map_err(failed(operation))
    }
}

fn read<T>(
    rows: Vec<(String, String)>,
    decode: fn(&str, &str) -> Result<T, InventoryError>,
) -> Result<Vec<T>, InventoryError> {
    rows.iter().map(|(key, body)| decode(key, body)).collect()
}

#[async_trait]
impl Repository for SqliteInventory {
    async fn load(&self) -> Result<Stored, InventoryError> {
        let resources = self.all("SELECT key, body FROM inventory_resources ORDER BY key").await?;
        let listings = self.all("SELECT key, body FROM inventory_listings ORDER BY key").await?;
        let waivers = self.all("SELECT id, body FROM inventory_waivers ORDER BY id").await?;
        let days = self.all("SELECT day, body FROM inventory_days ORDER BY day").await?;
        Ok(Stored {
            resources: read(resources, format::decode_resource)?,
            listings: read(listings, format::decode_listing)?,
            waivers: read(waivers, format::decode_waiver)?,
            standards: self.all("SELECT name, yaml FROM inventory_standards ORDER BY name").await?,
            days: read(days, format::decode_day)?,
        })
    }

    async fn put_listing(
        &self,
        state: &ListingState,
        resources: &[Resource],
        forgotten: &[ResourceKey],
    ) -> Result<(), InventoryError> {
        const OPERATION: &str = "store a listing";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let key = format!("{}/{}/{}/{}", state.provider, state.account, state.region, state.kind);
        sqlx::query("INSERT OR REPLACE INTO inventory_listings (key, body) VALUES (?, ?)")
            .bind(key)
            .bind(format::encode_listing(state)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        for key in forgotten {
            sqlx::query("DELETE FROM inventory_resources WHERE key = ?")
                .bind(key.to_string())
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        for resource in resources {
            sqlx::query("INSERT OR REPLACE INTO inventory_resources (key, body) VALUES (?, ?)")
                .bind(resource.key.to_string())
                .bind(format::encode_resource(resource)?)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn put_waiver(&self, waiver: &Waiver) -> Result<(), InventoryError> {
        let body = format::encode_waiver(waiver)?;
        let sql = "INSERT OR REPLACE INTO inventory_waivers (id, body) VALUES (?, ?)";
        self.write("store a waiver", sql, &waiver.id, Some(&body)).await
    }

    async fn remove_waiver(&self, id: &str) -> Result<(), InventoryError> {
        self.write("remove a waiver", "DELETE FROM inventory_waivers WHERE id = ?", id, None).await
    }

    async fn put_standards(&self, standards: &[(String, String)]) -> Result<(), InventoryError> {
        const OPERATION: &str = "store standards";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        for (name, yaml) in standards {
            sqlx::query("INSERT OR REPLACE INTO inventory_standards (name, yaml) VALUES (?, ?)")
                .bind(name)
                .bind(yaml)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove_standard(&self, name: &str) -> Result<(), InventoryError> {
        self.write("remove a standard", "DELETE FROM inventory_standards WHERE name = ?", name, None).await
    }

    async fn put_day(&self, day: &Day, first_kept: &str) -> Result<(), InventoryError> {
        const OPERATION: &str = "store the score of a day";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        sqlx::query("INSERT OR REPLACE INTO inventory_days (day, body) VALUES (?, ?)")
            .bind(&day.day)
            .bind(format::encode_day(day)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        sqlx::query("DELETE FROM inventory_days WHERE day < ?")
            .bind(first_kept)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn store(operation: &'static str) -> impl FnOnce(StateError) -> InventoryError {
    move |error| InventoryError::Store { operation, source: Box::new(error) }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> InventoryError {
    move |error| store(operation)(StateError::query(operation)(error))
}

//! The inventory in a node: kept in `control.db`, collected from the configured accounts, its score kept by day.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use nines_actions::cloud::aws::Aws;
use nines_actions::cloud::aws::survey::{Item, Surveyed};
use nines_base::{Random, SharedClock, Shutdown};
use nines_http::{Collected, Collector, InventoryDesk};
use nines_inventory::{Inventory, InventoryError, Listing, ResourceKey, Seen, shaped};
use nines_secrets::SecretResolver;
use nines_state::Database;
use nines_state::inventory::SqliteInventory;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::config::{AwsSettings, Config};
use crate::operations::aws_account;

/// A node that was only just started may be stopped again; collecting is hundreds of calls.
const COLLECT_FIRST: Duration = Duration::from_secs(5 * 60);
/// Four times a day: what was made in the morning is judged before its maker goes home.
const COLLECT_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// The score of a day is the last one that was looked at.
const DAY_EVERY: Duration = Duration::from_secs(10 * 60);

/// Opens the inventory and starts its loop.
///
/// # Errors
/// What is kept cannot be read; an account cannot be used.
pub async fn start(
    config: &Config,
    control: &Database,
    secrets: &dyn SecretResolver,
    clock: &SharedClock,
    random: &Random,
    shutdown: &Shutdown,
) -> anyhow::Result<(InventoryDesk, JoinHandle<()>)> {
    let repository = Arc::new(SqliteInventory::new(control.clone()));
    let opened = Inventory::open(repository, Arc::clone(clock), random.clone()).await;
    let inventory = Arc::new(opened.context("cannot open the inventory")?);
    let collector: Option<Arc<dyn Collector>> = match &config.operations.aws {
        Some(settings) => {
            let accounts = accounts(settings, config, secrets, clock)?;
            let (inventory, gate) = (Arc::clone(&inventory), tokio::sync::Mutex::default());
            Some(Arc::new(AwsCollector { accounts, inventory, gate }))
        }
        None => None,
    };
    let desk = InventoryDesk { inventory: Arc::clone(&inventory), collector: collector.clone() };
    let (clock, shutdown) = (Arc::clone(clock), shutdown.clone());
    let worker = tokio::spawn(async move {
        let mut collect_at = clock.now() + COLLECT_FIRST;
        while !shutdown.has_begun() {
            tokio::select! {
                () = clock.sleep(DAY_EVERY.min(COLLECT_FIRST)) => {}
                () = shutdown.begun() => return,
            }
            if let Some(collector) = collector.as_ref().filter(|_| clock.now() >= collect_at) {
                collect_at = clock.now() + COLLECT_EVERY;
                tokio::select! {
                    collected = collector.collect() => report(collected),
                    () = shutdown.begun() => return,
                }
            }
            if let Err(error) = inventory.keep_day().await {
                tracing::warn!(%error, "the score of the day was not kept");
            }
        }
    });
    Ok((desk, worker))
}

fn report(collected: Result<Vec<Collected>, InventoryError>) {
    match collected {
        Ok(collected) => {
            let refused = collected.iter().filter(|one| one.listing.incomplete.is_some()).count();
            tracing::info!(kinds = collected.len(), incomplete = refused, "the inventory was collected");
        }
        Err(error) => tracing::warn!(%error, "the inventory was not collected"),
    }
}

/// The account of operations, then those that are only looked at.
fn accounts(
    settings: &AwsSettings,
    config: &Config,
    secrets: &dyn SecretResolver,
    clock: &SharedClock,
) -> anyhow::Result<Vec<Aws>> {
    let further = settings.inventory.iter().map(|account| AwsSettings {
        region: account.region.clone().unwrap_or_else(|| settings.region.clone()),
        role: account.role.clone(),
        external_id: account.external_id.clone(),
        ..settings.clone()
    });
    std::iter::once(settings.clone())
        .chain(further)
        .map(|settings| {
            let (aws, egress) = aws_account(&settings, config, Some(secrets))?;
            Ok(Aws::new(aws, egress, Arc::clone(clock)))
        })
        .collect()
}

struct AwsCollector {
    accounts: Vec<Aws>,
    inventory: Arc<Inventory>,
    gate: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Collector for AwsCollector {
    async fn collect(&self) -> Result<Vec<Collected>, InventoryError> {
        let _one_at_a_time = self.gate.lock().await;
        let mut collected = Vec::new();
        let mut problem = None;
        for aws in &self.accounts {
            let account = match aws.account().await {
                Ok(account) => account,
                Err(error) => {
                    // One account that is out of reach hides none of the others.
                    tracing::warn!(%error, "an account does not say who it is, so it is not collected");
                    problem = Some(error.to_string());
                    continue;
                }
            };
            for surveyed in aws.survey().await {
                let listing = listing(surveyed, &account);
                let merged = self.inventory.take(&listing).await?;
                collected.push(Collected { listing, merged });
            }
        }
        if collected.is_empty()
            && let Some(problem) = problem
        {
            return Err(InventoryError::Conflict(format!("no account can be collected: {problem}")));
        }
        self.inventory.keep_day().await?;
        Ok(collected)
    }
}

fn listing(surveyed: Surveyed, account: &str) -> Listing {
    let Surveyed { kind, region, items, incomplete } = surveyed;
    let seen = |item: Item| {
        let mut attributes = item.attributes;
        if item.tags.is_none()
            && let Some(map) = attributes.as_object_mut()
        {
            let tags = map.get("Tags").filter(|tags| tags.get("$unknown").is_some()).cloned();
            let unsaid = json!({"$unknown": "tags of this kind are not collected"});
            map.insert("$tags".to_owned(), tags.unwrap_or(unsaid));
        }
        Seen {
            key: ResourceKey {
                provider: "aws".to_owned(),
                account: account.to_owned(),
                region: region.clone(),
                kind: kind.to_owned(),
                id: item.id,
            },
            name: item.name,
            tags: item.tags.unwrap_or_default(),
            attributes: shaped(kind, attributes),
        }
    };
    Listing {
        provider: "aws".to_owned(),
        account: account.to_owned(),
        seen: items.into_iter().map(seen).collect(),
        region,
        kind: kind.to_owned(),
        incomplete,
    }
}

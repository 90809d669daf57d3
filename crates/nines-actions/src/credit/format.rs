//! The persisted forms of settings and ledger entries: JSON under a version.

use nines_model::{Dataset, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Block, Entry, LedgerError, Mode, Phase, RULES, Settings};
use crate::run::RunId;

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum StoredEntry {
    #[serde(rename = "1")]
    V1(EntryV1),
}

#[derive(Serialize, Deserialize)]
struct EntryV1 {
    network: ipnet::IpNet,
    /// Instants are nanoseconds since the epoch.
    since: i64,
    until: i64,
    times: u32,
    score: f32,
    because: Vec<(String, f32)>,
    list: String,
    phase: String,
    key: String,
    run: Option<String>,
    needs_approval: bool,
    reason: Option<String>,
    retry_at: Option<i64>,
    ended_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum StoredSettings {
    #[serde(rename = "1")]
    V1(SettingsV1),
}

#[derive(Serialize, Deserialize)]
struct SettingsV1 {
    mode: String,
    from: String,
    dataset: String,
    allow: Vec<ipnet::IpNet>,
    list: String,
    list_ipv6: Option<String>,
    block_at: f32,
    release_at: f32,
    half_life_secs: u32,
    block_secs: u32,
    block_secs_max: u32,
    blocks_max: u32,
}

/// The text to store.
pub fn write_entry(entry: &Entry) -> String {
    let stored = EntryV1 {
        network: entry.block.network,
        since: entry.block.since.as_nanos(),
        until: entry.block.until.as_nanos(),
        times: entry.block.times,
        score: entry.block.score,
        because: entry.block.because.iter().map(|(name, points)| ((*name).to_owned(), *points)).collect(),
        list: entry.list.clone(),
        phase: entry.phase.as_str().to_owned(),
        key: entry.key.clone(),
        run: entry.run.as_ref().map(|run| run.0.clone()),
        needs_approval: entry.needs_approval,
        reason: entry.reason.clone(),
        retry_at: entry.retry_at.map(Timestamp::as_nanos),
        ended_at: entry.ended_at.map(Timestamp::as_nanos),
    };
    serde_json::to_string(&StoredEntry::V1(stored)).expect("an entry always prints")
}

/// Reads what any version wrote. A rule that is no more is left out of the explanation.
pub fn read_entry(text: &str) -> Result<Entry, LedgerError> {
    let StoredEntry::V1(stored) = serde_json::from_str(text).map_err(corrupt)?;
    let phase = Phase::parse(&stored.phase)
        .ok_or_else(|| LedgerError::Corrupt { reason: format!("there is no phase `{}`", stored.phase) })?;
    let known = |(name, points): (String, f32)| {
        RULES.iter().find(|rule| rule.name == name).map(|rule| (rule.name, points))
    };
    Ok(Entry {
        block: Block {
            network: stored.network,
            since: Timestamp::from_nanos(stored.since),
            until: Timestamp::from_nanos(stored.until),
            times: stored.times,
            score: stored.score,
            because: stored.because.into_iter().filter_map(known).collect(),
        },
        list: stored.list,
        phase,
        key: stored.key,
        run: stored.run.map(RunId),
        needs_approval: stored.needs_approval,
        reason: stored.reason,
        retry_at: stored.retry_at.map(Timestamp::from_nanos),
        ended_at: stored.ended_at.map(Timestamp::from_nanos),
    })
}

/// The text to store.
pub fn write_settings(settings: &Settings) -> String {
    let stored = SettingsV1 {
        mode: settings.mode.as_str().to_owned(),
        from: settings.from.clone(),
        dataset: settings.dataset.as_str().to_owned(),
        allow: settings.allow.clone(),
        list: settings.list.clone(),
        list_ipv6: settings.list_ipv6.clone(),
        block_at: settings.block_at,
        release_at: settings.release_at,
        half_life_secs: settings.half_life_secs,
        block_secs: settings.block_secs,
        block_secs_max: settings.block_secs_max,
        blocks_max: settings.blocks_max,
    };
    serde_json::to_string(&StoredSettings::V1(stored)).expect("settings always print")
}

/// Reads what any version wrote.
pub fn read_settings(text: &str) -> Result<Settings, LedgerError> {
    let StoredSettings::V1(stored) = serde_json::from_str(text).map_err(corrupt)?;
    let mode = Mode::parse(&stored.mode)
        .ok_or_else(|| LedgerError::Corrupt { reason: format!("there is no mode `{}`", stored.mode) })?;
    let dataset = Dataset::parse(&stored.dataset).ok_or_else(|| LedgerError::Corrupt {
        reason: format!("there is no dataset `{}`", stored.dataset),
    })?;
    Ok(Settings {
        mode,
        from: stored.from,
        dataset,
        allow: stored.allow,
        list: stored.list,
        list_ipv6: stored.list_ipv6,
        block_at: stored.block_at,
        release_at: stored.release_at,
        half_life_secs: stored.half_life_secs,
        block_secs: stored.block_secs,
        block_secs_max: stored.block_secs_max,
        blocks_max: stored.blocks_max,
    })
}

fn corrupt(error: serde_json::Error) -> LedgerError {
    LedgerError::Corrupt { reason: error.to_string() }
}

//! Address credit on the wire.

use nines_actions::credit::{Entry, Mode, RULES, Rehearsal, RehearsedBlock, Settings, Standing};
use nines_api as api;
use nines_model::{Dataset, TimeRange};

use crate::StoredAccess;
use crate::problem::{ApiError, ApiResult};

/// Blocks of a rehearsal that are told one by one.
const REHEARSED_SHOWN: usize = 1_000;

pub fn settings(settings: &Settings) -> api::CreditSettings {
    api::CreditSettings {
        mode: settings.mode.as_str().to_owned(),
        from: settings.from.clone(),
        dataset: settings.dataset.as_str().to_owned(),
        allow: settings.allow.iter().map(ToString::to_string).collect(),
        list: settings.list.clone(),
        list_ipv6: settings.list_ipv6.clone(),
        block_at: points(settings.block_at),
        release_at: points(settings.release_at),
        half_life_secs: settings.half_life_secs,
        block_secs: settings.block_secs,
        block_secs_max: settings.block_secs_max,
        blocks_max: settings.blocks_max,
    }
}

/// Reads and checks settings.
pub fn read_settings(asked: &api::CreditSettings) -> ApiResult<Settings> {
    let mode = Mode::parse(&asked.mode).ok_or_else(|| {
        let known: Vec<_> = Mode::ALL.iter().map(|mode| mode.as_str()).collect();
        ApiError::invalid(format!("`mode`: there is no `{}`", asked.mode))
            .hint(format!("use {}", known.join(", ")))
    })?;
    let dataset = Dataset::parse(&asked.dataset).ok_or_else(|| {
        ApiError::invalid(format!("`dataset`: there is no `{}`", asked.dataset)).hint("use logs or spans")
    })?;
    let mut allow = Vec::with_capacity(asked.allow.len());
    for text in &asked.allow {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        allow.push(network.map_err(|_| {
            ApiError::invalid(format!("`allow`: `{text}` is no network")).hint("write it as 198.51.100.0/24")
        })?);
    }
    nines_filter::Filter::parse(&asked.from)?;
    let settings = Settings {
        mode,
        from: asked.from.clone(),
        dataset,
        allow,
        list: asked.list.trim().to_owned(),
        list_ipv6: asked
            .list_ipv6
            .as_deref()
            .map(str::trim)
            .filter(|list| !list.is_empty())
            .map(str::to_owned),
        block_at: asked.block_at as f32,
        release_at: asked.release_at as f32,
        half_life_secs: asked.half_life_secs,
        block_secs: asked.block_secs,
        block_secs_max: asked.block_secs_max,
        blocks_max: asked.blocks_max,
    };
    settings.check()?;
    Ok(settings)
}

pub fn rules() -> Vec<api::CreditRule> {
    let rule = |rule: &nines_actions::credit::Rule| api::CreditRule {
        name: rule.name.to_owned(),
        about: rule.about.to_owned(),
        points: points(rule.points),
    };
    RULES.iter().map(rule).collect()
}

pub fn standing(standing: &Standing) -> api::CreditAddress {
    api::CreditAddress {
        network: standing.network.to_string(),
        address: standing.address.to_string(),
        score: points(standing.score),
        because: because(&standing.because),
        last_at: standing.last_at.to_string(),
    }
}

pub fn block(entry: &Entry) -> api::CreditBlock {
    api::CreditBlock {
        network: entry.block.network.to_string(),
        list: entry.list.clone(),
        phase: entry.phase.as_str().to_owned(),
        since: entry.block.since.to_string(),
        until: entry.block.until.to_string(),
        ended_at: entry.ended_at.map(|at| at.to_string()),
        times: entry.block.times,
        score: points(entry.block.score),
        because: because(&entry.block.because),
        run: entry.run.as_ref().map(ToString::to_string),
        needs_approval: entry.needs_approval,
        reason: entry.reason.clone(),
    }
}

pub fn request(access: &StoredAccess) -> api::CreditRequest {
    api::CreditRequest {
        at: access.mark.at.to_string(),
        status: access.mark.status,
        path: access.path.clone(),
        rules: access.mark.rules().map(|(_, rule)| rule.name.to_owned()).collect(),
    }
}

pub fn rehearsal(rehearsal: &Rehearsal, range: TimeRange) -> api::CreditRehearsal {
    let sum = |count: fn(&RehearsedBlock) -> u64| rehearsal.blocks.iter().map(count).sum();
    let block = |one: &RehearsedBlock| api::CreditRehearsedBlock {
        network: one.block.network.to_string(),
        since: one.block.since.to_string(),
        ended_at: one.ended_at.map(|at| at.to_string()),
        score: points(one.block.score),
        because: because(&one.block.because),
        requests: one.requests,
        answered_well: one.answered_well,
    };
    api::CreditRehearsal {
        start: range.start.to_string(),
        end: range.end.to_string(),
        requests: rehearsal.requests,
        stopped: sum(|block| block.requests),
        stopped_answered_well: sum(|block| block.answered_well),
        blocks: rehearsal.blocks.iter().take(REHEARSED_SHOWN).map(block).collect(),
        blocks_count: rehearsal.blocks.len() as u64,
    }
}

fn because(because: &[(&'static str, f32)]) -> Vec<api::CreditReason> {
    let reason =
        |(rule, found): &(&str, f32)| api::CreditReason { rule: (*rule).to_owned(), points: points(*found) };
    because.iter().map(reason).collect()
}

/// As people read them: no 0.05000000074505806.
fn points(points: f32) -> f64 {
    (f64::from(points) * 100.0).round() / 100.0
}

//! What has a limit: which measures, how full they are, and when they will be.

use std::collections::{BTreeMap, HashMap};

use nines_api as api;
use nines_base::ErrorKind;
use nines_fleet::identify::identify;
use nines_fleet::{Book, Kind, UnitKey, factor};
use nines_forecast::{Forecast, POINTS_MIN, Question, Refusal, forecast};
use nines_promql::{Labels, QueryError, SampleValue, Value};

use super::{Asked, time};

/// From here on it counts as full: what is left is what file systems and allocators keep for themselves.
pub const FULL_FROM: f64 = 0.95;
/// Measures with a limit that are looked at; the fullest are continued.
const ROWS_MAX: usize = 5_000;
const FORECASTS_MAX: usize = 500;
/// As far as it is foreseen at most.
const HORIZON_MS: i64 = 90 * 86_400_000;
/// Histories, in seconds with their step: the longest that has enough points counts, so that a week has its shape, and
/// what began an hour ago is continued too.
const WINDOWS: [(i64, i64); 4] =
    [(21 * 86_400, 7_560), (4 * 86_400, 1_440), (14 * 3_600, 210), (2 * 3_600, 30)];
/// Points with which a history is not looked for in a shorter window.
const POINTS_ENOUGH: usize = 2 * POINTS_MIN;

/// A measure and its limit, by names that many systems have.
struct Pair {
    resource: &'static str,
    unit: &'static str,
    used: &'static str,
    limit: &'static str,
    /// Labels that tell parts of one unit apart.
    part: &'static [&'static str],
}

const fn pair(
    resource: &'static str,
    unit: &'static str,
    used: &'static str,
    limit: &'static str,
    part: &'static [&'static str],
) -> Pair {
    Pair { resource, unit, used, limit, part }
}

const MOUNTPOINTS: &[&str] = &["system_filesystem_mountpoint", "mountpoint", "persistentvolumeclaim"];

const PAIRS: &[Pair] = &[
    pair(
        "disk",
        "bytes",
        "sum without (system_filesystem_state) (system_filesystem_usage_bytes{system_filesystem_state=\"used\"})",
        "sum without (system_filesystem_state) (system_filesystem_usage_bytes{system_filesystem_state=~\"used|free\"})",
        MOUNTPOINTS,
    ),
    pair(
        "disk",
        "bytes",
        "sum without (state, mode) (system_filesystem_usage_bytes{state=\"used\"})",
        "sum without (state, mode) (system_filesystem_usage_bytes{state=~\"used|free\"})",
        MOUNTPOINTS,
    ),
    pair(
        "disk",
        "bytes",
        "node_filesystem_size_bytes{fstype!~\"tmpfs|ramfs|overlay|squashfs\"} - node_filesystem_avail_bytes",
        "node_filesystem_size_bytes{fstype!~\"tmpfs|ramfs|overlay|squashfs\"} > 0",
        MOUNTPOINTS,
    ),
    pair(
        "inodes",
        "",
        "node_filesystem_files - node_filesystem_files_free",
        "node_filesystem_files > 0",
        MOUNTPOINTS,
    ),
    pair(
        "volume",
        "bytes",
        "kubelet_volume_stats_used_bytes",
        "kubelet_volume_stats_capacity_bytes > 0",
        MOUNTPOINTS,
    ),
    pair(
        "memory",
        "bytes",
        "system_memory_limit_bytes - system_linux_memory_available_bytes",
        "system_memory_limit_bytes > 0",
        &[],
    ),
    pair(
        "memory",
        "bytes",
        "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes > 0",
        &[],
    ),
    pair(
        "container memory",
        "bytes",
        "container_memory_usage_bytes",
        "container_memory_limit_bytes > 0",
        &["container_id"],
    ),
    pair(
        "container memory",
        "bytes",
        "container_memory_working_set_bytes{container!=\"\"}",
        "container_spec_memory_limit_bytes{container!=\"\"} > 0",
        &["container"],
    ),
    pair(
        "heap",
        "bytes",
        "sum by (job, instance) (jvm_memory_used_bytes{area=\"heap\"})",
        "sum by (job, instance) (jvm_memory_max_bytes{area=\"heap\"}) > 0",
        &[],
    ),
    pair("file descriptors", "", "process_open_fds", "process_max_fds > 0", &["job"]),
    pair("file descriptors", "", "node_filefd_allocated", "node_filefd_maximum > 0", &[]),
    pair("connection tracking", "", "node_nf_conntrack_entries", "node_nf_conntrack_entries_limit > 0", &[]),
    pair(
        "connection pool",
        "",
        "sum without (state, db_client_connection_state) (db_client_connection_count)",
        "db_client_connection_max > 0",
        &["db_client_connection_pool_name", "pool_name"],
    ),
    pair("connection pool", "", "hikaricp_connections_active", "hikaricp_connections_max > 0", &["pool"]),
    pair(
        "connections",
        "",
        "sum by (job, instance) (pg_stat_activity_count)",
        "sum by (job, instance) (pg_settings_max_connections) > 0",
        &["job"],
    ),
    pair(
        "connections",
        "",
        "mysql_global_status_threads_connected",
        "mysql_global_variables_max_connections > 0",
        &["job"],
    ),
    pair("memory of redis", "bytes", "redis_memory_used_bytes", "redis_memory_max_bytes > 0", &["job"]),
    pair(
        "quota",
        "",
        "sum without (type) (kube_resourcequota{type=\"used\"})",
        "sum without (type) (kube_resourcequota{type=\"hard\"}) > 0",
        &["namespace", "resourcequota", "resource"],
    ),
];

/// A row with what it rests on.
#[derive(Debug, Clone)]
pub struct Row {
    pub shown: api::Saturation,
    pub unit: Option<UnitKey>,
    /// Labels of the series and of its unit.
    pub attributes: BTreeMap<String, String>,
    times_ms: Vec<i64>,
    values: Vec<f64>,
}

#[derive(Debug)]
pub struct Board {
    pub at_ms: i64,
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

/// Everything that is known to have a limit, or the ratio that is asked for.
///
/// # Errors
/// Of one's own question; what is known is left out with a note if it cannot be read.
pub fn board(
    asked: &Asked<'_>,
    book: &Book,
    query: Option<&str>,
    level: f64,
    now_ms: i64,
) -> Result<Board, QueryError> {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    match query {
        Some(query) => rows = read(asked, book, "query", "", query, None, &[], now_ms)?,
        None => {
            for pair in PAIRS {
                let ratio = format!("({}) / ({})", pair.used, pair.limit);
                match read(asked, book, pair.resource, pair.unit, &ratio, Some(pair.limit), pair.part, now_ms)
                {
                    Ok(found) => rows.extend(found),
                    Err(error) => notes.push(format!("{} is left out: {error}", pair.resource)),
                }
            }
        }
    }
    rows.sort_by(|a, b| b.shown.ratio.total_cmp(&a.shown.ratio).then_with(|| a.shown.id.cmp(&b.shown.id)));
    rows.dedup_by(|b, a| a.shown.id == b.shown.id);
    if rows.len() > ROWS_MAX {
        notes.push(format!("only the fullest {ROWS_MAX} of {} are shown", rows.len()));
        rows.truncate(ROWS_MAX);
    }
    if rows.len() > FORECASTS_MAX {
        notes.push(format!("only the fullest {FORECASTS_MAX} are foreseen"));
    }
    for row in rows.iter_mut().take(FORECASTS_MAX) {
        row.foresee(level, now_ms);
    }
    rows.sort_by(|a, b| {
        soonest(&a.shown).cmp(&soonest(&b.shown)).then(b.shown.ratio.total_cmp(&a.shown.ratio))
    });
    Ok(Board { at_ms: now_ms, rows, notes })
}

fn soonest(row: &api::Saturation) -> (u8, Option<String>) {
    match row.outlook.as_str() {
        "full" => (0, None),
        "filling" => (1, row.full_at.clone()),
        "safe" => (2, None),
        _ => (3, None),
    }
}

#[expect(clippy::too_many_arguments, reason = "a line of the table, and whom to ask")]
fn read(
    asked: &Asked<'_>,
    book: &Book,
    resource: &str,
    unit: &str,
    ratio: &str,
    limit: Option<&str>,
    part: &[&str],
    now_ms: i64,
) -> Result<Vec<Row>, QueryError> {
    let now = vector(asked, ratio, now_ms)?;
    if now.is_empty() {
        return Ok(Vec::new());
    }
    let limits: HashMap<Labels, f64> = match limit {
        Some(limit) => vector(asked, limit, now_ms)?
            .into_iter()
            .map(|(labels, value)| (labels.without_metadata(), value))
            .collect(),
        None => HashMap::new(),
    };
    let mut histories: HashMap<Labels, (Vec<i64>, Vec<f64>)> = HashMap::new();
    for (length_secs, step_secs) in WINDOWS {
        let missing = now
            .iter()
            .any(|(labels, _)| histories.get(labels).is_none_or(|(times, _)| times.len() < POINTS_ENOUGH));
        if !missing {
            break;
        }
        let step_ms = step_secs * 1000;
        let engine = asked.engine(Some(step_ms.max(300_000)));
        let start_ms = now_ms - length_secs * 1000;
        let source = asked.source();
        match engine.range(&source, ratio, start_ms, now_ms, step_ms, &asked.control) {
            Ok(answer) => {
                let Value::Matrix(matrix) = answer.value else { continue };
                for series in matrix {
                    let known = histories.entry(series.labels).or_default();
                    if known.0.len() < POINTS_ENOUGH && series.floats.len() > known.0.len() {
                        *known = series.floats.into_iter().unzip();
                    }
                }
            }
            // A shorter history may be within the bounds.
            Err(error) if error.kind() == ErrorKind::TooLarge => {}
            Err(error) => return Err(error),
        }
    }
    let row = |(labels, ratio_now): (Labels, f64)| {
        let (times_ms, values) = histories.get(&labels).cloned().unwrap_or_default();
        let limit = limits.get(&labels).copied();
        row(book, resource, unit, ratio, part, &labels, ratio_now, limit, (times_ms, values))
    };
    Ok(now.into_iter().map(row).collect())
}

#[expect(clippy::too_many_arguments, reason = "what one row is made of")]
fn row(
    book: &Book,
    resource: &str,
    unit: &str,
    query: &str,
    part: &[&str],
    labels: &Labels,
    ratio: f64,
    limit: Option<f64>,
    (times_ms, values): (Vec<i64>, Vec<f64>),
) -> Row {
    let label = |name: &str| Some(labels.get(name)).filter(|value| !value.is_empty());
    let kinds = [Kind::Container, Kind::Pod, Kind::Host];
    let owner = kinds.into_iter().find_map(|kind| identify(kind, &label));
    let shown_labels: BTreeMap<String, String> =
        labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect();
    let mut attributes = shown_labels.clone();
    if let Some(known) = owner.as_ref().and_then(|owner| book.unit(&owner.key)) {
        for (name, value) in &known.attributes {
            attributes.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    let parts: Vec<&str> = part.iter().filter_map(|name| label(name)).collect();
    let of = owner.as_ref().map(|owner| owner.name.as_str());
    let name = match (parts.is_empty(), of) {
        (false, Some(of)) => format!("{} of {of}", parts.join(" ")),
        (false, None) => parts.join(" "),
        (true, Some(of)) => of.to_owned(),
        (true, None) => labels.to_string(),
    };
    let shown = api::Saturation {
        id: format!("{resource}:{:016x}", labels.stable_hash()),
        resource: resource.to_owned(),
        name,
        labels: shown_labels,
        ratio,
        limit,
        unit: unit.to_owned(),
        outlook: if ratio >= FULL_FROM { "full" } else { "unknown" }.to_owned(),
        full_at: None,
        full_earliest: None,
        full_latest: None,
        probability: 0.0,
        until: None,
        reason: Some("only the fullest are foreseen".to_owned()),
        model: None,
        growth_per_day: None,
        since: None,
        history: Vec::new(),
        fan: Vec::new(),
        query: query.to_owned(),
    };
    Row { shown, unit: owner.map(|owner| owner.key), attributes, times_ms, values }
}

impl Row {
    /// The same history with another probability.
    pub fn continued(&self, level: f64, now_ms: i64) -> Result<Forecast, Refusal> {
        forecast(&self.times_ms, &self.values, &Question { now_ms, level, horizon_ms: HORIZON_MS })
    }

    fn foresee(&mut self, level: f64, now_ms: i64) {
        let shown = &self.shown;
        let is_full = shown.ratio >= FULL_FROM;
        let forecast = self.continued(level, now_ms);
        let shown = &mut self.shown;
        shown.probability = level;
        shown.reason = None;
        let forecast = match forecast {
            Ok(forecast) => forecast,
            Err(refusal) => {
                shown.reason = Some(refusal.to_string());
                shown.history = self
                    .times_ms
                    .iter()
                    .zip(&self.values)
                    .map(|(at, value)| (*at as f64 / 1e3, *value))
                    .collect();
                return;
            }
        };
        shown.model = Some(forecast.model.as_str().to_owned());
        shown.growth_per_day = Some(forecast.slope * 86_400.0);
        shown.since = Some(time(forecast.since_ms));
        shown.until = Some(time(forecast.until_ms()));
        shown.history = forecast.history.iter().map(|(at, value)| (*at as f64 / 1e3, *value)).collect();
        let point =
            |point: &nines_forecast::FanPoint| (point.at_ms as f64 / 1e3, point.low, point.mid, point.high);
        shown.fan = forecast.fan.iter().map(point).collect();
        if is_full {
            return;
        }
        match forecast.reaches(1.0) {
            Ok(Some(crossing)) => {
                shown.outlook = "filling".to_owned();
                shown.full_at = Some(time(crossing.at_ms));
                shown.full_earliest = Some(time(crossing.earliest_ms));
                shown.full_latest = crossing.latest_ms.map(time);
            }
            Ok(None) => {
                shown.outlook = "safe".to_owned();
                shown.reason = forecast
                    .falls_back_every_ms
                    .map(|every| format!("it falls back every {} h before it is full", every / 3_600_000));
            }
            Err(refusal) => shown.reason = Some(refusal.to_string()),
        }
    }
}

impl Board {
    /// What sets those apart that are full or will be, for each resource.
    pub fn factors(&self) -> Vec<api::SaturationFactor> {
        let mut resources: Vec<&str> = self.rows.iter().map(|row| row.shown.resource.as_str()).collect();
        resources.sort_unstable();
        resources.dedup();
        let found = resources.into_iter().filter_map(|resource| {
            let of = self.rows.iter().filter(|row| row.shown.resource == resource);
            let (affected, rest): (Vec<_>, Vec<_>) =
                of.partition(|row| matches!(row.shown.outlook.as_str(), "full" | "filling"));
            let attributes =
                |rows: &[&Row]| rows.iter().map(|row| row.attributes.clone()).collect::<Vec<_>>();
            let (affected, rest) = (attributes(&affected), attributes(&rest));
            let found = factor(&affected.iter().collect::<Vec<_>>(), &rest.iter().collect::<Vec<_>>())?;
            Some(api::SaturationFactor {
                resource: resource.to_owned(),
                label: found.label,
                value: found.value,
                affected: affected.len(),
                share: found.share,
                share_of_rest: found.share_of_rest,
            })
        });
        found.collect()
    }
}

fn vector(asked: &Asked<'_>, query: &str, now_ms: i64) -> Result<Vec<(Labels, f64)>, QueryError> {
    let source = asked.source();
    let answer = asked.engine(None).instant(&source, query, now_ms, &asked.control)?;
    let Value::Vector(vector) = answer.value else {
        let text = "the ratio must be an instant vector: one value for each thing that has a limit";
        return Err(QueryError::BadRequest(text.to_owned()));
    };
    let sample = |sample: nines_promql::Sample| match sample.value {
        SampleValue::Float(value) if value.is_finite() => Some((sample.labels, value)),
        _ => None,
    };
    Ok(vector.into_iter().filter_map(sample).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_a_query() {
        for pair in PAIRS {
            let ratio = format!("({}) / ({})", pair.used, pair.limit);
            nines_promql::parse(&ratio).unwrap_or_else(|error| panic!("{ratio}: {error}"));
        }
    }
}

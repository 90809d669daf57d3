//! Measurements by day, for the bars of the page: counted as they come, and from the stored events after a start.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_api::ProbeDay;
use nines_base::Shutdown;
use nines_model::Timestamp;
use nines_query::{Engine, SqlRequest};

/// Days that are kept and shown.
pub const DAYS: i64 = 90;
const DAY_SECS: i64 = 24 * 3600;
/// 90 days of a thousand probes are 90 000 groups; more probes than that have shorter bars.
const ROWS_MAX: usize = 100_000;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Of one probe, by days since the epoch.
#[derive(Debug, Clone, Default)]
pub struct History(BTreeMap<i64, Counts>);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    good: u64,
    bad: u64,
    unknown: u64,
}

impl History {
    pub fn add(&mut self, at: Timestamp, counts_as: &str, times: u64) {
        let counts = self.0.entry(at.as_secs().div_euclid(DAY_SECS)).or_default();
        match counts_as {
            "good" => counts.good += times,
            "bad" => counts.bad += times,
            _ => counts.unknown += times,
        }
    }

    pub fn days(&self, now: Timestamp) -> Vec<ProbeDay> {
        let first = now.as_secs().div_euclid(DAY_SECS) - DAYS + 1;
        let shown = self.0.range(first..).map(|(day, counts)| {
            let text = Timestamp::from_secs(day * DAY_SECS).to_string();
            ProbeDay {
                day: text.chars().take(10).collect(),
                good: counts.good,
                bad: counts.bad,
                unknown: counts.unknown,
            }
        });
        shown.collect()
    }

    /// Forgets what is no longer shown.
    pub fn forget(&mut self, now: Timestamp) {
        let first = now.as_secs().div_euclid(DAY_SECS) - DAYS + 1;
        self.0 = self.0.split_off(&first);
    }
}

/// What is stored from before `until`: probe, day, how it counts, and how often.
pub async fn stored(engine: &Engine, until: Timestamp) -> Vec<(String, Timestamp, String, u64)> {
    let from = until - Duration::from_secs((DAYS * DAY_SECS).unsigned_abs());
    let query = format!(
        "SELECT name, date_trunc('day', timestamp) AS day, \"probe.result\" AS result, count(*) AS times FROM probes
         WHERE timestamp >= '{from}' AND timestamp < '{until}' AND \"probe.result\" IS NOT NULL
           AND \"probe.confirmation\" = false
         GROUP BY 1, 2, 3"
    );
    let request =
        SqlRequest { query, limit_rows: Some(ROWS_MAX), timeout: Some(TIMEOUT), cancel: Shutdown::new() };
    let answer = match engine.sql(request).await {
        Ok(answer) => answer,
        Err(error) => {
            // Before the first measurement there are no such columns.
            tracing::debug!(%error, "no measurements of before");
            return Vec::new();
        }
    };
    let row = |row: &Vec<serde_json::Value>| {
        let [name, day, result, times] = row.as_slice() else { return None };
        let day = Timestamp::parse_rfc3339(day.as_str()?).ok()?;
        Some((name.as_str()?.to_owned(), day, result.as_str()?.to_owned(), times.as_u64()?))
    };
    answer.rows.iter().filter_map(row).collect()
}

//! What Prometheus says of itself. Clients ask for it to find out what they talk to; what the node does not have is left
//! empty rather than made up.

use nines_promql::{LOOKBACK_MS, format_duration};
use nines_series::LabelCount;
use serde_json::json;

use super::{Data, Outcome, invalid};
use crate::parameters::Parameters;
use crate::questions::{Questions, TIMEOUT_DEFAULT};

/// The version of Prometheus whose API and language are spoken here. Grafana chooses by it what it may send.
const SPOKEN_VERSION: &str = "3.14.0";

/// Rows of each table of `status/tsdb`; upstream's default and most.
const TSDB_ROWS: usize = 10;
const TSDB_ROWS_MAX: usize = 10_000;

impl Questions {
    /// Without `features`: with them Grafana would take the node for Mimir, and ask for its rulers.
    pub(super) fn build_info(&self) -> String {
        json!({
            "version": SPOKEN_VERSION,
            "revision": format!("nines-{}", self.about.version),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        })
        .to_string()
    }

    pub(super) fn runtime_info(&self) -> String {
        json!({
            "startTime": self.about.started_at.to_string(),
            "CWD": "",
            "hostname": "",
            "serverTime": self.clock.now().to_string(),
            "reloadConfigSuccess": true,
            "lastConfigTime": self.about.started_at.to_string(),
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": format_duration(self.retention_ms()),
        })
        .to_string()
    }

    pub(super) fn flags(&self) -> String {
        json!({
            "query.lookback-delta": format_duration(LOOKBACK_MS),
            "query.max-samples": self.limits.samples_max.to_string(),
            "query.timeout": format_duration(i64::try_from(TIMEOUT_DEFAULT.as_millis()).unwrap_or(i64::MAX)),
            "storage.tsdb.retention.time": format_duration(self.retention_ms()),
            "web.enable-remote-write-receiver": "true",
            "web.enable-otlp-receiver": "true",
        })
        .to_string()
    }

    pub(super) fn tsdb(&self, parameters: &Parameters) -> Outcome {
        let rows = match parameters.limit("limit")? {
            usize::MAX => TSDB_ROWS,
            rows if rows > TSDB_ROWS_MAX => {
                return Err(invalid("limit", format!("limit must not exceed {TSDB_ROWS_MAX}")));
            }
            rows => rows,
        };
        let cardinality = self.store.cardinality(rows);
        let stats = self.store.stats();
        let table = |counts: &[LabelCount]| -> Vec<_> {
            counts.iter().map(|count| json!({ "name": &*count.name, "value": count.count })).collect()
        };
        let pairs: u64 = cardinality.values_by_label.iter().map(|label| label.count).sum();
        let data = json!({
            "headStats": {
                "numSeries": cardinality.active_series,
                // Of the labels that are listed below; a bound from below.
                "numLabelPairs": pairs,
                // Pages are chunks of another size here, so samples are what can be compared.
                "chunkCount": 0,
                "sampleCount": stats.head_samples,
            },
            "seriesCountByMetricName": table(&cardinality.series_by_metric),
            "labelValueCountByLabelName": table(&cardinality.values_by_label),
            "memoryInBytesByLabelName": [],
            "seriesCountByLabelValuePair": [],
        });
        Ok(Data::of(data.to_string()))
    }

    fn retention_ms(&self) -> i64 {
        i64::try_from(self.about.retention.as_millis()).unwrap_or(i64::MAX)
    }
}

//! What probes, heartbeats and runners stand at, as it is kept over a restart: JSON with a version.

use nines_model::Timestamp;
use nines_probe::{HeartbeatState, PingKind, Standing, Verdict};
use serde::{Deserialize, Serialize};

pub const PROBE: &str = "probe";
pub const HEARTBEAT: &str = "heartbeat";
pub const RUNNER: &str = "runner";
pub const KEY: &str = "key";

const VERSION: u32 = 1;

/// Times in nanoseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProbeNote {
    version: u32,
    verdict: String,
    since: i64,
    alerting: bool,
    /// What the desk has been told last.
    pub told: bool,
    pub certificate_told: bool,
    /// Location, whether it is up, since when.
    pub locations: Vec<(String, bool, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct HeartbeatNote {
    version: u32,
    declared_at: i64,
    last: Option<(i64, String)>,
    started_at: Option<i64>,
    took: Option<u64>,
    pub told: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RunnerNote {
    version: u32,
    pub sequence: u64,
}

/// 64 hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyNote {
    version: u32,
    pub key: String,
}

impl ProbeNote {
    pub fn new(
        standing: Standing,
        told: bool,
        certificate_told: bool,
        locations: Vec<(String, bool, Timestamp)>,
    ) -> Self {
        Self {
            version: VERSION,
            verdict: standing.verdict.as_str().to_owned(),
            since: standing.since.as_nanos(),
            alerting: standing.is_alerting,
            told,
            certificate_told,
            locations: locations.into_iter().map(|(name, is_up, at)| (name, is_up, at.as_nanos())).collect(),
        }
    }

    pub fn standing(&self) -> Standing {
        Standing {
            verdict: Verdict::parse(&self.verdict).unwrap_or(Verdict::Unknown),
            since: Timestamp::from_nanos(self.since),
            is_alerting: self.alerting,
        }
    }
}

impl HeartbeatNote {
    pub fn new(state: &HeartbeatState, told: bool) -> Self {
        Self {
            version: VERSION,
            declared_at: state.declared_at.as_nanos(),
            last: state.last.map(|(at, kind)| (at.as_nanos(), kind.as_str().to_owned())),
            started_at: state.started_at.map(Timestamp::as_nanos),
            took: state.took.map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            told,
        }
    }

    pub fn state(&self) -> HeartbeatState {
        let last = self.last.as_ref();
        HeartbeatState {
            declared_at: Timestamp::from_nanos(self.declared_at),
            last: last.and_then(|(at, kind)| Some((Timestamp::from_nanos(*at), PingKind::parse(kind)?))),
            started_at: self.started_at.map(Timestamp::from_nanos),
            took: self.took.map(std::time::Duration::from_nanos),
        }
    }
}

impl RunnerNote {
    pub fn new(sequence: u64) -> Self {
        Self { version: VERSION, sequence }
    }
}

impl KeyNote {
    pub fn new(key: &[u8]) -> Self {
        Self { version: VERSION, key: key.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

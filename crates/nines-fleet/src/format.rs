//! Units and watches as they are kept: JSON with a version. A version that this program does not know is an error of that
//! one alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unit::{Kind, Retired, Unit, UnitKey};
use crate::watch::{About, Watch};

#[derive(Debug, thiserror::Error)]
#[error("what is kept of a unit or a watch cannot be read: {0}")]
pub struct FormatError(String);

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum StoredUnit {
    #[serde(rename = "1")]
    V1(Box<UnitV1>),
}

#[derive(Serialize, Deserialize)]
struct UnitV1 {
    kind: String,
    id: String,
    name: String,
    reporter: Option<(String, String)>,
    attributes: BTreeMap<String, String>,
    first_seen_ms: i64,
    last_seen_ms: i64,
    gaps_ms: Vec<i64>,
    ended_at_ms: Option<i64>,
    silent_at_ms: Option<i64>,
    retired: Option<RetiredV1>,
}

#[derive(Serialize, Deserialize)]
struct RetiredV1 {
    at_ms: i64,
    by: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum StoredWatch {
    #[serde(rename = "1")]
    V1(WatchV1),
}

#[derive(Serialize, Deserialize)]
struct WatchV1 {
    name: String,
    kind: Option<String>,
    filter: String,
    intervals: Option<u32>,
    within_hours: Option<f64>,
    level: Option<f64>,
    severity: String,
    service: Option<String>,
}

/// Under which a unit is kept.
pub fn name_of(key: &UnitKey) -> String {
    format!("{}/{}", key.kind.as_str(), key.id)
}

pub fn unit_text(unit: &Unit) -> String {
    let stored = StoredUnit::V1(Box::new(UnitV1 {
        kind: unit.key.kind.as_str().to_owned(),
        id: unit.key.id.clone(),
        name: unit.name.clone(),
        reporter: unit.reporter.as_ref().map(|key| (key.kind.as_str().to_owned(), key.id.clone())),
        attributes: unit.attributes.clone(),
        first_seen_ms: unit.first_seen_ms,
        last_seen_ms: unit.last_seen_ms,
        gaps_ms: unit.gaps_ms.clone(),
        ended_at_ms: unit.ended_at_ms,
        silent_at_ms: unit.silent_at_ms,
        retired: unit.retired.as_ref().map(|retired| RetiredV1 {
            at_ms: retired.at_ms,
            by: retired.by.clone(),
            reason: retired.reason.clone(),
        }),
    }));
    serde_json::to_string(&stored).unwrap_or_default()
}

/// # Errors
/// Another version, or text that was damaged.
pub fn unit_of(text: &str) -> Result<Unit, FormatError> {
    let StoredUnit::V1(stored) =
        serde_json::from_str(text).map_err(|error| FormatError(error.to_string()))?;
    let key = |kind: &str, id: &str| {
        let kind = Kind::parse(kind).ok_or_else(|| FormatError(format!("there is no kind `{kind}`")))?;
        Ok(UnitKey { kind, id: id.to_owned() })
    };
    Ok(Unit {
        key: key(&stored.kind, &stored.id)?,
        name: stored.name,
        reporter: stored.reporter.map(|(kind, id)| key(&kind, &id)).transpose()?,
        attributes: stored.attributes,
        first_seen_ms: stored.first_seen_ms,
        last_seen_ms: stored.last_seen_ms,
        gaps_ms: stored.gaps_ms,
        ended_at_ms: stored.ended_at_ms,
        silent_at_ms: stored.silent_at_ms,
        retired: stored.retired.map(|retired| Retired {
            at_ms: retired.at_ms,
            by: retired.by,
            reason: retired.reason,
        }),
    })
}

pub fn watch_text(watch: &Watch) -> String {
    let (intervals, within_hours, level) = match watch.about {
        About::Absence { intervals } => (Some(intervals), None, None),
        About::Forecast { within_hours, level } => (None, Some(within_hours), Some(level)),
    };
    let stored = StoredWatch::V1(WatchV1 {
        name: watch.name.clone(),
        kind: watch.kind.map(|kind| kind.as_str().to_owned()),
        filter: watch.filter.to_string(),
        intervals,
        within_hours,
        level,
        severity: watch.severity.clone(),
        service: watch.service.clone(),
    });
    serde_json::to_string(&stored).unwrap_or_default()
}

/// # Errors
/// Another version, text that was damaged, or a filter that this version does not read.
pub fn watch_of(text: &str) -> Result<Watch, FormatError> {
    let StoredWatch::V1(stored) =
        serde_json::from_str(text).map_err(|error| FormatError(error.to_string()))?;
    let about = match (stored.intervals, stored.within_hours, stored.level) {
        (Some(intervals), ..) => About::Absence { intervals },
        (None, Some(within_hours), Some(level)) => About::Forecast { within_hours, level },
        _ => return Err(FormatError("it is about nothing".to_owned())),
    };
    let kind = stored.kind.as_deref();
    Watch::new(&stored.name, kind, &stored.filter, about, &stored.severity, stored.service)
        .map_err(|error| FormatError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 1 was written; it is read for ever.
    const UNIT_V1: &str = r#"{"version":"1","kind":"container","id":"web/1f","name":"1f","reporter":["host","web"],"attributes":{"cloud_region":"mars"},"first_seen_ms":1,"last_seen_ms":9,"gaps_ms":[4,4],"ended_at_ms":null,"silent_at_ms":null,"retired":{"at_ms":5,"by":"mei","reason":"over"}}"#;
    const WATCH_V1: &str = r#"{"version":"1","name":"disks","kind":null,"filter":"cloud.region: mars","intervals":null,"within_hours":72.0,"level":0.9,"severity":"P2","service":null}"#;

    #[test]
    fn what_was_kept_is_read_as_it_was() {
        let unit = unit_of(UNIT_V1).unwrap();
        assert_eq!(unit_text(&unit), UNIT_V1);
        assert_eq!(name_of(&unit.key), "container/web/1f");
        assert_eq!(watch_text(&watch_of(WATCH_V1).unwrap()), WATCH_V1);
        for wrong in ["", "{}", &UNIT_V1.replace("\"1\"", "\"2\""), &UNIT_V1.replace("container", "box")] {
            assert!(unit_of(wrong).is_err(), "{wrong}");
        }
    }
}

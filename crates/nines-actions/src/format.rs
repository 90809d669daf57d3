//! The persisted form of a run: JSON under a version. The words inside are the serde names of [`Run`] and what it holds;
//! they are a stored vocabulary, so they may grow with defaults but not change. A sample of each version is kept for ever
//! in `tests/formats`.
//!
//! Runs are the exception to "domain types are not serialisable": a mirror of fifty small types, each equal to its
//! original, would hide a mistake better than it would prevent one. Wire types are still made elsewhere.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::RunsError;
use crate::event::Event;
use crate::run::Run;

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Stored<'a> {
    #[serde(rename = "1")]
    V1 { run: Cow<'a, Run> },
}

/// The text to store.
pub fn write(run: &Run) -> String {
    serde_json::to_string(&Stored::V1 { run: Cow::Borrowed(run) }).expect("a run always prints")
}

/// Reads what any version wrote.
///
/// # Errors
/// [`RunsError::Corrupt`], naming the run.
pub fn read(id: &str, text: &str) -> Result<Run, RunsError> {
    match serde_json::from_str(text) {
        Ok(Stored::V1 { run }) => Ok(run.into_owned()),
        Err(error) => Err(RunsError::Corrupt { run: id.to_owned(), reason: error.to_string() }),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum StoredEvent<'a> {
    #[serde(rename = "1")]
    V1 { event: Cow<'a, Event> },
}

/// The text of an event to store.
pub fn write_event(event: &Event) -> String {
    serde_json::to_string(&StoredEvent::V1 { event: Cow::Borrowed(event) }).expect("an event always prints")
}

/// Reads an event that any version wrote.
///
/// # Errors
/// [`RunsError::Corrupt`], naming the run.
pub fn read_event(run: &str, text: &str) -> Result<Event, RunsError> {
    match serde_json::from_str(text) {
        Ok(StoredEvent::V1 { event }) => Ok(event.into_owned()),
        Err(error) => Err(RunsError::Corrupt { run: run.to_owned(), reason: error.to_string() }),
    }
}

/// Instants as nanoseconds since the epoch.
pub(crate) mod nanos {
    use nines_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_nanos())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_nanos)
    }
}

pub(crate) mod nanos_option {
    use nines_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::as_nanos).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_nanos))
    }
}

/// Durations in whole seconds.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

//! `kind: Probe` and `kind: Heartbeat`, read. Every mistake of a text in one pass, each with its place and a hint.

mod check;
mod fields;

use std::time::Duration;

use nines_yaml::{DocumentError, DocumentWarning, Fields, Marks, Node, Raw, Reader};

use crate::cron::Cron;
use crate::heartbeat::{Heartbeat, HeartbeatPeriod};
use crate::probe::{LOCAL, Probe};
use fields::{labels, length, name};

pub const PROBE_KIND: &str = "Probe";
pub const HEARTBEAT_KIND: &str = "Heartbeat";
pub const KINDS: [&str; 2] = [PROBE_KIND, HEARTBEAT_KIND];

const API_VERSION: &str = "nines/v1";

const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// A target that is waited for longer has lost its user.
const TIMEOUT_DEFAULT_MAX: Duration = Duration::from_secs(10);
const TIMEOUT_DEFAULT_MIN: Duration = Duration::from_secs(1);
/// As Gatus does.
const FAILURE_THRESHOLD: u32 = 3;
const SUCCESS_THRESHOLD: u32 = 2;
const THRESHOLD_MAX: u32 = 100;
/// Each is a machine of its own.
const LOCATIONS_MAX: usize = 50;
/// Enough time to have a certificate renewed by hand, with a weekend in between.
const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 24 * 3600);
const GRACE_MIN: Duration = Duration::from_secs(1);
/// Jobs run late now and then: by default a twentieth of the period, between a minute and an hour.
const GRACE_SHARE: u32 = 20;

/// What a text declares.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    pub probes: Vec<Probe>,
    pub heartbeats: Vec<Heartbeat>,
    pub warnings: Vec<DocumentWarning>,
}

/// Reads all documents of a text.
///
/// # Errors
/// All mistakes of the text, in order.
pub fn parse(file: Option<&str>, text: &str) -> Result<Parsed, Vec<DocumentError>> {
    let mut reader = Reader::new(file, text);
    let nodes = match nines_yaml::parse(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            reader.error(error.mark, "", error.message, error.hint);
            return Err(reader.errors);
        }
    };
    let mut parsed = Parsed::default();
    for node in nodes.iter().filter(|node| !matches!(node.value, Raw::Null)) {
        reader.marks = Marks::default();
        document(&mut reader, node, &mut parsed);
    }
    for (index, probe) in parsed.probes.iter().enumerate() {
        if parsed.probes[..index].iter().any(|other| other.name == probe.name) {
            reader.error(nodes[0].mark, "", format!("there are two probes `{}`", probe.name), None);
        }
    }
    for (index, heartbeat) in parsed.heartbeats.iter().enumerate() {
        if parsed.heartbeats[..index].iter().any(|other| other.name == heartbeat.name) {
            reader.error(nodes[0].mark, "", format!("there are two heartbeats `{}`", heartbeat.name), None);
        }
    }
    if reader.errors.is_empty() {
        parsed.warnings = reader.warnings;
        return Ok(parsed);
    }
    reader.errors.sort_by_key(|error| (error.line, error.column));
    Err(reader.errors)
}

#[derive(Clone, Copy)]
enum Kind {
    Probe,
    Heartbeat,
}

fn document(reader: &mut Reader<'_>, node: &Node, parsed: &mut Parsed) {
    let Some(mut fields) = reader.fields(node, "") else { return };
    if let Some(version) = fields.required(reader, "apiVersion") {
        reader.choice(version, "apiVersion", &[(API_VERSION, ())]);
    }
    let kinds = [(PROBE_KIND, Kind::Probe), (HEARTBEAT_KIND, Kind::Heartbeat)];
    let kind = fields.required(reader, "kind").and_then(|kind| reader.choice(kind, "kind", &kinds));
    let (mut called, mut labelled) = (None, Default::default());
    if let Some(mut metadata) = fields.required_fields(reader, "metadata") {
        called = name(reader, &mut metadata);
        labelled = labels(reader, &mut metadata);
        metadata.text(reader, "displayName");
        metadata.finish(reader);
    }
    if let Some(mut spec) = fields.required_fields(reader, "spec") {
        match kind {
            Some(Kind::Probe) => {
                if let (Some(mut probe), Some(called)) = (probe(reader, &mut spec), called) {
                    (probe.name, probe.labels) = (called, labelled);
                    parsed.probes.push(probe);
                }
            }
            Some(Kind::Heartbeat) => {
                if let (Some(mut heartbeat), Some(called)) = (heartbeat(reader, &mut spec), called) {
                    (heartbeat.name, heartbeat.labels) = (called, labelled);
                    parsed.heartbeats.push(heartbeat);
                }
            }
            None => return,
        }
        spec.finish(reader);
    }
    fields.finish(reader);
}

fn probe(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Probe> {
    let description = spec.text(reader, "description");
    let service = spec.text(reader, "service");
    let runbook = spec.text(reader, "runbook");
    let level = level(reader, spec);
    let paused = spec.boolean(reader, "paused").unwrap_or(false);
    let interval = length(reader, spec, "interval", INTERVAL_MIN, INTERVAL_MAX).unwrap_or(INTERVAL_DEFAULT);
    let timeout = length(reader, spec, "timeout", Duration::from_millis(10), Duration::from_secs(120))
        .unwrap_or_else(|| (interval / 4).clamp(TIMEOUT_DEFAULT_MIN, TIMEOUT_DEFAULT_MAX));
    let failure_threshold = count(reader, spec, "failureThreshold", FAILURE_THRESHOLD, THRESHOLD_MAX);
    let success_threshold = count(reader, spec, "successThreshold", SUCCESS_THRESHOLD, THRESHOLD_MAX);
    let locations = locations(reader, spec);
    let seats = u32::try_from(locations.len()).unwrap_or(u32::MAX);
    // 1 of 1, 2 of 2, 2 of 3, 3 of 4: a majority, so that one place alone never speaks for several.
    let quorum = count(reader, spec, "quorum", if seats == 1 { 1 } else { seats / 2 + 1 }, seats);
    let certificate_warning =
        length(reader, spec, "certificateWarning", Duration::ZERO, Duration::from_secs(365 * 24 * 3600))
            .unwrap_or(CERTIFICATE_WARNING);
    let check = check::read(reader, spec)?;
    Some(Probe {
        name: String::new(),
        labels: Default::default(),
        description,
        service,
        check,
        interval,
        timeout,
        failure_threshold,
        success_threshold,
        locations,
        quorum,
        level,
        runbook,
        paused,
        certificate_warning,
    })
}

fn heartbeat(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Heartbeat> {
    let description = spec.text(reader, "description");
    let service = spec.text(reader, "service");
    let runbook = spec.text(reader, "runbook");
    let level = level(reader, spec);
    let paused = spec.boolean(reader, "paused").unwrap_or(false);
    let every = length(reader, spec, "period", INTERVAL_MIN, Duration::from_secs(366 * 24 * 3600));
    let zone = spec.text(reader, "timeZone");
    let cron = match spec.get(reader, "cron") {
        Some(node) => {
            let path = spec.path_of("cron");
            let text = reader.text(node, &path)?;
            match Cron::parse(&text, zone.as_deref().unwrap_or("UTC")) {
                Ok(cron) => Some(cron),
                Err(error) => {
                    let hint = "five fields: minute, hour, day of month, month, day of week";
                    reader.error(node.mark, &path, error.to_string(), Some(hint.to_owned()));
                    return None;
                }
            }
        }
        None => None,
    };
    let grace = length(reader, spec, "grace", GRACE_MIN, Duration::from_secs(30 * 24 * 3600));
    let period = match (every, cron) {
        (Some(every), None) => HeartbeatPeriod::Every(every),
        (None, Some(cron)) => HeartbeatPeriod::Cron(cron),
        _ => {
            // A period that cannot be read has been reported already.
            if spec.has("cron") == spec.has("period") {
                let message = "needs one of `period` and `cron`";
                reader.error(spec.mark, &spec.path, message, Some("write `period: 1h`".to_owned()));
            }
            return None;
        }
    };
    let grace = grace.unwrap_or_else(|| {
        (period.shortest() / GRACE_SHARE).clamp(Duration::from_secs(60), Duration::from_secs(3600))
    });
    Some(Heartbeat {
        name: String::new(),
        labels: Default::default(),
        description,
        service,
        period,
        grace,
        level,
        runbook,
        paused,
    })
}

fn level(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> String {
    const LEVELS: [(&str, &str); 3] = [("P0", "P0"), ("P1", "P1"), ("P2", "P2")];
    let node = spec.get(reader, "level");
    let chosen = node.and_then(|node| reader.choice(node, &spec.path_of("level"), &LEVELS));
    chosen.unwrap_or("P1").to_owned()
}

/// A whole number from 1 to `max`.
fn count(reader: &mut Reader<'_>, spec: &mut Fields<'_>, key: &'static str, default: u32, max: u32) -> u32 {
    let Some(number) = spec.number(reader, key) else { return default };
    if number.fract() != 0.0 || number < 1.0 || number > f64::from(max) {
        let message = format!("must be a whole number from 1 to {max}, not {number}");
        reader.error(spec.mark_of(key), &spec.path_of(key), message, None);
        return default;
    }
    number as u32
}

fn locations(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Vec<String> {
    let mut locations = Vec::new();
    for (path, node) in spec.items(reader, "locations") {
        let Some(location) = reader.text(node, &path) else { continue };
        if !fields::is_word(&location) {
            let message = format!("`{location}` is not a name of a location");
            reader.error(node.mark, &path, message, Some("letters, digits, `-`, `_` and `.`".to_owned()));
        } else if locations.contains(&location) {
            reader.error(node.mark, &path, format!("`{location}` stands here twice"), None);
        } else {
            locations.push(location);
        }
    }
    if locations.len() > LOCATIONS_MAX {
        let message = format!("{} locations are more than {LOCATIONS_MAX}", locations.len());
        reader.error(spec.mark_of("locations"), &spec.path_of("locations"), message, None);
    }
    if locations.is_empty() { vec![LOCAL.to_owned()] } else { locations }
}

#[cfg(test)]
mod tests;

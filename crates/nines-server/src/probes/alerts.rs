//! What becomes of a verdict: an alert at the desk, which silences, groups and escalates it like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;
use nines_oncall::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};
use nines_probe::{Heartbeat, HeartbeatStanding, LocationStanding, LocationView, Probe};

/// Who sends them, in the log of the desk.
pub const BY: &str = "probes";

/// The target is down, or no longer.
pub fn of_probe(
    probe: &Probe,
    is_firing: bool,
    since: Timestamp,
    views: &[LocationView],
    public_url: &str,
) -> IncomingAlert {
    let down: Vec<&LocationView> =
        views.iter().filter(|view| view.standing == LocationStanding::Down).collect();
    let reason = down.iter().find_map(|view| view.reason.clone()).unwrap_or_else(|| "it fails".to_owned());
    let places = match views.len() {
        1 => String::new(),
        many => format!(" from {} of {many} locations", down.len()),
    };
    let mut annotations = BTreeMap::from([("description".to_owned(), reason.clone())]);
    if let Some(runbook) = &probe.runbook {
        annotations.insert("runbook_url".to_owned(), runbook.clone());
    }
    IncomingAlert {
        title: format!("{} is down{places}: {reason}", probe.name),
        annotations,
        starts_at: Some(since),
        ..alert(
            &format!("probe/{}", probe.name),
            is_firing,
            &probe.level,
            probe.service.as_deref(),
            labels("ProbeDown", "probe", &probe.name, Some(&probe.target()), &probe.labels),
            format!("{public_url}/uptime?probe={}", probe.name),
        )
    }
}

/// A certificate ends soon, or was renewed.
pub fn of_certificate(
    probe: &Probe,
    is_firing: bool,
    not_after: Timestamp,
    now: Timestamp,
    public_url: &str,
) -> IncomingAlert {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let left = not_after.since(now).as_secs() / DAY.as_secs();
    let when = if not_after <= now { "has ended".to_owned() } else { format!("ends in {left} days") };
    IncomingAlert {
        title: format!("the certificate of {} {when}, at {not_after}", probe.name),
        ..alert(
            &format!("certificate/{}", probe.name),
            is_firing,
            "P2",
            probe.service.as_deref(),
            labels("CertificateEnds", "probe", &probe.name, Some(&probe.target()), &probe.labels),
            format!("{public_url}/uptime?probe={}", probe.name),
        )
    }
}

/// A job is not heard from, or says that it failed, or neither any more.
pub fn of_heartbeat(
    heartbeat: &Heartbeat,
    standing: HeartbeatStanding,
    last: Option<Timestamp>,
    public_url: &str,
) -> IncomingAlert {
    let name = &heartbeat.name;
    let title = match (standing, last) {
        (HeartbeatStanding::Failed, _) => format!("{name} says that it failed"),
        (_, Some(last)) => format!("{name} was not heard from since {last}"),
        (_, None) => format!("{name} was never heard from"),
    };
    let runbook = heartbeat.runbook.iter().map(|runbook| ("runbook_url".to_owned(), runbook.clone()));
    IncomingAlert {
        title,
        annotations: runbook.collect(),
        ..alert(
            &format!("heartbeat/{name}"),
            standing.is_alerting(),
            &heartbeat.level,
            heartbeat.service.as_deref(),
            labels("HeartbeatMissed", "heartbeat", name, None, &heartbeat.labels),
            format!("{public_url}/uptime?heartbeat={name}"),
        )
    }
}

/// Ends the alert of something that is no longer declared.
pub fn withdrawn(key: &str) -> IncomingAlert {
    alert(key, false, "P1", None, BTreeMap::new(), String::new())
}

fn alert(
    key: &str,
    is_firing: bool,
    level: &str,
    service: Option<&str>,
    labels: BTreeMap<String, String>,
    url: String,
) -> IncomingAlert {
    IncomingAlert {
        fingerprint: Fingerprint::given(Source::Nines, "probe", key),
        source: Source::Nines,
        status: if is_firing { AlertStatus::Firing } else { AlertStatus::Resolved },
        title: String::new(),
        level: Level::parse(level).ok(),
        service: service.map(str::to_owned),
        labels,
        annotations: BTreeMap::new(),
        links: vec![Link { title: "uptime".to_owned(), url }],
        starts_at: None,
        ends_at: None,
    }
}

fn labels(
    alertname: &str,
    kind: &str,
    name: &str,
    target: Option<&str>,
    more: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = more.clone();
    labels.insert("alertname".to_owned(), alertname.to_owned());
    labels.insert(kind.to_owned(), name.to_owned());
    labels.extend(target.map(|target| ("instance".to_owned(), target.to_owned())));
    labels
}

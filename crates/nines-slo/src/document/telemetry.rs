//! `TelemetryLimits`: how much telemetry teams may send, and how much of a dataset is taken in and for how long it is kept.
//! Only the document; the telemetry column refuses and removes by it.

use nines_base::ByteSize;
use nines_yaml::{Fields, Raw, Reader};

use super::Meta;
use super::yaml::{MapBuilder, Yaml};

/// What `dataset` may say.
pub const TELEMETRY_DATASETS: [&str; 6] = ["logs", "spans", "metrics", "probes", "beacons", "changes"];

/// The longest burst: more is another rate.
const BURST_SECS_MAX: f64 = 3_600.0;

/// Limits of telemetry. `apiVersion: nines/v1`. Several documents hold together; of two amounts for the same the smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryLimits {
    pub meta: Meta,
    pub description: Option<String>,
    pub limits: Vec<TelemetryLimit>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryLimit {
    pub scope: TelemetryScope,
    pub events_per_second: Option<u64>,
    pub bytes_per_second: Option<u64>,
    /// Seconds in which what may come at once is refilled.
    pub burst_secs: Option<f64>,
    pub stored_bytes: Option<u64>,
    /// How long a dataset is kept, in seconds. Only for datasets.
    pub retention_secs: Option<u64>,
    /// Nothing of a dataset is removed. Only for datasets.
    pub legal_hold: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TelemetryScope {
    /// By the name of its document.
    Team(String),
    /// Each team that is not named.
    EachTeam,
    /// Senders whose key belongs to no team.
    Organisation,
    /// One of [`TELEMETRY_DATASETS`].
    Dataset(String),
}

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<TelemetryLimits> {
    let description = spec.text(reader, "description");
    let mut limits = Vec::new();
    for (path, node) in spec.items(reader, "limits") {
        if let Some(fields) = reader.fields(node, &path)
            && let Some(limit) = read_limit(reader, fields)
        {
            limits.push(limit);
        }
    }
    spec.finish(reader);
    Some(TelemetryLimits { meta, description, limits })
}

fn read_limit(reader: &mut Reader<'_>, mut limit: Fields<'_>) -> Option<TelemetryLimit> {
    let team_path = limit.path_of("team");
    let team = limit.get(reader, "team").and_then(|node| {
        reader.mark(&team_path, node.mark);
        reader.text(node, &team_path)
    });
    let each_team = limit.boolean(reader, "eachTeam").unwrap_or(false);
    let organisation = limit.boolean(reader, "organisation").unwrap_or(false);
    let has_dataset = limit.has("dataset");
    let (dataset_path, choices) = (limit.path_of("dataset"), TELEMETRY_DATASETS.map(|name| (name, name)));
    let dataset = limit.get(reader, "dataset").and_then(|node| reader.choice(node, &dataset_path, &choices));
    let events_per_second = amount(reader, &mut limit, "eventsPerSecond");
    let bytes_per_second = amount(reader, &mut limit, "bytesPerSecond");
    let stored_bytes = amount(reader, &mut limit, "storedBytes");
    let retention_path = limit.path_of("retention");
    let retention_mark = limit.mark_of("retention");
    let retention = limit.text(reader, "retention");
    let legal_hold = limit.boolean(reader, "legalHold").unwrap_or(false);
    let burst_secs = limit.number(reader, "burstSeconds");
    let amounts = ["eventsPerSecond", "bytesPerSecond", "storedBytes", "retention", "legalHold"];
    let has_amount = amounts.iter().any(|key| limit.has(key));
    let burst_mark = limit.mark_of("burstSeconds");
    let (mark, path) = (limit.mark, limit.path.clone());
    limit.finish(reader);

    if burst_secs.is_some_and(|secs| !(0.0..=BURST_SECS_MAX).contains(&secs)) {
        let hint = Some("write seconds from 0 to 3600, such as 10".to_owned());
        reader.error(burst_mark, &format!("{path}.burstSeconds"), "is no time that a burst lasts", hint);
        return None;
    }
    let retention_secs = match retention.as_deref().map(retention_secs) {
        None => None,
        Some(Ok(secs)) => Some(secs),
        Some(Err(message)) => {
            let hint = Some("write a number and a unit, such as 30d".to_owned());
            reader.error(retention_mark, &retention_path, message, hint);
            return None;
        }
    };
    if !has_amount {
        let hint = Some(
            "write `eventsPerSecond`, `bytesPerSecond`, `storedBytes`, `retention` or `legalHold`".to_owned(),
        );
        reader.error(mark, &path, "the limit has no amount", hint);
        return None;
    }
    let scopes = [
        team.map(TelemetryScope::Team),
        each_team.then_some(TelemetryScope::EachTeam),
        organisation.then_some(TelemetryScope::Organisation),
        dataset.map(|name| TelemetryScope::Dataset(name.to_owned())),
    ];
    let mut scopes = scopes.into_iter().flatten();
    let (scope, other) = (scopes.next(), scopes.next());
    match (scope, other) {
        (Some(scope), None) => {
            let is_kept = retention_secs.is_some() || legal_hold;
            if is_kept && !matches!(scope, TelemetryScope::Dataset(_)) {
                let hint = "rows of all teams lie together: say it of a `dataset`";
                let message = "nothing but a dataset has a retention or a legal hold";
                reader.error(mark, &path, message, Some(hint.to_owned()));
                return None;
            }
            Some(TelemetryLimit {
                scope,
                events_per_second,
                bytes_per_second,
                burst_secs,
                stored_bytes,
                retention_secs,
                legal_hold,
            })
        }
        // The wrong word under `dataset` has been reported.
        (None, None) if has_dataset => None,
        _ => {
            let hint = "write one of `team: NAME`, `eachTeam: true`, `organisation: true` or `dataset: NAME`";
            reader.error(mark, &path, "the limit does not say whom it is about", Some(hint.to_owned()));
            None
        }
    }
}

/// At least an hour: what is measured looks back that far.
fn retention_secs(text: &str) -> Result<u64, &'static str> {
    let millis = nines_promql::parse_duration(text).and_then(|millis| u64::try_from(millis).ok());
    match millis.map(|millis| millis / 1_000) {
        Some(secs) if secs >= 3_600 => Ok(secs),
        Some(_) => Err("is shorter than an hour"),
        None => Err("is no duration"),
    }
}

/// A whole number, or a size such as `20 MiB`.
fn amount(reader: &mut Reader<'_>, limit: &mut Fields<'_>, key: &'static str) -> Option<u64> {
    let path = limit.path_of(key);
    let node = limit.get(reader, key)?;
    let is_count = key == "eventsPerSecond";
    let read = match &node.value {
        Raw::Int(number) => u64::try_from(*number).ok(),
        Raw::Str(text) if !is_count => text.parse().map(|ByteSize(bytes)| bytes).ok(),
        _ => None,
    };
    if read.is_none() {
        let hint =
            if is_count { "write a whole number, such as 5000" } else { "write a size, such as 20MiB" };
        reader.error(node.mark, &path, "is no amount", Some(hint.to_owned()));
    }
    read
}

pub(super) fn spec(document: &TelemetryLimits) -> Yaml {
    let number = |amount: u64| Yaml::Int(i64::try_from(amount).unwrap_or(i64::MAX));
    let list = document.limits.iter().map(|limit| {
        let (team, dataset) = match &limit.scope {
            TelemetryScope::Team(name) => (Some(name.as_str()), None),
            TelemetryScope::Dataset(name) => (None, Some(name.as_str())),
            TelemetryScope::EachTeam | TelemetryScope::Organisation => (None, None),
        };
        let flag = |scope| (limit.scope == scope).then_some(Yaml::Bool(true));
        MapBuilder::default()
            .text("team", team)
            .maybe("eachTeam", flag(TelemetryScope::EachTeam))
            .maybe("organisation", flag(TelemetryScope::Organisation))
            .text("dataset", dataset)
            .maybe("eventsPerSecond", limit.events_per_second.map(number))
            .maybe("bytesPerSecond", limit.bytes_per_second.map(number))
            .maybe("burstSeconds", limit.burst_secs.map(Yaml::Float))
            .maybe("storedBytes", limit.stored_bytes.map(number))
            .text("retention", limit.retention_secs.map(|secs| format!("{secs}s")).as_deref())
            .maybe("legalHold", limit.legal_hold.then_some(Yaml::Bool(true)))
            .build()
    });
    MapBuilder::default()
        .text("description", document.description.as_deref())
        .list("limits", list.collect())
        .build()
}

#[cfg(test)]
mod tests {
    use super::{TELEMETRY_DATASETS, TelemetryScope};
    use crate::{Document, Registry, parse};

    const HEAD: &str =
        "apiVersion: nines/v1\nkind: TelemetryLimits\nmetadata: {name: fair}\nspec:\n  limits:\n";

    #[test]
    fn limits_are_read_and_print_as_they_were() {
        let text = format!(
            "{HEAD}  - {{team: shop, eventsPerSecond: 5000, bytesPerSecond: 10MiB, burstSeconds: 20, storedBytes: 1 GiB}}\n  - {{eachTeam: true, storedBytes: 1024}}\n  - {{organisation: true, eventsPerSecond: 0}}\n  - {{dataset: logs, bytesPerSecond: 4096}}\n  - {{dataset: spans, retention: 3d, legalHold: true}}\n"
        );
        let parsed = parse(None, &text).unwrap().documents.remove(0).document;
        let Document::TelemetryLimits(limits) = &parsed else { panic!("{parsed:?}") };
        let shop = &limits.limits[0];
        assert_eq!(shop.scope, TelemetryScope::Team("shop".to_owned()));
        assert_eq!((shop.events_per_second, shop.bytes_per_second), (Some(5_000), Some(10 << 20)));
        assert_eq!((shop.burst_secs, shop.stored_bytes), (Some(20.0), Some(1 << 30)));
        assert_eq!((limits.limits[4].retention_secs, limits.limits[4].legal_hold), (Some(259_200), true));
        assert_eq!(limits.limits[3].scope, TelemetryScope::Dataset("logs".to_owned()));
        assert_eq!(parse(None, &parsed.to_yaml()).unwrap().documents[0].document, parsed);
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("{team: shop}", "no amount"),
            ("{eventsPerSecond: 5}", "whom it is about"),
            ("{team: shop, dataset: logs, eventsPerSecond: 5}", "whom it is about"),
            ("{dataset: loggs, eventsPerSecond: 5}", "did you mean `logs`"),
            ("{team: shop, eventsPerSecond: -5}", "whole number"),
            ("{team: shop, eventsPerSecond: 5 MiB}", "whole number"),
            ("{team: shop, bytesPerSecond: many}", "20MiB"),
            ("{team: shop, retention: 3d}", "but a dataset"),
            ("{dataset: logs, retention: 3m}", "shorter than an hour"),
            ("{dataset: logs, retention: long}", "no duration"),
            ("{team: shop, eventsPerSecond: 5, burstSeconds: -1}", "0 to 3600"),
            ("{team: shop, eventsPerMinute: 5, storedBytes: 1}", "eventsPerMinute"),
        ];
        for (limit, expected) in cases {
            let errors = parse(None, &format!("{HEAD}  - {limit}\n")).unwrap_err();
            let text: String = errors.iter().map(|error| format!("{error:?}")).collect();
            assert!(text.contains(expected), "{limit}: {text}");
        }
    }

    #[test]
    fn a_team_that_there_is_not_is_a_mistake() {
        let text = format!("{HEAD}  - {{team: shop, eventsPerSecond: 5}}\n");
        let errors = Registry::default().apply(parse(None, &text).unwrap().documents).unwrap_err();
        assert!(errors[0].message.contains("no Team named `shop`"), "{errors:?}");
        assert_eq!(errors[0].path, "spec.limits[0].team");
        assert_eq!(TELEMETRY_DATASETS.len(), 6);
    }
}

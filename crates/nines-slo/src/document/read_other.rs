//! Reads metadata, annotations, the alerting kinds and our own kinds.

use std::collections::BTreeMap;

use super::Meta;
use super::alert::{AlertCondition, AlertNotificationTarget, AlertPolicy};
use super::own::{Channel, ChannelTarget, DataSource, Secret, Service, Team};
use super::period::Ratio;
use super::provider::{PROVIDERS, ProviderSpec, ProviderTarget};
use super::read_slo::period;
use super::slo::{Op, Ref, Settings};
use super::yaml::Yaml;
use nines_yaml::{Fields, Reader};
use nines_yaml::{Node, Raw};

/// Annotations that we read. Others under `nines/` are mistakes; those elsewhere are somebody else's.
const ANNOTATIONS: [&str; 7] = [
    "nines/sla",
    "nines/runbook",
    "nines/owner",
    "nines/min-events",
    "nines/paused",
    "nines/channels",
    "nines/interval",
];
/// How often a metric may be asked: not more often than counts are kept, and often enough for the shortest alert.
const INTERVAL_SECS: std::ops::RangeInclusive<u64> = 1..=300;

/// `metadata`. An inline object may do without.
pub(super) fn meta(reader: &mut Reader<'_>, root: &mut Fields<'_>, required: bool) -> Meta {
    let fields =
        if required { root.required_fields(reader, "metadata") } else { root.fields(reader, "metadata") };
    let Some(mut fields) = fields else { return Meta::default() };
    let name = fields.required_text(reader, "name").unwrap_or_default();
    if !name.is_empty() {
        check_name(reader, &fields, &name);
    }
    let display_name = fields.text(reader, "displayName");
    let labels = labels(reader, &mut fields);
    let annotations = annotations(reader, &mut fields);
    fields.finish(reader);
    Meta { name, display_name, labels, annotations }
}

/// RFC 1123 labels, as OpenSLO and Kubernetes ask.
fn check_name(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let message = if name.len() > 63 {
        format!("the name has {} characters, at most 63 are allowed", name.len())
    } else if !name.chars().all(legal) || name.starts_with('-') || name.ends_with('-') {
        format!("`{name}` is not a name: lower-case letters, digits and `-` inside")
    } else {
        return;
    };
    let nearest: String = name.to_lowercase().chars().map(|c| if legal(c) { c } else { '-' }).collect();
    let nearest = nearest.trim_matches('-');
    let nearest = &nearest[..nearest.len().min(63)];
    let hint =
        (!nearest.is_empty()).then(|| format!("write `{nearest}`, and the long form under `displayName`"));
    reader.error(fields.mark_of("name"), &fields.path_of("name"), message, hint);
}

fn labels(reader: &mut Reader<'_>, meta: &mut Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let mut labels = BTreeMap::new();
    if let Some(fields) = meta.fields(reader, "labels") {
        for entry in fields.entries() {
            let path = fields.path_of(&entry.key);
            let values = match entry.value.value {
                Raw::Seq(_) => {
                    let items = reader.items(&entry.value, &path);
                    items.into_iter().filter_map(|(path, node)| reader.text(node, &path)).collect()
                }
                _ => reader.text(&entry.value, &path).into_iter().collect(),
            };
            labels.insert(entry.key.clone(), values);
        }
        fields.finish_free(reader);
    }
    labels
}

fn annotations(reader: &mut Reader<'_>, meta: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    if let Some(fields) = meta.fields(reader, "annotations") {
        for entry in fields.entries() {
            let path = fields.path_of(&entry.key);
            if entry.key.starts_with("nines/") && !ANNOTATIONS.contains(&entry.key.as_str()) {
                let hint = nines_yaml::suggest(&entry.key, &ANNOTATIONS);
                reader.error(entry.key_mark, &path, format!("unknown annotation `{}`", entry.key), hint);
            }
            if let Some(text) = reader.text(&entry.value, &path) {
                reader.mark(&path, entry.value.mark);
                annotations.insert(entry.key.clone(), text);
            }
        }
        fields.finish_free(reader);
    }
    annotations
}

/// What our annotations say. `weakest` is the lowest objective, which the SLA may not exceed.
pub(super) fn settings(reader: &mut Reader<'_>, meta: &Meta, weakest: Option<Ratio>) -> Settings {
    let mut settings = Settings::default();
    let annotation = |key: &str| meta.annotations.get(key).map(|text| text.trim());
    let wrong = |reader: &mut Reader<'_>, key: &str, message: String, hint: &str| {
        let path = format!("metadata.annotations[\"{key}\"]");
        let mark = reader.marks.find(&path);
        reader.error(mark, &path, message, Some(hint.to_owned()));
    };
    if let Some(text) = annotation("nines/sla") {
        let percent = text.trim_end_matches('%').trim().parse::<f64>().ok();
        match percent
            .filter(|percent| (0.0..100.0).contains(percent))
            .and_then(|it| Ratio::from_f64(it / 100.0))
        {
            Some(sla) if weakest.is_some_and(|weakest| sla > weakest) => {
                let message = format!("the SLA of {sla} is tighter than the objective");
                wrong(
                    reader,
                    "nines/sla",
                    message,
                    "an objective is at least as tight as the contract behind it",
                );
            }
            Some(sla) => settings.sla = Some(sla),
            None => wrong(
                reader,
                "nines/sla",
                format!("`{text}` is not a target"),
                "write a percentage, such as \"99\"",
            ),
        }
    }
    if let Some(text) = annotation("nines/min-events") {
        match text.parse::<u64>() {
            Ok(count) if count > 0 => settings.min_events = Some(count),
            _ => wrong(
                reader,
                "nines/min-events",
                format!("`{text}` is not a number of events"),
                "write \"25\"",
            ),
        }
    }
    if let Some(text) = annotation("nines/paused") {
        match text {
            "true" => settings.paused = true,
            "false" => {}
            _ => {
                wrong(reader, "nines/paused", format!("`{text}` is neither true nor false"), "write \"true\"")
            }
        }
    }
    if let Some(text) = annotation("nines/interval") {
        let seconds = super::period::parse_latency(text).map(|nanos| nanos / 1e9);
        match seconds.filter(|seconds| seconds.fract() == 0.0).map(|seconds| seconds as u64) {
            Some(seconds) if INTERVAL_SECS.contains(&seconds) => {
                settings.interval = Some(std::time::Duration::from_secs(seconds));
            }
            _ => wrong(
                reader,
                "nines/interval",
                format!("`{text}` is not an interval from 1s to 300s"),
                "write \"15s\", or the scrape interval",
            ),
        }
    }
    if let Some(text) = annotation("nines/channels") {
        settings.channels =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    settings.runbook = annotation("nines/runbook").map(str::to_owned);
    settings.owner = annotation("nines/owner").map(str::to_owned);
    settings
}

pub(super) fn service(
    reader: &mut Reader<'_>,
    meta: Meta,
    spec: Option<Fields<'_>>,
    ours: bool,
) -> Option<Service> {
    let mut service =
        Service { meta, description: None, owner: None, runbook: None, dependencies: Vec::new() };
    let Some(mut spec) = spec else { return Some(service) };
    service.description = spec.text(reader, "description");
    if ours {
        service.owner = spec.text(reader, "owner");
        service.runbook = spec.text(reader, "runbook");
        service.dependencies = spec.texts(reader, "dependencies");
    } else {
        for key in ["owner", "runbook", "dependencies"] {
            if spec.has(key) {
                let hint = Some("write `apiVersion: nines/v1`".to_owned());
                reader.error(
                    spec.key_mark_of(key),
                    &spec.path_of(key),
                    format!("openslo/v1 has no `{key}`"),
                    hint,
                );
                spec.get(reader, key);
            }
        }
    }
    spec.finish(reader);
    Some(service)
}

pub(super) fn data_source(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<DataSource> {
    let description = spec.text(reader, "description");
    let source_type = spec.required_text(reader, "type");
    let details_path = spec.path_of("connectionDetails");
    let details = spec.get(reader, "connectionDetails");
    if let Some(node) = details.filter(|node| !matches!(node.value, Raw::Map(_) | Raw::Null)) {
        reader.fields(node, &details_path);
    }
    spec.finish(reader);
    let connection_details = details.map_or(Yaml::Map(Vec::new()), Yaml::from);
    Some(DataSource { meta, description, source_type: source_type?, connection_details })
}

/// `alertPolicies` of an SLO: names, `{alertPolicyRef}`, or policies written out.
pub(super) fn alert_policies(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Vec<Ref<AlertPolicy>> {
    let items = spec.items(reader, "alertPolicies");
    items
        .into_iter()
        .filter_map(|(path, node)| {
            reader.mark(&path, node.mark);
            match &node.value {
                Raw::Str(name) => Some(Ref::Named(name.clone())),
                _ => ref_or_inline(reader, node, &path, "alertPolicyRef", "AlertPolicy", alert_policy),
            }
        })
        .collect()
}

/// `{<name>Ref: x}` or `{kind, metadata, spec}`.
fn ref_or_inline<'n, T>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    path: &str,
    reference: &'static str,
    kind: &'static str,
    read: fn(&mut Reader<'_>, Meta, Fields<'n>) -> Option<T>,
) -> Option<Ref<T>> {
    let mut fields = reader.fields(node, path)?;
    if fields.has(reference) {
        let name = fields.required_text(reader, reference);
        fields.finish(reader);
        return name.map(Ref::Named);
    }
    fields.text(reader, "apiVersion");
    let kind_path = fields.path_of("kind");
    if let Some(node) = fields.required(reader, "kind") {
        reader.choice(node, &kind_path, &[(kind, ())]);
    }
    let meta = meta(reader, &mut fields, true);
    let spec = fields.required_fields(reader, "spec");
    // Known, so that a misspelt reference is recognised.
    fields.get(reader, reference);
    fields.finish(reader);
    read(reader, meta, spec?).map(|object| Ref::Inline(Box::new(object)))
}

pub(super) fn alert_policy(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<AlertPolicy> {
    let description = spec.text(reader, "description");
    let when_breaching = spec.boolean(reader, "alertWhenBreaching");
    let when_resolved = spec.boolean(reader, "alertWhenResolved");
    let when_no_data = spec.boolean(reader, "alertWhenNoData");
    let path = spec.path_of("conditions");
    let mut condition = None;
    if let Some(node) = spec.required(reader, "conditions") {
        let items = reader.items(node, &path);
        match items.as_slice() {
            [(path, node)] => {
                condition =
                    ref_or_inline(reader, node, path, "conditionRef", "AlertCondition", alert_condition);
            }
            items if matches!(node.value, Raw::Seq(_) | Raw::Null) => {
                let message = format!("has {} entries, exactly one is needed", items.len());
                let hint = Some("make one policy per condition".to_owned()).filter(|_| items.len() > 1);
                reader.error(node.mark, &path, message, hint);
            }
            _ => {}
        }
    }
    let targets = spec
        .items(reader, "notificationTargets")
        .into_iter()
        .filter_map(|(path, node)| {
            ref_or_inline(reader, node, &path, "targetRef", "AlertNotificationTarget", notification_target)
        })
        .collect();
    spec.finish(reader);
    Some(AlertPolicy {
        meta,
        description,
        when_breaching: when_breaching.unwrap_or(true),
        when_resolved: when_resolved.unwrap_or(false),
        when_no_data: when_no_data.unwrap_or(false),
        condition: condition?,
        targets,
    })
}

pub(super) fn alert_condition(
    reader: &mut Reader<'_>,
    meta: Meta,
    mut spec: Fields<'_>,
) -> Option<AlertCondition> {
    let description = spec.text(reader, "description");
    let severity = spec.required_text(reader, "severity");
    let condition = spec.required_fields(reader, "condition");
    spec.finish(reader);
    let mut condition = condition?;
    let kind_path = condition.path_of("kind");
    if let Some(node) = condition.required(reader, "kind") {
        reader.choice(node, &kind_path, &[("burnrate", ())]);
    }
    let op_path = condition.path_of("op");
    let op = condition.get(reader, "op").and_then(|node| reader.choice(node, &op_path, &Op::WORDS));
    let threshold_path = condition.path_of("threshold");
    let threshold =
        condition.required(reader, "threshold").and_then(|node| reader.number(node, &threshold_path));
    if let Some(threshold) = threshold.filter(|threshold| *threshold <= 0.0) {
        let message = format!("a burn rate of {threshold} is out of range");
        let hint = Some("write a number above 0; 1 spends the budget in exactly the window".to_owned());
        reader.error(condition.mark_of("threshold"), &threshold_path, message, hint);
    }
    condition.required(reader, "lookbackWindow");
    let lookback = period(reader, &mut condition, "lookbackWindow");
    let alert_after = period(reader, &mut condition, "alertAfter");
    condition.finish(reader);
    Some(AlertCondition {
        meta,
        description,
        severity: severity?,
        op: op.unwrap_or(Op::Gte),
        threshold: threshold?,
        lookback: lookback?,
        alert_after,
    })
}

pub(super) fn notification_target(
    reader: &mut Reader<'_>,
    meta: Meta,
    mut spec: Fields<'_>,
) -> Option<AlertNotificationTarget> {
    let description = spec.text(reader, "description");
    let target = spec.required_text(reader, "target");
    spec.finish(reader);
    Some(AlertNotificationTarget { meta, description, target: target? })
}

#[derive(Clone, Copy)]
enum ChannelType {
    Webhook,
    Slack,
    Email,
    Provider(&'static ProviderSpec),
}

pub(super) fn channel(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Channel> {
    let mut types =
        vec![("webhook", ChannelType::Webhook), ("slack", ChannelType::Slack), ("email", ChannelType::Email)];
    types.extend(PROVIDERS.iter().map(|spec| (spec.word, ChannelType::Provider(spec))));
    let description = spec.text(reader, "description");
    let type_path = spec.path_of("type");
    let channel_type =
        spec.required(reader, "type").and_then(|node| reader.choice(node, &type_path, &types))?;
    let target = match channel_type {
        ChannelType::Webhook => {
            let url = url(reader, &mut spec, "url", &["https://", "http://"], true);
            let secret = spec.text(reader, "secret").map(Secret::new);
            url.map(|url| ChannelTarget::Webhook { url, secret })
        }
        ChannelType::Slack => {
            let api_url = url(reader, &mut spec, "apiUrl", &["https://", "http://"], false);
            let token = spec.required_text(reader, "token").map(Secret::new);
            let channel = spec.required_text(reader, "channel");
            let interactive = spec.boolean(reader, "interactive").unwrap_or(false);
            token.zip(channel).map(|(token, channel)| ChannelTarget::Slack {
                api_url,
                token,
                channel,
                interactive,
            })
        }
        ChannelType::Email => {
            let smtp = url(reader, &mut spec, "smtp", &["smtp://", "smtps://"], true).map(Secret::new);
            let from = spec.required_text(reader, "from");
            let to = addresses(reader, &mut spec);
            match (smtp, from) {
                (Some(smtp), Some(from)) => Some(ChannelTarget::Email { smtp, from, to }),
                _ => None,
            }
        }
        ChannelType::Provider(provider) => {
            ProviderTarget::read(provider, reader, &mut spec).map(ChannelTarget::Provider)
        }
    };
    let fallback = spec.text(reader, "fallback");
    if fallback.as_deref() == Some(meta.name.as_str()) {
        let hint = Some("name a channel of another provider".to_owned());
        reader.error(spec.mark_of("fallback"), &spec.path_of("fallback"), "is the channel itself", hint);
    }
    spec.finish(reader);
    Some(Channel { meta, description, target: target?, fallback })
}

fn url(
    reader: &mut Reader<'_>,
    spec: &mut Fields<'_>,
    key: &'static str,
    schemes: &[&str],
    required: bool,
) -> Option<String> {
    let url = if required { spec.required_text(reader, key) } else { spec.text(reader, key) }?;
    // A whole URL with a password or a token in it may be kept as a secret; then it is read when it is used.
    let schemes_or_secret = || schemes.iter().copied().chain([Secret::REFERENCE]);
    let rest = schemes_or_secret().find_map(|scheme| url.strip_prefix(scheme));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/') || url.contains(char::is_whitespace)) {
        // The text may hold a password: the message does not repeat it.
        let hint = Some(format!("write it with {} and a host", schemes.join(" or ")));
        reader.error(spec.mark_of(key), &spec.path_of(key), "is not a URL that can be used here", hint);
        return None;
    }
    Some(url)
}

/// `to`: one address or a list of them.
fn addresses(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Vec<String> {
    let path = spec.path_of("to");
    let Some(node) = spec.required(reader, "to") else { return Vec::new() };
    let nodes: Vec<(String, &Node)> = match node.value {
        Raw::Str(_) => vec![(path.clone(), node)],
        _ => reader.items(node, &path),
    };
    if nodes.is_empty() {
        reader.error(node.mark, &path, "has no addresses", None);
    }
    let mut addresses = Vec::new();
    for (path, node) in nodes {
        let Some(text) = reader.text(node, &path) else { continue };
        match text.split_once('@') {
            Some((user, host))
                if !user.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace) =>
            {
                addresses.push(text);
            }
            _ => reader.error(node.mark, &path, format!("`{text}` is not an e-mail address"), None),
        }
    }
    addresses
}

pub(super) fn team(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Team> {
    let description = spec.text(reader, "description");
    let members = spec.texts(reader, "members");
    let channels = spec.texts(reader, "channels");
    let on_call = spec.text(reader, "onCall");
    let escalation = spec.text(reader, "escalation");
    let first_line = spec.boolean(reader, "firstLine").unwrap_or(false);
    if let Some(person) = on_call.as_ref().filter(|person| !members.is_empty() && !members.contains(person)) {
        let hint = super::nearest(person, members.iter().map(String::as_str))
            .map(|near| format!("did you mean `{near}`?"))
            .or(Some("add the person under `members`".to_owned()));
        reader.error(
            spec.mark_of("onCall"),
            &spec.path_of("onCall"),
            format!("`{person}` is not a member"),
            hint,
        );
    }
    spec.finish(reader);
    Some(Team { meta, description, members, channels, on_call, escalation, first_line })
}

//! Canonical YAML of each kind: fixed order of keys, absent things left out.

use super::alert::{AlertCondition, AlertNotificationTarget, AlertPolicy};
use super::own::{Channel, ChannelTarget, Secret};
use super::slo::{Metric, Objective, RatioParts, Ref, Sli, Slo, Source, Threshold, Window};
use super::yaml::{MapBuilder, Yaml};
use super::{Document, Meta, NINES_V1, OPENSLO_V1};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    Reveal,
    Redact,
}

pub(super) fn document(document: &Document, secrets: Secrets) -> Yaml {
    let (version, spec) = match document {
        Document::Slo(slo) => (OPENSLO_V1, slo_spec(slo)),
        Document::Sli(sli) => (OPENSLO_V1, sli_spec(sli)),
        Document::AlertPolicy(policy) => (OPENSLO_V1, policy_spec(policy)),
        Document::AlertCondition(condition) => (OPENSLO_V1, condition_spec(condition)),
        Document::AlertNotificationTarget(target) => (OPENSLO_V1, target_spec(target)),
        Document::DataSource(source) => {
            let spec = MapBuilder::default()
                .text("description", source.description.as_deref())
                .text("type", Some(&source.source_type))
                .put("connectionDetails", source.connection_details.clone());
            (OPENSLO_V1, spec.build())
        }
        Document::Service(service) => {
            let spec = MapBuilder::default()
                .text("description", service.description.as_deref())
                .text("owner", service.owner.as_deref())
                .text("runbook", service.runbook.as_deref())
                .list("dependencies", texts(&service.dependencies));
            let ours =
                service.owner.is_some() || service.runbook.is_some() || !service.dependencies.is_empty();
            (if ours { NINES_V1 } else { OPENSLO_V1 }, spec.build())
        }
        Document::Channel(channel) => (NINES_V1, channel_spec(channel, secrets)),
        Document::TelemetryLimits(limits) => (NINES_V1, super::telemetry::spec(limits)),
        Document::MaskingRules(rules) => (NINES_V1, super::masking::spec(rules)),
        Document::Team(team) => {
            let spec = MapBuilder::default()
                .text("description", team.description.as_deref())
                .list("members", texts(&team.members))
                .list("channels", texts(&team.channels))
                .text("onCall", team.on_call.as_deref())
                .text("escalation", team.escalation.as_deref())
                .maybe("firstLine", team.first_line.then_some(Yaml::Bool(true)));
            (NINES_V1, spec.build())
        }
    };
    MapBuilder::default()
        .text("apiVersion", Some(version))
        .text("kind", Some(document.kind().as_str()))
        .put("metadata", meta(document.meta()))
        .put("spec", spec)
        .build()
}

fn meta(meta: &Meta) -> Yaml {
    let labels = meta.labels.iter().map(|(key, values)| {
        let value = match values.as_slice() {
            [one] => Yaml::str(one),
            many => Yaml::Seq(texts(many)),
        };
        (key.clone(), value)
    });
    let annotations = meta.annotations.iter().map(|(key, value)| (key.clone(), Yaml::str(value)));
    let map = |entries: Vec<(String, Yaml)>| (!entries.is_empty()).then_some(Yaml::Map(entries));
    MapBuilder::default()
        .text("name", Some(&meta.name))
        .text("displayName", meta.display_name.as_deref())
        .maybe("labels", map(labels.collect()))
        .maybe("annotations", map(annotations.collect()))
        .build()
}

fn texts(items: &[String]) -> Vec<Yaml> {
    items.iter().map(Yaml::str).collect()
}

/// A number without a fraction prints as an integer.
fn number(value: f64) -> Yaml {
    if value.fract() == 0.0 && value.abs() < 9e15 { Yaml::Int(value as i64) } else { Yaml::Float(value) }
}

fn slo_spec(slo: &Slo) -> Yaml {
    MapBuilder::default()
        .text("description", slo.description.as_deref())
        .text("service", Some(&slo.service))
        .maybe("indicator", slo.indicator.as_ref().and_then(Ref::inline).map(inline_sli))
        .text("indicatorRef", named(slo.indicator.as_ref()))
        .put("timeWindow", Yaml::Seq(vec![window(&slo.window)]))
        .text("budgetingMethod", Some(slo.budgeting.as_str()))
        .put("objectives", Yaml::Seq(slo.objectives.iter().map(objective).collect()))
        .list(
            "alertPolicies",
            slo.alert_policies
                .iter()
                .map(|policy| match policy {
                    Ref::Named(name) => Yaml::str(name),
                    Ref::Inline(policy) => inline("AlertPolicy", &policy.meta, policy_spec(policy)),
                })
                .collect(),
        )
        .build()
}

fn named<T>(reference: Option<&Ref<T>>) -> Option<&str> {
    match reference {
        Some(Ref::Named(name)) => Some(name),
        _ => None,
    }
}

fn inline(kind: &str, of: &Meta, spec: Yaml) -> Yaml {
    MapBuilder::default().text("kind", Some(kind)).put("metadata", meta(of)).put("spec", spec).build()
}

fn inline_sli(sli: &Sli) -> Yaml {
    let metadata = (!sli.meta.name.is_empty()).then(|| meta(&sli.meta));
    MapBuilder::default().maybe("metadata", metadata).put("spec", sli_spec(sli)).build()
}

fn window(window: &Window) -> Yaml {
    match window {
        Window::Rolling(period) => MapBuilder::default()
            .text("duration", Some(&period.to_string()))
            .put("isRolling", Yaml::Bool(true))
            .build(),
        Window::Calendar { period, start, zone } => {
            let calendar = MapBuilder::default()
                .text("startTime", Some(&start.strftime("%Y-%m-%d %H:%M:%S").to_string()))
                .text("timeZone", Some(zone))
                .build();
            MapBuilder::default()
                .text("duration", Some(&period.to_string()))
                .put("isRolling", Yaml::Bool(false))
                .put("calendar", calendar)
                .build()
        }
    }
}

fn objective(objective: &Objective) -> Yaml {
    MapBuilder::default()
        .text("displayName", objective.display_name.as_deref())
        .maybe("indicator", objective.indicator.as_ref().and_then(Ref::inline).map(inline_sli))
        .text("indicatorRef", named(objective.indicator.as_ref()))
        .text("op", objective.op.map(|op| op.as_str()))
        .maybe("value", objective.value.map(number))
        .put("target", Yaml::Float(objective.target.as_f64()))
        .maybe("timeSliceTarget", objective.time_slice_target.map(|share| Yaml::Float(share.as_f64())))
        .maybe(
            "timeSliceWindow",
            objective.time_slice_window.map(|window| Yaml::str(format!("{}m", window.as_secs() / 60))),
        )
        .maybe("compositeWeight", objective.composite_weight.map(number))
        .build()
}

fn sli_spec(sli: &Sli) -> Yaml {
    let metric = MapBuilder::default().text("description", sli.description.as_deref());
    match &sli.metric {
        Metric::Threshold(it) => metric.put("thresholdMetric", source(it)),
        Metric::Ratio { counter, parts } => {
            let ratio = MapBuilder::default().maybe("counter", counter.map(Yaml::Bool));
            let ratio = match parts {
                RatioParts::Good { good, total } => {
                    ratio.put("good", source(good)).put("total", source(total))
                }
                RatioParts::Bad { bad, total } => ratio.put("bad", source(bad)).put("total", source(total)),
                RatioParts::Raw { raw, raw_type } => {
                    ratio.put("raw", source(raw)).text("rawType", Some(raw_type))
                }
            };
            metric.put("ratioMetric", ratio.build())
        }
    }
    .build()
}

fn source(source: &Source) -> Yaml {
    let inner = match source {
        Source::Foreign { source_type, data_source, spec } => MapBuilder::default()
            .text("metricSourceRef", data_source.as_deref())
            .text("type", source_type.as_deref())
            .put("spec", spec.clone()),
        Source::Nines(source) => {
            let filter = Some(source.filter.as_str()).filter(|filter| !filter.is_empty());
            let threshold = source.threshold.as_ref().map(|threshold| match threshold {
                Threshold::Latency { text, .. } => Yaml::str(text),
                Threshold::Number(value) => number(*value),
            });
            let spec = MapBuilder::default()
                .text("dataset", Some(source.dataset.as_str()))
                .text("filter", filter)
                .text("field", source.field.as_deref())
                .text("unit", source.unit.as_deref())
                .maybe("threshold", threshold);
            MapBuilder::default().text("type", Some("nines")).put("spec", spec.build())
        }
    };
    MapBuilder::default().put("metricSource", inner.build()).build()
}

fn policy_spec(policy: &AlertPolicy) -> Yaml {
    let condition = match &policy.condition {
        Ref::Named(name) => MapBuilder::default().text("conditionRef", Some(name)).build(),
        Ref::Inline(condition) => inline("AlertCondition", &condition.meta, condition_spec(condition)),
    };
    let targets = policy.targets.iter().map(|target| match target {
        Ref::Named(name) => MapBuilder::default().text("targetRef", Some(name)).build(),
        Ref::Inline(target) => inline("AlertNotificationTarget", &target.meta, target_spec(target)),
    });
    MapBuilder::default()
        .text("description", policy.description.as_deref())
        .put("alertWhenBreaching", Yaml::Bool(policy.when_breaching))
        .put("alertWhenResolved", Yaml::Bool(policy.when_resolved))
        .put("alertWhenNoData", Yaml::Bool(policy.when_no_data))
        .put("conditions", Yaml::Seq(vec![condition]))
        .list("notificationTargets", targets.collect())
        .build()
}

fn condition_spec(condition: &AlertCondition) -> Yaml {
    let inner = MapBuilder::default()
        .text("kind", Some("burnrate"))
        .text("op", Some(condition.op.as_str()))
        .put("threshold", number(condition.threshold))
        .text("lookbackWindow", Some(&condition.lookback.to_string()))
        .text("alertAfter", condition.alert_after.map(|period| period.to_string()).as_deref());
    MapBuilder::default()
        .text("description", condition.description.as_deref())
        .text("severity", Some(&condition.severity))
        .put("condition", inner.build())
        .build()
}

fn target_spec(target: &AlertNotificationTarget) -> Yaml {
    MapBuilder::default()
        .text("description", target.description.as_deref())
        .text("target", Some(&target.target))
        .build()
}

fn channel_spec(channel: &Channel, secrets: Secrets) -> Yaml {
    let secret = |secret: &Secret| match secrets {
        Secrets::Reveal => secret.reveal().to_owned(),
        // A reference opens nothing; people have to see it to know what is used where.
        Secrets::Redact if secret.is_reference() => secret.reveal().to_owned(),
        Secrets::Redact => Secret::REDACTED.to_owned(),
    };
    let spec = MapBuilder::default().text("description", channel.description.as_deref());
    match &channel.target {
        ChannelTarget::Webhook { url, secret: key } => spec
            .text("type", Some("webhook"))
            .text("url", Some(url))
            .text("secret", key.as_ref().map(secret).as_deref()),
        ChannelTarget::Slack { api_url, token, channel, interactive } => spec
            .text("type", Some("slack"))
            .text("apiUrl", api_url.as_deref())
            .text("token", Some(&secret(token)))
            .text("channel", Some(channel))
            .maybe("interactive", interactive.then_some(Yaml::Bool(true))),
        ChannelTarget::Email { smtp, from, to } => spec
            .text("type", Some("email"))
            .text("smtp", Some(&secret(smtp)))
            .text("from", Some(from))
            .put("to", Yaml::Seq(texts(to))),
        ChannelTarget::Provider(provider) => provider.write(spec, &secret),
    }
    .text("fallback", channel.fallback.as_deref())
    .build()
}

//! Names of labels, and the text form of a label set.

use std::borrow::Cow;

use nines_model::field;

use crate::intake::IntakeError;

/// Where Loki looks for the name of a service, best first. Source: `discover_service_name` in Loki's `limits_config`.
pub(super) const SERVICE: [&str; 14] = [
    "service_name",
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// Labels that say how bad a line is.
pub(super) const LEVEL: [&str; 5] = ["level", "detected_level", "severity", "lvl", "log_level"];

/// The column for a label. Source: `default_resource_attributes_as_index_labels` of Loki's `distributor.otlp_config`,
/// and the labels that its Kubernetes agents set.
pub(super) fn column(label: &str) -> &str {
    match label {
        "service_name" => field::SERVICE_NAME,
        "service_version" => field::SERVICE_VERSION,
        "service_namespace" => "service.namespace",
        "service_instance_id" => "service.instance.id",
        "deployment_environment" | "deployment_environment_name" => field::DEPLOYMENT_ENVIRONMENT,
        "host" | "hostname" | "host_name" => "host.name",
        "cloud_region" => "cloud.region",
        "cloud_availability_zone" => "cloud.availability_zone",
        "container_name" => "container.name",
        "container" | "k8s_container_name" => "k8s.container.name",
        "namespace" | "k8s_namespace_name" => "k8s.namespace.name",
        "pod" | "k8s_pod_name" => "k8s.pod.name",
        "node_name" | "k8s_node_name" => "k8s.node.name",
        "cluster" | "k8s_cluster_name" => "k8s.cluster.name",
        "k8s_cronjob_name" => "k8s.cronjob.name",
        "k8s_daemonset_name" => "k8s.daemonset.name",
        "k8s_deployment_name" => "k8s.deployment.name",
        "k8s_job_name" => "k8s.job.name",
        "k8s_replicaset_name" => "k8s.replicaset.name",
        "k8s_statefulset_name" => "k8s.statefulset.name",
        "filename" => "log.file.path",
        _ => label,
    }
}

pub(super) type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Loki's own bound is 15 by default; more than this is not a label set.
const LABELS_MAX: usize = 200;

const HINT: &str = "write labels as {name=\"value\", other=\"value\"}";

/// `{a="x", b="y"}`, as Prometheus writes label sets.
pub(super) fn parse(text: &str) -> Result<Labels<'_>, IntakeError> {
    let wrong = || IntakeError::wrong("labels", text, HINT);
    let mut rest =
        text.trim_ascii().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(wrong)?;
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(labels);
        }
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let name = name.trim_ascii();
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(&byte));
        let quoted = after.trim_ascii_start().strip_prefix('"').ok_or_else(wrong)?;
        let (value, after) = value(quoted).ok_or_else(wrong)?;
        if !is_name || labels.len() >= LABELS_MAX {
            return Err(wrong());
        }
        labels.push((Cow::Borrowed(name), value));
        let after = after.trim_ascii_start();
        rest = match after.strip_prefix(',') {
            Some(rest) => rest,
            None if after.is_empty() => after,
            None => return Err(wrong()),
        };
    }
}

/// From behind the opening quote: the value and what follows the closing one. Escapes as in Go.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text.as_bytes()[end] == b'"' {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut out = text[..end].to_owned();
    let mut rest = text[end..].chars();
    loop {
        match rest.next()? {
            '"' => return Some((Cow::Owned(out), rest.as_str())),
            '\\' => out.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                same @ ('"' | '\\' | '\'') => same,
                digits @ ('x' | 'u' | 'U') => {
                    let length = match digits {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let code = rest.as_str().get(..length)?;
                    rest = rest.as_str()[length..].chars();
                    char::from_u32(u32::from_str_radix(code, 16).ok()?)?
                }
                _ => return None,
            }),
            other => out.push(other),
        }
    }
}

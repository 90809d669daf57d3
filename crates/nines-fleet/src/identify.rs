//! Which unit a series is about, by its labels.
//!
//! Names are those of OpenTelemetry as they become labels (`host.name` is `host_name`), of node_exporter, cAdvisor, the
//! kubelet and kube-state-metrics. A host is known by its name, or by the address that it is scraped at without the port,
//! so that an agent and an exporter on one machine are one host.

use std::collections::BTreeMap;

use crate::unit::{Kind, UnitKey};

/// A series in which every unit of a kind shows itself, one or few for each: reading them tells who reports.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    pub metric: &'static str,
    pub kind: Kind,
    /// A matcher besides the name, in PromQL.
    pub with: &'static str,
}

const fn anchor(kind: Kind, metric: &'static str, with: &'static str) -> Anchor {
    Anchor { metric, kind, with }
}

pub const ANCHORS: &[Anchor] = &[
    anchor(Kind::Target, "up", ""),
    anchor(Kind::Host, "system_memory_limit_bytes", ""),
    anchor(Kind::Host, "system_memory_usage_bytes", "system_memory_state=\"used\""),
    // The collector's own receiver writes the older attribute.
    anchor(Kind::Host, "system_memory_usage_bytes", "state=\"used\""),
    anchor(Kind::Host, "node_uname_info", ""),
    anchor(Kind::Host, "node_memory_MemTotal_bytes", ""),
    anchor(Kind::Host, "k8s_node_memory_usage_bytes", ""),
    anchor(Kind::Pod, "k8s_pod_memory_usage_bytes", ""),
    anchor(Kind::Pod, "kube_pod_info", ""),
    anchor(Kind::Container, "container_memory_usage_bytes", ""),
    anchor(Kind::Container, "k8s_container_memory_usage_bytes", ""),
    anchor(Kind::Process, "process_memory_usage_bytes", "process_executable_name!=\"\""),
    anchor(Kind::Process, "namedprocess_namegroup_num_procs", ""),
];

/// Labels that say something of the measure and not of the unit.
const OF_THE_MEASURE: [&str; 9] =
    ["__name__", "le", "quantile", "state", "system_memory_state", "cpu_mode", "mode", "device", "job"];

/// What a series says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    pub key: UnitKey,
    pub name: String,
    pub reporter: Option<UnitKey>,
}

/// The unit of `kind` that a series with these labels is about. `None`: it does not say.
pub fn identify<'a>(kind: Kind, label: &impl Fn(&str) -> Option<&'a str>) -> Option<Identified> {
    let first = |names: &[&str]| names.iter().find_map(|name| label(name).filter(|value| !value.is_empty()));
    let host = || {
        first(&["host_name", "k8s_node_name", "nodename", "node"])
            .or_else(|| label("instance").map(without_port).filter(|name| !name.is_empty()))
    };
    let host_key = || host().map(|name| UnitKey { kind: Kind::Host, id: name.to_owned() });
    let target_key = || {
        let (job, instance) = (label("job")?, label("instance")?);
        Some(UnitKey { kind: Kind::Target, id: format!("{job}/{instance}") })
    };
    let (id, name, reporter) = match kind {
        Kind::Target => {
            let key = target_key()?;
            return Some(Identified { name: label("instance")?.to_owned(), key, reporter: None });
        }
        Kind::Host => (host()?.to_owned(), host()?.to_owned(), target_key()),
        Kind::Pod => {
            let pod = first(&["k8s_pod_name", "pod", "pod_name"])?;
            let namespace = first(&["k8s_namespace_name", "namespace"]).unwrap_or("default");
            (format!("{namespace}/{pod}"), pod.to_owned(), host_key())
        }
        Kind::Container => {
            let pod = first(&["k8s_pod_name", "pod", "pod_name"]);
            let name = first(&["k8s_container_name", "container_name", "container", "name", "container_id"])?;
            // cAdvisor's sums over a pod are called POD.
            if name == "POD" {
                return None;
            }
            let place = match (pod, host()) {
                (Some(pod), _) => {
                    format!("{}/{pod}", first(&["k8s_namespace_name", "namespace"]).unwrap_or("default"))
                }
                (None, Some(host)) => host.to_owned(),
                (None, None) => return None,
            };
            (format!("{place}/{name}"), name.to_owned(), host_key())
        }
        Kind::Process => {
            let name = first(&["process_executable_name", "groupname"])?;
            let host = host()?;
            (format!("{host}/{name}"), name.to_owned(), host_key())
        }
    };
    Some(Identified { key: UnitKey { kind, id }, name, reporter })
}

/// Whether a label describes the unit, and not the measure.
pub fn describes(name: &str) -> bool {
    !OF_THE_MEASURE.contains(&name)
}

/// What of the labels describes the unit.
pub fn attributes<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    labels
        .filter(|(name, _)| describes(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// `web-1:9100` is `web-1`; `[::1]:9100` is `::1`.
fn without_port(instance: &str) -> &str {
    if let Some(rest) = instance.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match instance.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => instance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, labels: &[(&str, &str)], id: Option<&str>, reporter: Option<&str>) {
        let label = |name: &str| labels.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let found = identify(kind, &label);
        assert_eq!(found.as_ref().map(|found| found.key.id.as_str()), id, "{labels:?}");
        let of =
            found.and_then(|found| found.reporter).map(|key| format!("{}:{}", key.kind.as_str(), key.id));
        assert_eq!(of.as_deref(), reporter, "{labels:?}");
    }

    #[test]
    fn one_machine_is_one_host_whoever_reports_it() {
        check(Kind::Host, &[("host_name", "web-1"), ("instance", "web-1")], Some("web-1"), None);
        let scraped = [("job", "node"), ("instance", "web-1:9100")];
        check(Kind::Host, &scraped, Some("web-1"), Some("target:node/web-1:9100"));
        check(Kind::Host, &[("instance", "[fe80::1]:9100")], Some("fe80::1"), None);
        check(Kind::Host, &[("instance", "fe80::1")], Some("fe80::1"), None);
        check(Kind::Host, &[("cpu", "0")], None, None);
    }

    #[test]
    fn pods_containers_and_processes_know_where_they_run() {
        let pod = [("k8s_pod_name", "cart-1"), ("k8s_namespace_name", "shop"), ("host_name", "n1")];
        check(Kind::Pod, &pod, Some("shop/cart-1"), Some("host:n1"));
        let cadvisor = [("pod", "cart-1"), ("namespace", "shop"), ("container", "app"), ("node", "n1")];
        check(Kind::Container, &cadvisor, Some("shop/cart-1/app"), Some("host:n1"));
        check(Kind::Container, &[("container", "POD"), ("pod", "a")], None, None);
        let own = [("container_id", "1f00"), ("host_name", "web-1")];
        check(Kind::Container, &own, Some("web-1/1f00"), Some("host:web-1"));
        let process = [("process_executable_name", "nginx"), ("host_name", "web-1")];
        check(Kind::Process, &process, Some("web-1/nginx"), Some("host:web-1"));
    }
}

//! What a kubelet tells of its node and pods: `/stats/summary`, as JSON of its version 1alpha1.

use serde::Deserialize;

use super::{Kind, Reading};

/// Pods of one node; the kubelet allows 110 by default.
const PODS_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    node: Stats,
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    pod_ref: PodRef,
    #[serde(flatten)]
    stats: Stats,
    #[serde(default)]
    containers: Vec<Stats>,
}

#[derive(Deserialize)]
struct PodRef {
    name: String,
    namespace: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    node_name: Option<String>,
    name: Option<String>,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    network: Option<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    usage_core_nano_seconds: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    usage_bytes: Option<f64>,
    working_set_bytes: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    rx_bytes: Option<f64>,
    tx_bytes: Option<f64>,
}

type Points = Vec<(Vec<(&'static str, String)>, f64)>;

/// # Errors
/// JSON of another shape.
pub fn read(reading: &mut Reading, body: &[u8]) -> Result<(), serde_json::Error> {
    let summary: Summary = serde_json::from_slice(body)?;
    let node = vec![("k8s.node.name", summary.node.node_name.clone().unwrap_or_default())];
    let [cpu, memory, working_set, network] = of(&summary.node, &node);
    reading.add("k8s.node.cpu.time", "s", Kind::Counter, cpu);
    reading.add("k8s.node.memory.usage", "By", Kind::Level, memory);
    reading.add("k8s.node.memory.working_set", "By", Kind::Level, working_set);
    reading.add("k8s.node.network.io", "By", Kind::Counter, network);
    let mut pods: [Points; 4] = Default::default();
    let mut containers: [Points; 4] = Default::default();
    for pod in summary.pods.iter().take(PODS_MAX) {
        let attributes = vec![
            ("k8s.namespace.name", pod.pod_ref.namespace.clone()),
            ("k8s.pod.name", pod.pod_ref.name.clone()),
            ("k8s.pod.uid", pod.pod_ref.uid.clone()),
        ];
        gather(&mut pods, of(&pod.stats, &attributes));
        for container in &pod.containers {
            let mut attributes = attributes.clone();
            attributes.push(("k8s.container.name", container.name.clone().unwrap_or_default()));
            gather(&mut containers, of(container, &attributes));
        }
    }
    let [cpu, memory, working_set, network] = pods;
    reading.add("k8s.pod.cpu.time", "s", Kind::Counter, cpu);
    reading.add("k8s.pod.memory.usage", "By", Kind::Level, memory);
    reading.add("k8s.pod.memory.working_set", "By", Kind::Level, working_set);
    reading.add("k8s.pod.network.io", "By", Kind::Counter, network);
    let [cpu, memory, _, _] = containers;
    reading.add("k8s.container.cpu.time", "s", Kind::Counter, cpu);
    reading.add("k8s.container.memory.usage", "By", Kind::Level, memory);
    Ok(())
}

fn gather(all: &mut [Points; 4], more: [Points; 4]) {
    for (all, more) in all.iter_mut().zip(more) {
        all.extend(more);
    }
}

fn of(stats: &Stats, attributes: &[(&'static str, String)]) -> [Points; 4] {
    let one = |value: Option<f64>| value.map(|value| (attributes.to_vec(), value)).into_iter().collect();
    let memory = stats.memory.as_ref();
    let network = stats.network.as_ref().map_or_else(Vec::new, |network| {
        let both = [("receive", network.rx_bytes), ("transmit", network.tx_bytes)];
        let point = |(direction, value): (&str, Option<f64>)| {
            let mut attributes = attributes.to_vec();
            attributes.push(("network.io.direction", direction.to_owned()));
            Some((attributes, value?))
        };
        both.into_iter().filter_map(point).collect()
    });
    [
        one(stats.cpu.as_ref().and_then(|cpu| cpu.usage_core_nano_seconds).map(|nanos| nanos / 1e9)),
        one(memory.and_then(|memory| memory.usage_bytes)),
        one(memory.and_then(|memory| memory.working_set_bytes)),
        network,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_becomes_metrics_of_node_pods_and_containers() {
        let body = serde_json::json!({
            "node": {"nodeName": "n1", "cpu": {"usageCoreNanoSeconds": 5_000_000_000_u64},
                     "memory": {"usageBytes": 10, "workingSetBytes": 8}},
            "pods": [{
                "podRef": {"name": "cart-1", "namespace": "shop", "uid": "u"},
                "cpu": {"usageCoreNanoSeconds": 2_000_000_000_u64},
                "network": {"rxBytes": 1, "txBytes": 2},
                "containers": [{"name": "app", "memory": {"usageBytes": 3}}]
            }]
        });
        let mut reading = Reading::default();
        read(&mut reading, body.to_string().as_bytes()).unwrap();
        let value = |name: &str| reading.metrics().iter().find(|it| it.name == name).map(|it| it.points[0].1);
        assert_eq!(value("k8s.node.cpu.time"), Some(5.0));
        assert_eq!(value("k8s.pod.cpu.time"), Some(2.0));
        assert_eq!(value("k8s.pod.network.io"), Some(1.0));
        assert_eq!(value("k8s.container.memory.usage"), Some(3.0));
        assert!(read(&mut Reading::default(), b"{}").is_err());
    }
}

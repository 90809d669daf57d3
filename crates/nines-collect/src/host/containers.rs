//! Containers, by their control groups (version 2). What runs them is not asked: a group that ends in a container's id is
//! one, whoever made it.

use std::path::Path;

use super::{Kind, Reading};

/// Containers of one machine; the kubelet allows 110 pods by default.
const CONTAINERS_MAX: usize = 500;
/// `kubepods.slice/kubepods-burstable.slice/kubepods-…-pod….slice/cri-containerd-….scope` is four deep.
const DEPTH_MAX: usize = 6;
/// Groups that are looked at on the way.
const GROUPS_MAX: usize = 10_000;
const ID_CHARS: usize = 64;

struct Container {
    id: String,
    /// Of the pod, where the name of the group says it.
    pod: Option<String>,
    cpu_user_secs: f64,
    cpu_system_secs: f64,
    memory_bytes: f64,
    memory_limit: Option<f64>,
    read_bytes: f64,
    written_bytes: f64,
}

pub fn read(reading: &mut Reading, root: &Path) {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    walk(root, 0, &mut looked_at, &mut found);
    let of = |container: &Container| {
        let mut attributes = vec![("container.id", container.id.chars().take(12).collect())];
        attributes.extend(container.pod.iter().map(|pod| ("k8s.pod.uid", pod.clone())));
        attributes
    };
    let with = |container: &Container, name: &'static str, value: &str| {
        let mut attributes = of(container);
        attributes.push((name, value.to_owned()));
        attributes
    };
    let cpu = found.iter().flat_map(|it| {
        [("user", it.cpu_user_secs), ("system", it.cpu_system_secs)]
            .map(|(mode, secs)| (with(it, "cpu.mode", mode), secs))
    });
    reading.add("container.cpu.time", "s", Kind::Counter, cpu.collect::<Vec<_>>());
    let memory = found.iter().map(|it| (of(it), it.memory_bytes));
    reading.add("container.memory.usage", "By", Kind::Level, memory.collect::<Vec<_>>());
    let limits = found.iter().filter_map(|it| Some((of(it), it.memory_limit?)));
    reading.add("container.memory.limit", "By", Kind::Level, limits.collect::<Vec<_>>());
    let io = found.iter().flat_map(|it| {
        [("read", it.read_bytes), ("write", it.written_bytes)]
            .map(|(direction, bytes)| (with(it, "disk.io.direction", direction), bytes))
    });
    reading.add("container.disk.io", "By", Kind::Counter, io.collect::<Vec<_>>());
}

fn walk(folder: &Path, depth: usize, looked_at: &mut usize, found: &mut Vec<Container>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        *looked_at += 1;
        if *looked_at > GROUPS_MAX || found.len() >= CONTAINERS_MAX {
            return;
        }
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        match container_id(&entry.file_name().to_string_lossy()) {
            Some(id) => found.extend(container(&path, id)),
            None if depth < DEPTH_MAX => walk(&path, depth + 1, looked_at, found),
            None => {}
        }
    }
}

/// The 64 hexadecimal digits at the end of `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope` or `<id>`.
fn container_id(name: &str) -> Option<String> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = name.rsplit('-').next()?;
    let is_id = id.len() == ID_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// `…-pod1a2b_….slice` is the pod 1a2b-….
fn pod_uid(path: &Path) -> Option<String> {
    let parent = path.parent()?.file_name()?.to_string_lossy().into_owned();
    let parent = parent.strip_suffix(".slice").unwrap_or(&parent);
    let uid = parent.rsplit_once("pod").map(|(_, uid)| uid)?;
    (uid.len() >= 32).then(|| uid.replace('_', "-"))
}

fn container(path: &Path, id: String) -> Option<Container> {
    let read = |file: &str| std::fs::read_to_string(path.join(file)).ok();
    let cpu = read("cpu.stat")?;
    let micros = |name: &str| field(&cpu, name).unwrap_or(0.0) / 1e6;
    let io = read("io.stat").unwrap_or_default();
    let bytes = |name: &str| -> f64 {
        let values = io.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.filter_map(|value| value.parse::<f64>().ok()).sum()
    };
    Some(Container {
        pod: pod_uid(path),
        cpu_user_secs: micros("user_usec"),
        cpu_system_secs: micros("system_usec"),
        memory_bytes: read("memory.current").and_then(|text| text.trim().parse().ok()).unwrap_or(0.0),
        // `max`: no limit.
        memory_limit: read("memory.max").and_then(|text| text.trim().parse().ok()),
        read_bytes: bytes("rbytes"),
        written_bytes: bytes("wbytes"),
        id,
    })
}

/// The number after a name, a line each.
fn field(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(known, _)| *known == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_group_that_ends_in_an_id_is_a_container() {
        let root = tempfile::tempdir().unwrap();
        let id = "0123456789abcdef".repeat(4);
        let pod = "kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice";
        let folder = root.path().join("kubepods.slice").join(pod).join(format!("cri-containerd-{id}.scope"));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in [
            ("cpu.stat", "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n"),
            ("memory.current", "4096\n"),
            ("memory.max", "max\n"),
            ("io.stat", "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=0\n"),
        ] {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).open(folder.join(file)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        let mut reading = Reading::default();
        read(&mut reading, root.path());
        let points = |name: &str| {
            reading.metrics().iter().find(|metric| metric.name == name).map(|metric| metric.points.clone())
        };
        let cpu = points("container.cpu.time").unwrap();
        assert_eq!((cpu[0].1, cpu[1].1), (2.0, 1.0));
        assert_eq!(cpu[0].0[0], ("container.id", "0123456789ab".to_owned()));
        assert_eq!(cpu[0].0[1], ("k8s.pod.uid", "11111111-2222-3333-4444-555555555555".to_owned()));
        assert_eq!(points("container.disk.io").unwrap()[0].1, 15.0);
        assert_eq!(points("container.memory.limit"), None, "no limit is not a limit of nothing");
        assert_eq!(container_id("init.scope"), None);
    }
}

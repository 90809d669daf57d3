//! Groups of targets in JSON or YAML files.

use std::path::{Path, PathBuf};

use nines_base::disk::SharedDisk;
use nines_yaml::Reader;

use super::GROUP_TARGETS_MAX;
use crate::config::{self, Group};

/// Longest file of targets: a hundred thousand targets with a few labels each.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The groups in all files that a pattern names, and what is wrong with the others. Blocks.
pub(crate) fn read_pattern(disk: &SharedDisk, base: &Path, pattern: &str) -> (Vec<Group>, Vec<String>) {
    let (mut groups, mut faults) = (Vec::new(), Vec::new());
    for path in matching(disk, &base.join(pattern)) {
        match read_file(disk, &path) {
            Ok(found) => groups.extend(found),
            Err(fault) => faults.push(format!("file of targets `{}`: {fault}", path.display())),
        }
    }
    (groups, faults)
}

/// `*` stands for anything in the last part.
fn matching(disk: &SharedDisk, pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((head, tail)) = name.split_once('*') else { return vec![pattern.to_owned()] };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    // A folder that is not there yet has no targets yet.
    let names = disk.list(folder).unwrap_or_default();
    let fits = |name: &String| fits(name, head, tail);
    names.into_iter().filter(fits).map(|name| folder.join(name)).collect()
}

fn fits(name: &str, head: &str, tail: &str) -> bool {
    let Some(rest) = name.strip_prefix(head) else { return false };
    match tail.split_once('*') {
        None => rest.ends_with(tail),
        Some((middle, last)) => {
            rest.match_indices(middle).any(|(at, _)| fits(&rest[at + middle.len()..], "", last))
        }
    }
}

fn read_file(disk: &SharedDisk, path: &Path) -> Result<Vec<Group>, String> {
    let size = disk.size(path).map_err(|error| error.to_string())?;
    if size > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes: split it"));
    }
    let bytes = disk.read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let shown = path.display().to_string();
    let groups = if shown.ends_with(".json") { read_json(&text, &shown)? } else { read_yaml(&text, &shown)? };
    let targets: usize = groups.iter().map(|group| group.targets.len()).sum();
    if targets > GROUP_TARGETS_MAX {
        return Err(format!("it has {targets} targets, more than {GROUP_TARGETS_MAX}"));
    }
    Ok(groups)
}

fn finish(mut group: Group, shown: &str, position: usize) -> Group {
    group.source = format!("{shown}:{position}");
    group.labels.set("__meta_filepath", shown);
    group
}

fn read_yaml(text: &str, shown: &str) -> Result<Vec<Group>, String> {
    let documents =
        nines_yaml::parse(text).map_err(|error| format!("line {}: {}", error.mark.line, error.message))?;
    let Some(document) = documents.first() else { return Ok(Vec::new()) };
    let mut reader = Reader::new(None, text);
    let mut groups = Vec::new();
    for (position, (path, node)) in reader.items(document, "").into_iter().enumerate() {
        let group = config::group(&mut reader, node, &path, String::new());
        groups.extend(group.map(|group| finish(group, shown, position)));
    }
    match reader.errors.first() {
        Some(error) => Err(error.to_string()),
        None => Ok(groups),
    }
}

/// JSON goes its own way: generated files are larger than what the reader for people's files takes.
fn read_json(text: &str, shown: &str) -> Result<Vec<Group>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = value.as_array().ok_or("it must be a list of groups")?;
    let mut groups = Vec::new();
    for (position, item) in list.iter().enumerate() {
        let place = |what: &str| format!("group {position}: {what}");
        let item = item.as_object().ok_or_else(|| place("must be an object"))?;
        if let Some(key) = item.keys().find(|key| !matches!(key.as_str(), "targets" | "labels")) {
            return Err(place(&format!("unknown key `{key}`: there are `targets` and `labels`")));
        }
        let mut group = Group::default();
        let targets = item.get("targets").and_then(|targets| targets.as_array());
        for target in targets.ok_or_else(|| place("`targets` must be a list"))? {
            let address = target.as_str().ok_or_else(|| place("targets must be texts"))?;
            group.targets.push([("__address__", address)].into_iter().collect());
        }
        if let Some(labels) = item.get("labels").filter(|labels| !labels.is_null()) {
            let labels = labels.as_object().ok_or_else(|| place("`labels` must be an object"))?;
            for (name, value) in labels {
                let value = value.as_str().ok_or_else(|| place(&format!("label `{name}` must be a text")))?;
                group.labels.set(name.as_str(), value);
            }
        }
        groups.push(finish(group, shown, position));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use nines_base::disk::RealDisk;

    use super::*;

    #[test]
    fn files_are_found_and_read_in_both_languages() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::shared();
        let write = |name: &str, text: &str| {
            let mut file = disk.create(&folder.path().join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        write("a.json", r#"[{"targets": ["h:1", "h:2"], "labels": {"env": "prod"}}]"#);
        write("b.yml", "- targets: ['h:3']\n- targets: ['h:4']\n  labels: {env: dev}\n");
        write("c.json", r#"[{"targets": "h:1"}]"#);
        write("d.txt", "no");
        let (groups, faults) = read_pattern(&disk, folder.path(), "*.json");
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].targets.len(), 2);
        assert_eq!(groups[0].labels.get("env"), "prod");
        assert!(groups[0].labels.get("__meta_filepath").ends_with("a.json"));
        assert!(faults[0].contains("group 0: `targets` must be a list"), "{faults:?}");
        let (groups, faults) = read_pattern(&disk, folder.path(), "b.yml");
        assert_eq!((groups.len(), faults.len()), (2, 0));
        assert_eq!(read_pattern(&disk, folder.path(), "missing.yml").1.len(), 1);
        assert!(read_pattern(&disk, Path::new("/not/there"), "*.yml").1.is_empty());
        assert!(fits("a-b-c.json", "a", "b*.json") && !fits("a-c.json", "a", "b*.json"));
    }
}

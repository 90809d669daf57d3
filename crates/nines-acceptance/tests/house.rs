//! House rules that a compiler does not know: which crate may lean on which, and what a source file may not hold.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nines_acceptance::workspace_root;

/// Each crate of ours with the crates of ours that it may name, tests aside. Dependencies only ever point up this list.
const ARROWS: &[(&str, &[&str])] = &[
    ("nines-model", &[]),
    ("nines-base", &["nines-model"]),
    ("nines-filter", &["nines-base", "nines-model"]),
    ("nines-egress", &["nines-base", "nines-model"]),
    ("nines-yaml", &["nines-base"]),
    ("nines-secrets", &["nines-base", "nines-model"]),
    // The telemetry column.
    ("nines-protocols", &["nines-base", "nines-model"]),
    ("nines-wal", &["nines-base", "nines-model"]),
    ("nines-storage", &["nines-base", "nines-model", "nines-wal"]),
    ("nines-series", &["nines-base", "nines-model", "nines-wal"]),
    ("nines-ingest", &["nines-base", "nines-model", "nines-wal", "nines-storage"]),
    ("nines-patterns", &["nines-base", "nines-model"]),
    ("nines-masking", &["nines-base", "nines-model"]),
    ("nines-scan", &["nines-base", "nines-model", "nines-filter", "nines-storage"]),
    ("nines-promql", &["nines-base"]),
    (
        "nines-scrape",
        &["nines-base", "nines-model", "nines-egress", "nines-secrets", "nines-series", "nines-yaml"],
    ),
    ("nines-rules", &["nines-base", "nines-model", "nines-promql", "nines-yaml"]),
    (
        "nines-metrics",
        &["nines-base", "nines-model", "nines-promql", "nines-rules", "nines-scrape", "nines-series"],
    ),
    ("nines-probe", &["nines-base", "nines-egress", "nines-model", "nines-yaml"]),
    ("nines-query", &["nines-base", "nines-model", "nines-filter", "nines-storage", "nines-scan"]),
    ("nines-apm", &["nines-model", "nines-filter", "nines-query"]),
    ("nines-receive", &["nines-base", "nines-model", "nines-protocols", "nines-ingest", "nines-series"]),
    // The operations column.
    ("nines-slo", &["nines-base", "nines-model", "nines-filter", "nines-promql", "nines-yaml"]),
    ("nines-alerting", &["nines-base", "nines-model"]),
    ("nines-incidents", &["nines-base", "nines-model"]),
    ("nines-notify", &["nines-base", "nines-model", "nines-egress", "nines-alerting"]),
    ("nines-access", &["nines-base", "nines-model", "nines-secrets"]),
    ("nines-policy", &["nines-base", "nines-model"]),
    ("nines-saved", &["nines-base", "nines-model"]),
    ("nines-dashboards", &["nines-base", "nines-model", "nines-yaml"]),
    ("nines-statuspage", &["nines-base", "nines-model", "nines-incidents"]),
    ("nines-learning", &["nines-base", "nines-model", "nines-incidents"]),
    ("nines-oidc", &["nines-base", "nines-model", "nines-egress"]),
    ("nines-oncall", &["nines-base", "nines-model", "nines-filter", "nines-slo", "nines-incidents"]),
    ("nines-actions", &["nines-base", "nines-model", "nines-egress"]),
    ("nines-fleet", &["nines-base", "nines-model", "nines-filter"]),
    ("nines-forecast", &["nines-base"]),
    ("nines-inventory", &["nines-base", "nines-model", "nines-yaml"]),
    (
        "nines-state",
        &[
            "nines-base",
            "nines-model",
            "nines-slo",
            "nines-alerting",
            "nines-incidents",
            "nines-notify",
            "nines-access",
            "nines-saved",
            "nines-dashboards",
            "nines-learning",
            "nines-secrets",
            "nines-policy",
            "nines-statuspage",
            "nines-oncall",
            "nines-filter",
            "nines-actions",
            "nines-inventory",
        ],
    ),
    (
        "nines-backup",
        &[
            "nines-base",
            "nines-model",
            "nines-wal",
            "nines-storage",
            "nines-series",
            "nines-access",
            "nines-state",
        ],
    ),
    ("nines-pair", &["nines-base", "nines-egress", "nines-state"]),
    // The edges.
    ("nines-api", &[]),
    ("nines-client", &["nines-api", "nines-base", "nines-egress"]),
    ("nines-collect", &["nines-base", "nines-protocols", "nines-wal"]),
    ("nines-ui", &[]),
    ("nines-smtp", &["nines-base", "nines-model"]),
];

/// Crates where both columns meet, and what stands above them. Everything of ours is allowed here but each other's tops.
const EDGES: &[&str] = &["nines-http", "nines-server", "nines-demo", "nines-cli", "nines-acceptance"];

/// Libraries that have one home.
const HOMES: &[(&str, &[&str])] = &[
    ("datafusion", &["nines-query"]),
    ("parquet", &["nines-storage", "nines-scan"]),
    ("arrow", &["nines-storage", "nines-scan", "nines-apm", "nines-ingest"]),
    // What can dial out. `nines-egress` says who does, by whose word.
    ("reqwest", &["nines-egress", "nines-acceptance"]),
    ("hyper", &["nines-probe", "nines-receive", "nines-suites"]),
    ("tonic", &["nines-demo", "nines-acceptance", "nines-suites"]),
    ("object_store", &["nines-storage", "nines-query", "nines-server", "nines-suites"]),
    ("ureq", &[]),
    ("curl", &[]),
    ("isahc", &[]),
    ("attohttpc", &[]),
    ("lettre", &["nines-notify"]),
    ("mail-parser", &["nines-smtp"]),
    ("smtp-proto", &["nines-smtp"]),
    ("cedar-policy", &["nines-policy"]),
];

/// A file reads in one sitting.
const LINES_MAX: usize = 900;

#[test]
fn crates_lean_only_on_what_they_may() {
    let allowed: BTreeMap<_, _> =
        ARROWS.iter().map(|(name, on)| (*name, on.iter().copied().collect::<BTreeSet<_>>())).collect();
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        for dependency in dependencies.keys().filter(|dependency| dependency.starts_with("nines-")) {
            let may = match allowed.get(name.as_str()) {
                Some(allowed) => allowed.contains(dependency.as_str()),
                None => EDGES.contains(&name.as_str()),
            };
            if !may {
                faults.push(format!("{name} leans on {dependency}"));
            }
        }
        for (library, homes) in HOMES {
            if dependencies.contains_key(*library) && !homes.contains(&name.as_str()) {
                faults.push(format!("{name} uses {library}, whose home is {homes:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn sources_read_in_one_sitting_and_name_no_machine() {
    let mut faults = Vec::new();
    let folders = ["crates", "ui/src", "scripts", "docs"];
    for path in folders.iter().flat_map(|folder| sources(&workspace_root().join(folder))) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
        for forbidden in [
            concat!("/wo", "rk/"),
            concat!("/ro", "ot/"),
            concat!("to", "do!("),
            concat!("unimple", "mented!("),
        ] {
            if text.contains(forbidden) {
                faults.push(format!("{} holds `{forbidden}`", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The files that open a connection or look a name up by themselves. Each is in the list of `nines-egress`.
const DIALLERS: &[(&str, &[&str])] = &[
    (
        concat!("TcpStream::", "connect("),
        &["nines-probe/src/check/connect.rs", "nines-scrape/src/discovery/dns.rs"],
    ),
    (
        concat!("lookup_", "host("),
        &[
            "nines-egress/src/resolve.rs",
            "nines-cli/src/commands/probe/join.rs",
            "nines-server/src/credit.rs",
        ],
    ),
    (concat!("to_socket_", "addrs("), &[]),
    (concat!("UnixStream::", "connect("), &[]),
];

#[test]
fn nobody_dials_out_but_those_who_are_known() {
    let crates = workspace_root().join("crates");
    let mut faults = Vec::new();
    for (name, _) in manifests().iter().filter(|(name, _)| name != "nines-acceptance") {
        for path in sources(&crates.join(name).join("src")) {
            let shown = path.strip_prefix(&crates).unwrap().to_string_lossy().into_owned();
            if shown.ends_with("/tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (call, homes) in DIALLERS {
                if text.contains(call) && !homes.contains(&shown.as_str()) {
                    faults.push(format!("{shown} calls `{call}`: go through nines_egress::Egress"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// rustdoc takes a second or two for each crate that it looks for examples in, so it is told where there are none.
#[test]
fn examples_in_docs_are_run_where_there_are_any() {
    for (name, manifest) in manifests() {
        let folder = workspace_root().join("crates").join(&name);
        if !folder.join("src/lib.rs").is_file() {
            continue;
        }
        let examples = sources(&folder.join("src")).iter().map(|path| examples(path)).sum::<usize>();
        let library = manifest.get("lib").and_then(toml::Value::as_table);
        let is_run = library.and_then(|lib| lib.get("doctest")).and_then(toml::Value::as_bool) != Some(false);
        assert_eq!(
            is_run,
            examples > 0,
            "{name} has {examples} examples: `doctest` in its [lib] must say so"
        );
    }
}

/// Code blocks of Rust in documentation.
fn examples(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let docs = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
    });
    let (mut is_open, mut count) = (false, 0);
    for language in docs.filter_map(|line| line.trim().strip_prefix("```")) {
        is_open = !is_open;
        let is_rust = ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&language);
        count += usize::from(is_open && is_rust);
    }
    count
}

fn manifests() -> Vec<(String, toml::Table)> {
    let crates = std::fs::read_dir(workspace_root().join("crates")).expect("the workspace has crates");
    let mut all = Vec::new();
    for folder in crates {
        let folder = folder.expect("a folder can be listed").path();
        let Ok(text) = std::fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let manifest: toml::Table = text.parse().expect("cargo has read it before");
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        all.push((name, manifest));
    }
    assert!(all.len() > 15, "only {} manifests were found", all.len());
    all
}

/// What people write and read, in a folder and below.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "node_modules" && name != "target" {
                folders.push(path);
            } else if [".rs", ".ts", ".tsx", ".css", ".md"].iter().any(|ending| name.ends_with(ending))
                && name != "schema.d.ts"
            {
                found.push(path);
            }
        }
    }
    found
}

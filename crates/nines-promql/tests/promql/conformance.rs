//! Upstream's own scripts.

use std::path::PathBuf;

use nines_promql::conformance::run_dir;

/// Where the data lies that all parts of the project test with, if it is here.
fn shared() -> PathBuf {
    std::env::var_os("NINES_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

#[test]
fn upstreams_scripts_pass() {
    let scripts = shared().join("data/promqltest");
    if !scripts.is_dir() {
        println!("skipped: {} is not there", scripts.display());
        return;
    }
    let report = run_dir(&scripts).expect("the scripts can be read");
    println!("{} of {} in {} files", report.passed, report.cases, report.files);
    for failure in &report.failures {
        println!("{failure}");
    }
    assert!(report.cases > 2_000, "only {} cases were found", report.cases);
    assert!(report.failures.is_empty(), "{} cases fail", report.failures.len());
}

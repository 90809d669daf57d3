use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::RealDisk;
use nines_base::{Random, Shutdown};
use nines_collect::{CHUNK_BYTES_MAX, CollectError, FileReport, Import, ImportOptions};
use nines_protocols::file::Format;

use crate::support::*;

fn import(node: &Arc<TestNode>, state: &Path) -> Import {
    Import {
        sender: node.clone(),
        disk: RealDisk::shared(),
        clock: clock(),
        random: Random::from_seed(1),
        options: ImportOptions {
            format: None,
            state: state.to_owned(),
            attributes: String::new(),
            patience: Duration::from_secs(5),
        },
    }
}

async fn run(node: &Arc<TestNode>, state: &Path, file: &Path) -> Result<FileReport, CollectError> {
    import(node, state).file(file, &Shutdown::new(), |_| {}).await
}

#[tokio::test]
async fn an_import_that_is_run_again_adds_nothing_and_a_longer_file_adds_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (node, state, file) =
        (Arc::new(TestNode::default()), path(&folder, "state"), path(&folder, "app.log"));
    append(&file, &numbered(0, 100));
    let first = run(&node, &state, &file).await.unwrap();
    assert_eq!((first.rows, first.format), (100, Format::Lines));
    for _ in 0..3 {
        let again = run(&node, &state, &file).await.unwrap();
        assert_eq!((again.rows, again.rows_repeated, again.bytes), (0, 0, 0));
    }
    append(&file, &numbered(100, 150));
    assert_eq!(run(&node, &state, &file).await.unwrap().rows, 50);
    let renamed = path(&folder, "app.log.1");
    RealDisk::shared().rename(&file, &renamed).unwrap();
    assert_eq!(run(&node, &state, &renamed).await.unwrap().rows, 0);
    check_numbered(&node.lines(), 150);
}

#[tokio::test]
async fn wherever_it_is_cut_off_nothing_is_lost_or_sent_twice() {
    for failure in [Failure::Refused, Failure::KilledAfter] {
        for at in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let (node, state) = (Arc::new(TestNode::default()), path(&folder, "state"));
            let file = path(&folder, "app.log");
            // Three chunks and a bit.
            let count = 3 * CHUNK_BYTES_MAX / 12 + 1000;
            append(&file, &numbered(0, count));
            // The failure comes out last, so it stands behind as many that only wait.
            let mut failures = vec![Failure::Busy; at];
            failures.push(failure);
            node.fail(&failures);
            assert!(run(&node, &state, &file).await.is_err(), "{failure:?}");
            // More lines have come by the time it is run again.
            append(&file, &numbered(count, count + 10));
            run(&node, &state, &file).await.unwrap();
            check_numbered(&node.lines(), count + 10);
        }
    }
}

#[tokio::test]
async fn lost_answers_are_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let (node, state, file) =
        (Arc::new(TestNode::default()), path(&folder, "state"), path(&folder, "app.log"));
    append(&file, &numbered(0, 500_000));
    node.fail(&[Failure::AnswerLost, Failure::Busy, Failure::AnswerLost]);
    let report = run(&node, &state, &file).await.unwrap();
    assert!(report.rows_repeated > 0);
    check_numbered(&node.lines(), 500_000);
}

#[tokio::test]
async fn even_without_its_state_an_import_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    append(&file, &numbered(0, 400_000));
    run(&node, &path(&folder, "one"), &file).await.unwrap();
    let report = run(&node, &path(&folder, "two"), &file).await.unwrap();
    assert_eq!((report.rows, report.rows_repeated), (0, 400_000));
    check_numbered(&node.lines(), 400_000);
}

#[tokio::test]
async fn files_that_begin_alike_are_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let (node, state) = (Arc::new(TestNode::default()), path(&folder, "state"));
    let (one, two) = (path(&folder, "one.log"), path(&folder, "two.log"));
    let alike = "same\n".repeat(2000);
    append(&one, &format!("{alike}one\n{}", "x\n".repeat(5000)));
    append(&two, &format!("{alike}two\n{}", "y\n".repeat(5000)));
    assert_eq!(run(&node, &state, &one).await.unwrap().rows, 7001);
    assert_eq!(run(&node, &state, &two).await.unwrap().rows, 7001);
    assert_eq!(run(&node, &state, &one).await.unwrap().rows, 0);
    assert_eq!(run(&node, &state, &two).await.unwrap().rows, 0);
    assert_eq!(node.lines().len(), 14_002);
}

#[tokio::test]
async fn compressed_files_are_read_as_they_are() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let (node, state, file) =
        (Arc::new(TestNode::default()), path(&folder, "state"), path(&folder, "app.log.gz"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(numbered(0, 300_000).as_bytes()).unwrap();
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true).open(&file).unwrap().write_all(&gzip.finish().unwrap()).unwrap();
    node.fail(&[Failure::Busy, Failure::KilledAfter]);
    assert!(run(&node, &state, &file).await.is_err());
    run(&node, &state, &file).await.unwrap();
    check_numbered(&node.lines(), 300_000);
}

#[tokio::test]
async fn the_columns_of_w3c_logs_go_with_each_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let (node, state, file) =
        (Arc::new(TestNode::default()), path(&folder, "state"), path(&folder, "u_ex.log"));
    let line = "2026-11-21 08:30:00 /a 200\n";
    append(&file, &format!("#Fields: date time cs-uri-stem sc-status\n{}", line.repeat(120_000)));
    let report = run(&node, &state, &file).await.unwrap();
    assert_eq!((report.format, report.rows), (Format::Iis, 120_000));
    assert!(node.sends() >= 3);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let node = Arc::new(TestNode::default());
    let error = run(&node, folder.path(), &path(&folder, "none.log")).await.unwrap_err();
    assert_eq!(error.kind(), nines_base::ErrorKind::NotFound);
    assert!(error.to_string().contains("none.log"));
}

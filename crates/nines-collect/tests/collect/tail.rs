use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::{Disk, RealDisk};
use nines_base::{Random, Shutdown};
use nines_collect::{Tail, TailOptions};

use crate::support::*;

struct Running {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(node: &Arc<TestNode>, folder: &Path, from_end: bool) -> Self {
        let options = TailOptions {
            patterns: vec![folder.join("*.log").display().to_string()],
            format: None,
            state: folder.join("state"),
            from_end,
            interval: Duration::from_millis(1),
        };
        let tail = Tail::new(node.clone(), RealDisk::shared(), clock(), Random::from_seed(1), options);
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        Self { shutdown, task: tokio::spawn(async move { tail.run(&stop).await.unwrap() }) }
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.task.await.unwrap();
    }
}

/// Until the node has so many lines, those that came twice counted once.
async fn wait(node: &Arc<TestNode>, lines: usize) {
    let arrived = async {
        while distinct(node) < lines {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let patience = Duration::from_secs(30);
    assert!(tokio::time::timeout(patience, arrived).await.is_ok(), "{} of {lines} lines", distinct(node));
}

fn distinct(node: &Arc<TestNode>) -> usize {
    node.lines().into_iter().collect::<HashSet<_>>().len()
}

#[tokio::test]
async fn lines_follow_as_they_are_written_and_a_half_one_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    append(&file, &numbered(0, 10));
    let running = Running::start(&node, folder.path(), false);
    wait(&node, 10).await;
    append(&file, "line 1");
    append(&path(&folder, "other.log"), "line 10\n");
    wait(&node, 11).await;
    append(&file, "1\n");
    wait(&node, 12).await;
    running.stop().await;
    check_numbered(&node.lines(), 12);
}

#[tokio::test]
async fn rotation_by_rename_loses_nothing_also_while_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    append(&file, &numbered(0, 100));
    let running = Running::start(&node, folder.path(), false);
    wait(&node, 100).await;
    // Rotated, and the old file is still written for a moment.
    RealDisk.rename(&file, &path(&folder, "app.log.1")).unwrap();
    append(&path(&folder, "app.log.1"), &numbered(100, 110));
    append(&file, &numbered(110, 200));
    wait(&node, 200).await;
    running.stop().await;
    // Rotated while the agent is not running.
    append(&file, &numbered(200, 210));
    RealDisk.rename(&file, &path(&folder, "app.log.2")).unwrap();
    append(&file, &numbered(210, 300));
    let running = Running::start(&node, folder.path(), false);
    wait(&node, 300).await;
    running.stop().await;
    check_numbered(&node.lines(), 300);
}

#[tokio::test]
async fn a_truncated_file_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    append(&file, &numbered(0, 100));
    let running = Running::start(&node, folder.path(), false);
    wait(&node, 100).await;
    // As `copytruncate` does, and more is written than was there.
    std::fs::OpenOptions::new().write(true).truncate(true).open(&file).unwrap();
    append(&file, &numbered(100, 400));
    wait(&node, 400).await;
    running.stop().await;
    check_numbered(&node.lines(), 400);
}

#[tokio::test]
async fn restarts_and_lost_answers_lose_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    for round in 0..10 {
        append(&file, &numbered(round * 50, round * 50 + 50));
        node.fail(&[Failure::AnswerLost, Failure::Busy]);
        let running = Running::start(&node, folder.path(), false);
        wait(&node, round * 50 + 50).await;
        running.stop().await;
    }
    let mut lines = node.lines();
    lines.sort();
    lines.dedup();
    check_numbered(&lines, 500);
}

#[tokio::test]
async fn from_the_end_means_what_is_written_from_now_on() {
    let folder = tempfile::tempdir().unwrap();
    let (node, file) = (Arc::new(TestNode::default()), path(&folder, "app.log"));
    append(&file, "old\n");
    let running = Running::start(&node, folder.path(), true);
    let has_looked = async {
        while !folder.path().join("state/tail.json").is_file() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), has_looked).await.unwrap();
    // A file that comes later is followed from its start.
    append(&path(&folder, "new.log"), "line 0\n");
    wait(&node, 1).await;
    append(&file, "line 1\n");
    wait(&node, 2).await;
    running.stop().await;
    check_numbered(&node.lines(), 2);
}

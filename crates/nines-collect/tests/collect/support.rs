use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nines_base::{ErrorKind, SharedClock, SystemClock};
use nines_collect::{Chunk, SendError, Sender, Sent};
use parking_lot::Mutex;

/// Keeps lines by key, as the node does, and fails as it is told.
#[derive(Default)]
pub struct TestNode {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<String, u64>,
    lines: Vec<String>,
    /// Of the next requests: fail before storing, or after it, as a lost answer does.
    failures: Vec<Failure>,
    sends: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Not stored, worth trying again.
    Busy,
    /// Not stored, for good.
    Refused,
    /// Stored, but nobody hears of it.
    AnswerLost,
    /// Stored, nobody hears of it, and the sender is gone.
    KilledAfter,
}

impl TestNode {
    pub fn lines(&self) -> Vec<String> {
        self.inner.lock().lines.clone()
    }

    pub fn sends(&self) -> usize {
        self.inner.lock().sends
    }

    /// What happens to the next requests, in order.
    pub fn fail(&self, failures: &[Failure]) {
        self.inner.lock().failures = failures.iter().rev().copied().collect();
    }
}

#[async_trait]
impl Sender for TestNode {
    async fn send(&self, chunk: &Chunk) -> Result<Sent, SendError> {
        let error = |kind| Err(SendError { kind, message: format!("{kind:?}"), retry_after: None });
        let mut inner = self.inner.lock();
        inner.sends += 1;
        let failure = inner.failures.pop();
        match failure {
            Some(Failure::Busy) => return error(ErrorKind::Exhausted),
            Some(Failure::Refused) => return error(ErrorKind::Forbidden),
            _ => {}
        }
        // A node that has forgotten its answers looks among its rows only if it is told to.
        let known = inner.keys.get(&chunk.key).copied().filter(|_| chunk.may_be_repeat);
        if let Some(rows) = known {
            return Ok(Sent { rows, is_repeat: true });
        }
        let lines: Vec<String> = String::from_utf8_lossy(&chunk.body)
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        let rows = lines.len() as u64;
        inner.lines.extend(lines);
        inner.keys.insert(chunk.key.clone(), rows);
        match failure {
            Some(Failure::AnswerLost) => error(ErrorKind::Unavailable),
            Some(Failure::KilledAfter) => error(ErrorKind::Internal),
            _ => Ok(Sent { rows, is_repeat: false }),
        }
    }
}

/// Time that passes at once: waiting is what the code under test decides, not how long.
#[derive(Debug)]
struct Impatient(SharedClock);

impl nines_base::Clock for Impatient {
    fn now(&self) -> nines_model::Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> std::time::Duration {
        self.0.monotonic()
    }

    fn sleep(&self, _: std::time::Duration) -> nines_base::clock::Sleep {
        self.0.sleep(std::time::Duration::from_millis(1))
    }
}

pub fn clock() -> SharedClock {
    Arc::new(Impatient(SystemClock::shared()))
}

pub fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub fn numbered(from: usize, to: usize) -> String {
    (from..to).map(|number| format!("line {number}\n")).collect()
}

/// `line 0` to `line n-1`, each exactly once, in any order.
#[track_caller]
pub fn check_numbered(lines: &[String], count: usize) {
    let mut numbers: Vec<usize> =
        lines.iter().map(|line| line.strip_prefix("line ").unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
}

pub fn path(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

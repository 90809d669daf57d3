//! Learns the patterns of the log lines that come in: beside the way of the data, never in it.
//!
//! The publisher hands over texts and goes on; a thread of its own learns them. So that a flood costs no more than a
//! fraction of a core, at most [`LINES_PER_SECOND_MAX`] plain lines and as many severe ones are looked at a second; of more,
//! every second, third, ... one is, and counts for the others. What cannot be handed over at once is left out and counted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nines_base::SharedClock;
use nines_base::disk::{SharedDisk, publish};
use nines_http::SharedBook;
use nines_ingest::Observer;
use nines_model::{Batch, Dataset, SmolStr, Timestamp, field};
use nines_patterns::{Book, Config, Line, PatternView};
use parking_lot::{Condvar, Mutex};

/// Lines of each class (plain, severe) that are looked at in a second: about 2 % of a core each.
const LINES_PER_SECOND_MAX: u64 = 20_000;
/// OpenTelemetry's WARN: from here on a line is severe.
const SEVERE_FROM: i64 = 13;
/// Lines that wait for the thread: what the rate above lets through in two seconds.
const WAITING_MAX: usize = 4 * LINES_PER_SECOND_MAX as usize;
/// The thread looks for lines so often. Nobody wakes it: one event a request would wake it as often.
const NAP: Duration = Duration::from_millis(100);
/// A text is cut here: patterns do not look further.
const TEXT_BYTES_MAX: usize = 4096;
/// What is new or surging is looked up so often, for the alerts that may follow.
const NEWS_EVERY: Duration = Duration::from_secs(2);
/// Patterns that are news, kept for alerts. A message tells two.
const NEWS_MAX: usize = 50;
/// The book is written down so often, and when the node stops.
const SAVE_EVERY: Duration = Duration::from_secs(300);
const FILE: &str = "patterns.state";

/// A line on its way to the thread.
struct Picked {
    text: String,
    at: Timestamp,
    received_at: Timestamp,
    severity_number: i64,
    service: Option<SmolStr>,
    weight: u32,
}

/// How many lines of a class came within the running and the last second.
#[derive(Default)]
struct Rate {
    second: u64,
    lines: u64,
    last_lines: u64,
    seen: u64,
}

impl Rate {
    /// `Some(weight)` if the next line is to be looked at.
    fn pick(&mut self, second: u64) -> Option<u32> {
        if second != self.second {
            self.last_lines = if second == self.second + 1 { self.lines } else { 0 };
            self.lines = 0;
            self.second = second;
        }
        self.lines += 1;
        self.seen += 1;
        // The running second may be worse than the last.
        let stride = self.last_lines.max(self.lines).div_ceil(LINES_PER_SECOND_MAX).max(1);
        self.seen.is_multiple_of(stride).then_some(u32::try_from(stride).unwrap_or(u32::MAX))
    }
}

/// What the publisher calls.
pub struct PatternObserver {
    clock: SharedClock,
    waiting: Mutex<Waiting>,
    stopping: Condvar,
}

#[derive(Default)]
struct Waiting {
    rates: [Rate; 2],
    lines: Vec<Picked>,
    /// Lines that were not learned because the thread could not follow.
    left_out: u64,
    stopped: bool,
}

impl Waiting {
    fn pick(&mut self, batch: &Batch, second: u64) {
        for event in batch.rows.iter() {
            let Some(body) = event.get_str(field::BODY) else { continue };
            let severity_number =
                event.get(field::SEVERITY_NUMBER).and_then(|value| value.as_int()).unwrap_or(0);
            let Some(weight) = self.rates[usize::from(severity_number >= SEVERE_FROM)].pick(second) else {
                continue;
            };
            if self.lines.len() >= WAITING_MAX {
                self.left_out += 1;
                continue;
            }
            let end = (0..=body.len().min(TEXT_BYTES_MAX)).rev().find(|&end| body.is_char_boundary(end));
            self.lines.push(Picked {
                text: body[..end.unwrap_or(0)].to_owned(),
                at: event.timestamp(),
                received_at: batch.received_at,
                severity_number,
                service: event.service().map(SmolStr::new),
                weight,
            });
        }
    }
}

impl PatternObserver {
    /// What came since the last look, `None` once stopped and empty.
    fn take(&self) -> Option<Vec<Picked>> {
        let mut waiting = self.waiting.lock();
        if !waiting.stopped {
            self.stopping.wait_for(&mut waiting, NAP);
        }
        let lines = std::mem::take(&mut waiting.lines);
        (!(waiting.stopped && lines.is_empty())).then_some(lines)
    }
}

impl Observer for PatternObserver {
    fn observe(&self, _: u64, batch: &Batch) {
        if batch.dataset == Dataset::Logs {
            self.waiting.lock().pick(batch, self.clock.monotonic().as_secs());
        }
    }
}

/// Patterns that are news, the most certain first. Read without locks: by the page path, which waits for nobody.
pub type News = Arc<ArcSwap<Vec<PatternView>>>;

/// The thread that learns.
pub struct PatternKeeper {
    pub book: SharedBook,
    pub news: News,
    pub observer: Arc<PatternObserver>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl PatternKeeper {
    /// Reads what an earlier process knew, and starts. A file that cannot be read is left behind: patterns are learned
    /// again, under the same ids.
    pub fn start(data: &Path, disk: SharedDisk, clock: SharedClock) -> std::io::Result<Self> {
        let path = data.join(FILE);
        let mut book = Book::new(Config::default(), clock.now());
        if let Ok(bytes) = disk.read(&path)
            && let Err(error) = book.restore(&String::from_utf8_lossy(&bytes))
        {
            tracing::warn!(file = %path.display(), %error, "log patterns are learned afresh");
            book = Book::new(Config::default(), clock.now());
        }
        let book = Arc::new(Mutex::new(book));
        let observer = Arc::new(PatternObserver {
            clock: Arc::clone(&clock),
            waiting: Mutex::default(),
            stopping: Condvar::new(),
        });
        let news = News::default();
        let thread = std::thread::Builder::new().name("patterns".to_owned()).spawn({
            let (book, news, observer) = (Arc::clone(&book), Arc::clone(&news), Arc::clone(&observer));
            move || learn(&book, &news, &observer, &clock, &|book| save(book, &path, &disk))
        })?;
        Ok(Self { book, news, observer, thread: Some(thread) })
    }

    /// Learns what waits, writes the book down and ends.
    pub fn stop(&mut self) {
        let left_out = {
            let mut waiting = self.observer.waiting.lock();
            waiting.stopped = true;
            waiting.left_out
        };
        self.observer.stopping.notify_all();
        if left_out > 0 {
            tracing::warn!(
                lines = left_out,
                "log lines were not learned as patterns: there were too many at once"
            );
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that learns log patterns panicked");
        }
    }
}

fn learn(
    book: &SharedBook,
    news: &News,
    observer: &PatternObserver,
    clock: &SharedClock,
    save: &dyn Fn(&SharedBook),
) {
    let (mut saved_at, mut told_at) = (clock.monotonic(), clock.monotonic());
    let mut changed = false;
    while let Some(lines) = observer.take() {
        if !lines.is_empty() {
            changed = true;
            let mut book = book.lock();
            for line in &lines {
                book.observe(Line {
                    text: &line.text,
                    at: line.at,
                    received_at: line.received_at,
                    severity_number: line.severity_number,
                    service: line.service.as_deref(),
                    weight: line.weight,
                });
            }
        }
        let now = clock.monotonic();
        if now.saturating_sub(told_at) >= NEWS_EVERY {
            news.store(Arc::new(book.lock().signals(clock.now(), None, NEWS_MAX)));
            told_at = now;
        }
        if changed && now.saturating_sub(saved_at) >= SAVE_EVERY {
            save(book);
            saved_at = now;
            changed = false;
        }
    }
    if changed {
        save(book);
    }
}

fn save(book: &SharedBook, path: &Path, disk: &SharedDisk) {
    let text = book.lock().save();
    let written: std::io::Result<()> = publish(disk.as_ref(), path, |file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        tracing::warn!(file = %path.display(), %error, "log patterns could not be written down");
    }
}

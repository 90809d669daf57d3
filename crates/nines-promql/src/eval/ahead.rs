//! Reading and computing ahead of the evaluator, on several threads, with an outcome that does not depend on them.
//!
//! The series are cut into chunks. Thread k of n makes the chunks k, k + n, k + 2n, …; the evaluator takes one after the
//! other in order, so that sums add up as they would on one thread, and whoever is ahead waits.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::QueryError;
use crate::eval::select::Clean;
use crate::labels::Labels;
use crate::row::ABSENT;
use crate::source::{SeriesData, SeriesView, SharedSeries, SourceError};

/// Values of one chunk: a megabyte.
const CHUNK_VALUES: usize = 128 * 1024;
/// Chunks of one thread that wait for the evaluator, beside the one that it makes.
const WAITING_MAX: usize = 1;
/// Chunks whose memory waits to be used again: all that a thread has.
const SPARE_MAX: usize = WAITING_MAX + 1;
/// Series of one chunk, however short their rows are.
const CHUNK_SERIES_MAX: usize = 1024;

/// Fills a row, all absent, from a series that holds floats only; `false` leaves it to the evaluator.
pub(super) type Fill<'f> = dyn Fn(&SeriesView<'_>, &mut [f64]) -> bool + Sync + 'f;

/// What a thread made of one series.
pub(super) enum Ahead<'a> {
    Row {
        labels: Labels,
        samples: usize,
        values: &'a [f64],
    },
    /// For the evaluator.
    Whole(SeriesView<'a>),
}

#[derive(Default)]
struct Chunk {
    series: Vec<Made>,
    /// The rows, one behind the other.
    values: Vec<f64>,
}

enum Made {
    Row { labels: Labels, samples: usize },
    Whole(SeriesData),
}

/// Hands every series to `each`, in order. An error of `each` ends it. With `cleans`, rows are filled from series without
/// stale markers; what comes whole has them still.
pub(super) fn each_ahead(
    shared: &dyn SharedSeries,
    steps: usize,
    cleans: bool,
    fill: &Fill<'_>,
    each: &mut dyn FnMut(Ahead<'_>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let size = (CHUNK_VALUES / steps.max(1)).clamp(1, CHUNK_SERIES_MAX);
    let chunks = shared.numbers().div_ceil(size);
    let threads = shared.threads().min(chunks);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|first| {
                let (made, chunks_made) = sync_channel(WAITING_MAX);
                let (spent, spare) = sync_channel(SPARE_MAX);
                let maker = Maker { shared, steps, size, cleans, fill, made, spare };
                scope.spawn(move || maker.run((first..chunks).step_by(threads)));
                (chunks_made, spent)
            })
            .collect();
        for number in 0..chunks {
            // A thread that is gone without a chunk has panicked, which the scope hands on.
            let Ok(chunk) = lanes[number % threads].0.recv() else { return Ok(()) };
            deliver(chunk?, steps, &lanes[number % threads].1, each)?;
        }
        Ok(())
    })
}

fn deliver(
    mut chunk: Chunk,
    steps: usize,
    spent: &SyncSender<Chunk>,
    each: &mut dyn FnMut(Ahead<'_>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let mut at = 0;
    for made in chunk.series.drain(..) {
        match made {
            Made::Whole(series) => each(Ahead::Whole(series.view()))?,
            Made::Row { labels, samples } => {
                each(Ahead::Row { labels, samples, values: &chunk.values[at..at + steps] })?;
                at += steps;
            }
        }
    }
    // The thread may be done.
    let _ = spent.try_send(chunk);
    Ok(())
}

struct Maker<'m> {
    shared: &'m dyn SharedSeries,
    steps: usize,
    size: usize,
    cleans: bool,
    fill: &'m Fill<'m>,
    made: SyncSender<Result<Chunk, SourceError>>,
    /// Chunks whose memory can be used again.
    spare: Receiver<Chunk>,
}

impl Maker<'_> {
    fn run(self, numbers: impl Iterator<Item = usize>) {
        let mut reader = match self.shared.reader() {
            Ok(reader) => reader,
            // Nobody takes it if the query has ended.
            Err(error) => return drop(self.made.send(Err(error))),
        };
        let mut clean = Clean::default();
        for number in numbers {
            let mut chunk = self.spare.try_recv().unwrap_or_default();
            chunk.values.clear();
            let first = number * self.size;
            for number in first..(first + self.size).min(self.shared.numbers()) {
                if let Some(view) = reader.read(number) {
                    self.add(&mut chunk, &mut clean, view);
                }
            }
            if self.made.send(Ok(chunk)).is_err() {
                return;
            }
        }
    }

    fn add(&self, chunk: &mut Chunk, clean: &mut Clean, view: SeriesView<'_>) {
        let at = chunk.values.len();
        if view.histograms.is_empty() {
            let (labels, samples) = (view.labels.clone(), view.times.len());
            chunk.values.resize(at + self.steps, ABSENT);
            let cleaned = if self.cleans { clean.without_stale(view.clone()) } else { view.clone() };
            if (self.fill)(&cleaned, &mut chunk.values[at..]) {
                chunk.series.push(Made::Row { labels, samples });
                return;
            }
            chunk.values.truncate(at);
        }
        chunk.series.push(Made::Whole(SeriesData::from(&view)));
    }
}

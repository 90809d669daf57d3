//! The one thread that makes writes visible, in the order of the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::Inner;
use super::write::{Message, Write};
use crate::codec::Scratch;
use crate::record::Batch;

pub fn run(inner: &Inner, messages: &Receiver<Message>) {
    let mut scratch = Scratch::default();
    while let Ok(message) = messages.recv() {
        match message {
            Message::Write(write) => inner.publish(*write, &mut scratch),
            Message::Cut(act) => act(inner),
        }
    }
}

impl Inner {
    fn publish(&self, write: Write, scratch: &mut Scratch) {
        let Write { ticket, batch, defined, epoch, outcome, done } = write;
        let durable = ticket.wait();
        let answer = match durable {
            Ok(_) => {
                if !defined.is_empty() {
                    let index = self.index.read();
                    defined.iter().for_each(|&series| index.note_definition(series, epoch));
                }
                self.apply(batch, scratch);
                Ok(outcome)
            }
            Err(error) => Err(error.into()),
        };
        if let Ok(outcome) = &answer {
            self.counters.count(outcome);
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        // The caller may have gone away; the write stands all the same.
        let _ = done.send(answer);
    }

    /// Makes a batch visible.
    pub(super) fn apply(&self, batch: Batch, scratch: &mut Scratch) {
        let appended = self.pages.append(batch.iter(), scratch);
        self.counters.appended(appended);
        if !batch.exemplars.is_empty() {
            let mut exemplars = self.exemplars.lock();
            batch.exemplars.into_iter().for_each(|(series, exemplar)| exemplars.add(series, exemplar));
        }
        if !batch.metadata.is_empty() {
            let mut known = self.metadata.lock();
            for (metric, metadata) in batch.metadata {
                if known.len() < super::METADATA_MAX || known.contains_key(&metric) {
                    known.insert(Arc::clone(&metric), metadata);
                }
            }
        }
    }
}

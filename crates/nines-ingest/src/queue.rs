//! What waits for the publisher, in order of sequence number.
//!
//! Only a commit wakes the publisher, once for all requests that shared it: a request that queues up finds it asleep and
//! leaves it so, because there is nothing to publish before the journal has synced.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::publisher::Message;

#[derive(Default)]
pub(crate) struct Queue {
    line: Mutex<Line>,
    news: Condvar,
}

/// Whoever holds it decides who comes next.
#[derive(Default)]
pub(crate) struct Line {
    /// No more than there may be requests in flight: each has its place there before it comes here.
    messages: VecDeque<Message>,
    has_news: bool,
    closed: bool,
}

impl Queue {
    /// `None` once closed.
    pub fn line(&self) -> Option<MutexGuard<'_, Line>> {
        Some(self.line.lock()).filter(|line| !line.closed)
    }

    /// Something may have become ready.
    pub fn tell(&self) {
        self.line.lock().has_news = true;
        self.news.notify_one();
    }

    /// Nothing is added any more; what waits is still handed out.
    pub fn close(&self) {
        let mut line = self.line.lock();
        line.closed = true;
        line.has_news = true;
        self.news.notify_one();
    }

    /// Closes, and lets go of what waits: its senders hear that nobody will publish it.
    pub fn abandon(&self) {
        let mut line = self.line.lock();
        line.closed = true;
        line.messages.clear();
    }

    /// Waits until the first message is ready, and takes all from it on that are. `None` once closed and empty.
    pub fn next(&self) -> Option<VecDeque<Message>> {
        let mut line = self.line.lock();
        loop {
            let first_unready = line.messages.iter_mut().position(|message| !message.is_ready());
            let ready = first_unready.unwrap_or(line.messages.len());
            if ready > 0 {
                return Some(line.messages.drain(..ready).collect());
            }
            if line.closed && line.messages.is_empty() {
                return None;
            }
            while !std::mem::take(&mut line.has_news) {
                self.news.wait(&mut line);
            }
        }
    }
}

impl Line {
    pub fn push(&mut self, message: Message) {
        self.messages.push_back(message);
    }
}

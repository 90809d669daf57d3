//! Whether a peer takes what it asked for: over TCP, where bytes wait in the kernel, and over HTTP/2, where an answer waits
//! for a window that its reader opens.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use nines_base::SharedClock;
use parking_lot::Mutex;

use crate::connections::{Busy, Place};

/// Over HTTP/2 the server library takes a piece of an answer as soon as its window has room for one byte, and keeps the
/// rest. So this much of each stream may lie in memory for a reader that takes nothing.
const PIECE_BYTES: usize = 16 * 1024;

/// What one connection waits for.
pub struct Flow {
    clock: SharedClock,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Since when the kernel has taken nothing.
    write: Option<Duration>,
    /// Answers that have something to give and are not asked for it, by number, with the time since when. Over HTTP/1 one at
    /// most; over HTTP/2 as many as there are streams.
    answers: Vec<(u64, Duration)>,
    answers_begun: u64,
    /// Requests that are not answered yet.
    requests: usize,
    /// Since when there are none.
    quiet_since: Duration,
}

impl Waiting {
    fn forget(&mut self, answer: u64) {
        if let Some(index) = self.answers.iter().position(|(number, _)| *number == answer) {
            self.answers.swap_remove(index);
        }
    }
}

/// A request that is being answered.
pub struct Request {
    flow: Arc<Flow>,
    _busy: Busy,
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut waiting = self.flow.waiting.lock();
        waiting.requests -= 1;
        if waiting.requests == 0 {
            waiting.quiet_since = self.flow.clock.monotonic();
        }
    }
}

impl Flow {
    pub fn new(clock: &SharedClock) -> Arc<Self> {
        let waiting = Waiting { quiet_since: clock.monotonic(), ..Waiting::default() };
        Arc::new(Self { clock: Arc::clone(clock), waiting: Mutex::new(waiting) })
    }

    /// A request begins; it ends when what is returned is dropped.
    pub fn begin(self: &Arc<Self>, place: &Arc<Place>) -> Request {
        self.waiting.lock().requests += 1;
        Request { flow: Arc::clone(self), _busy: place.begin() }
    }

    /// For how long the peer has asked nothing, having taken all its answers.
    pub fn silent_for(&self) -> Duration {
        let waiting = self.waiting.lock();
        if waiting.requests > 0 || waiting.write.is_some() {
            return Duration::ZERO;
        }
        self.clock.monotonic().saturating_sub(waiting.quiet_since)
    }

    /// For how long the peer has not taken what is there for it.
    pub fn stalled_for(&self) -> Duration {
        let waiting = self.waiting.lock();
        let oldest = waiting.write.iter().chain(waiting.answers.iter().map(|(_, since)| since)).min();
        oldest.map_or(Duration::ZERO, |since| self.clock.monotonic().saturating_sub(*since))
    }

    fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        let mut waiting = self.waiting.lock();
        if result.is_ready() {
            if waiting.write.take().is_some() {
                waiting.quiet_since = self.clock.monotonic();
            }
        } else if waiting.write.is_none() {
            waiting.write = Some(self.clock.monotonic());
        }
        result
    }
}

/// A connection whose writes are watched.
pub struct WatchedIo<I> {
    inner: I,
    flow: Arc<Flow>,
}

impl<I> WatchedIo<I> {
    pub fn new(inner: I, flow: Arc<Flow>) -> Self {
        Self { inner, flow }
    }
}

impl<I: Read + Unpin> Read for WatchedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<I: Write + Unpin> Write for WatchedIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.flow.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.flow.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The body of an answer on its way out. While it is there, its connection is at work.
pub struct Answer {
    body: Body,
    /// Of the piece that the body gave last.
    rest: Bytes,
    is_split: bool,
    number: u64,
    request: Request,
}

impl Answer {
    /// `is_split`: give it in pieces, as HTTP/2 needs.
    pub fn new(body: Body, is_split: bool, request: Request) -> Self {
        let number = {
            let mut waiting = request.flow.waiting.lock();
            waiting.answers_begun += 1;
            let number = waiting.answers_begun;
            waiting.answers.push((number, request.flow.clock.monotonic()));
            number
        };
        Self { body, rest: Bytes::new(), is_split, number, request }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) if self.is_split && data.len() > PIECE_BYTES => self.rest = data,
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        // While it is asked, whatever takes time is ours.
        this.request.flow.waiting.lock().forget(this.number);
        let next = this.next(cx);
        if let Poll::Ready(Some(Ok(_))) = &next {
            let flow = &this.request.flow;
            let now = flow.clock.monotonic();
            flow.waiting.lock().answers.push((this.number, now));
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.request.flow.waiting.lock().forget(self.number);
    }
}

//! Reading a body that may be too large, too slow or never end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Body as _;
use nines_base::{ByteSize, SharedClock};

use crate::budget::Held;
use crate::refusal::{Cause, Refusal};

/// Allocated ahead on a client's word; the rest as it arrives.
const TRUSTED_LENGTH: u64 = 64 * 1024;

/// A body that is refused, because it is too large or comes at a bad time, is still read to its end, up to this many times the limit, and thrown away: a client that
/// is cut off while it writes sees a broken connection, which it retries, instead of the answer, which it obeys.
const DISCARD_FACTOR: u64 = 2;

/// The body, at most `limit` bytes of it, counted in `held` as they arrive.
pub(crate) async fn read(
    body: Body,
    limit: u64,
    timeout: Duration,
    clock: &SharedClock,
    held: &mut Held,
) -> Result<Vec<u8>, Refusal> {
    let mut reading = std::pin::pin!(read_all(body, limit, held));
    // A small body is there with its headers: no timer is set for it.
    if let Some(read) = poll_fn(|cx| Poll::Ready(ready(reading.as_mut().poll(cx)))).await {
        return read;
    }
    tokio::select! {
        read = reading => read,
        () = clock.sleep(timeout) => {
            let message = format!("body did not arrive within {} s", timeout.as_secs());
            Err(Refusal::new(Cause::Unavailable, message))
        }
    }
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Reads a body that nobody will look at to its end, as far as `limit` goes, so that its sender reads the answer.
pub(crate) async fn discard(mut body: Body, limit: u64, timeout: Duration, clock: &SharedClock) {
    let rest = async {
        let mut length = 0_u64;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            length += frame.into_data().map_or(0, |data| data.len() as u64);
            if length > limit.saturating_mul(DISCARD_FACTOR) {
                break;
            }
        }
    };
    tokio::select! {
        () = rest => {}
        () = clock.sleep(timeout) => {}
    }
}

async fn read_all(mut body: Body, limit: u64, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let declared = body.size_hint().exact();
    if declared.is_some_and(|length| length > limit.saturating_mul(DISCARD_FACTOR)) {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(TRUSTED_LENGTH) as usize);
    let mut length = 0_u64;
    let mut has_room = true;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| {
            Refusal::new(Cause::Malformed, format!("body could not be read to its end: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len() as u64;
        if length > limit {
            bytes = Vec::new();
            if length > limit.saturating_mul(DISCARD_FACTOR) {
                return Err(too_large(limit));
            }
            continue;
        }
        if has_room && !held.grow(data.len() as u64) {
            has_room = false;
            held.release();
            bytes = Vec::new();
        }
        if has_room {
            bytes.extend_from_slice(&data);
        }
    }
    if length > limit {
        Err(too_large(limit))
    } else if has_room {
        Ok(bytes)
    } else {
        Err(Refusal::new(Cause::Busy, "too many bytes are waiting to be stored: send again later"))
    }
}

pub(crate) fn too_large(limit: u64) -> Refusal {
    let message = format!("body is larger than {}: send smaller batches", ByteSize(limit));
    Refusal::new(Cause::TooLarge, message)
}

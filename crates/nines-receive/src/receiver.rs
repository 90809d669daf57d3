use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use nines_base::SharedClock;
use nines_base::decompress::{DecompressError, Encoding, decompress};
use nines_ingest::Tenant;
use nines_model::Batch;
use nines_protocols::otlp::{Decoded, Format, PartialSuccess, Signal, decode};
use tokio::sync::Semaphore;

use crate::body;
use crate::budget::{ByteBudget, Held};
use crate::config::Limits;
use crate::gate::{self, IngestGate, IngestIdentity};
use crate::metered;
use crate::refusal::{Cause, Refusal};
use crate::sink::Sink;
use crate::stats::{Counters, Stats};

/// Bodies up to this size that are not compressed are decoded where they are: at 300 MB/s this takes 50 µs, about what
/// the way to another thread and back costs.
pub(crate) const INLINE_BYTES_MAX: usize = 16 * 1024;

/// The OTLP receiver: the steps of the crate documentation behind two routers and a listener loop. Cloning shares it.
#[derive(Clone)]
pub struct OtlpReceiver {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub limits: Limits,
    pub clock: SharedClock,
    pub counters: Counters,
    pub sink: Arc<dyn Sink>,
    pub gate: Arc<dyn IngestGate>,
    pub requests: Semaphore,
    decoders: Semaphore,
    pub bytes: Arc<ByteBudget>,
    ids: AtomicU64,
}

/// Who is at the other end, as the listener says.
pub(crate) fn peer(extensions: &Extensions) -> SocketAddr {
    // Only a listener that forgets to say who is there leaves this out.
    let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    extensions.get::<ConnectInfo<SocketAddr>>().map_or(unknown, |info| info.0)
}

/// A request as it arrived, with what its headers say.
pub(crate) struct Envelope {
    pub signal: Signal,
    pub format: Format,
    pub encoding: Encoding,
    pub body: Body,
    /// Bytes of the body before decompression, and of the message after it.
    pub limit: u64,
    /// What frames the message in the body.
    pub framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The body is the message.
    Plain,
    /// gRPC: a flag, a length, the message.
    Grpc,
}

impl OtlpReceiver {
    pub fn new(limits: Limits, sink: Arc<dyn Sink>, gate: Arc<dyn IngestGate>, clock: SharedClock) -> Self {
        let inner = Inner {
            requests: Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS)),
            decoders: Semaphore::new(limits.decoders.clamp(1, Semaphore::MAX_PERMITS)),
            bytes: ByteBudget::new(limits.in_flight_bytes),
            ids: AtomicU64::new(clock.now().as_nanos().cast_unsigned()),
            counters: Counters::default(),
            limits,
            clock,
            sink,
            gate,
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn stats(&self) -> Stats {
        self.inner.counters.snapshot()
    }
}

impl Inner {
    /// A number that no other call of this process has given, and hardly one of another: it began at the time of the start
    /// in nanoseconds.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub async fn admit(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<IngestIdentity, Refusal> {
        let key = gate::key(headers);
        if let Some(known) = key.as_deref().and_then(|key| self.gate.admit_known(key)) {
            return Ok(known?);
        }
        Ok(self.gate.admit(key.as_deref(), peer).await?)
    }

    /// Turns away a sender who has used up what it may, before anything is decoded. What is left of the body is thrown away.
    pub async fn check(&self, sender: &IngestIdentity, body: Body, limit: u64) -> Result<Body, Refusal> {
        let Some(Err(over)) = sender.tenant.as_ref().map(Tenant::check) else { return Ok(body) };
        body::discard(body, limit, self.limits.body_timeout, &self.clock).await;
        Err(over.into())
    }

    /// Stores what was decoded and takes it from the sender's limits.
    pub async fn store(
        &self,
        sender: &IngestIdentity,
        batches: Vec<Batch>,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let charge =
            sender.tenant.as_ref().map(|tenant| metered::charge(tenant, &batches, bytes)).transpose()?;
        self.sink.submit(batches, bytes).await?;
        if let Some(charge) = charge {
            charge.keep();
        }
        Ok(())
    }

    /// Everything between the headers and the answer. `Ok` means that what was kept is durable.
    pub async fn export(
        &self,
        sender: &IngestIdentity,
        envelope: Envelope,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let Envelope { signal, format, encoding, body, limit, framing } = envelope;
        let body = self.check(sender, body, limit).await?;
        let Ok(_permit) = self.requests.try_acquire() else {
            return Err(Refusal::new(Cause::Busy, "too many requests at once: send again later"));
        };
        let mut held = self.bytes.hold();
        let raw_limit = limit + framing.overhead();
        let raw = body::read(body, raw_limit, self.limits.body_timeout, &self.clock, &mut held).await?;
        let received_at = self.clock.now();
        let raw_length = raw.len();
        let work = move || {
            let (encoding, message) = framing.message(&raw, encoding)?;
            let message = decompress(encoding, message, limit)?;
            let decoded = decode(signal, format, &message, received_at)
                .map_err(|error| Refusal::new(Cause::Malformed, error.to_string()))?;
            Ok((decoded, message.len() as u64))
        };
        let is_small = encoding == Encoding::Identity && raw_length <= INLINE_BYTES_MAX;
        let (decoded, bytes) = self.compute(is_small, work).await?;
        self.submit(sender, signal, decoded, bytes, &mut held).await
    }

    async fn submit(
        &self,
        sender: &IngestIdentity,
        signal: Signal,
        decoded: Decoded,
        bytes: u64,
        held: &mut Held,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let Decoded { batch, tally } = decoded;
        let items = batch.rows.len() as u64;
        if items > 0 {
            if !held.grow(bytes) {
                return Err(Refusal::new(
                    Cause::Busy,
                    "too many bytes are waiting to be stored: send again later",
                ));
            }
            self.store(sender, vec![batch], bytes).await?;
        }
        self.counters.accepted(items, tally.rejected(), bytes);
        Ok(tally.partial_success(signal))
    }

    /// Runs `work` on a blocking thread, no more than [`Limits::decoders`] at once; here, if there `is_small` work only.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        is_small: bool,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if is_small {
            return catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                tracing::error!("decoding panicked");
                Err(defect())
            });
        }
        let _slot = self.decoders.acquire().await.expect("the semaphore is never closed");
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => {
                tracing::error!(%error, "decoding panicked");
                Err(defect())
            }
            Err(_) => Err(Refusal::new(Cause::Unavailable, "the server is stopping: send again later")),
        }
    }
}

fn defect() -> Refusal {
    Refusal::new(Cause::Defect, "the request could not be decoded because of a defect in nines")
}

impl Framing {
    const GRPC_PREFIX_BYTES: usize = 5;

    fn overhead(self) -> u64 {
        match self {
            Self::Plain => 0,
            Self::Grpc => Self::GRPC_PREFIX_BYTES as u64,
        }
    }

    /// The message in a body, and how it is compressed.
    fn message(self, body: &[u8], encoding: Encoding) -> Result<(Encoding, &[u8]), Refusal> {
        if self == Self::Plain {
            return Ok((encoding, body));
        }
        let malformed = |message| Err(Refusal::new(Cause::Malformed, message));
        let Some((prefix, message)) = body.split_first_chunk::<{ Self::GRPC_PREFIX_BYTES }>() else {
            return malformed("call has no message: a gRPC message starts with a flag and a length");
        };
        let [flag, length @ ..] = *prefix;
        if u32::from_be_bytes(length) as usize != message.len() {
            return malformed("message has another length than its prefix says: send exactly one message");
        }
        match (flag, encoding) {
            (0, _) => Ok((Encoding::Identity, message)),
            (1, Encoding::Identity) => {
                malformed("message is marked as compressed but `grpc-encoding` is not set")
            }
            (1, encoding) => Ok((encoding, message)),
            _ => malformed("message has an unknown compression flag: only 0 and 1 are defined"),
        }
    }
}

impl From<DecompressError> for Refusal {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::TooLarge { limit } => body::too_large(limit),
            DecompressError::Unsupported(_) => Self::new(Cause::UnsupportedEncoding, error.to_string()),
            DecompressError::Corrupt { .. } => Self::new(Cause::Malformed, error.to_string()),
        }
    }
}

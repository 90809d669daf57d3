use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Uuid;

use nines_model::Timestamp;

/// The source of randomness: ids, secrets, jitter and samples. Cloning shares the source.
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Seeded by the operating system; fit for secrets (ChaCha12).
    pub fn from_system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the seam")]
        let seed: [u8; 32] = rand::random();
        Self(Arc::new(Mutex::new(StdRng::from_seed(seed))))
    }

    /// The same seed gives the same draws, on every machine.
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }

    pub fn next_u64(&self) -> u64 {
        self.0.lock().next_u64()
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&self) -> f64 {
        self.0.lock().random()
    }

    /// Uniform in `[0, bound)`; 0 for a bound of 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.lock().random_range(0..bound) }
    }

    /// A UUIDv7: sorts by `at`, then random.
    pub fn uuid(&self, at: Timestamp) -> Uuid {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes::<10>()).into_uuid()
    }
}

use std::time::Duration;

use crate::Random;

/// Exponential pauses with full jitter: attempt `n` waits a uniform time in `[0, min(cap, base × 2^n))`, but never less
/// than a tenth of that bound, so that a retry is never immediate.
/// Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub base: Duration,
    pub cap: Duration,
}

impl Backoff {
    /// The pause after failed attempt number `attempt`, counted from 0.
    pub fn pause(&self, attempt: u32, random: &Random) -> Duration {
        let bound =
            self.base.saturating_mul(1_u32.checked_shl(attempt.min(31)).unwrap_or(u32::MAX)).min(self.cap);
        bound.mul_f64(0.1 + 0.9 * random.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_never_vanish() {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
        let random = Random::from_seed(7);
        for attempt in 0..100 {
            let pause = backoff.pause(attempt, &random);
            assert!(
                pause >= Duration::from_millis(100) && pause <= backoff.cap,
                "attempt {attempt}: {pause:?}"
            );
        }
    }
}

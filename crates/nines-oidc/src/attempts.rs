//! Sign-ins that were begun and wait for the provider to send the browser back.

use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

/// As long as it takes to type a password and a code at the provider.
pub const ATTEMPT_TTL: Duration = Duration::from_secs(600);
/// Anybody can begin one; each has some 200 bytes. The oldest makes room.
pub const ATTEMPTS_MAX: usize = 2_000;

pub(crate) struct Attempt {
    pub state: String,
    /// In a cookie of the browser that began.
    pub browser: String,
    pub nonce: String,
    /// RFC 7636's code verifier.
    pub verifier: String,
    pub begun_at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Attempts(Mutex<Vec<Attempt>>);

impl Attempts {
    pub fn add(&self, attempt: Attempt) {
        let mut attempts = self.0.lock();
        let now = attempt.begun_at;
        attempts.retain(|old| now.since(old.begun_at) < ATTEMPT_TTL);
        if attempts.len() >= ATTEMPTS_MAX {
            attempts.remove(0);
        }
        attempts.push(attempt);
    }

    /// Takes the attempt out, so that its state is good once; only for the browser that began it.
    pub fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Attempt> {
        let mut attempts = self.0.lock();
        let place = attempts.iter().position(|attempt| attempt.state == state)?;
        if attempts[place].browser != browser {
            return None;
        }
        let attempt = attempts.remove(place);
        (now.since(attempt.begun_at) < ATTEMPT_TTL).then_some(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: usize, second: i64) -> Attempt {
        Attempt {
            state: format!("state-{number}"),
            browser: "browser".to_owned(),
            nonce: String::new(),
            verifier: String::new(),
            begun_at: Timestamp::from_secs(second),
        }
    }

    #[test]
    fn a_state_is_good_once_for_its_browser_and_for_a_while() {
        let (attempts, at) = (Attempts::default(), Timestamp::from_secs);
        attempts.add(attempt(1, 0));
        assert!(attempts.take("state-1", "another", at(1)).is_none());
        assert!(attempts.take("state-1", "browser", at(1)).is_some());
        assert!(attempts.take("state-1", "browser", at(1)).is_none());
        attempts.add(attempt(2, 0));
        assert!(attempts.take("state-2", "browser", at(600)).is_none());
        for number in 0..ATTEMPTS_MAX + 9 {
            attempts.add(attempt(number, 700));
        }
        assert_eq!(attempts.0.lock().len(), ATTEMPTS_MAX);
        assert!(attempts.take("state-0", "browser", at(701)).is_none(), "the oldest made room");
    }
}

//! Where a page ended, as an opaque text.

use nines_model::{TimeRange, Timestamp};

use crate::error::ScanError;
use crate::search::Order;

/// Where the next page begins: after the first `skip` rows of the instant `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub at: Timestamp,
    pub skip: usize,
}

/// Pages cannot go deeper into one instant: each of them sorts all rows before it again.
const SKIP_MAX: usize = 1_000_000;

impl Cursor {
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        let wrong = || ScanError::invalid("cursor is not valid", "pass `next` of the page before as it is");
        let (at, skip) = text.split_once('.').ok_or_else(wrong)?;
        let at = i64::from_str_radix(at, 36).map_err(|_| wrong())?;
        let skip = usize::from_str_radix(skip, 36).ok().filter(|skip| *skip <= SKIP_MAX).ok_or_else(wrong)?;
        Ok(Self { at: Timestamp::from_nanos(at), skip })
    }

    pub fn rest_of(self, range: TimeRange, order: Order) -> TimeRange {
        match order {
            Order::NewestFirst => TimeRange::new(
                range.start,
                range.end.min(Timestamp::from_nanos(self.at.as_nanos().saturating_add(1))),
            ),
            Order::OldestFirst => TimeRange::new(range.start.max(self.at), range.end),
        }
    }
}

/// Base 36, `at.skip`: short, and opaque enough that nobody builds one.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.at.as_nanos();
        write!(
            f,
            "{}{}.{}",
            if nanos < 0 { "-" } else { "" },
            base_36(nanos.unsigned_abs()),
            base_36(self.skip as u64)
        )
    }
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).expect("below 36"));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_nonsense_is_refused() {
        for (at, skip) in
            [(0, 0), (1_790_000_000_000_000_000, 17), (-5, 1), (i64::MIN, 3), (i64::MAX, SKIP_MAX)]
        {
            let cursor = Cursor { at: Timestamp::from_nanos(at), skip };
            assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        }
        for wrong in ["", ".", "1", "1.", "1.-1", "x y.1", "zzzzzzzzzzzzzzzz.1", "1.zzzzzzz"] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! Whose what is stored is.
//!
//! Rows of all tenants lie in the same segments, so bytes on disk are shared out: of each dataset a tenant has the part
//! that it sent of what was taken in on the days that are still kept, and never more than it sent. The first makes the
//! tenants' parts add up to what is there; the second keeps a tenant that began yesterday from owning what was there before
//! anybody was counted. Days are those of arrival, in UTC.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use nines_model::{Dataset, Timestamp};

/// Days that are told apart; older ones are forgotten. Longer than a year's retention.
const DAYS_MAX: i64 = 400;
const DAY_SECS: i64 = 24 * 60 * 60;
const HEAD: &str = "nines-shares 1";

/// What is stored of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredDataset {
    /// Sealed, wherever it lies.
    pub bytes: u64,
    /// Of the oldest row; what was sent before its day is gone.
    pub oldest: Option<Timestamp>,
}

/// Bytes taken in, by day since 1970, dataset and tenant (empty for the organisation).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shares(BTreeMap<(i64, Dataset, String), u64>);

fn day(at: Timestamp) -> i64 {
    at.as_secs().div_euclid(DAY_SECS)
}

impl Shares {
    pub fn add(&mut self, at: Timestamp, dataset: Dataset, tenant: &str, bytes: u64) {
        *self.0.entry((day(at), dataset, tenant.to_owned())).or_default() += bytes;
    }

    /// Days of which nothing is kept any more.
    pub fn forget(&mut self, stored: &BTreeMap<Dataset, StoredDataset>, now: Timestamp) {
        let first = |dataset: &Dataset| stored.get(dataset).and_then(|stored| stored.oldest).map(day);
        let today = day(now);
        // Rows with times of tomorrow do not make today's forgotten.
        self.0.retain(|(day, dataset, _), _| {
            *day > today - DAYS_MAX && first(dataset).is_none_or(|first| *day >= first.min(today))
        });
    }

    pub fn stored_bytes(&self, tenant: &str, stored: &BTreeMap<Dataset, StoredDataset>) -> u64 {
        let of_dataset = |(dataset, stored): (&Dataset, &StoredDataset)| {
            let (mut own, mut all) = (0_u64, 0_u64);
            for ((_, of, who), bytes) in &self.0 {
                if of == dataset {
                    all += bytes;
                    own += if who == tenant { *bytes } else { 0 };
                }
            }
            let part = u128::from(stored.bytes) * u128::from(own) / u128::from(all.max(1));
            (part as u64).min(own)
        };
        stored.iter().map(of_dataset).sum()
    }

    pub fn teams(&self) -> BTreeSet<String> {
        self.0.keys().filter(|(.., tenant)| !tenant.is_empty()).map(|(.., tenant)| tenant.clone()).collect()
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(format!("it does not begin with `{HEAD}`"));
        }
        let mut shares = BTreeMap::new();
        for line in lines {
            let (key, bytes) = read_line(line).ok_or_else(|| format!("`{line}` is no share"))?;
            shares.insert(key, bytes);
        }
        Ok(Self(shares))
    }
}

/// `DAY DATASET BYTES TENANT`.
fn read_line(line: &str) -> Option<((i64, Dataset, String), u64)> {
    let mut parts = line.splitn(4, ' ');
    let day = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let dataset = Dataset::ALL.into_iter().find(|dataset| dataset.as_str() == name)?;
    let bytes = parts.next()?.parse().ok()?;
    Some(((day, dataset, parts.next()?.to_owned()), bytes))
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for ((day, dataset, tenant), bytes) in &self.0 {
            // A name is a word; a line break in it would be another share.
            let tenant = tenant.replace(['\n', '\r'], " ");
            writeln!(f, "{day} {dataset} {bytes} {tenant}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(bytes: u64, oldest_day: i64) -> BTreeMap<Dataset, StoredDataset> {
        let oldest = Some(Timestamp::from_secs(oldest_day * DAY_SECS + 7));
        [(Dataset::Logs, StoredDataset { bytes, oldest })].into()
    }

    fn sent(parts: &[(i64, &str, u64)]) -> Shares {
        let mut shares = Shares::default();
        for (day, tenant, bytes) in parts {
            shares.add(Timestamp::from_secs(day * DAY_SECS), Dataset::Logs, tenant, *bytes);
        }
        shares
    }

    #[test]
    fn parts_add_up_to_what_is_there_and_nobody_has_more_than_they_sent() {
        let shares =
            sent(&[(100, "shop", 3_000), (100, "", 1_000), (101, "shop", 1_000), (101, "pay", 3_000)]);
        let here = stored(800, 100);
        assert_eq!(["shop", "", "pay"].map(|tenant| shares.stored_bytes(tenant, &here)), [400, 100, 300]);
        let much = stored(1_000_000, 100);
        assert_eq!(shares.stored_bytes("", &much), 1_000, "what was there before is nobody's");
        assert_eq!(shares.stored_bytes("none", &here), 0);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut shares = sent(&[(100, "shop", 3_000), (101, "shop", 1_000), (101, "pay", 3_000)]);
        shares.forget(&stored(800, 101), Timestamp::from_secs(101 * DAY_SECS));
        assert_eq!(["shop", "pay"].map(|tenant| shares.stored_bytes(tenant, &stored(800, 101))), [200, 600]);
        shares.forget(&stored(800, 109), Timestamp::from_secs(101 * DAY_SECS));
        assert_eq!(
            shares,
            sent(&[(101, "shop", 1_000), (101, "pay", 3_000)]),
            "a row of the future forgets nothing"
        );
        shares.forget(&BTreeMap::new(), Timestamp::from_secs(600 * DAY_SECS));
        assert_eq!(shares, Shares::default());
    }

    #[test]
    fn shares_are_read_as_they_were_written() {
        let shares = sent(&[(100, "shop", 3_000), (100, "", 1), (101, "a b", 1_000)]);
        assert_eq!(Shares::parse(&shares.to_string()), Ok(shares));
        for wrong in
            ["", "nines-shares 2\n", "nines-shares 1\n100 logs x shop\n", "nines-shares 1\n100 cats 1 shop\n"]
        {
            assert!(Shares::parse(wrong).is_err(), "{wrong}");
        }
    }
}

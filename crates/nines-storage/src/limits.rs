//! How much is kept, and what it takes to keep less.
//!
//! Words introduced here
//! - **Limit**: a retention time of one dataset, or a disk budget of one dataset or of all.
//! - **Wanted** limits are those that are configured; **accepted** ones are those that data is removed by.
//! - **Legal hold**: nothing of the dataset is removed, whatever the limits say.
//! - **Notice**: something about the store that an operator has to know, for as long as it is so.
//!
//! Promises
//! - A stricter limit that would at once cost more than a twentieth of the live data (and more than one segment) is not
//!   accepted by itself: removal goes on by the old one, [`Notice::RemovalRefused`] says so, and
//!   [`crate::Store::confirm_limits`] accepts it. A mistyped policy thus deletes nothing.
//! - A limit that is wider, or that costs little, is accepted at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use nines_base::ByteSize;
use nines_model::{Dataset, Timestamp};

/// No limit, as an amount: the largest that the catalog holds.
pub(crate) const UNLIMITED: u64 = i64::MAX as u64;

/// What is wanted. May be changed while the store is open: [`crate::Store::set_limits`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long after it was received a row is kept. A dataset that is absent is kept for ever.
    pub retention: BTreeMap<Dataset, Duration>,
    /// Sealed segments of all datasets. Beyond it the oldest segment goes first, whatever its dataset. `None` leaves
    /// it to the free space of the disk, for which nothing is removed: ingest refuses instead.
    pub disk_bytes: Option<u64>,
    /// Sealed segments of one dataset. Beyond it the oldest goes first.
    pub dataset_disk_bytes: BTreeMap<Dataset, u64>,
    /// Nothing of these is removed.
    pub legal_hold: BTreeSet<Dataset>,
}

/// One limit, without its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Amounts are seconds.
    Retention(Dataset),
    /// Amounts are bytes.
    DatasetDisk(Dataset),
    /// Amounts are bytes.
    Disk,
}

/// What an operator has to know, for as long as it is so: [`crate::StoreStats::notices`]. `Display` says what is wrong and
/// what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Retention goes by `trusted` until the time between has really passed.
    ClockNotTrusted { clock: Timestamp, trusted: Timestamp },
    /// The wanted limit would cost this much at once. It is not in force.
    RemovalRefused { limit: Limit, segments: u64, rows: u64, bytes: u64, live_bytes: u64 },
    /// There is nothing left that may be removed, and ingest refuses.
    OverBudget { limit: Limit, used_bytes: u64, limit_bytes: u64 },
    /// The disk is full; the ballast was given back so that the control databases can still write.
    BallastReleased { ballast_bytes: u64 },
    /// Segments wait to be copied there. Nothing is lost; the disk fills up.
    ObjectStoreUnreachable { name: String, waiting_bytes: u64, reason: String },
}

impl Limit {
    /// All that there are.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of_datasets = Dataset::ALL
            .into_iter()
            .flat_map(|dataset| [Self::Retention(dataset), Self::DatasetDisk(dataset)]);
        of_datasets.chain([Self::Disk])
    }

    /// As the catalog names it: kind and scope.
    pub(crate) fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Retention(dataset) => ("retention_secs", dataset.as_str()),
            Self::DatasetDisk(dataset) => ("disk_bytes", dataset.as_str()),
            Self::Disk => ("disk_bytes", "*"),
        }
    }

    pub fn dataset(self) -> Option<Dataset> {
        match self {
            Self::Retention(dataset) | Self::DatasetDisk(dataset) => Some(dataset),
            Self::Disk => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retention(dataset) => write!(f, "retention of {dataset}"),
            Self::DatasetDisk(dataset) => write!(f, "disk budget of {dataset}"),
            Self::Disk => f.write_str("disk budget"),
        }
    }
}

impl Limits {
    /// In the unit of the limit; [`UNLIMITED`] if there is none.
    pub(crate) fn amount(&self, limit: Limit) -> u64 {
        let amount = match limit {
            Limit::Retention(dataset) => self.retention.get(&dataset).map(Duration::as_secs),
            Limit::DatasetDisk(dataset) => self.dataset_disk_bytes.get(&dataset).copied(),
            Limit::Disk => self.disk_bytes,
        };
        amount.map_or(UNLIMITED, |amount| amount.min(UNLIMITED))
    }

    /// What a store that has accepted nothing yet goes by: retention was always in force, budgets never were.
    pub(crate) fn first_accepted(&self) -> BTreeMap<Limit, u64> {
        let amount = |limit| match limit {
            Limit::Retention(_) => self.amount(limit),
            Limit::DatasetDisk(_) | Limit::Disk => UNLIMITED,
        };
        Limit::all().map(|limit| (limit, amount(limit))).collect()
    }
}

impl Notice {
    /// Whether the other notice is about the same thing, and so takes its place.
    pub(crate) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::RemovalRefused { limit: a, .. }, Self::RemovalRefused { limit: b, .. })
            | (Self::OverBudget { limit: a, .. }, Self::OverBudget { limit: b, .. }) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockNotTrusted { clock, trusted } => write!(
                f,
                "the clock jumped to {clock}: retention goes by {trusted} until that time has passed: check the clock of this machine"
            ),
            Self::RemovalRefused { limit, segments, rows, bytes, live_bytes } => write!(
                f,
                "{limit} would remove {segments} segments with {rows} rows at once ({} of {}): the former limit stays in force: widen it, or confirm the removal",
                ByteSize(*bytes),
                ByteSize(*live_bytes)
            ),
            Self::OverBudget { limit, used_bytes, limit_bytes } => write!(
                f,
                "{limit} is used up ({} of {}) and nothing more may be removed: raise it, or lift a legal hold",
                ByteSize(*used_bytes),
                ByteSize(*limit_bytes)
            ),
            Self::BallastReleased { ballast_bytes } => write!(
                f,
                "disk is full: the ballast of {} was given back so that pages and audit can be written: free space on the disk",
                ByteSize(*ballast_bytes)
            ),
            Self::ObjectStoreUnreachable { name, waiting_bytes, reason } => write!(
                f,
                "{name} cannot be reached ({reason}): {} wait for it on this disk: check the network, the credentials and the bucket",
                ByteSize(*waiting_bytes)
            ),
        }
    }
}

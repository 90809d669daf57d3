use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::SimDisk;
use nines_base::{ManualClock, Random};
use nines_series::{
    Matcher, Select, Selection, SeriesError, SeriesRecovery, SeriesStore, StoreConfig, WriteOutcome,
    WriteRequest,
};

/// The start of a partition, and of a day.
pub const DAY_MS: i64 = 20_000 * 86_400_000;
pub const HOUR_MS: i64 = 3_600_000;

/// A store on a simulated disk, with its clock two days behind the start of [`DAY_MS`]'s day.
pub struct Machine {
    pub disk: SimDisk,
    pub clock: Arc<ManualClock>,
    pub config: StoreConfig,
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        let now_secs = DAY_MS / 1_000 + 2 * 86_400;
        let clock = ManualClock::at(nines_model::Timestamp::from_secs(now_secs));
        let config = StoreConfig { window: Duration::from_secs(7 * 86_400), ..StoreConfig::new("/series") };
        Self { disk: SimDisk::new(seed), clock, config }
    }

    pub fn open(&self) -> (SeriesStore, SeriesRecovery) {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<(SeriesStore, SeriesRecovery), SeriesError> {
        let random = Random::from_seed(self.disk.operations() + 1);
        SeriesStore::open(self.config.clone(), Arc::new(self.disk.clone()), self.clock.clone(), random)
    }
}

pub fn write(
    store: &SeriesStore,
    labels: &[(&str, &str)],
    samples: &[(i64, f64)],
) -> Result<WriteOutcome, SeriesError> {
    let mut request = WriteRequest::default();
    add(&mut request, labels, samples);
    store.write(request)?.wait()
}

pub fn add<'a>(request: &mut WriteRequest<'a>, labels: &[(&'a str, &'a str)], samples: &[(i64, f64)]) {
    labels.iter().for_each(|(name, value)| request.label(name.as_bytes(), value.as_bytes()));
    samples.iter().for_each(|&(t_ms, value)| request.sample(t_ms, value));
    request.end_series();
}

pub fn select(store: &SeriesStore, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Selection {
    let never = || false;
    let select =
        Select { matchers, start_ms, end_ms, samples_max: 10_000_000, threads: 2, cancelled: &never };
    store.select(&select).unwrap()
}

/// Everything, as text and pairs.
pub fn all(store: &SeriesStore) -> Vec<(String, Vec<(i64, f64)>)> {
    let selection = select(store, &[], i64::MIN, i64::MAX);
    assert_eq!(selection.damaged, []);
    let series = selection.series.into_iter();
    series
        .map(|series| {
            (series.labels.to_string(), series.times_ms.iter().copied().zip(series.values).collect())
        })
        .collect()
}

//! Loops in virtual time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::RealDisk;
use nines_base::{ManualClock, Random};
use nines_model::Timestamp;
use nines_scrape::config::{self, Job};
use nines_scrape::{Appender, Fetch, FetchRequest, Fetched, Health, Parts, ScrapeError, Scraper};
use nines_series::{MatchOp, Matcher, Select, SeriesStore, StoreConfig};
use parking_lot::Mutex;

use crate::{Kept, OneSecret, eventually, nobody};

/// Answers each target with the same body, or fails.
struct Fake(Mutex<Result<String, ScrapeError>>);

#[async_trait::async_trait]
impl Fetch for Fake {
    async fn fetch(&self, _: FetchRequest) -> Result<Fetched, ScrapeError> {
        let body = self.0.lock().clone()?;
        Ok(Fetched { content_type: Some("text/plain".to_owned()), body: body.into_bytes() })
    }
}

struct World {
    clock: Arc<ManualClock>,
    fake: Arc<Fake>,
    kept: Arc<Kept>,
    scraper: Scraper,
}

impl World {
    fn new(body: &str, base: PathBuf) -> Self {
        let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
        let fake = Arc::new(Fake(Mutex::new(Ok(body.to_owned()))));
        let kept = Arc::new(Kept::default());
        let scraper = scraper(&clock, &fake, kept.clone(), base);
        Self { clock, fake, kept, scraper }
    }

    fn apply(&self, jobs: &str) {
        self.scraper.apply(jobs_of(jobs));
    }

    /// Ten seconds pass, and every target has been scraped once.
    async fn interval(&self) {
        let (before, targets) = (self.kept.count(), self.scraper.targets().len());
        self.clock.advance(Duration::from_secs(10));
        eventually("a scrape of each target", || self.kept.count() >= before + targets).await;
    }
}

fn scraper(
    clock: &Arc<ManualClock>,
    fake: &Arc<Fake>,
    appender: Arc<dyn Appender>,
    base: PathBuf,
) -> Scraper {
    Scraper::new(Parts {
        clock: clock.clone(),
        fetch: fake.clone(),
        appender,
        names: nobody(),
        disk: RealDisk::shared(),
        secrets: Arc::new(OneSecret),
        base,
        offset_seed: 1,
    })
}

fn jobs_of(jobs: &str) -> Vec<Job> {
    config::parse(
        None,
        &format!("global: {{scrape_interval: 10s, scrape_timeout: 5s}}\nscrape_configs:\n{jobs}"),
    )
    .unwrap()
    .jobs
}

const ONE: &str = "- {job_name: a, static_configs: [{targets: ['h:1']}]}\n";
const UP: &str = "up{instance=\"h:1\", job=\"a\"}";
const X: &str = "x{instance=\"h:1\", job=\"a\"}";

#[tokio::test]
async fn targets_are_scraped_in_their_rhythm_and_their_state_is_told() {
    let world = World::new("x 5\n", PathBuf::new());
    world.apply(ONE);
    eventually("the target", || world.scraper.targets().len() == 1).await;
    assert_eq!(world.scraper.targets()[0].state.health, Health::Unknown);
    for _ in 0..3 {
        world.interval().await;
    }
    *world.fake.0.lock() = Err(ScrapeError::Status { status: 503 });
    world.interval().await;
    let up = world.kept.series(UP);
    assert_eq!(up.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [1.0, 1.0, 1.0, 0.0]);
    assert!(up.windows(2).all(|pair| pair[1].0 - pair[0].0 == 10_000), "{up:?}");
    let x = world.kept.series(X);
    assert!(x[3].1.is_nan() && x[..3].iter().all(|(_, value)| *value == 5.0), "{x:?}");
    eventually("the state", || world.scraper.targets()[0].state.health == Health::Down).await;
    let status = &world.scraper.targets()[0];
    assert_eq!(status.state.last_error.as_ref().unwrap().to_string(), "server returned HTTP status 503");
    assert_eq!(status.target.url, "http://h:1/metrics");
}

#[tokio::test]
async fn a_target_that_goes_ends_its_series_and_one_that_stays_does_not() {
    let world = World::new("x 5\n", PathBuf::new());
    world.apply(ONE);
    eventually("the target", || world.scraper.targets().len() == 1).await;
    world.interval().await;
    // Another configuration of the same target: other loops, the same series.
    world.apply("- {job_name: a, sample_limit: 9, static_configs: [{targets: ['h:1']}]}\n");
    eventually("the target", || world.scraper.targets().len() == 1).await;
    for _ in 0..6 {
        world.interval().await;
    }
    assert!(world.kept.series(X).iter().all(|(_, value)| *value == 5.0), "{:?}", world.kept.series(X));
    world.apply("");
    let clock = &world.clock;
    eventually("the end of the series", || {
        clock.advance(Duration::from_secs(1));
        world.kept.series(UP).last().is_some_and(|(_, value)| value.is_nan())
    })
    .await;
    let (x, up) = (world.kept.series(X), world.kept.series(UP));
    assert!(x.last().unwrap().1.is_nan());
    // One marker for each, an interval behind the last sample at the latest.
    assert_eq!(up.iter().filter(|(_, value)| value.is_nan()).count(), 1);
    assert!(x.last().unwrap().0 > x[x.len() - 2].0);
}

#[tokio::test]
async fn a_target_that_goes_before_its_first_scrape_ends_what_it_left_before_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
    let fake = Arc::new(Fake(Mutex::new(Ok("x 5\n".to_owned()))));
    let config = StoreConfig::new(folder.path().join("store"));
    let (store, _) =
        SeriesStore::open(config, RealDisk::shared(), clock.clone(), Random::from_seed(1)).unwrap();
    // Values of everything that the target has, by series; NaN is a marker.
    let found = || {
        let matchers = [Matcher::new("job", MatchOp::Equal, "a").unwrap()];
        let (start_ms, end_ms) = (0, i64::MAX);
        let (samples_max, threads, cancelled) = (1_000_000, 1, &|| false);
        let select = Select { matchers: &matchers, start_ms, end_ms, samples_max, threads, cancelled };
        let series = store.select(&select).unwrap().series.into_iter();
        series.map(|one| (one.labels.to_string(), one.values)).collect::<BTreeMap<_, _>>()
    };
    let before = scraper(&clock, &fake, Arc::new(store.clone()), PathBuf::new());
    before.apply(jobs_of(ONE));
    eventually("the target", || before.targets().len() == 1).await;
    eventually("a scrape", || {
        clock.advance(Duration::from_secs(1));
        found().contains_key(X)
    })
    .await;
    before.stop();
    let was = found();

    let after = scraper(&clock, &fake, Arc::new(store.clone()), PathBuf::new());
    after.apply(jobs_of(ONE));
    eventually("the target", || after.targets().len() == 1).await;
    after.apply(Vec::new());
    eventually("the end of the series", || {
        clock.advance(Duration::from_secs(1));
        found().get(UP).is_some_and(|values| values.last().is_some_and(|value| value.is_nan()))
    })
    .await;
    let is = found();
    assert!(is.keys().eq(was.keys()), "no series is begun by its end: {is:?}");
    for (series, values) in is {
        let (end, values) = values.split_last().unwrap();
        assert!(end.is_nan() && values == was[&series], "{series}: {values:?} and {end}");
    }
}

#[tokio::test]
async fn stopping_the_node_ends_no_series() {
    let world = World::new("x 5\n", PathBuf::new());
    world.apply(ONE);
    eventually("the target", || world.scraper.targets().len() == 1).await;
    world.interval().await;
    world.scraper.stop();
    for _ in 0..50 {
        world.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(world.kept.series(X).iter().all(|(_, value)| !value.is_nan()));
    assert!(world.scraper.targets().is_empty());
}

#[tokio::test]
async fn more_targets_than_the_limit_are_all_down_and_dropped_ones_are_remembered() {
    let world = World::new("x 5\n", PathBuf::new());
    world.apply(
        "- job_name: a
  target_limit: 2
  static_configs: [{targets: ['h:1', 'h:2', 'h:3', 'h:4', 'h:5/x']}]
  relabel_configs: [{source_labels: [__address__], regex: 'h:4', action: drop}]
",
    );
    eventually("the targets", || world.scraper.targets().len() == 3).await;
    world.interval().await;
    assert_eq!(world.kept.series(UP)[0].1, 0.0);
    assert!(world.kept.series(X).is_empty());
    let status = &world.scraper.jobs()[0];
    assert_eq!((status.targets, status.dropped_count), (3, 1));
    assert_eq!(status.dropped[0].get("__address__"), "h:4");
    assert!(status.faults[0].starts_with("h:5/x: `h:5/x` is not a host name"), "{:?}", status.faults);
    assert_eq!(world.scraper.job_names(), ["a"]);
}

#[tokio::test]
async fn files_of_targets_are_followed_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new("x 5\n", folder.path().to_owned());
    let write = |text: &str| {
        let disk = RealDisk::shared();
        let path = folder.path().join("t.json");
        let _ = disk.remove(&path);
        disk.create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    write(r#"[{"targets": ["h:1"]}]"#);
    world.apply("- {job_name: a, file_sd_configs: [{files: ['*.json']}], dns_sd_configs: [{names: [n]}]}\n");
    let targets = || world.scraper.targets().len();
    eventually("one target", || targets() == 1).await;
    write(r#"[{"targets": ["h:1", "h:2"]}]"#);
    eventually("two targets", || {
        world.clock.advance(Duration::from_secs(1));
        targets() == 2
    })
    .await;
    write("not json");
    eventually("the fault", || {
        world.clock.advance(Duration::from_secs(1));
        world.scraper.jobs()[0].faults.iter().any(|fault| fault.contains("t.json"))
    })
    .await;
    assert_eq!(targets(), 2);
    let faults = world.scraper.jobs()[0].faults.clone();
    assert!(faults.iter().any(|fault| fault.contains("nobody is there")), "{faults:?}");
}

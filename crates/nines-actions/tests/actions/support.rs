//! A world to run actions in: virtual time, a simulated cloud, a store and a witness that can be killed around.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use nines_actions::cloud::sim::{SimCloud, SimConfig, World};
use nines_actions::memory::MemoryRuns;
use nines_actions::{
    Actions, Caller, Cloud, CloudError, Effect, Event, Helped, Intent, Inventory, Judge, Level, Parts, Query,
    Recent, Request, Rules, Run, RunFilter, RunId, Runs, RunsError, Seen, Stop, Tick, Witness,
};
use nines_base::{Clock, ManualClock, Random};
use nines_model::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub const T0: Timestamp = Timestamp::from_secs(1_795_000_000);

/// The process dies when the fuse has burnt down: whatever it waits for never comes.
#[derive(Debug)]
pub struct Fuse(AtomicI64);

impl Fuse {
    pub fn never() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(i64::MAX)))
    }

    /// Dies at the `points`-th place from here, counted from 0.
    pub fn set(&self, points: i64) {
        self.0.store(points, Ordering::Relaxed);
    }

    pub async fn burn(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) <= 0 {
            std::future::pending::<()>().await;
        }
    }
}

/// A store and a cloud with a place to die before and after every call.
pub struct Fused<T: ?Sized> {
    pub fuse: Arc<Fuse>,
    pub inner: Arc<T>,
}

macro_rules! fused {
    ($self:ident, $call:expr) => {{
        $self.fuse.burn().await;
        let result = $call.await;
        $self.fuse.burn().await;
        result
    }};
}

#[async_trait]
impl Runs for Fused<MemoryRuns> {
    async fn insert(&self, run: &Run) -> Result<(), RunsError> {
        fused!(self, self.inner.insert(run))
    }
    async fn get(&self, id: &RunId) -> Result<Option<Run>, RunsError> {
        fused!(self, self.inner.get(id))
    }
    async fn by_key(&self, author: &str, key: &str) -> Result<Option<Run>, RunsError> {
        fused!(self, self.inner.by_key(author, key))
    }
    async fn save(&self, run: &mut Run) -> Result<(), RunsError> {
        fused!(self, self.inner.save(run))
    }
    async fn list(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, RunsError> {
        self.inner.list(filter, limit).await
    }
    async fn due(&self, limit: u32) -> Result<Vec<(RunId, Timestamp)>, RunsError> {
        self.inner.due(limit).await
    }
    async fn count_open(&self) -> Result<usize, RunsError> {
        self.inner.count_open().await
    }
    async fn recent_on(&self, target: &str, since: Timestamp) -> Result<Vec<Recent>, RunsError> {
        self.inner.recent_on(target, since).await
    }
    async fn forget(&self, before: Timestamp, limit: u32) -> Result<usize, RunsError> {
        self.inner.forget(before, limit).await
    }
    async fn stop(&self) -> Result<Option<Stop>, RunsError> {
        self.inner.stop().await
    }
    async fn set_stop(&self, stop: Option<&Stop>) -> Result<(), RunsError> {
        self.inner.set_stop(stop).await
    }
}

#[async_trait]
impl Cloud for Fused<SimCloud> {
    fn name(&self) -> String {
        self.inner.name()
    }
    async fn look(&self, query: &Query) -> Result<Seen, CloudError> {
        fused!(self, self.inner.look(query))
    }
    async fn change(&self, id: &str, effect: &Effect) -> Result<(), CloudError> {
        fused!(self, self.inner.change(id, effect))
    }
    async fn inventory(&self) -> Result<Inventory, CloudError> {
        self.inner.inventory().await
    }
}

/// Keeps what it was told; repeats must be equal, and nothing may be missing.
pub struct Notes {
    pub fuse: Arc<Fuse>,
    pub events: Mutex<BTreeMap<(RunId, u64), Event>>,
    pub refuses: AtomicBool,
    pub stops: Mutex<Vec<bool>>,
}

#[async_trait]
impl Witness for Notes {
    async fn record(&self, event: &Event) -> Result<(), String> {
        self.fuse.burn().await;
        if self.refuses.load(Ordering::Relaxed) {
            return Err("the disk is full".to_owned());
        }
        self.events.lock().insert((event.run.clone(), event.sequence), event.clone());
        self.fuse.burn().await;
        Ok(())
    }

    async fn record_stop(&self, _by: &str, stop: Option<&Stop>) -> Result<(), String> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err("the disk is full".to_owned());
        }
        self.stops.lock().push(stop.is_some());
        Ok(())
    }
}

pub struct Said(pub Mutex<Helped>);

#[async_trait]
impl Judge for Said {
    async fn judge(&self, _run: &Run) -> (Helped, String) {
        (*self.0.lock(), "errors 4.1 % before, 0.2 % after".to_owned())
    }
}

/// Everything that outlives the process, and the process.
pub struct Site {
    pub clock: Arc<ManualClock>,
    pub fuse: Arc<Fuse>,
    pub cloud: Arc<SimCloud>,
    pub runs: Arc<MemoryRuns>,
    pub notes: Arc<Notes>,
    pub judge: Arc<Said>,
    pub random: Random,
    pub rules: Rules,
    pub actions: Actions,
}

impl Site {
    pub fn new(seed: u64, config: SimConfig, world: World, rules: Rules) -> Self {
        let clock = ManualClock::at(T0);
        let random = Random::from_seed(seed);
        let cloud_random = Random::from_seed(seed ^ 0xc10d);
        let cloud = Arc::new(SimCloud::new(config, world, clock.clone(), cloud_random));
        let fuse = Fuse::never();
        let runs = Arc::new(MemoryRuns::default());
        let notes = Arc::new(Notes {
            fuse: fuse.clone(),
            events: Mutex::default(),
            refuses: AtomicBool::new(false),
            stops: Mutex::default(),
        });
        let judge = Arc::new(Said(Mutex::new(Helped::Better)));
        let parts = parts(&clock, &fuse, &cloud, &runs, &notes, &judge, &random);
        let actions = Actions::new(parts, rules.clone());
        Self { clock, fuse, cloud, runs, notes, judge, random, rules, actions }
    }

    pub fn calm() -> Self {
        Self::new(1, SimConfig::default(), World::demo(), Rules::default())
    }

    /// A new process over what the old one left.
    pub fn restart(&mut self) {
        let parts = self.parts();
        self.actions = Actions::new(parts, self.rules.clone());
    }

    /// What another process over the same world stands on.
    pub fn parts(&self) -> Parts {
        parts(&self.clock, &self.fuse, &self.cloud, &self.runs, &self.notes, &self.judge, &self.random)
    }

    /// Asks for an action and starts it.
    pub fn begin(&self, name: &str, values: Value) -> Run {
        let intent = intent(name, values).unwrap();
        let run = done(self.actions.submit(&operator("mei"), intent, &Request::default())).unwrap();
        done(self.actions.start(&operator("mei"), &run.id)).unwrap()
    }

    pub fn run(&self, id: &RunId) -> Run {
        done(self.runs.get(id)).unwrap().unwrap()
    }

    /// Lets time pass until nothing more happens by itself.
    pub fn finish(&self, id: &RunId) -> Run {
        for _ in 0..100_000 {
            match done(self.actions.tick(id)).unwrap() {
                Tick::Rest { until } => self.clock.advance(until.since(self.clock.now())),
                Tick::Idle => return self.run(id),
                tick => panic!("{tick:?}"),
            }
        }
        panic!("run {id} never ends");
    }

    pub fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

fn parts(
    clock: &Arc<ManualClock>,
    fuse: &Arc<Fuse>,
    cloud: &Arc<SimCloud>,
    runs: &Arc<MemoryRuns>,
    notes: &Arc<Notes>,
    judge: &Arc<Said>,
    random: &Random,
) -> Parts {
    Parts {
        runs: Arc::new(Fused { fuse: fuse.clone(), inner: runs.clone() }),
        cloud: Arc::new(Fused { fuse: fuse.clone(), inner: cloud.clone() }),
        witness: notes.clone(),
        judge: judge.clone(),
        clock: clock.clone(),
        random: random.clone(),
    }
}

/// Runs a future that never waits for anything outside; `None` if it died on the way.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

pub fn done<F: Future>(future: F) -> F::Output {
    poll_once(future).expect("nothing here waits")
}

pub fn operator(name: &str) -> Caller {
    Caller {
        name: name.to_owned(),
        person: Some(nines_actions::Person { id: format!("account-{name}"), key_maker: None }),
        level: Level::Private,
        scopes: vec!["*".to_owned()],
        may_approve: true,
        is_automated: false,
        bars: Default::default(),
    }
}

pub fn intent(name: &str, values: Value) -> Result<Intent, nines_actions::ActionError> {
    Intent::of_action(name, values.as_object().unwrap())
}

pub fn machine(number: u32) -> String {
    format!("i-{number:017x}")
}

pub fn in_service(number: u32) -> Value {
    json!({"instanceIds": [machine(number)], "targetGroup": "shop-blue"})
}

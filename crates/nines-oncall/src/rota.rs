//! The service over the [`Roster`]: what is declared, joined with what people changed by hand.
//!
//! Documents come from whoever keeps documents ([`Rota::declare`]); overrides and silences from the repository. Readers
//! take the roster as it is now, without waiting for anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use nines_base::SharedClock;
use nines_model::{TimeRange, Timestamp};

use crate::noise::{Silence, SilenceError};
use crate::repository::{OncallError, OncallRepository};
use crate::roster::Roster;
use crate::schedule::{Authored, Change, Override, OverrideId, PersonId, Schedule, ScheduleError, Swap};

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Rota {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Arc<dyn OncallRepository>,
    clock: SharedClock,
    declared: ArcSwap<Roster>,
    in_browsers: ArcSwap<BTreeSet<PersonId>>,
    roster: ArcSwap<Roster>,
    /// One change at a time: two refreshes must not publish in the wrong order.
    writer: tokio::sync::Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum RotaError {
    #[error("there is no schedule `{name}`{}", near_text(.near))]
    NoSchedule { name: String, near: Option<String> },
    #[error("schedule `{schedule}` has no override `{id}`")]
    NoOverride { schedule: String, id: String },
    #[error("there is no silence `{id}` that was set by hand; those of documents are deleted as documents")]
    NoSilence { id: String },
    #[error("an override needs at least one person, or none on purpose: say `nobody`")]
    Nobody,
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    Silence(#[from] SilenceError),
    #[error(transparent)]
    Store(#[from] OncallError),
}

fn near_text(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

impl RotaError {
    pub fn kind(&self) -> nines_base::ErrorKind {
        match self {
            Self::NoSchedule { .. } | Self::NoOverride { .. } | Self::NoSilence { .. } => {
                nines_base::ErrorKind::NotFound
            }
            Self::Nobody => nines_base::ErrorKind::InvalidInput,
            Self::Schedule(error) => error.kind(),
            Self::Silence(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}

/// Who changes a schedule, and why; the id is the caller's, unique for ever.
#[derive(Debug, Clone)]
pub struct By {
    pub id: String,
    pub author: String,
    pub reason: String,
}

impl By {
    fn authored(&self, part: &str, now: Timestamp) -> Authored {
        Authored {
            id: OverrideId(format!("{}{part}", self.id)),
            author: self.author.clone(),
            reason: self.reason.clone(),
            now,
        }
    }
}

impl Rota {
    pub fn new(repository: Arc<dyn OncallRepository>, clock: SharedClock) -> Self {
        let inner = Inner {
            repository,
            clock,
            declared: ArcSwap::default(),
            in_browsers: ArcSwap::default(),
            roster: ArcSwap::default(),
            writer: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// As it is now.
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.roster.load_full()
    }

    /// Takes what is declared from now on, and joins it with what is stored.
    pub async fn declare(&self, declared: Roster) -> Result<(), OncallError> {
        self.inner.declared.store(Arc::new(declared));
        self.refresh().await
    }

    /// Reads overrides and silences again.
    pub async fn refresh(&self) -> Result<(), OncallError> {
        let _writer = self.inner.writer.lock().await;
        let declared = self.inner.declared.load_full();
        let mut overrides = BTreeMap::new();
        for name in declared.schedules.keys() {
            overrides.insert(name.clone(), self.inner.repository.overrides(name).await?);
        }
        let silences = self.inner.repository.silences().await?;
        let in_browsers = BTreeSet::clone(&self.inner.in_browsers.load());
        let roster = Roster::clone(&declared).with(&overrides, &silences).with_browsers(in_browsers);
        self.inner.roster.store(Arc::new(roster));
        Ok(())
    }

    /// Who can be told in browsers from now on. Nothing has to be read for it.
    pub async fn set_browsers(&self, people: BTreeSet<PersonId>) {
        let _writer = self.inner.writer.lock().await;
        self.inner.in_browsers.store(Arc::new(people.clone()));
        let roster = Roster::clone(&self.inner.roster.load()).with_browsers(people);
        self.inner.roster.store(Arc::new(roster));
    }

    /// `change` during `range`, whoever is on call.
    pub async fn put_override(
        &self,
        schedule: &str,
        range: TimeRange,
        people: Vec<PersonId>,
        by: &By,
    ) -> Result<Override, RotaError> {
        let now = self.inner.clock.now();
        if range.end <= now {
            return Err(ScheduleError::Past { at: range.end }.into());
        }
        if range.end <= range.start {
            return Err(ScheduleError::EmptyRange { from: range.start, to: range.end }.into());
        }
        if people.is_empty() {
            return Err(RotaError::Nobody);
        }
        self.schedule(schedule)?;
        let made = by.authored("", now).make(range, Change::Everyone(people));
        self.add(schedule, vec![made]).await.map(|mut made| made.swap_remove(0))
    }

    /// `person` takes over what belongs to `from` in all of `range`.
    pub async fn take(
        &self,
        schedule: &str,
        from: &PersonId,
        person: &PersonId,
        range: TimeRange,
        by: &By,
    ) -> Result<Override, RotaError> {
        let made =
            self.schedule(schedule)?.take(from, person, range, by.authored("", self.inner.clock.now()))?;
        self.add(schedule, vec![made]).await.map(|mut made| made.swap_remove(0))
    }

    /// Two people give each other a time: two overrides, kept together or not at all.
    pub async fn swap(&self, schedule: &str, swap: &Swap, by: &By) -> Result<Vec<Override>, RotaError> {
        let now = self.inner.clock.now();
        let made = self.schedule(schedule)?.swap(swap, [by.authored("-1", now), by.authored("-2", now)])?;
        self.add(schedule, made.into()).await
    }

    pub async fn remove_override(&self, schedule: &str, id: &str) -> Result<(), RotaError> {
        self.schedule(schedule)?;
        if !self.inner.repository.remove_override(schedule, &OverrideId(id.to_owned())).await? {
            return Err(RotaError::NoOverride { schedule: schedule.to_owned(), id: id.to_owned() });
        }
        Ok(self.refresh().await?)
    }

    /// Keeps a silence that passes its own checks.
    pub async fn silence(&self, silence: &Silence) -> Result<(), RotaError> {
        silence.check()?;
        self.inner.repository.put_silence(silence).await?;
        Ok(self.refresh().await?)
    }

    /// A silence set by hand ends now; it stays in the list of those that have ended.
    pub async fn end_silence(&self, id: &str) -> Result<Silence, RotaError> {
        let now = self.inner.clock.now();
        let known = self.inner.repository.silences().await?;
        let found = known.into_iter().find(|silence| silence.id.0 == id);
        let mut silence = found.ok_or_else(|| RotaError::NoSilence { id: id.to_owned() })?;
        silence.range = TimeRange::new(silence.range.start.min(now), silence.range.end.min(now));
        self.inner.repository.put_silence(&silence).await?;
        self.refresh().await?;
        Ok(silence)
    }

    /// The schedule as it is now, or the nearest name.
    pub fn schedule(&self, name: &str) -> Result<Schedule, RotaError> {
        let roster = self.roster();
        roster.schedules.get(name).cloned().ok_or_else(|| {
            let near = nines_filter::nearest(name, roster.schedules.keys().map(String::as_str));
            RotaError::NoSchedule { name: name.to_owned(), near: near.map(str::to_owned) }
        })
    }

    async fn add(&self, schedule: &str, made: Vec<Override>) -> Result<Vec<Override>, RotaError> {
        self.inner.repository.add_overrides(schedule, &made).await?;
        self.refresh().await?;
        Ok(made)
    }
}

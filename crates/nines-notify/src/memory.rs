//! The outbox in memory: the reference that the durable one is tested against, and what simulations run on. It promises
//! everything but survival.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::targets::FALLBACK_AFTER;
use crate::{
    Attempt, AttemptOutcome, Claimed, Event, Finish, INTERRUPTED, NewPage, OutboxStore, PAUSE_MAX, Page,
    PageFilter, PageId, PageState, Priority, StoreError, Subject, TargetId, Waiting,
};

#[derive(Debug, Default)]
pub struct MemoryOutbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pages: HashMap<PageId, Page>,
    attempts: BTreeMap<(PageId, u32), Attempt>,
    /// Queued pages in drain order.
    queue: HashMap<TargetId, BTreeSet<(Priority, std::cmp::Reverse<Timestamp>, PageId)>>,
    /// Pages of one subject at one target, in order of insertion.
    by_subject: HashMap<(Subject, TargetId), Vec<PageId>>,
    /// Superseded and in no page yet.
    foldable: HashMap<TargetId, BTreeSet<PageId>>,
    fallbacks: HashMap<PageId, Vec<PageId>>,
    digests: u64,
}

impl State {
    /// The one way in which a page changes state, so that the indexes follow.
    fn set(&mut self, id: &PageId, now: Timestamp, change: impl FnOnce(&mut Page)) {
        let Some(page) = self.pages.get_mut(id) else { return };
        let key = (page.new.priority, std::cmp::Reverse(page.new.created_at), id.clone());
        let queue = self.queue.entry(page.new.target.clone()).or_default();
        let foldable = self.foldable.entry(page.new.target.clone()).or_default();
        change(page);
        page.changed_at = now;
        if page.state == PageState::Queued {
            queue.insert(key)
        } else {
            queue.remove(&key)
        };
        let folds = page.state == PageState::Superseded && page.merged_into.is_none();
        if folds {
            foldable.insert(id.clone())
        } else {
            foldable.remove(id)
        };
    }

    fn supersede(&mut self, id: &PageId, now: Timestamp, into: Option<&PageId>, detail: &str) {
        self.set(id, now, |page| {
            page.state = PageState::Superseded;
            page.merged_into = into.cloned();
            page.detail = Some(detail.to_owned());
        });
    }

    fn add(&mut self, new: &NewPage) {
        let id = new.id.clone();
        let page = Page {
            new: new.clone(),
            state: PageState::Queued,
            attempts: 0,
            unknown_attempts: 0,
            next_attempt_at: new.due_at,
            changed_at: new.created_at,
            detail: None,
            reference: None,
            merged_into: None,
        };
        self.pages.insert(id.clone(), page);
        self.by_subject.entry((new.subject.clone(), new.target.clone())).or_default().push(id.clone());
        if let Some(primary) = &new.fallback_of {
            self.fallbacks.entry(primary.clone()).or_default().push(id.clone());
        }
        self.set(&id, new.created_at, |_| ());
    }

    fn insert(&mut self, new: &NewPage) {
        let siblings = self.siblings(&new.subject, &new.target);
        let tells = |page: &Page| matches!(page.new.event, Event::Trigger | Event::Update);
        let older: Vec<PageId> = siblings
            .iter()
            .filter(|page| tells(page) && page.state == PageState::Queued)
            .map(|page| page.new.id.clone())
            .collect();
        let reached = siblings.iter().filter(|page| tells(page)).any(|page| {
            matches!(page.state, PageState::Delivered | PageState::Sending) || page.unknown_attempts > 0
        });
        self.add(new);
        if !matches!(new.event, Event::Trigger | Event::Update | Event::Resolve) {
            return;
        }
        for id in &older {
            self.supersede(id, new.created_at, Some(&new.id), "a newer page says more");
        }
        if new.event != Event::Resolve || reached {
            return;
        }
        match &new.fallback_of {
            Some(primary) => {
                self.supersede(&new.id, new.created_at, Some(primary), "it was over before it was needed")
            }
            None if !older.is_empty() => {
                self.supersede(
                    &new.id,
                    new.created_at,
                    None,
                    "it was over before the target could be reached",
                );
            }
            None => {}
        }
    }

    fn siblings(&self, subject: &Subject, target: &TargetId) -> Vec<&Page> {
        let ids = self.by_subject.get(&(subject.clone(), target.clone()));
        ids.into_iter().flatten().filter_map(|id| self.pages.get(id)).collect()
    }

    fn end_attempt(
        &mut self,
        id: &PageId,
        number: u32,
        now: Timestamp,
        outcome: AttemptOutcome,
        detail: Option<String>,
    ) {
        if let Some(attempt) = self.attempts.get_mut(&(id.clone(), number)) {
            (attempt.ended_at, attempt.outcome, attempt.detail) = (Some(now), outcome, detail);
        }
    }

    fn claim(&mut self, target: &TargetId, now: Timestamp, limit: usize) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        while claimed.len() < limit {
            // One by one, for a page that is taken holds back the others of its subject.
            let Some(id) = self.next_claimable(target, now) else { break };
            let new = &self.pages[&id].new;
            let thread = self
                .siblings(&new.subject, target)
                .into_iter()
                .filter(|page| matches!(page.new.event, Event::Trigger | Event::Update))
                .filter(|page| page.state == PageState::Delivered && page.reference.is_some())
                .max_by_key(|page| (page.changed_at, &page.new.id))
                .and_then(|page| page.reference.clone());
            self.set(&id, now, |page| {
                page.state = PageState::Sending;
                page.attempts += 1;
            });
            let page = self.pages[&id].clone();
            let attempt = Attempt {
                page: id.clone(),
                number: page.attempts,
                started_at: now,
                ended_at: None,
                outcome: AttemptOutcome::Running,
                detail: None,
            };
            self.attempts.insert((id, page.attempts), attempt);
            claimed.push(Claimed { page, thread });
        }
        claimed
    }

    fn next_claimable(&self, target: &TargetId, now: Timestamp) -> Option<PageId> {
        let queue = self.queue.get(target)?;
        let mut pages = queue.iter().map(|(_, _, id)| &self.pages[id]);
        let claimable = pages.find(|page| self.claimable_at(page, now).is_some_and(|at| at <= now));
        claimable.map(|page| page.new.id.clone())
    }

    /// When a queued page can be claimed, if no other of its subject has to end first.
    fn claimable_at(&self, page: &Page, now: Timestamp) -> Option<Timestamp> {
        let siblings = self.siblings(&page.new.subject, &page.new.target);
        let was_set_back = page.next_attempt_at > now + PAUSE_MAX && page.changed_at > now;
        let at = if was_set_back { now } else { page.next_attempt_at };
        siblings.iter().all(|page| page.state != PageState::Sending).then_some(at)
    }

    fn waiting(&self, now: Timestamp) -> Vec<Waiting> {
        let folds = |target| self.foldable.get(target).is_some_and(|pages| !pages.is_empty());
        let targets: BTreeSet<&TargetId> = self.queue.keys().chain(self.foldable.keys()).collect();
        let waiting = targets.into_iter().filter_map(|target| {
            let queue = self.queue.get(target).into_iter().flatten();
            let mut pages = queue.map(|(_, _, id)| &self.pages[id]).peekable();
            if pages.peek().is_none() && !folds(target) {
                return None;
            }
            let due = pages.filter_map(|page| self.claimable_at(page, now)).min();
            Some(Waiting { target: target.clone(), due, folds: folds(target) })
        });
        waiting.collect()
    }

    fn finish(&mut self, id: &PageId, now: Timestamp, finish: Finish) {
        let Some(page) = self.pages.get(id).filter(|page| page.state == PageState::Sending) else { return };
        let (number, new) = (page.attempts, page.new.clone());
        let fallbacks = self.fallbacks.get(id).cloned().unwrap_or_default();
        let waiting: Vec<PageId> =
            fallbacks.into_iter().filter(|id| self.pages[id].state == PageState::Queued).collect();
        match finish {
            Finish::Delivered { reference } => {
                self.set(id, now, |page| {
                    page.state = PageState::Delivered;
                    page.reference = reference;
                    page.detail = None;
                });
                self.end_attempt(id, number, now, AttemptOutcome::Ok, None);
                for fallback in
                    waiting.iter().filter(|id| self.pages[id].attempts == 0).cloned().collect::<Vec<_>>()
                {
                    self.supersede(&fallback, now, Some(id), "the first target took it");
                }
            }
            Finish::Undeliverable { detail } => {
                self.set(id, now, |page| {
                    page.state = PageState::Undeliverable;
                    page.detail = Some(detail.clone());
                });
                self.end_attempt(id, number, now, AttemptOutcome::Permanent, Some(detail));
                for fallback in waiting {
                    self.set(&fallback, now, |page| page.next_attempt_at = page.next_attempt_at.min(now));
                }
            }
            Finish::Retry { at, unknown, detail } => {
                let outcome = if unknown { AttemptOutcome::Unknown } else { AttemptOutcome::Retryable };
                self.end_attempt(id, number, now, outcome, Some(detail.clone()));
                self.set(id, now, |page| {
                    page.state = PageState::Queued;
                    page.next_attempt_at = at;
                    page.unknown_attempts += u32::from(unknown);
                    page.detail = Some(detail);
                });
                if let Some(newer) = self.newer_than(&new) {
                    self.supersede(id, now, Some(&newer), "a newer page says more");
                }
            }
        }
    }

    /// The newest page of the same subject at the same target that replaces this one.
    fn newer_than(&self, new: &NewPage) -> Option<PageId> {
        if !matches!(new.event, Event::Trigger | Event::Update) {
            return None;
        }
        let siblings = self.siblings(&new.subject, &new.target);
        let place = siblings.iter().position(|page| page.new.id == new.id)?;
        let replaces =
            |page: &&&Page| matches!(page.new.event, Event::Trigger | Event::Update | Event::Resolve);
        siblings[place + 1..].iter().rfind(replaces).map(|page| page.new.id.clone())
    }

    fn fold(&mut self, target: &TargetId, now: Timestamp) -> Option<PageId> {
        let items: Vec<PageId> = self.foldable.get(target)?.iter().cloned().collect();
        if items.is_empty() {
            return None;
        }
        let open = self
            .queue
            .get(target)
            .into_iter()
            .flatten()
            .map(|(_, _, id)| &self.pages[id])
            .find(|page| page.new.event == Event::Digest && page.unknown_attempts == 0);
        let digest = match open {
            Some(page) => page.new.id.clone(),
            None => {
                self.digests += 1;
                let new = NewPage::digest(target, self.digests, now);
                self.add(&new);
                new.id
            }
        };
        for id in items {
            self.set(&id, now, |page| page.merged_into = Some(digest.clone()));
        }
        Some(digest)
    }
}

#[async_trait::async_trait]
impl OutboxStore for MemoryOutbox {
    async fn insert(&self, pages: &[NewPage]) -> Result<u64, StoreError> {
        let mut state = self.0.lock();
        let mut count = 0;
        for page in pages {
            if !state.pages.contains_key(&page.id) {
                state.insert(page);
                count += 1;
            }
        }
        Ok(count)
    }

    async fn recover(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.0.lock();
        let sending: Vec<(PageId, u32)> = state
            .pages
            .values()
            .filter(|page| page.state == PageState::Sending)
            .map(|page| (page.new.id.clone(), page.attempts))
            .collect();
        for (id, number) in &sending {
            state.end_attempt(id, *number, now, AttemptOutcome::Unknown, Some(INTERRUPTED.to_owned()));
            state.set(id, now, |page| {
                page.state = PageState::Queued;
                page.unknown_attempts += 1;
                page.next_attempt_at = now;
                page.detail = Some(INTERRUPTED.to_owned());
            });
        }
        Ok(sending.len() as u64)
    }

    async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        Ok(self.0.lock().waiting(now))
    }

    async fn claim(&self, wanted: &[(TargetId, usize)], now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let mut state = self.0.lock();
        Ok(wanted.iter().flat_map(|(target, limit)| state.claim(target, now, *limit)).collect())
    }

    async fn finish(&self, ended: &[(PageId, Finish)], now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        for (page, finish) in ended {
            state.finish(page, now, finish.clone());
        }
        Ok(())
    }

    async fn hasten(&self, target: &TargetId, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        let queue: Vec<PageId> =
            state.queue.get(target).into_iter().flatten().map(|(_, _, id)| id.clone()).collect();
        for id in queue {
            if let Some(page) = state.pages.get_mut(&id).filter(|page| page.attempts > 0) {
                page.next_attempt_at = page.next_attempt_at.min(now);
            }
        }
        Ok(())
    }

    async fn release(&self, subject: &Subject, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.0.lock();
        let is_held = |page: &&mut Page| {
            page.new.subject == *subject
                && page.state == PageState::Queued
                && page.attempts == 0
                && page.next_attempt_at > now
        };
        let mut released = 0;
        for page in state.pages.values_mut().filter(is_held) {
            let wait =
                if page.new.fallback_of.is_some() { FALLBACK_AFTER } else { std::time::Duration::ZERO };
            page.next_attempt_at = page.next_attempt_at.min(now + wait);
            page.new.due_at = page.next_attempt_at;
            released += 1;
        }
        Ok(released)
    }

    async fn fold(&self, target: &TargetId, now: Timestamp) -> Result<Option<PageId>, StoreError> {
        Ok(self.0.lock().fold(target, now))
    }

    async fn retry(&self, page: &PageId, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.0.lock();
        let can = state.pages.get(page).is_some_and(|page| page.state == PageState::Undeliverable);
        if can {
            state.set(page, now, |page| {
                page.state = PageState::Queued;
                page.next_attempt_at = now;
            });
        }
        Ok(can)
    }

    async fn page(&self, page: &PageId) -> Result<Option<Page>, StoreError> {
        Ok(self.0.lock().pages.get(page).cloned())
    }

    async fn pages(&self, filter: &PageFilter) -> Result<Vec<Page>, StoreError> {
        let state = self.0.lock();
        let fits = |page: &&Page| {
            filter.subject.as_ref().is_none_or(|subject| page.new.subject == *subject)
                && filter.target.as_ref().is_none_or(|target| page.new.target == *target)
                && filter.state.is_none_or(|state| page.state == state)
                && filter.merged_into.as_ref().is_none_or(|digest| page.merged_into.as_ref() == Some(digest))
        };
        let mut pages: Vec<Page> = state.pages.values().filter(fits).cloned().collect();
        pages.sort_by(|a, b| (b.new.created_at, &a.new.id).cmp(&(a.new.created_at, &b.new.id)));
        pages.truncate(filter.limit() as usize);
        Ok(pages)
    }

    async fn attempts(&self, page: &PageId) -> Result<Vec<Attempt>, StoreError> {
        let state = self.0.lock();
        Ok(state
            .attempts
            .range((page.clone(), 0)..=(page.clone(), u32::MAX))
            .map(|(_, attempt)| attempt.clone())
            .collect())
    }

    async fn counts(&self) -> Result<Vec<(PageState, u64)>, StoreError> {
        let state = self.0.lock();
        let count =
            |wanted: PageState| state.pages.values().filter(|page| page.state == wanted).count() as u64;
        Ok(PageState::ALL.iter().map(|state| (*state, count(*state))).collect())
    }

    async fn oldest_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.0.lock();
        let waits = |page: &&Page| matches!(page.state, PageState::Queued | PageState::Sending);
        Ok(state.pages.values().filter(waits).map(|page| page.new.due_at).min())
    }
}

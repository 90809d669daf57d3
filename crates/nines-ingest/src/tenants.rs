//! Who sends how much, and how much they may.
//!
//! Words introduced here
//! - **Tenant**: who a request is counted for: a team, or the organisation for senders that belong to none.
//! - **Scope**: what a limit is about: a tenant, or a dataset whoever sends it.
//! - **Rate**: events or bytes a second, with a burst. A token bucket that may be overdrawn by one request: whoever is in
//!   debt waits until it is paid, so that a request may be larger than a burst, and one that will be refused is refused
//!   before its body is decoded.
//! - **Stored bytes**: what lies sealed on disk or in the object store. Of a tenant it is an estimate, see [`shares`].
//!
//! Promises
//! - Nothing is refused but by a limit that somebody set; each refusal says by which, and when to come back.
//! - A request is charged once, whole, to its tenant and its datasets, or not at all: what is not stored is given back.
//! - Limits may change at any time; what was used up stays used up.
//! - Memory is bounded by [`TENANTS_MAX`]; senders beyond it count for the organisation.

mod bucket;
mod limits;
mod shares;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nines_base::SharedClock;
use nines_model::{Dataset, Timestamp};
use parking_lot::{Mutex, RwLock};

use self::bucket::Meter;
pub use self::limits::{Amounts, BURST, LimitKind, OverLimit, Scope, TenantLimits};
use self::shares::Shares;
pub use self::shares::StoredDataset;

/// Teams that are counted apart: far more than an organisation has.
pub const TENANTS_MAX: usize = 1_024;

/// All tenants and datasets with their limits. Cloning shares them.
#[derive(Clone)]
pub struct Tenants(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    limits: Mutex<TenantLimits>,
    organisation: Arc<Account>,
    teams: RwLock<HashMap<Arc<str>, Arc<Account>>>,
    datasets: BTreeMap<Dataset, Arc<Account>>,
    shares: Mutex<Shares>,
}

/// What one scope used, and may.
struct Account {
    scope: Scope,
    meter: Mutex<Meter>,
}

/// Who sends. Cheap to clone.
#[derive(Clone)]
pub struct Tenant {
    tenants: Tenants,
    account: Arc<Account>,
}

/// What a request took from its limits. Given back when it is dropped, unless it was [kept](Charge::keep).
#[must_use]
pub struct Charge {
    taken: Vec<Taken>,
    /// Bytes by dataset, for the tenant's share of what is stored.
    shares: Vec<(Dataset, u64)>,
    is_kept: bool,
}

struct Taken {
    account: Arc<Account>,
    events: u64,
    bytes: u64,
}

/// One scope as it stands. Counts are since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeStats {
    pub scope: Scope,
    pub limits: Amounts,
    pub accepted_requests: u64,
    pub accepted_events: u64,
    pub accepted_bytes: u64,
    pub stored_bytes: u64,
    /// Requests. A tenant's count includes those that a dataset's limit stopped.
    pub refused_requests: BTreeMap<LimitKind, u64>,
    /// Whether a request would be refused now.
    pub is_over: bool,
}

impl Tenants {
    pub fn new(clock: SharedClock) -> Self {
        let account = |scope| Arc::new(Account { scope, meter: Mutex::default() });
        Self(Arc::new(Inner {
            clock,
            limits: Mutex::default(),
            organisation: account(Scope::Organisation),
            teams: RwLock::default(),
            datasets: Dataset::ALL
                .into_iter()
                .map(|dataset| (dataset, account(Scope::Dataset(dataset))))
                .collect(),
            shares: Mutex::default(),
        }))
    }

    /// `None` for senders that belong to no team.
    pub fn tenant(&self, team: Option<&str>) -> Tenant {
        let account = team.map_or_else(|| Arc::clone(&self.0.organisation), |team| self.team(team));
        Tenant { tenants: self.clone(), account }
    }

    fn team(&self, team: &str) -> Arc<Account> {
        if let Some(known) = self.0.teams.read().get(team) {
            return Arc::clone(known);
        }
        let limits = self.0.limits.lock();
        let mut teams = self.0.teams.write();
        if let Some(known) = teams.get(team) {
            return Arc::clone(known);
        }
        if teams.len() >= TENANTS_MAX {
            return Arc::clone(&self.0.organisation);
        }
        let name: Arc<str> = team.into();
        let scope = Scope::Team(Arc::clone(&name));
        let mut meter = Meter::default();
        meter.set_limits(limits.of(&scope));
        let account = Arc::new(Account { scope, meter: Mutex::new(meter) });
        teams.insert(name, Arc::clone(&account));
        account
    }

    /// These hold from the next request on.
    pub fn set_limits(&self, limits: TenantLimits) {
        let mut known = self.0.limits.lock();
        if *known == limits {
            return;
        }
        for account in self.accounts() {
            account.meter.lock().set_limits(limits.of(&account.scope));
        }
        *known = limits;
    }

    fn accounts(&self) -> Vec<Arc<Account>> {
        let teams = self.0.teams.read();
        let mut teams: Vec<_> = teams.values().cloned().collect();
        teams.sort_unstable_by(|a, b| a.scope.cmp(&b.scope));
        [Arc::clone(&self.0.organisation)]
            .into_iter()
            .chain(teams)
            .chain(self.0.datasets.values().cloned())
            .collect()
    }

    /// The organisation, the teams that have sent, the datasets.
    pub fn stats(&self) -> Vec<ScopeStats> {
        let now = self.0.clock.monotonic();
        let stats = |account: Arc<Account>| {
            let mut meter = account.meter.lock();
            ScopeStats {
                scope: account.scope.clone(),
                limits: meter.limits,
                accepted_requests: meter.accepted_requests,
                accepted_events: meter.accepted_events,
                accepted_bytes: meter.accepted_bytes,
                stored_bytes: meter.stored_bytes,
                refused_requests: meter.refused.clone(),
                is_over: meter.over(now).is_some(),
            }
        };
        self.accounts().into_iter().map(stats).collect()
    }

    /// Takes over what an earlier run wrote down by [`Tenants::state`].
    ///
    /// # Errors
    /// The line that is no share. Nothing is taken over then.
    pub fn restore(&self, state: &str) -> Result<(), String> {
        *self.0.shares.lock() = Shares::parse(state)?;
        Ok(())
    }

    /// Who sent what lies stored, as text for [`Tenants::restore`]; see `docs/formats/shares.md`.
    pub fn state(&self) -> String {
        self.0.shares.lock().to_string()
    }

    /// Compares what is stored with who sent it: budgets of stored bytes go by the last call. Idempotent.
    pub fn weigh(&self, stored: &BTreeMap<Dataset, StoredDataset>, now: Timestamp) {
        let mut shares = self.0.shares.lock();
        let accounts = self.accounts();
        for account in &accounts {
            if let Some(team) = account.scope.tenant() {
                for (dataset, bytes) in account.meter.lock().take_sent() {
                    shares.add(now, dataset, team, bytes);
                }
            }
        }
        shares.forget(stored, now);
        for team in shares.teams() {
            self.team(&team);
        }
        for account in self.accounts() {
            let bytes = match &account.scope {
                Scope::Dataset(dataset) => stored.get(dataset).map_or(0, |stored| stored.bytes),
                scope => shares.stored_bytes(scope.tenant().unwrap_or_default(), stored),
            };
            account.meter.lock().stored_bytes = bytes;
        }
    }
}

impl Tenant {
    pub fn scope(&self) -> &Scope {
        &self.account.scope
    }

    /// Whether a request may be looked at; asked before its body is decoded. A refusal is counted.
    ///
    /// # Errors
    /// By which limit not, and when to come back.
    pub fn check(&self) -> Result<(), OverLimit> {
        let now = self.tenants.0.clock.monotonic();
        let mut meter = self.account.meter.lock();
        match meter.over(now) {
            None => Ok(()),
            Some((kind, retry_after)) => {
                meter.refuse(kind);
                Err(OverLimit::new(&self.account.scope, &meter.limits, kind, retry_after))
            }
        }
    }

    /// Takes a decoded request from the limits of the tenant and of its datasets. `bytes` is its size after decompression,
    /// shared among its datasets by their events. A refusal is counted.
    ///
    /// # Errors
    /// As [`Tenant::check`]. Nothing is taken then.
    pub fn charge(&self, parts: &[(Dataset, u64)], bytes: u64) -> Result<Charge, OverLimit> {
        let now = self.tenants.0.clock.monotonic();
        let events: u64 = parts.iter().map(|(_, events)| events).sum();
        let share = |part: u64| (u128::from(bytes) * u128::from(part) / u128::from(events.max(1))) as u64;
        let shares: Vec<_> = parts.iter().map(|(dataset, events)| (*dataset, share(*events))).collect();
        let mut charge = Charge { taken: Vec::with_capacity(1 + parts.len()), shares, is_kept: false };
        // A charge that fails halfway gives back by being dropped.
        charge.take(&self.account, events, bytes, now)?;
        for (dataset, events) in parts {
            let Some(account) = self.tenants.0.datasets.get(dataset) else { continue };
            if let Err(over) = charge.take(account, *events, share(*events), now) {
                self.account.meter.lock().refuse(LimitKind::Dataset);
                return Err(over);
            }
        }
        Ok(charge)
    }
}

impl Charge {
    fn take(
        &mut self,
        account: &Arc<Account>,
        events: u64,
        bytes: u64,
        now: Duration,
    ) -> Result<(), OverLimit> {
        let mut meter = account.meter.lock();
        if let Some((kind, retry_after)) = meter.over(now) {
            meter.refuse(kind);
            return Err(OverLimit::new(&account.scope, &meter.limits, kind, retry_after));
        }
        meter.take(events, bytes);
        drop(meter);
        self.taken.push(Taken { account: Arc::clone(account), events, bytes });
        Ok(())
    }

    /// The request is stored and acknowledged.
    pub fn keep(mut self) {
        self.is_kept = true;
        for (index, taken) in self.taken.iter().enumerate() {
            let mut meter = taken.account.meter.lock();
            meter.accepted_requests += 1;
            meter.accepted_events += taken.events;
            meter.accepted_bytes += taken.bytes;
            if index == 0 {
                self.shares.iter().for_each(|(dataset, bytes)| meter.note_sent(*dataset, *bytes));
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.is_kept {
            for taken in &self.taken {
                taken.account.meter.lock().give_back(taken.events, taken.bytes);
            }
        }
    }
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tenant({})", self.account.scope)
    }
}

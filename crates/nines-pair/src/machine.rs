//! Who leads: decided without IO, with the time as an argument.
//!
//! A [`Machine`] is told what PostgreSQL and the peer answered and when it had asked, and says what to ask next. All
//! instants are of one clock of this machine that also counts while it is suspended.
//!
//! What holds, whatever is lost, late or stopped, as long as clocks run equally fast within [`Timing::margin`]:
//! - if [`Machine::permit`] gives an epoch, that is the epoch of the lease, and no other machine's gives one;
//! - a machine that was stopped finds its permission over before it uses it.
//!
//! Why. Permission by lease ends a margin before the lease does, counted from before the request that renewed it; by
//! promise, a margin before the promise of the peer does, and the peer, which is the only other member, acquires nothing
//! before the end of what it promised.

use std::time::Duration;

/// The lengths that everything else follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease holds, by PostgreSQL's clock.
    pub lease: Duration,
    /// How long a promise of the peer holds, by its own clock.
    pub promise: Duration,
    /// By how much earlier this node stops: for clocks that run apart, and for what is under way when it does.
    pub margin: Duration,
    pub renew_every: Duration,
    pub read_every: Duration,
    /// Without a renewal for this long the peer is asked, and as often.
    pub ask_every: Duration,
    /// PostgreSQL counts as reached for this long after it answered.
    pub reached_for: Duration,
    /// How long after the reading that it rests upon an acquisition may still happen, by PostgreSQL's clock.
    pub acquire_within: Duration,
    /// How long PostgreSQL works on one statement about the lease before it gives up, waiting for a lock included.
    pub statement: Duration,
}

impl Default for Timing {
    /// A leader that dies is followed within the lease and a reading: 5.3 s. One that loses PostgreSQL has two
    /// renewals and two questions to its peer before it stops after 3.5 s.
    fn default() -> Self {
        let millis = Duration::from_millis;
        Self {
            lease: millis(5000),
            promise: millis(4000),
            margin: millis(1500),
            renew_every: millis(700),
            read_every: millis(300),
            ask_every: millis(600),
            reached_for: millis(1200),
            acquire_within: millis(2000),
            statement: millis(1000),
        }
    }
}

impl Timing {
    /// For how long an acquisition without an answer may still happen.
    fn doubt(&self) -> Duration {
        self.acquire_within + self.statement + self.margin / 2
    }
}

/// The lease as PostgreSQL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// `None`: it was given back, or nobody ever had it.
    pub holder: Option<String>,
    pub epoch: i64,
    /// By PostgreSQL's clock; zero if it is over.
    pub remaining: Duration,
}

/// What to do next. Each is asked for once and must be answered, if only with a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Read,
    /// Take the lease if it is over and still has this epoch.
    Acquire {
        epoch: i64,
    },
    Renew {
        epoch: i64,
    },
    /// Ask the peer to promise that it does not take over.
    Ask {
        epoch: i64,
    },
    /// From now on this node leads.
    Lead {
        epoch: i64,
    },
    /// Another leads: nothing of this node's may be written or sent any more.
    Follow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    Won {
        epoch: i64,
    },
    /// Somebody else was first, or it came too late.
    Lost,
    /// No answer: it may yet happen, within [`Timing::acquire_within`].
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    Kept,
    /// The lease has another epoch.
    Fenced,
    Failed,
}

/// What the leader asks its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub epoch: i64,
    /// Whether it has writes that the log does not have.
    pub waiting: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Standby { next_read: Duration, busy: bool },
    Leader(Leading),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leading {
    epoch: i64,
    lease_until: Duration,
    promise_until: Duration,
    renewed_at: Duration,
    next_renew: Duration,
    renewing: bool,
    next_ask: Duration,
}

#[derive(Debug, Clone)]
pub struct Machine {
    timing: Timing,
    role: Role,
    /// Before its start this machine may have promised: it takes nothing from another until that is over.
    started_at: Duration,
    /// Nothing is acquired before.
    promised_until: Duration,
    /// Until then an acquisition may still happen, of this process and of the one before it. Nothing is promised until
    /// the lease was read after that: it may be this node's without its knowing.
    unsure_until: Option<Duration>,
    unsure_of_before_until: Option<Duration>,
    /// The last answer of PostgreSQL.
    reached_at: Option<Duration>,
    /// The highest epoch that was seen.
    epoch: i64,
    /// Whether the files are fit to lead from.
    eligible: bool,
    /// Whether there are writes that the log does not have.
    waiting: bool,
}

impl Machine {
    pub fn new(timing: Timing, now: Duration) -> Self {
        Self {
            timing,
            role: Role::Standby { next_read: now, busy: false },
            started_at: now,
            promised_until: Duration::ZERO,
            unsure_until: None,
            unsure_of_before_until: Some(now + timing.doubt()),
            reached_at: None,
            epoch: 0,
            eligible: true,
            waiting: false,
        }
    }

    /// A node whose files are not fit does not take the lease.
    pub fn set_eligible(&mut self, eligible: bool) {
        self.eligible = eligible;
    }

    /// While writes wait for the log, the peer is asked whether or not PostgreSQL answers: it must not lead without them.
    pub fn set_waiting(&mut self, waiting: bool) {
        self.waiting = waiting;
    }

    pub fn waits(&self) -> bool {
        self.waiting
    }

    pub fn leads(&self) -> Option<i64> {
        match self.role {
            Role::Leader(leading) => Some(leading.epoch),
            Role::Standby { .. } => None,
        }
    }

    /// The epoch under which this node may send and write at this instant.
    pub fn permit(&self, now: Duration) -> Option<i64> {
        match self.role {
            Role::Leader(leading) if now < leading.lease_until.max(leading.promise_until) => {
                Some(leading.epoch)
            }
            _ => None,
        }
    }

    /// Until when [`Machine::permit`] holds if nothing else happens.
    pub fn permitted_until(&self) -> Duration {
        match self.role {
            Role::Leader(leading) => leading.lease_until.max(leading.promise_until),
            Role::Standby { .. } => Duration::ZERO,
        }
    }

    /// Whether writes may wait for PostgreSQL: it does not answer, or others wait already, and the peer has promised.
    pub fn may_wait(&self, now: Duration) -> bool {
        match self.role {
            Role::Leader(leading) => now < leading.promise_until && (self.waiting || !self.reaches(now)),
            Role::Standby { .. } => false,
        }
    }

    /// Whether PostgreSQL answered lately.
    pub fn reaches(&self, now: Duration) -> bool {
        self.reached_at.is_some_and(|at| now.saturating_sub(at) < self.timing.reached_for)
    }

    /// What is due. Call it at least every 100 ms.
    pub fn due(&mut self, now: Duration) -> Vec<Action> {
        match &mut self.role {
            Role::Standby { next_read, busy } => {
                if *busy || now < *next_read {
                    return Vec::new();
                }
                *busy = true;
                vec![Action::Read]
            }
            Role::Leader(leading) => {
                let mut actions = Vec::new();
                if !leading.renewing && now >= leading.next_renew {
                    leading.renewing = true;
                    actions.push(Action::Renew { epoch: leading.epoch });
                }
                let late = now.saturating_sub(leading.renewed_at) >= self.timing.reached_for;
                if (late || self.waiting) && now >= leading.next_ask {
                    // Whether or not the last one is answered: one that is late must not cost the permission.
                    leading.next_ask = now + self.timing.ask_every;
                    actions.push(Action::Ask { epoch: leading.epoch });
                }
                actions
            }
        }
    }

    /// The answer to [`Action::Read`]; `None`: there was none.
    pub fn read(&mut self, sent_at: Duration, now: Duration, lease: Option<&Lease>) -> Vec<Action> {
        let Role::Standby { next_read, busy } = &mut self.role else { return Vec::new() };
        (*next_read, *busy) = (now + self.timing.read_every, false);
        let Some(lease) = lease else { return Vec::new() };
        self.reached_at = Some(sent_at);
        self.epoch = self.epoch.max(lease.epoch);
        for unsure in [&mut self.unsure_until, &mut self.unsure_of_before_until] {
            *unsure = unsure.filter(|until| sent_at < *until);
        }
        // Given back, or nobody's yet: whoever had it has stopped, and with it all that was promised to it.
        let given_back = lease.holder.is_none();
        let settled = given_back || now >= self.started_at + self.timing.promise;
        let free = given_back || lease.remaining.is_zero();
        let promised = now < self.promised_until && !given_back;
        // The request would be refused for its age, and whether it was is not known then.
        let fresh = now.saturating_sub(sent_at) < self.timing.acquire_within / 2;
        if !(free && settled && fresh && self.eligible) || promised || self.unsure_until.is_some() {
            return Vec::new();
        }
        let Role::Standby { busy, .. } = &mut self.role else { return Vec::new() };
        *busy = true;
        // Whatever becomes of it: it cannot happen later than this.
        self.unsure_until = Some(now + self.timing.doubt());
        vec![Action::Acquire { epoch: lease.epoch }]
    }

    /// The answer to [`Action::Acquire`].
    pub fn acquired(&mut self, sent_at: Duration, now: Duration, acquired: Acquired) -> Vec<Action> {
        match acquired {
            Acquired::Won { epoch } => {
                self.unsure_until = None;
                self.reached_at = Some(sent_at);
                self.epoch = self.epoch.max(epoch);
                self.role = Role::Leader(Leading {
                    epoch,
                    lease_until: sent_at + self.timing.lease - self.timing.margin,
                    promise_until: Duration::ZERO,
                    renewed_at: sent_at,
                    next_renew: sent_at + self.timing.renew_every,
                    renewing: false,
                    next_ask: now,
                });
                vec![Action::Lead { epoch }]
            }
            Acquired::Lost => {
                self.unsure_until = None;
                self.role = Role::Standby { next_read: now, busy: false };
                Vec::new()
            }
            Acquired::Unknown => {
                self.role = Role::Standby { next_read: now + self.timing.read_every, busy: false };
                Vec::new()
            }
        }
    }

    /// The answer to [`Action::Renew`] for that epoch.
    pub fn renewed(&mut self, epoch: i64, sent_at: Duration, now: Duration, renewed: Renewed) -> Vec<Action> {
        let timing = self.timing;
        let Role::Leader(leading) = &mut self.role else { return Vec::new() };
        if leading.epoch != epoch {
            return Vec::new();
        }
        leading.renewing = false;
        match renewed {
            Renewed::Kept => {
                leading.lease_until = leading.lease_until.max(sent_at + timing.lease - timing.margin);
                leading.renewed_at = leading.renewed_at.max(sent_at);
                leading.next_renew = sent_at + timing.renew_every;
                self.reached_at = Some(sent_at);
                Vec::new()
            }
            Renewed::Fenced => self.follow(now),
            Renewed::Failed => {
                leading.next_renew = now + timing.read_every;
                Vec::new()
            }
        }
    }

    /// The answer of the peer to [`Action::Ask`]: for how long it promises, if it does.
    pub fn answered(&mut self, epoch: i64, sent_at: Duration, promise: Option<Duration>) {
        let timing = self.timing;
        let Role::Leader(leading) = &mut self.role else { return };
        if leading.epoch != epoch {
            return;
        }
        if let Some(promise) = promise {
            let until = sent_at + promise.min(timing.promise).saturating_sub(timing.margin);
            leading.promise_until = leading.promise_until.max(until);
        }
    }

    /// Whether this machine would promise if PostgreSQL were gone.
    pub fn vouches(&self) -> bool {
        self.leads().is_none() && self.unsure_until.is_none() && self.unsure_of_before_until.is_none()
    }

    /// The peer asks: for how long this machine promises to take nothing, or why it does not.
    pub fn asked(&mut self, now: Duration, question: Question) -> Result<Duration, &'static str> {
        if self.leads().is_some() {
            return Err("this node leads");
        }
        if self.unsure_until.is_some() || self.unsure_of_before_until.is_some() {
            return Err("this node may be taking over");
        }
        if question.epoch < self.epoch {
            return Err("that epoch is over");
        }
        // Where PostgreSQL answers, it decides; but what a leader wrote meanwhile must reach the log first.
        if self.reaches(now) && !question.waiting {
            return Err("this node reaches PostgreSQL");
        }
        self.promised_until = self.promised_until.max(now + self.timing.promise);
        Ok(self.timing.promise)
    }

    /// Gives up: the log refused a write for its epoch, or the files are behind it.
    pub fn follow(&mut self, now: Duration) -> Vec<Action> {
        if self.leads().is_none() {
            return Vec::new();
        }
        self.role = Role::Standby { next_read: now + self.timing.read_every, busy: false };
        self.waiting = false;
        vec![Action::Follow]
    }
}

//! The decisions.

use std::sync::Arc;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    Call, Contact, Directory, Escalation, EscalationPolicy, Event, Hold, Order, Over, Phase, Reach, Reason,
    Step, TIMEOUT_MAX, Target, TargetKind, Urgency, What,
};
use crate::PersonId;

/// How long is waited before a policy is tried again in which nobody could be reached: a directory that is being
/// repaired is tried soon, and the first line is not told every second.
pub const UNREACHABLE_PAUSE: Duration = Duration::from_secs(60);

/// People being called at once: more than every step of the largest sensible policy.
const CALLS_MAX: usize = 200;

/// What [`decide`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub state: Escalation,
    pub orders: Vec<Order>,
    /// At least one, in the order in which they were found.
    pub reasons: Vec<Reason>,
}

/// The only way on. Pure; `directory` is asked about people at `now`.
pub fn decide(state: &Escalation, event: &Event, now: Timestamp, directory: &impl Directory) -> Decision {
    let mut machine =
        Machine { state: state.clone(), now, directory, orders: Vec::new(), reasons: Vec::new() };
    machine.take(event);
    debug_assert!(!machine.reasons.is_empty(), "{event:?} was decided without a reason");
    Decision { state: machine.state, orders: machine.orders, reasons: machine.reasons }
}

struct Machine<'a, D> {
    state: Escalation,
    now: Timestamp,
    directory: &'a D,
    orders: Vec<Order>,
    reasons: Vec<Reason>,
}

impl<D: Directory> Machine<'_, D> {
    fn take(&mut self, event: &Event) {
        if self.state.is_over() && !matches!(event, Event::Reopened) {
            return self.say(Reason::Nothing("the incident is over"));
        }
        match event {
            Event::Started => match self.state.phase {
                Phase::New { .. } => self.begin(Reason::Started),
                _ => self.say(Reason::Nothing("it has started already")),
            },
            Event::Tick => {
                self.tick();
                // People of earlier steps are still being called while a later one begins, or pauses.
                let called = matches!(self.state.phase, Phase::Waiting { .. }) && self.call_further();
                if !called && self.reasons.is_empty() {
                    self.say(Reason::Nothing("nothing is due"));
                }
            }
            Event::Acked { by } => self.ack(by),
            Event::Unacked { by } => match self.state.phase {
                Phase::Acked { .. } => self.again(Reason::Unacked { by: by.clone() }),
                _ => self.say(Reason::Nothing("it is not acknowledged")),
            },
            Event::Progress => self.progress(),
            Event::Escalated { by } => {
                self.say(Reason::AskedFor { by: by.clone() });
                match self.state.phase {
                    Phase::Exhausted { .. } | Phase::New { .. } => self.begin_anew(),
                    _ => self.advance(),
                }
            }
            Event::Reassigned { to, by } => self.reassign(to, by),
            Event::LevelChanged { level } => self.level(*level),
            Event::AlertsJoined { alerts } => self.alerts(*alerts),
            Event::DeliveryFailed { person, channel } => self.failed(person, channel),
            Event::Held { until, why } => self.hold(*until, why),
            Event::HoldEnded => match self.state.phase {
                Phase::Held { .. } => self.begin(Reason::HoldEnded),
                _ => self.say(Reason::Nothing("it is not held")),
            },
            Event::PolicyAdopted(policy) => self.adopt(policy),
            Event::Resolved => self.over(Over::Resolved),
            Event::Cancelled => self.over(Over::Cancelled),
            Event::Merged { into } => self.over(Over::MergedInto(into.clone())),
            Event::Reopened if self.state.is_over() => self.begin(Reason::Reopened),
            Event::Reopened => self.say(Reason::Nothing("it is open")),
        }
    }

    fn tick(&mut self) {
        match &self.state.phase {
            Phase::New { .. } => self.begin(Reason::Started),
            Phase::Waiting { since, until } => {
                let (since, until) = (*since, *until);
                if self.now < since {
                    return self.clock_set_back(until.since(since));
                }
                if self.now >= until {
                    let step = self.step_name(self.state.step);
                    self.say(Reason::NobodyAnswered { step });
                    self.advance();
                }
            }
            Phase::Acked { by, at, unack_at: Some(unack_at) } if self.now >= *unack_at => {
                let (by, after) = (by.clone(), self.now.since(*at));
                self.again(Reason::AckRanOut { by, after });
            }
            Phase::Held { until, .. } if self.now >= *until => self.begin(Reason::HoldEnded),
            _ => {}
        }
    }

    /// Everything is timed from now, so that nothing waits longer than it was to.
    fn clock_set_back(&mut self, length: Duration) {
        self.say(Reason::ClockSetBack);
        self.state.phase = Phase::Waiting { since: self.now, until: self.now + length };
        for call in &mut self.state.calls {
            call.since = call.since.min(self.now);
        }
    }

    fn ack(&mut self, by: &str) {
        if let Phase::Acked { by: first, .. } = &self.state.phase {
            let first = first.clone();
            self.say(Reason::AckedAlready { by: first });
            return self.renew();
        }
        let unack_at = self.state.policy.unack_after.map(|after| self.now + after);
        self.state.phase = Phase::Acked { by: by.to_owned(), at: self.now, unack_at };
        self.state.calls.clear();
        self.say(Reason::Acked { by: by.to_owned() });
    }

    fn progress(&mut self) {
        match self.state.phase {
            Phase::Acked { unack_at: Some(_), .. } => {
                self.renew();
                self.say(Reason::AckRenewed);
            }
            _ => self.say(Reason::Nothing("no acknowledgement is running out")),
        }
    }

    fn renew(&mut self) {
        let after = self.state.policy.unack_after;
        if let Phase::Acked { unack_at, .. } = &mut self.state.phase {
            *unack_at = after.map(|after| self.now + after);
        }
    }

    fn reassign(&mut self, to: &Target, by: &str) {
        let people = if to.kind.is_person() { self.people_of(to, "reassigned") } else { Vec::new() };
        let called = self.call(people);
        if called.is_empty() {
            return self.say(Reason::Nothing("nobody was called: it stays where it was"));
        }
        self.state.reached = true;
        let timeout = self.running_timeout();
        self.state.phase = Phase::Waiting { since: self.now, until: self.now + timeout };
        self.say(Reason::Reassigned { to: to.clone(), by: by.to_owned() });
        self.call_further();
    }

    fn running_timeout(&self) -> Duration {
        let step = self.state.policy.steps.get(self.state.step);
        step.map_or(TIMEOUT_MAX, |step| step.timeout(self.state.level))
    }

    fn level(&mut self, level: Level) {
        let from = std::mem::replace(&mut self.state.level, level);
        if level == from {
            return self.say(Reason::Nothing("the level is the same"));
        }
        if !level.is_graver_than(from) {
            return self.say(Reason::LevelLowered { from, to: level });
        }
        let raised = Reason::LevelRaised { from, to: level };
        match self.state.phase {
            Phase::Waiting { .. } | Phase::Exhausted { .. } => self.begin(raised),
            _ => self.say(raised),
        }
    }

    fn alerts(&mut self, alerts: u32) {
        self.state.alerts = self.state.alerts.max(alerts);
        match self.state.phase {
            // Twice as many as when everybody was asked is news; one more is not.
            Phase::Exhausted { alerts: then, .. } if alerts >= then.saturating_mul(2) => {
                self.begin(Reason::MoreAlerts { alerts });
            }
            _ => self.say(Reason::Nothing("the alert is counted")),
        }
    }

    fn hold(&mut self, until: Timestamp, why: &Hold) {
        if until <= self.now {
            return self.say(Reason::Nothing("the hold has ended already"));
        }
        if self.state.is_acked() {
            return self.say(Reason::Nothing("somebody has it in hand already"));
        }
        self.state.calls.clear();
        self.state.phase = Phase::Held { until, why: why.clone() };
        self.say(Reason::Held { until, why: why.clone() });
    }

    fn over(&mut self, how: Over) {
        self.state.calls.clear();
        self.state.phase = Phase::Over { at: self.now, how: how.clone() };
        self.say(Reason::Over(how));
    }

    fn adopt(&mut self, policy: &Arc<EscalationPolicy>) {
        if let Err(error) = policy.check() {
            return self.say(Reason::PolicyRefused { why: error.to_string() });
        }
        self.state.adopted = Some(Arc::clone(policy));
        self.say(Reason::PolicyAdopted { version: policy.version, at_once: false });
    }

    // --- steps ---

    fn begin(&mut self, reason: Reason) {
        self.say(reason);
        self.begin_anew();
    }

    /// The first step of the first round.
    fn begin_anew(&mut self) {
        self.state.round = 0;
        self.state.reached = false;
        self.state.calls.clear();
        self.state.next = 0;
        self.advance();
    }

    /// The step that was taken last, once more.
    fn again(&mut self, reason: Reason) {
        self.say(reason);
        // An edited policy is adopted where the step after this one would be, so the running step is found by its name.
        let step = self.state.step.min(self.state.policy.steps.len().saturating_sub(1));
        self.enter(step);
    }

    fn advance(&mut self) {
        let next = self.adopted_next();
        self.enter(next);
    }

    /// Which step is next, in the policy that holds from now on.
    fn adopted_next(&mut self) -> usize {
        let next = self.state.next;
        let Some(policy) = self.state.adopted.take() else { return next };
        let old = std::mem::replace(&mut self.state.policy, policy);
        let steps = &self.state.policy.steps;
        let running =
            next.checked_sub(1).and_then(|running| old.steps.get(running).map(|step| (running, step)));
        let found = match running {
            None => 0,
            Some((running, step)) => match steps.iter().position(|other| other.name == step.name) {
                Some(position) => position + 1,
                // The running step is gone: what stands in its place has not been taken.
                None => running.min(steps.len() - 1),
            },
        };
        self.say(Reason::PolicyAdopted { version: self.state.policy.version, at_once: true });
        found
    }

    /// Takes the first step from `index` on in which somebody, or something, can be called. Looks at each step at most
    /// twice: to the end of this round and through one more.
    fn enter(&mut self, mut index: usize) {
        loop {
            let policy = Arc::clone(&self.state.policy);
            let Some(step) = policy.steps.get(index) else {
                if self.end_of_round() {
                    return;
                }
                index = 0;
                continue;
            };
            if let Some(unmet) = step.condition.unmet(self.state.level, self.state.alerts, self.now) {
                self.say(Reason::Skipped { step: step.name.clone(), unmet });
            } else if self.try_step(index, step) {
                return;
            }
            index += 1;
        }
    }

    /// Whether the escalation rests now.
    fn end_of_round(&mut self) -> bool {
        let rounds = self.state.round.saturating_add(1);
        if self.state.round >= self.state.policy.repeat {
            let reason = Reason::Exhausted { rounds };
            self.order(What::FirstLine, reason.clone());
            self.say(reason);
            self.state.calls.clear();
            self.state.next = 0;
            self.state.phase = Phase::Exhausted { at: self.now, alerts: self.state.alerts };
            return true;
        }
        self.state.round = rounds;
        if std::mem::replace(&mut self.state.reached, false) {
            return false;
        }
        let reason = Reason::NobodyReachable { again_in: UNREACHABLE_PAUSE };
        self.order(What::FirstLine, reason.clone());
        self.say(reason);
        self.state.next = 0;
        self.state.phase = Phase::Waiting { since: self.now, until: self.now + UNREACHABLE_PAUSE };
        true
    }

    /// Whether the step was taken, so that its answer is waited for.
    fn try_step(&mut self, index: usize, step: &Step) -> bool {
        let timeout = step.timeout(self.state.level);
        let mut people: Vec<PersonId> = Vec::new();
        let mut asks_people = false;
        for (number, target) in step.targets.iter().enumerate() {
            match target.kind {
                TargetKind::Webhook | TargetKind::Action => {
                    let name = target.name.clone();
                    let what = match target.kind {
                        TargetKind::Webhook => What::Webhook { name },
                        _ => What::Action {
                            name,
                            with: target.with.clone(),
                            step: step.name.clone(),
                            once: self.once(&step.name, number),
                            policy_version: self.state.policy.version,
                        },
                    };
                    self.order(what, Reason::StepOfMachines { step: step.name.clone(), timeout });
                }
                _ => {
                    asks_people = true;
                    people.extend(self.people_of(target, &step.name));
                }
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        people.retain(|person| seen.insert(person.clone()));
        if step.round_robin && !people.is_empty() {
            let turn = self.state.turn.wrapping_add(u64::from(self.state.round)) % people.len() as u64;
            people = vec![people.swap_remove(usize::try_from(turn).expect("below the number of people"))];
        }
        let called = self.call(people);
        if asks_people && called.is_empty() {
            return false;
        }
        self.state.reached |= !called.is_empty();
        self.state.step = index;
        self.state.next = index + 1;
        self.state.phase = Phase::Waiting { since: self.now, until: self.now + timeout };
        self.say(match called.is_empty() {
            true => Reason::StepOfMachines { step: step.name.clone(), timeout },
            false => Reason::StepTaken {
                step: step.name.clone(),
                round: self.state.round,
                people: called,
                timeout,
            },
        });
        self.call_further();
        true
    }

    fn people_of(&mut self, target: &Target, step: &str) -> Vec<PersonId> {
        let (step, target) = (step.to_owned(), target.clone());
        match self.directory.reach(&target, self.now) {
            Reach::People(people) if !people.is_empty() => return people,
            Reach::People(_) | Reach::Nobody => self.say(Reason::NobodyBehind { step, target }),
            Reach::Unknown => self.say(Reason::UnknownTarget { step, target }),
        }
        Vec::new()
    }

    // --- calls ---

    /// Begins to call people; says who can be.
    fn call(&mut self, people: Vec<PersonId>) -> Vec<PersonId> {
        let urgency = Urgency::of(self.state.level);
        let mut called = Vec::new();
        for person in people {
            let contacts = self.directory.contacts(&person, urgency);
            if contacts.is_empty() && urgency == Urgency::High {
                self.say(Reason::NoContacts { person });
                continue;
            }
            if contacts.is_empty() {
                let (step, timeout) = (self.step_name(self.state.step), self.running_timeout());
                let reason = Reason::StepTaken {
                    step,
                    round: self.state.round,
                    people: vec![person.clone()],
                    timeout,
                };
                self.order(What::Ticket { person: person.clone() }, reason);
            }
            self.state.calls.retain(|call| call.person != person);
            if self.state.calls.len() >= CALLS_MAX {
                self.state.calls.remove(0);
            }
            let call = Call { person: person.clone(), since: self.now, contacts, next: 0, failed: 0 };
            self.state.calls.push(call);
            called.push(person);
        }
        called
    }

    /// Uses every contact that is due. Whether there was one.
    fn call_further(&mut self) -> bool {
        let urgency = Urgency::of(self.state.level);
        let mut due: Vec<(PersonId, Contact)> = Vec::new();
        for call in &mut self.state.calls {
            while let Some(contact) = call.contacts.get(call.next)
                && call.since + contact.after <= self.now
            {
                due.push((call.person.clone(), contact.clone()));
                call.next += 1;
            }
        }
        let any = !due.is_empty();
        for (person, Contact { after, channel }) in due {
            let reason = Reason::NextContact { person: person.clone(), channel: channel.clone(), after };
            // The first contacts are said by the step itself.
            if !after.is_zero() || self.reasons.is_empty() {
                self.say(reason.clone());
            }
            self.order(What::Send { person, channel, urgency }, reason);
        }
        any
    }

    fn failed(&mut self, person: &PersonId, channel: &str) {
        let Phase::Waiting { .. } = self.state.phase else {
            return self.say(Reason::Nothing("nobody is being called"));
        };
        let urgency = Urgency::of(self.state.level);
        let Some(call) = self.state.calls.iter_mut().find(|call| call.person == *person) else {
            return self.say(Reason::Nothing("this person is not being called"));
        };
        if !call.contacts[..call.next].iter().any(|contact| contact.channel == channel) {
            return self.say(Reason::Nothing("this channel has not been used"));
        }
        call.failed = (call.failed + 1).min(call.next);
        let next = call.contacts.get(call.next).map(|contact| contact.channel.clone());
        call.next += usize::from(next.is_some());
        let reason =
            Reason::ChannelFailed { person: person.clone(), failed: channel.to_owned(), next: next.clone() };
        self.say(reason.clone());
        if let Some(channel) = next {
            self.order(What::Send { person: person.clone(), channel, urgency }, reason);
        } else if self.state.calls.iter().all(Call::has_failed) {
            let step = self.step_name(self.state.step);
            self.say(Reason::AllChannelsFailed { step });
            self.state.calls.clear();
            // Had nobody been reached at all, the round would end at once and for nothing.
            self.advance();
        }
    }

    /// One target of one step in this round. Names of steps may be long, so their hash stands for them.
    fn once(&self, step: &str, target: usize) -> String {
        let hash = Sha256::digest(step.as_bytes());
        let short: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}/round-{}/{short}-{target}", self.state.incident, self.state.round + 1)
    }

    fn step_name(&self, index: usize) -> String {
        self.state.policy.steps.get(index).map_or_else(String::new, |step| step.name.clone())
    }

    fn order(&mut self, what: What, reason: Reason) {
        self.state.orders += 1;
        let key = format!("{}/{}-{}", self.state.incident, self.state.orders, what.as_str());
        self.orders.push(Order { key, what, reason });
    }

    fn say(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }
}

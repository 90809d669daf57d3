//! Escalation, told in short scenes, and then a million random steps of it.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;
use nines_oncall::PersonId;
use nines_oncall::escalation::{
    Condition, Contact, DailyTime, Decision, Directory, Escalation, EscalationPolicy, Event, Hold, Phase,
    Reach, Reason, Standing, Step, Target, TargetKind, Urgency, What, audit, decide,
};

use crate::random::{Rng, count, seed};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// People and groups as a test has them. A name that is missing is unknown; an empty list is nobody.
#[derive(Default, Clone)]
struct People {
    groups: BTreeMap<String, Vec<PersonId>>,
    /// Who has no channels.
    mute: Vec<PersonId>,
}

impl People {
    fn with(mut self, group: &str, people: &[&str]) -> Self {
        self.groups.insert(group.to_owned(), people.iter().map(|name| PersonId::new(*name)).collect());
        self
    }
}

impl Directory for People {
    fn reach(&self, target: &Target, _: Timestamp) -> Reach {
        if target.kind == TargetKind::Person {
            return Reach::People(vec![PersonId::new(target.name.as_str())]);
        }
        match self.groups.get(&target.name) {
            Some(people) if people.is_empty() => Reach::Nobody,
            Some(people) => Reach::People(people.clone()),
            None => Reach::Unknown,
        }
    }

    fn contacts(&self, person: &PersonId, urgency: Urgency) -> Vec<Contact> {
        if urgency == Urgency::Low || self.mute.contains(person) {
            return Vec::new();
        }
        [(0, "chat"), (0, "push"), (120, "sms"), (300, "voice")]
            .map(|(after, channel)| Contact {
                after: Duration::from_secs(after),
                channel: channel.to_owned(),
            })
            .to_vec()
    }
}

fn step(name: &str, targets: &[(TargetKind, &str)]) -> Step {
    Step {
        name: name.to_owned(),
        targets: targets.iter().map(|(kind, name)| Target::new(*kind, *name)).collect(),
        timeout: None,
        condition: Condition::default(),
        round_robin: false,
    }
}

fn policy(steps: Vec<Step>) -> EscalationPolicy {
    EscalationPolicy { name: "shop".to_owned(), version: 1, steps, repeat: 0, unack_after: None }
}

fn two_steps() -> EscalationPolicy {
    policy(vec![
        step("first", &[(TargetKind::Schedule, "primary")]),
        step("second", &[(TargetKind::Person, "boss")]),
    ])
}

/// A run that remembers what was ordered, as `minute:person/channel`.
struct Run {
    state: Escalation,
    people: People,
    now: Timestamp,
    start: Timestamp,
    told: Vec<String>,
    last: Option<Decision>,
}

impl Run {
    fn new(policy: EscalationPolicy, people: People) -> Self {
        let start = Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
        policy.check().unwrap();
        let state = Escalation::new("INC-2026-0042", policy, Level::P0, 0, start);
        let mut this = Self { state, people, now: start, start, told: Vec::new(), last: None };
        this.event(Event::Started);
        this
    }

    fn event(&mut self, event: Event) -> &mut Self {
        let decision = decide(&self.state, &event, self.now, &self.people);
        for order in &decision.orders {
            let minute = self.now.since(self.start).as_secs() / 60;
            let what = match &order.what {
                What::Send { person, channel, .. } => format!("{person}/{channel}"),
                What::Ticket { person } => format!("{person}/ticket"),
                What::Webhook { name } | What::Action { name, .. } => name.clone(),
                What::FirstLine => "first line".to_owned(),
            };
            self.told.push(format!("{minute}:{what}"));
        }
        self.state = decision.state.clone();
        audit(&self.state, self.now).unwrap();
        self.last = Some(decision);
        self
    }

    /// Lets time pass, ticking whenever something is due.
    fn minutes(&mut self, minutes: u32) -> &mut Self {
        let until = self.now + MINUTE * minutes;
        while let Some(at) = self.state.next_at().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.event(Event::Tick);
        }
        self.now = until;
        self
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn reasons(&self) -> Vec<String> {
        self.last.iter().flat_map(|decision| &decision.reasons).map(ToString::to_string).collect()
    }
}

#[test]
fn people_are_called_by_more_and_more_channels_and_then_others_are() {
    let mut run = Run::new(two_steps(), People::default().with("primary", &["ann"]));
    assert_eq!(run.told(), ["0:ann/chat", "0:ann/push"]);
    assert_eq!(run.minutes(4).told(), ["2:ann/sms"]);
    // Her last channel and the next step fall on the same minute.
    assert_eq!(run.minutes(1).told(), ["5:ann/voice", "5:boss/chat", "5:boss/push"]);
    run.minutes(5);
    assert!(matches!(run.state.phase, Phase::Exhausted { .. }));
    assert_eq!(run.told().last().unwrap(), "10:first line");
}

#[test]
fn an_acknowledgement_stops_it_and_may_run_out() {
    let mut policy = two_steps();
    policy.unack_after = Some(30 * MINUTE);
    let mut run = Run::new(policy, People::default().with("primary", &["ann"]));
    run.minutes(1).event(Event::Acked { by: "ann".to_owned() }).told();
    assert_eq!(run.minutes(20).told(), [""; 0]);
    run.event(Event::Progress);
    assert_eq!(run.minutes(29).told(), [""; 0]);
    // 30 minutes after the update: the step that was acknowledged, again.
    assert_eq!(run.minutes(1).told(), ["51:ann/chat", "51:ann/push"]);
    assert!(run.reasons()[0].starts_with("ann acknowledged 3000 s ago"), "{:?}", run.reasons());
}

#[test]
fn a_gap_falls_through_at_once_and_says_so() {
    let run = Run::new(two_steps(), People::default().with("primary", &[]));
    assert_eq!(run.told, ["0:boss/chat", "0:boss/push"]);
    assert_eq!(
        run.reasons()[1],
        "step first: nobody is behind schedule primary now, so the next is tried at once"
    );
}

#[test]
fn where_nobody_can_be_reached_the_first_line_is_told_and_it_is_tried_again() {
    let mut policy = policy(vec![step("only", &[(TargetKind::Schedule, "primary")])]);
    policy.repeat = 1;
    let mut run = Run::new(policy, People::default().with("primary", &[]));
    assert_eq!(run.told(), ["0:first line"]);
    run.people = People::default().with("primary", &["ann"]);
    assert_eq!(run.minutes(1).told(), ["1:ann/chat", "1:ann/push"]);
}

#[test]
fn a_failed_channel_gives_way_at_once_and_a_failed_person_to_the_next_step() {
    let mut run = Run::new(two_steps(), People::default().with("primary", &["ann"]));
    run.told();
    let failed =
        |channel: &str| Event::DeliveryFailed { person: PersonId::new("ann"), channel: channel.to_owned() };
    assert_eq!(run.event(failed("chat")).told(), ["0:ann/sms"]);
    assert_eq!(run.event(failed("push")).told(), ["0:ann/voice"]);
    assert_eq!(run.event(failed("sms")).told(), [""; 0]);
    assert_eq!(run.event(failed("voice")).told(), ["0:boss/chat", "0:boss/push"]);
    assert!(
        run.reasons()
            .contains(&"nobody of step first could be reached: the next is taken at once".to_owned())
    );
}

#[test]
fn low_urgency_is_a_ticket_until_the_level_is_raised() {
    let people = People::default().with("primary", &["ann"]);
    let start = Timestamp::from_secs(1_000);
    let state = Escalation::new("INC-2026-0001", two_steps(), Level::P2, 0, start);
    let started = decide(&state, &Event::Started, start, &people);
    assert!(matches!(&started.orders[..], [order] if matches!(order.what, What::Ticket { .. })));
    let raised = decide(&started.state, &Event::LevelChanged { level: Level::P0 }, start + MINUTE, &people);
    assert_eq!(raised.orders.iter().filter(|order| matches!(order.what, What::Send { .. })).count(), 2);
    assert_eq!(raised.state.next_at(), Some(start + 3 * MINUTE), "her text message at two minutes");
}

#[test]
fn conditions_round_robin_and_maintenance() {
    let mut steps = two_steps().steps;
    steps[0].round_robin = true;
    steps.insert(1, step("crowd", &[(TargetKind::Team, "all")]));
    steps[1].condition.alerts_min = Some(100);
    let night = DailyTime::every_day(nines_oncall::Zone::utc(), 22 * 3_600, 6 * 3_600);
    steps[2].condition = Condition::default();
    let mut at_night = step("night", &[(TargetKind::Person, "nora")]);
    at_night.condition.daily = Some(night);
    steps.insert(2, at_night);
    let mut policy = policy(steps);
    policy.repeat = 1;
    let people = People::default().with("primary", &["ann", "bo"]).with("all", &["chen"]);
    let mut run = Run::new(policy, people);
    assert_eq!(run.told(), ["0:ann/chat", "0:ann/push"]);
    // The crowd is not asked for one alert; it is night in UTC.
    let told = run.minutes(5).told();
    assert!(told.contains(&"5:nora/chat".to_owned()) && !told.iter().any(|t| t.contains("chen")), "{told:?}");
    run.event(Event::Held { until: run.now + 60 * MINUTE, why: Hold::Maintenance("db".to_owned()) }).told();
    assert_eq!(run.minutes(59).told(), [""; 0]);
    assert_eq!(run.minutes(1).told(), ["65:ann/chat", "65:ann/push"]);
    // The second round is another person's.
    assert!(run.minutes(15).told().contains(&"80:bo/chat".to_owned()));
}

#[test]
fn an_edited_policy_holds_after_the_running_step_and_skips_none() {
    let check = |names: &[&str], expected: &str| {
        let old = ["a", "b", "c"].map(|name| step(name, &[(TargetKind::Person, name)]));
        let mut run = Run::new(policy(old.to_vec()), People::default());
        run.minutes(5);
        assert_eq!(run.state.step, 1, "b is running");
        let before = run.state.phase.clone();
        let mut new = policy(names.iter().map(|name| step(name, &[(TargetKind::Person, name)])).collect());
        new.version = 2;
        run.told();
        run.event(Event::PolicyAdopted(new.into()));
        assert_eq!(run.state.phase, before, "the running step is not touched");
        let told = run.minutes(5).told();
        let next = told.iter().find(|told| told.ends_with("chat")).cloned().unwrap_or_default();
        assert_eq!(next, expected, "{names:?}");
    };
    check(&["a", "b", "c"], "10:c/chat");
    check(&["a", "x", "b", "c"], "10:c/chat");
    check(&["a", "b", "x", "c"], "10:x/chat");
    // The running step is gone: what took its place comes next.
    check(&["a", "c"], "10:c/chat");
    check(&["a"], "10:a/chat");
}

#[test]
fn a_clock_that_jumps_neither_forgets_nor_floods() {
    let mut run = Run::new(two_steps(), People::default().with("primary", &["ann"]));
    run.told();
    run.now = run.start - 5 * MINUTE;
    run.event(Event::Tick);
    assert_eq!(run.reasons(), ["the clock was set back: the step is timed from now"]);
    assert_eq!(run.state.next_at(), Some(run.now + 2 * MINUTE));
    // Ten years ahead: one step is taken, not both.
    run.now = run.start + 5_256_000 * MINUTE;
    run.event(Event::Tick);
    assert!(matches!(run.state.phase, Phase::Waiting { .. }));
    assert_eq!(run.state.step, 1);
}

#[test]
fn a_policy_that_can_end_without_a_human_is_refused_with_the_reason() {
    let check = |change: &dyn Fn(&mut EscalationPolicy), expected: &str| {
        let mut policy = two_steps();
        change(&mut policy);
        assert_eq!(policy.check().unwrap_err().to_string(), expected);
    };
    check(
        &|policy| policy.steps[1].targets = vec![Target::new(TargetKind::Webhook, "hook")],
        "the last step `second` of escalation policy `shop` only calls webhooks, so an incident could end without a human \
         knowing; add a person, a team or a schedule to it",
    );
    check(
        &|policy| policy.steps[1].condition.alerts_min = Some(3),
        "the last step `second` of escalation policy `shop` has a condition (number of alerts), so an incident could pass \
         it by; drop the condition or add a step without one",
    );
    check(
        &|policy| policy.steps.clear(),
        "escalation policy `shop` has no steps; add one that calls a person, a team or a schedule",
    );
    check(
        &|policy| policy.steps[0].timeout = Some(SECOND),
        "step `first` of escalation policy `shop` waits 1 s; use 5 s to 24 h",
    );
    check(&|policy| policy.repeat = 10, "escalation policy `shop` has 10 repeats, more than 9");
}

/// A million random steps in which everything happens that can: each leaves a sound state, nobody is called after an
/// acknowledgement, and after every tick the next is in the future. `NINES_ESCALATION` is the number of steps.
#[test]
fn no_incident_is_forgotten_and_nobody_is_called_after_an_acknowledgement() {
    let steps = count("NINES_ESCALATION", 1_000_000);
    let seed = seed();
    let mut taken = 0;
    let mut number = 0;
    let mut sent = 0;
    while taken < steps {
        let seed = seed.wrapping_add(number);
        number += 1;
        let mut model = Model::new(Rng::new(seed), seed);
        for _ in 0..100 {
            model.random_event();
            taken += 1;
        }
        sent += model.sent;
    }
    println!(
        "B8 {taken} random steps of {number} escalations, {sent} calls: none forgotten, none called after an \
         acknowledgement, no step skipped by an edit (seed {seed})"
    );
    assert!(sent > taken / 10, "the walk calls people");
}

struct Model {
    rng: Rng,
    seed: u64,
    now: Timestamp,
    people: People,
    state: Escalation,
    /// Whether nobody may be called, worked out from the events alone.
    acked_until: Option<Timestamp>,
    keys: std::collections::BTreeSet<String>,
    sent: usize,
}

impl Model {
    fn new(mut rng: Rng, seed: u64) -> Self {
        let now = Timestamp::from_secs(1_800_000_000);
        let policy = random_policy(&mut rng);
        let level = *rng.pick(&Level::ALL);
        let state = Escalation::new("INC-2026-0007", policy, level, rng.next(), now);
        let people = random_people(&mut rng);
        Self { rng, seed, now, people, state, acked_until: None, keys: Default::default(), sent: 0 }
    }

    fn random_event(&mut self) {
        let event = self.pick();
        let due = self.state.next_at();
        // Mostly to when something is due; sometimes anywhere, also back.
        self.now = match (self.rng.below(20), due) {
            (0, _) => self.now + SECOND * self.rng.below(100_000) as u32,
            (1, _) => self.now - SECOND * self.rng.below(4_000) as u32,
            (2..=8, _) => self.now + SECOND * self.rng.below(200) as u32,
            (_, Some(due)) => due.max(self.now),
            (_, None) => self.now + SECOND,
        };
        if self.rng.one_in(10) {
            self.people = random_people(&mut self.rng);
        }
        let before = self.state.clone();
        let decision = decide(&before, &event, self.now, &self.people);
        let context =
            || format!("seed {}, {event:?} at {} on {before:#?} gave {decision:#?}", self.seed, self.now);
        assert!(!decision.reasons.is_empty(), "{}", context());
        if self.rng.one_in(16) {
            assert_eq!(decision, decide(&before, &event, self.now, &self.people), "the same again");
        }
        self.state = decision.state.clone();
        let may_call = self.may_call(&event, &before);
        for order in &decision.orders {
            assert!(self.keys.insert(order.key.clone()), "a key twice: {}", order.key);
            assert!(
                may_call,
                "called after an acknowledgement: seed {}, {event:?} on {before:#?}",
                self.seed
            );
            self.sent += 1;
        }
        let standing = audit(&self.state, self.now);
        match (&event, standing) {
            (Event::Tick, Ok(Standing::NextAt(at))) => {
                assert!(at > self.now, "seed {}: due at {at} after {event:?} on {before:#?}", self.seed);
            }
            (_, Ok(Standing::NextAt(_))) => {}
            (_, Ok(Standing::Visible(word))) => {
                assert!(["acknowledged", "exhausted", "over"].contains(&word), "{word}");
            }
            // Only a tick may be late, and the walk does not always tick.
            (
                _,
                Err(
                    nines_oncall::escalation::Defect::Overdue { .. }
                    | nines_oncall::escalation::Defect::NotStarted { .. },
                ),
            ) if event != Event::Tick => {}
            (_, Err(defect)) => panic!("seed {}: {defect} after {event:?} on {before:#?}", self.seed),
        }
        if let Event::PolicyAdopted(_) = event {
            assert_eq!(self.state.phase, before.phase, "an edit touches no running step");
            assert_eq!(self.state.next, before.next);
        }
        assert!(self.state.round <= 9 && self.state.calls.len() <= 200);
    }

    fn may_call(&mut self, event: &Event, before: &Escalation) -> bool {
        let is_over = before.is_over();
        match event {
            _ if is_over && *event != Event::Reopened => return false,
            Event::Acked { .. } | Event::Progress
                if matches!(event, Event::Acked { .. }) || self.acked_until.is_some() =>
            {
                let after = before.policy.unack_after;
                self.acked_until = Some(after.map_or(Timestamp::MAX, |after| self.now + after));
            }
            Event::Tick if self.acked_until.is_some_and(|until| until <= self.now) => self.acked_until = None,
            Event::Unacked { .. } | Event::Escalated { .. } | Event::Reopened => self.acked_until = None,
            Event::Reassigned { .. } if self.state.phase != before.phase => self.acked_until = None,
            _ => {}
        }
        self.acked_until.is_none()
    }

    fn pick(&mut self) -> Event {
        let by = "ann".to_owned();
        let rng = &mut self.rng;
        match rng.below(40) {
            0..=18 => Event::Tick,
            19 => Event::Started,
            20 => Event::Acked { by },
            21 => Event::Unacked { by },
            22 => Event::Progress,
            23 => Event::Escalated { by },
            24 => Event::Reassigned { to: random_target(rng), by },
            25 | 26 => Event::LevelChanged { level: *rng.pick(&Level::ALL) },
            27 => Event::AlertsJoined { alerts: rng.below(300) as u32 },
            28..=33 => Event::DeliveryFailed {
                person: random_person(rng),
                channel: (*rng.pick(&["chat", "push", "sms", "voice"])).to_owned(),
            },
            34 => Event::Held {
                until: self.now + SECOND * rng.below(5_000) as u32,
                why: Hold::Silence("s".to_owned()),
            },
            35 => Event::HoldEnded,
            36 => Event::PolicyAdopted(random_policy(rng).into()),
            37 => Event::Reopened,
            // Rare, or most of the walk would be over.
            _ if rng.one_in(3) => rng
                .pick(&[
                    Event::Resolved,
                    Event::Cancelled,
                    Event::Merged { into: "INC-2026-0001".to_owned() },
                ])
                .clone(),
            _ => Event::Tick,
        }
    }
}

const NAMES: [&str; 5] = ["ann", "bo", "chen", "dee", "eve"];

fn random_person(rng: &mut Rng) -> PersonId {
    PersonId::new(*rng.pick(&NAMES))
}

fn random_people(rng: &mut Rng) -> People {
    let mut people = People::default();
    for group in ["primary", "secondary", "team"] {
        let members = (0..rng.below(3)).map(|_| *rng.pick(&NAMES)).collect::<Vec<_>>();
        if !rng.one_in(8) {
            people = people.with(group, &members);
        }
    }
    people.mute = (0..rng.below(3)).map(|_| random_person(rng)).collect();
    people
}

fn random_target(rng: &mut Rng) -> Target {
    match rng.below(6) {
        0 => Target::new(TargetKind::Person, *rng.pick(&NAMES)),
        1 => Target::new(TargetKind::Webhook, "hook"),
        2 => Target::new(TargetKind::Role, "team"),
        3 => Target::new(TargetKind::Team, "team"),
        _ => Target::new(TargetKind::Schedule, *rng.pick(&["primary", "secondary"])),
    }
}

fn random_policy(rng: &mut Rng) -> EscalationPolicy {
    let mut steps: Vec<Step> = (0..=rng.below(4))
        .map(|_| Step {
            name: String::new(),
            targets: (0..=rng.below(2)).map(|_| random_target(rng)).collect(),
            timeout: rng.one_in(3).then(|| SECOND * (30 + rng.below(600) as u32)),
            condition: Condition {
                levels: if rng.one_in(4) { vec![*rng.pick(&Level::ALL)] } else { Vec::new() },
                daily: rng
                    .one_in(6)
                    .then(|| DailyTime::every_day(nines_oncall::Zone::utc(), 8 * 3_600, 20 * 3_600)),
                alerts_min: rng.one_in(6).then(|| rng.below(100) as u32),
            },
            round_robin: rng.one_in(3),
        })
        .collect();
    // Names are drawn, so that edits keep, move and remove steps.
    let mut names = vec!["a", "b", "c", "d", "e", "f"];
    for step in &mut steps {
        step.name = names.swap_remove(rng.below(names.len())).to_owned();
    }
    let last = steps.last_mut().unwrap();
    last.condition = Condition::default();
    last.targets.push(Target::new(TargetKind::Schedule, "primary"));
    EscalationPolicy {
        name: "random".to_owned(),
        version: rng.next() % 100,
        steps,
        repeat: rng.below(4) as u8,
        unack_after: rng.one_in(2).then(|| SECOND * rng.below(4_000) as u32),
    }
}

#[test]
fn every_reason_reads_as_a_sentence() {
    let reason = Reason::StepTaken {
        step: "first".to_owned(),
        round: 0,
        people: vec![PersonId::new("ann"), PersonId::new("bo")],
        timeout: 5 * MINUTE,
    };
    assert_eq!(reason.to_string(), "step first, round 1: ann, bo called, answer expected within 300 s");
}

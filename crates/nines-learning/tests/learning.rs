//! From an incident's timeline to its postmortem, the gate, and the figures of a review.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::machine::{apply, open_by_report};
use nines_incidents::{Actor, Cadence, Class, Command, Entry, Incident, IncidentId, Level, Report};
use nines_learning::format::{decode_postmortem, encode_postmortem};
use nines_learning::{
    CallMade, Chart, Day, Edit, Found, LearningError, Measure, MeasureKind, Postmortem, Review, Section,
    Seen, Shift, State, draft, markdown, refreeze,
};
use nines_model::{TimeRange, Timestamp};

/// Friday, 2026-11-20, 08:00.
const START: Timestamp = Timestamp::from_secs(1_795_161_600);

fn minutes(count: u64) -> Timestamp {
    START + Duration::from_secs(60 * count)
}

/// Reported at 2, acknowledged at 5, mitigated at 30, resolved at 40 minutes.
fn incident(number: u32, level: Level, is_drill: bool) -> (Incident, Vec<Entry>) {
    let cadence = Cadence::default();
    let report = Report {
        class: Class::S2,
        level,
        service: "checkout".to_owned(),
        scope: "all buyers".to_owned(),
        status: "payments <fail>".to_owned(),
        started_at: START,
        progress: "looking".to_owned(),
        next_update_at: None,
        title: Some("payments [fail](javascript:alert(1))".to_owned()),
        is_drill,
        idempotency_key: None,
    };
    let id = IncidentId { year: 2026, number };
    let step = open_by_report(id, &report, &Actor::person("lin"), &cadence, minutes(2)).unwrap();
    let (mut incident, mut entries) = (step.incident, step.entries);
    for (at, command) in [
        (3, Command::Confirm { level }),
        (5, Command::Acknowledge),
        (30, Command::Mitigate { how: "rolled back".to_owned() }),
        (40, Command::Resolve { summary: "the deploy was bad".to_owned() }),
    ] {
        let step = apply(&incident, &command, &Actor::person("mei"), &cadence, minutes(at)).unwrap();
        incident = step.incident;
        entries.extend(step.entries);
    }
    (incident, entries)
}

fn drafted(level: Level, is_drill: bool) -> Postmortem {
    let (incident, entries) = incident(1, level, is_drill);
    let chart = Chart {
        slo: "checkout-availability".to_owned(),
        target: 0.999,
        start: START,
        step: Duration::from_secs(60),
        good: vec![100, 60, 100],
        total: vec![100, 100, 100],
        budget_spent: Some(0.25),
    };
    draft(Found {
        incident: &incident,
        updates: &[],
        entries: &entries,
        charts: vec![chart],
        now: minutes(41),
    })
}

fn measure(text: &str, kind: MeasureKind, owner: Option<&str>, due: Option<&str>) -> Measure {
    Measure {
        number: 0,
        text: text.to_owned(),
        kind,
        owner: owner.map(str::to_owned),
        due: due.map(|due| Day::parse(due).unwrap()),
        ticket: None,
        done: None,
    }
}

#[test]
fn a_draft_holds_the_facts_and_survives_the_database() {
    let it = drafted(Level::P0, false);
    assert!(it.mandatory);
    // Resolved on a Friday: five working days are the next Friday.
    assert_eq!(it.due.unwrap().to_string(), "2026-11-27");
    assert_eq!(drafted(Level::P1, false).due.unwrap().to_string(), "2026-12-04");
    assert_eq!((drafted(Level::P2, false).due, drafted(Level::P0, true).mandatory), (None, false));
    assert_eq!(it.facts.people, ["mei", "lin"]);
    assert!(
        it.sections[&Section::Impact]
            .contains("40 of 300 events were bad (13.33 %), 25.0 % of the error budget")
    );
    assert!(it.sections[&Section::Resolution].contains("rolled back"), "{:?}", it.sections);
    assert!(it.sections[&Section::InternalMail].contains("checkout"));
    assert_eq!(decode_postmortem(&encode_postmortem(&it).unwrap()).unwrap(), it);
}

#[test]
fn it_is_closed_only_with_an_owned_and_dated_long_term_measure() {
    let now = minutes(60);
    let it = drafted(Level::P0, false);
    let told = it.close(1, "lin", now).unwrap_err().to_string();
    for missing in ["contributing_factors", "long-term measure with an owner and a day"] {
        assert!(told.contains(missing), "{told}");
    }
    let nobody = Edit { owner: Some(None), ..Edit::default() };
    let nobody = it.edited(1, nobody, "lin", now).unwrap();
    assert!(nobody.close(2, "lin", now).unwrap_err().to_string().contains("it has no owner"));
    let with = |measures: Vec<Measure>| {
        let edit = Edit {
            owner: Some(Some("lin".to_owned())),
            sections: BTreeMap::from([(Section::ContributingFactors, "no canary".to_owned())]),
            measures: Some(measures),
            data_lost: None,
        };
        it.edited(1, edit, "lin", now).unwrap()
    };
    let due = Some("2026-12-18");
    for not_enough in [
        measure("mend it", MeasureKind::ShortTerm, Some("lin"), due),
        measure("canaries", MeasureKind::LongTerm, None, due),
        measure("canaries", MeasureKind::LongTerm, Some("lin"), None),
        measure("canaries", MeasureKind::LongTerm, Some("  "), due),
    ] {
        assert!(with(vec![not_enough]).close(2, "lin", now).is_err());
    }
    let ready = with(vec![measure("canaries", MeasureKind::LongTerm, Some("lin"), due)]);
    assert!(matches!(ready.close(1, "lin", now), Err(LearningError::Stale { .. })));
    let closed = ready.close(2, "lin", now).unwrap();
    assert_eq!((closed.state, closed.version, closed.measures[0].number), (State::Closed, 3, 1));
    // Closed text stays as it is; a measure can be ticked, but the gate holds.
    let text = Edit { sections: BTreeMap::from([(Section::Lucky, "x".to_owned())]), ..Edit::default() };
    assert!(matches!(closed.edited(3, text, "x", now), Err(LearningError::Closed(_))));
    let none = Edit { measures: Some(Vec::new()), ..Edit::default() };
    assert!(matches!(closed.edited(3, none, "x", now), Err(LearningError::NotReady { .. })));
    let mut ticked = closed.measures.clone();
    ticked[0].done = Some((Timestamp::EPOCH, "somebody else".to_owned()));
    let done = closed.edited(3, Edit { measures: Some(ticked), ..Edit::default() }, "mei", now).unwrap();
    assert_eq!(done.measures[0].done, Some((now, "mei".to_owned())), "who ticks is who asked");
}

#[test]
fn what_people_wrote_outlives_a_second_resolution() {
    let it = drafted(Level::P0, false);
    let edit =
        Edit { sections: BTreeMap::from([(Section::Lucky, "a quiet hour".to_owned())]), ..Edit::default() };
    let it = it.edited(1, edit, "lin", minutes(50)).unwrap();
    let (again, entries) = incident(1, Level::P1, false);
    let found =
        Found { incident: &again, updates: &[], entries: &entries, charts: Vec::new(), now: minutes(90) };
    let next = refreeze(&it, found);
    assert_eq!((next.version, next.sections[&Section::Lucky].as_str()), (3, "a quiet hour"));
    assert_eq!((next.facts.frozen_at, next.facts.level), (minutes(90), Level::P1));
}

#[test]
fn the_document_makes_no_markup_of_what_came_from_outside() {
    let text = markdown(&drafted(Level::P0, false));
    assert!(
        text.starts_with("# INC-2026-0001: payments \\[fail\\]\\(javascript&#58;alert\\(1\\)\\)"),
        "{text}"
    );
    assert!(!text.contains("payments <fail>") && !text.contains("](javascript"), "{text}");
    assert!(text.contains("- `▁█▁` checkout-availability: 40 bad of 300, worst step 40.0 %"), "{text}");
}

#[test]
fn a_review_counts_marks_calls_and_shifts_and_leaves_drills_out() {
    let mut incidents = vec![incident(1, Level::P0, false).0, incident(2, Level::P2, false).0];
    incidents.push(incident(3, Level::P0, true).0);
    let it = drafted(Level::P0, false);
    let edit = Edit {
        measures: Some(vec![measure("canaries", MeasureKind::LongTerm, Some("lin"), Some("2026-11-23"))]),
        ..Edit::default()
    };
    let postmortems = [it.edited(1, edit, "lin", minutes(50)).unwrap()];
    let range = TimeRange::new(START, START + Duration::from_secs(7 * 86_400));
    let call = |minute, person: &str| CallMade {
        at: minutes(minute),
        person: person.to_owned(),
        incident: "INC-2026-0001".to_owned(),
    };
    let calls = [call(2, "mei"), call(4, "mei"), call(200, "lin")];
    let shifts = [Shift { person: "mei".to_owned(), range: TimeRange::new(START, minutes(120)) }];
    let hold = |person: &str, from, to| (person.to_owned(), TimeRange::new(minutes(from), minutes(to)));
    // Two at once are one hand: from 5 to 50 minutes.
    let handled = [hold("mei", 5, 40), hold("mei", 20, 50)];
    let handed_on =
        BTreeMap::from([(incidents[0].id, false), (incidents[1].id, true), (incidents[2].id, true)]);
    let now = START + Duration::from_secs(8 * 86_400);
    let review = Review::of(&Seen {
        range,
        now,
        incidents: &incidents,
        postmortems: &postmortems,
        meetings: &[],
        calls: &calls,
        shifts: &shifts,
        handed_on: &handed_on,
        handled: &handled,
    });
    assert_eq!((review.statistics.incidents, review.by_level), (2, [1, 0, 1]));
    assert_eq!(review.to_detect.value, Some(Duration::from_secs(120)));
    assert_eq!(review.to_acknowledge.value, Some(Duration::from_secs(180)));
    assert_eq!(review.to_resolve.value, Some(Duration::from_secs(2_400)));
    assert_eq!(review.first_line_share(), Some(0.5), "the drill is not counted");
    let mei = &review.load[0];
    assert_eq!((mei.person.as_str(), mei.calls, mei.calls_on_shift, mei.shifts), ("mei", 2, 2, 1));
    assert_eq!(review.toil, Duration::from_secs(45 * 60));
    // Friday to Thursday: six calendar days touched by seven days hold five working days and the first Friday again.
    assert_eq!(review.working, Duration::from_secs(6 * 8 * 3_600 * 2));
    assert_eq!(review.drills[0].recovery, Some(Duration::from_secs(1_800)));
    assert_eq!((review.postmortems_due, review.postmortems_overdue.len()), (1, 1));
    assert_eq!((review.open_measures.len(), review.measures_overdue), (1, 1));
    assert_eq!(review.open_measures[0].0, "INC-2026-0001");
}

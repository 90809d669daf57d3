//! What every [`Runs`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::Timestamp;

use crate::RunsError;
use crate::catalog::Level;
use crate::effect::Effect;
use crate::parameter::Arguments;
use crate::plan::{Draft, Plan, Step};
use crate::radius::Radius;
use crate::run::{Attempt, Helped, Run, RunId, RunState, StepRun, StepState, Verdict};
use crate::runs::{Recent, RunFilter, Runs, Stop};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn Runs>>>(fresh: impl Fn() -> F) {
    a_run_comes_back_as_it_was_stored(&*fresh().await).await;
    an_old_version_cannot_overwrite(&*fresh().await).await;
    a_target_is_held_by_one_run(&*fresh().await).await;
    a_key_belongs_to_its_author(&*fresh().await).await;
    work_is_found_in_the_order_that_it_is_due(&*fresh().await).await;
    lists_agree_with_their_filter(&*fresh().await).await;
    starts_on_a_target_are_remembered(&*fresh().await).await;
    old_runs_that_are_over_are_forgotten(&*fresh().await).await;
    the_stop_outlives_everything(&*fresh().await).await;
}

/// A run that starts one machine, for stores to keep.
pub fn sample(id: &str, instance: &str, at: Timestamp) -> Run {
    let effect = Effect::StartInstance { instance: instance.to_owned() };
    let draft = Draft::change(effect.clone(), std::time::Duration::from_secs(60));
    let plan = Plan {
        action: "ec2.start".to_owned(),
        arguments: Arguments::default(),
        level: Level::Protected,
        four_eyes: false,
        steps: vec![Step { draft, seen: None, is_met: false }],
        targets: effect.target_keys(),
        radius: Radius::default(),
        hash: "0f".repeat(32),
        parts: Vec::new(),
    };
    Run {
        id: RunId(id.to_owned()),
        version: 1,
        plan,
        state: RunState::Ready,
        reason: Some("因為 \"it\" fell over".to_owned()),
        author: "mei".to_owned(),
        author_person: None,
        is_automated: false,
        idempotency_key: None,
        incident: Some("inc-7".to_owned()),
        approval: None,
        cancelled_by: None,
        created_at: at,
        started_at: None,
        finished_at: None,
        due_at: at,
        steps: vec![StepRun {
            state: StepState::Pending,
            reason: None,
            attempt: Attempt::default(),
            before: None,
            undo: None,
        }],
        unwitnessed: Vec::new(),
        events_count: 0,
        verdict_due_at: None,
        verdict: None,
    }
}

async fn a_run_comes_back_as_it_was_stored(store: &dyn Runs) {
    let run = sample("a", "i-1", at(1));
    kept(store.insert(&run).await);
    assert_eq!(kept(store.get(&run.id).await), Some(run.clone()));
    assert_eq!(kept(store.get(&RunId("b".to_owned())).await), None);
    let mut changed = run.clone();
    changed.state = RunState::Running;
    changed.started_at = Some(at(2));
    kept(store.save(&mut changed).await);
    assert_eq!(changed.version, 2);
    assert_eq!(kept(store.get(&run.id).await), Some(changed));
}

async fn an_old_version_cannot_overwrite(store: &dyn Runs) {
    let mut first = sample("a", "i-1", at(1));
    kept(store.insert(&first).await);
    let mut second = first.clone();
    first.reason = Some("first".to_owned());
    kept(store.save(&mut first).await);
    assert!(matches!(store.save(&mut second).await, Err(RunsError::Conflict { .. })));
    assert_eq!(kept(store.get(&first.id).await), Some(first));
    let mut unknown = sample("z", "i-9", at(1));
    assert!(matches!(store.save(&mut unknown).await, Err(RunsError::Conflict { .. })));
}

async fn a_target_is_held_by_one_run(store: &dyn Runs) {
    let (mut first, mut second) = (sample("a", "i-1", at(1)), sample("b", "i-1", at(1)));
    let mut elsewhere = sample("c", "i-2", at(1));
    for run in [&first, &second, &elsewhere] {
        kept(store.insert(run).await);
    }
    for run in [&mut first, &mut elsewhere] {
        run.state = RunState::Running;
        kept(store.save(run).await);
    }
    second.state = RunState::Running;
    let held = store.save(&mut second).await;
    assert!(
        matches!(&held, Err(RunsError::Held { target, run }) if target == "instance/i-1" && run == "a"),
        "{held:?}"
    );
    // A run that waits for a person still holds; one that is over does not.
    first.state = RunState::WaitingForHuman;
    kept(store.save(&mut first).await);
    assert!(store.save(&mut second).await.is_err());
    first.state = RunState::Compensated;
    kept(store.save(&mut first).await);
    kept(store.save(&mut second).await);
}

async fn a_key_belongs_to_its_author(store: &dyn Runs) {
    let keyed = |id: &str, author: &str| Run {
        idempotency_key: Some("k".to_owned()),
        author: author.to_owned(),
        ..sample(id, "i-1", at(1))
    };
    kept(store.insert(&keyed("a", "mei")).await);
    let again = store.insert(&keyed("b", "mei")).await;
    assert!(matches!(&again, Err(RunsError::KeyTaken { run }) if run == "a"), "{again:?}");
    kept(store.insert(&keyed("c", "lin")).await);
    assert_eq!(kept(store.by_key("mei", "k").await).map(|run| run.id), Some(RunId("a".to_owned())));
    assert_eq!(kept(store.by_key("mei", "other").await), None);
}

async fn work_is_found_in_the_order_that_it_is_due(store: &dyn Runs) {
    for (id, state, due) in [
        ("a", RunState::Running, 9),
        ("b", RunState::Compensating, 3),
        ("c", RunState::WaitingForApproval, 1),
        ("d", RunState::WaitingForHuman, 1),
        ("e", RunState::Compensated, 1),
    ] {
        let mut run = sample(id, &format!("i-{id}"), at(1));
        kept(store.insert(&run).await);
        (run.state, run.due_at) = (state, at(due));
        kept(store.save(&mut run).await);
    }
    let id = |text: &str| RunId(text.to_owned());
    assert_eq!(kept(store.due(10).await), [(id("b"), at(3)), (id("a"), at(9))]);
    assert_eq!(kept(store.due(1).await), [(id("b"), at(3))]);
    assert_eq!(kept(store.count_open().await), 4);
    // Done is work until the verdict is there.
    let mut done = kept(store.get(&id("a")).await).unwrap_or_else(|| panic!("it was stored"));
    (done.state, done.verdict_due_at, done.due_at) = (RunState::Done, Some(at(20)), at(20));
    kept(store.save(&mut done).await);
    assert_eq!(kept(store.due(10).await), [(id("b"), at(3)), (id("a"), at(20))]);
    done.verdict = Some(Verdict { helped: Helped::Better, text: String::new(), at: at(20) });
    kept(store.save(&mut done).await);
    assert_eq!(kept(store.due(10).await), [(id("b"), at(3))]);
}

async fn lists_agree_with_their_filter(store: &dyn Runs) {
    let mut all = Vec::new();
    for number in 0..12_i64 {
        let mut run = sample(&format!("r{number:02}"), &format!("i-{number}"), at(number));
        run.incident = (number % 3 == 0).then(|| "inc-1".to_owned());
        if number % 2 == 0 {
            run.state = RunState::Cancelled;
        }
        kept(store.insert(&run).await);
        all.insert(0, run);
    }
    let filters = [
        RunFilter::default(),
        RunFilter { state: Some(RunState::Cancelled), ..RunFilter::default() },
        RunFilter { incident: Some("inc-1".to_owned()), state: Some(RunState::Ready), action: None },
        RunFilter { action: Some("ec2.stop".to_owned()), ..RunFilter::default() },
    ];
    for filter in filters {
        let expected: Vec<_> = all.iter().filter(|run| filter.admits(run)).take(5).cloned().collect();
        assert_eq!(kept(store.list(&filter, 5).await), expected, "{filter:?}");
    }
}

async fn starts_on_a_target_are_remembered(store: &dyn Runs) {
    for (id, started) in [("a", 10), ("b", 20), ("c", 30)] {
        let mut run = sample(id, "i-1", at(1));
        kept(store.insert(&run).await);
        (run.state, run.started_at) = (RunState::Running, Some(at(started)));
        kept(store.save(&mut run).await);
        (run.state, run.finished_at) = (RunState::Done, Some(at(started + 1)));
        run.verdict = Some(Verdict { helped: Helped::Worse, text: String::new(), at: at(started + 2) });
        kept(store.save(&mut run).await);
    }
    let recent = kept(store.recent_on("instance/i-1", at(20)).await);
    let expected = |id: &str, started| Recent {
        run: RunId(id.to_owned()),
        started_at: at(started),
        finished_at: Some(at(started + 1)),
        helped: Some(Helped::Worse),
    };
    assert_eq!(recent, [expected("c", 30), expected("b", 20)]);
    assert_eq!(kept(store.recent_on("instance/i-2", at(0)).await), []);
}

async fn old_runs_that_are_over_are_forgotten(store: &dyn Runs) {
    let over = |state| Run { state, idempotency_key: Some("k".to_owned()), ..sample("x", "i-1", at(1)) };
    for (id, made, state) in [
        ("a", 1, RunState::Cancelled),
        ("b", 2, RunState::Done),
        ("c", 3, RunState::WaitingForHuman),
        ("d", 4, RunState::Compensated),
        ("e", 5, RunState::Cancelled),
    ] {
        let mut run =
            Run { id: RunId(id.to_owned()), created_at: at(made), author: id.to_owned(), ..over(state) };
        if state == RunState::Done {
            // Its verdict is still to come.
            run.verdict_due_at = Some(at(900));
        }
        kept(store.insert(&run).await);
    }
    assert_eq!(kept(store.forget(at(1), 10).await), 0);
    assert_eq!(kept(store.forget(at(5), 1).await), 1, "the oldest first, as many as were asked for");
    assert_eq!(kept(store.get(&RunId("a".to_owned())).await), None);
    assert_eq!(kept(store.by_key("a", "k").await), None);
    assert_eq!(kept(store.forget(at(5), 10).await), 1);
    let left = kept(store.list(&RunFilter::default(), 10).await);
    let left: Vec<&str> = left.iter().map(|run| run.id.0.as_str()).collect();
    assert_eq!(left, ["e", "c", "b"]);
}

async fn the_stop_outlives_everything(store: &dyn Runs) {
    assert_eq!(kept(store.stop().await), None);
    let stop = Stop { by: "mei".to_owned(), at: at(3), reason: "太多了".to_owned() };
    kept(store.set_stop(Some(&stop)).await);
    assert_eq!(kept(store.stop().await), Some(stop.clone()));
    let newer = Stop { reason: "again".to_owned(), ..stop };
    kept(store.set_stop(Some(&newer)).await);
    assert_eq!(kept(store.stop().await), Some(newer));
    kept(store.set_stop(None).await);
    assert_eq!(kept(store.stop().await), None);
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn kept<T>(result: Result<T, RunsError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

//! Generated series whose future is known: does the interval hold what it promises, and is refused what cannot be known?

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn question(now_ms: i64) -> Question {
    Question { now_ms, level: 0.9, horizon_ms: 60 * DAY }
}

/// A normal deviate, by twelve uniform ones.
fn normal(random: &mut StdRng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// What a series does, cell by cell, noise included.
#[derive(Debug, Clone, Copy)]
enum Process {
    Linear,
    /// Errors that last for hours.
    Sticky,
    Daily,
    Weekly,
    RandomWalk,
}

fn generate(process: Process, step_ms: i64, count: usize, random: &mut StdRng) -> Vec<f64> {
    let slope = 0.2 + random.random::<f64>();
    let noise = 1.0 + 5.0 * random.random::<f64>();
    let swing = 10.0 + 20.0 * random.random::<f64>();
    let phase = random.random::<f64>() * 6.3;
    let (mut sticky, mut walk) = (0.0, 0.0);
    let turn =
        |cell: usize, period: i64| std::f64::consts::TAU * cell as f64 * step_ms as f64 / period as f64;
    let value = |cell: usize| {
        let shock = normal(random);
        sticky = 0.8 * sticky + noise * shock;
        walk += slope + noise * shock * 0.5;
        let line = 100.0 + slope * cell as f64;
        let daily = swing * (turn(cell, DAY) + phase).sin();
        match process {
            Process::Linear => line + noise * shock,
            Process::Sticky => line + sticky,
            Process::Daily => line + daily + noise * shock,
            Process::Weekly => line + daily + swing * (turn(cell, 7 * DAY) + phase).cos() + noise * shock,
            Process::RandomWalk => 100.0 + walk,
        }
    };
    (0..count).map(value).collect()
}

#[test]
fn the_interval_holds_what_it_promises() {
    let seed = 20_261_122;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for (process, step_ms, known) in [
        (Process::Linear, HOUR, 168),
        (Process::Sticky, HOUR, 168),
        (Process::Daily, HOUR, 168),
        (Process::Weekly, 3 * HOUR, 200),
        (Process::RandomWalk, HOUR, 168),
    ] {
        let (mut inside, mut asked, mut crossings, mut held) = (0, 0, 0, 0);
        let mut models = std::collections::BTreeMap::<Model, usize>::new();
        for _ in 0..120 {
            let values = generate(process, step_ms, known * 2, &mut random);
            let times: Vec<i64> = (0..known as i64 * 2).map(|cell| cell * step_ms).collect();
            let now_ms = times[known - 1];
            let forecast = forecast(&times[..known], &values[..known], &question(now_ms)).unwrap();
            *models.entry(forecast.model).or_default() += 1;
            for ahead in [6, 24, 48, known / 2] {
                let at = now_ms + ahead as i64 * step_ms;
                let pair =
                    forecast.fan.windows(2).find(|pair| pair[0].at_ms <= at && at < pair[1].at_ms).unwrap();
                let share = (at - pair[0].at_ms) as f64 / (pair[1].at_ms - pair[0].at_ms) as f64;
                let between = |a: f64, b: f64| a + (b - a) * share;
                let (low, high) = (between(pair[0].low, pair[1].low), between(pair[0].high, pair[1].high));
                asked += 1;
                inside += usize::from((low..=high).contains(&values[known - 1 + ahead]));
            }
            // A limit that the truth reaches within the second half; "full" is when it stays there for a few cells, as
            // a single reading above it is noise.
            let limit = values[known + known / 3];
            let reached = (known..known * 2 - 4)
                .find(|&cell| grid::median(&mut values[cell..cell + 4].to_vec()).unwrap() >= limit);
            if let (Some(reached), Ok(Some(crossing))) = (reached, forecast.reaches(limit)) {
                let at = times[reached];
                crossings += 1;
                let slack = 4 * step_ms;
                let late = crossing.latest_ms.is_none_or(|latest| at <= latest + slack);
                held += usize::from(crossing.earliest_ms - slack <= at && late);
            }
        }
        let (covered, reached) = (100 * inside / asked, 100 * held / crossings.max(1));
        println!(
            "{process:?}: {covered} % of {asked} values and {reached} % of {crossings} crossings within 90 %; {models:?}"
        );
        assert!((85..=98).contains(&covered), "{process:?}: {covered} % of values");
        assert!(reached >= 85 && crossings > 60, "{process:?}: {reached} % of {crossings} crossings");
    }
}

fn hourly(value: impl Fn(usize) -> f64, count: usize) -> (Vec<i64>, Vec<f64>) {
    ((0..count as i64).map(|hour| hour * HOUR).collect(), (0..count).map(value).collect())
}

#[test]
fn a_straight_line_is_continued_to_the_minute() {
    let (times, values) = hourly(|hour| 10.0 + hour as f64, 48);
    let forecast = forecast(&times, &values, &question(47 * HOUR)).unwrap();
    let crossing = forecast.reaches(100.0).unwrap().unwrap();
    assert!((crossing.at_ms - 90 * HOUR).abs() < HOUR / 60, "{crossing:?}");
    assert!((forecast.slope * 3600.0 - 1.0).abs() < 1e-9);
    // Three times 48 hours are foreseen, not more.
    assert_eq!(forecast.reaches(300.0).unwrap(), None);
}

#[test]
fn what_cannot_be_known_is_refused() {
    let ask = |(times, values): (Vec<i64>, Vec<f64>), now: i64| forecast(&times, &values, &question(now));
    assert_eq!(ask(hourly(|_| 1.0, 5), 5 * HOUR), Err(Refusal::TooLittle { points: 5 }));
    assert_eq!(ask(hourly(|_| f64::NAN, 50), 50 * HOUR), Err(Refusal::TooLittle { points: 0 }));
    let late = ask(hourly(|hour| hour as f64, 48), 96 * HOUR);
    assert!(matches!(late, Err(Refusal::TooOld { .. })), "{late:?}");
    let stepped =
        ask(hourly(|hour| if hour < 60 { hour as f64 * 0.1 } else { 500.0 + hour as f64 }, 70), 69 * HOUR);
    assert_eq!(stepped, Err(Refusal::ChangedLately { points: 10 }));
}

#[test]
fn after_a_step_only_the_new_level_counts() {
    // Cleaned up after 100 hours; since then it grows twice as fast.
    let (times, values) =
        hourly(|hour| if hour < 100 { 400.0 + hour as f64 } else { 2.0 * (hour - 100) as f64 }, 160);
    let forecast = forecast(&times, &values, &question(159 * HOUR)).unwrap();
    assert_eq!(forecast.since_ms, 100 * HOUR);
    assert!((forecast.slope * 3600.0 - 2.0).abs() < 0.05, "{}", forecast.slope * 3600.0);
    assert_eq!(forecast.falls_back_every_ms, None);
}

#[test]
fn what_falls_back_every_day_does_not_run_full() {
    let saw = |hour: usize| 20.0 + 2.0 * ((hour + 18) % 48) as f64;
    let (times, values) = hourly(saw, 190);
    let lately = forecast(&times, &values, &question(189 * HOUR));
    assert_eq!(lately, Err(Refusal::FallsBack { every_ms: 48 * HOUR }));
    let (times, values) = hourly(saw, 210);
    let forecast = forecast(&times, &values, &question(209 * HOUR)).unwrap();
    assert_eq!(forecast.falls_back_every_ms, Some(48 * HOUR));
    assert_eq!(forecast.reaches(150.0).unwrap(), None, "it would have been emptied before");
}

#[test]
fn gaps_and_outliers_do_not_turn_the_line() {
    let (mut times, mut values) = hourly(|hour| 10.0 + hour as f64, 100);
    values[30] = 10_000.0;
    values[71] = -5_000.0;
    times.drain(40..55);
    values.drain(40..55);
    let forecast = forecast(&times, &values, &question(99 * HOUR)).unwrap();
    assert!((forecast.slope * 3600.0 - 1.0).abs() < 0.05, "{}", forecast.slope * 3600.0);
}

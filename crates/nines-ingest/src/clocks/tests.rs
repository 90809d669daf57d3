use std::sync::Arc;

use nines_model::Event;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn resource(attributes: &[(&str, &str)]) -> Arc<Resource> {
    let attributes = attributes.iter().map(|(name, value)| ((*name).into(), Value::Str((*value).into())));
    Arc::new(Resource { attributes: attributes.collect() })
}

fn shop(host: &str) -> Arc<Resource> {
    resource(&[("service.name", "shop"), ("host.name", host)])
}

type Fields<'a> = Vec<(&'a str, Value)>;

/// Events of `resource`, by how many seconds their stamps are after `received_at`.
fn batch(dataset: Dataset, received_at: Timestamp, events: &[(&Arc<Resource>, i64, Fields<'_>)]) -> Batch {
    let event = |(resource, offset, fields): &(&Arc<Resource>, i64, Fields<'_>)| Event {
        timestamp: Timestamp::from_nanos(received_at.as_nanos() + offset * 1_000_000_000),
        resource: Arc::clone(resource),
        fields: fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
    };
    Batch { dataset, received_at, rows: events.iter().map(event).collect::<Vec<_>>().into() }
}

fn hear(clocks: &Clocks, at: Timestamp, events: &[(&Arc<Resource>, i64)]) {
    let events: Vec<_> = events.iter().map(|(resource, offset)| (*resource, *offset, Vec::new())).collect();
    clocks.observe(0, &batch(Dataset::Logs, at, &events));
}

fn seconds(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Services, places and offsets in seconds, worst first.
#[track_caller]
fn check(clocks: &Clocks, now: Timestamp, expected: &[(&str, &str, i64)]) -> Differing {
    let found = clocks.differing(now, 100);
    let shown: Vec<_> = found
        .worst
        .iter()
        .map(|one| (one.service.as_str(), one.place.as_str(), one.offset / 1_000_000_000))
        .collect();
    assert_eq!(shown, expected);
    found
}

#[test]
fn the_newest_stamp_of_each_source_says_how_its_clock_stands() {
    let clocks = Clocks::default();
    let (a, b, c, d) = (shop("a"), shop("b"), shop("c"), shop("d"));
    hear(
        &clocks,
        NOW,
        &[(&a, -3), (&b, 86_400), (&b, -5), (&c, -86_400), (&a, -7_200), (&d, 2), (&c, -90_000)],
    );
    let found = check(&clocks, NOW, &[("shop", "b", 86_400), ("shop", "c", -86_400)]);
    assert_eq!((found.sources, found.ahead, found.behind), (4, 1, 1));
    assert!(found.worst[0].stamped.contains(NOW + seconds(86_400)));
    assert_eq!((found.worst[0].place_field, found.worst[0].heard_at), ("host.name", NOW));
    // Only delayed so far: something quick shows that the clock is right.
    hear(&clocks, NOW + seconds(1), &[(&c, -1)]);
    check(&clocks, NOW + seconds(1), &[("shop", "b", 86_400)]);
    assert_eq!(clocks.differing(NOW, 0).worst, []);
}

#[test]
fn a_clock_that_was_put_right_is_forgotten_within_the_window_and_a_silent_source_too() {
    let clocks = Clocks::default();
    let (a, b) = (shop("a"), shop("b"));
    let mut until = None;
    for step in 0..60 {
        let at = NOW + seconds(step * 20);
        hear(&clocks, at, &[(&a, if step == 0 { 60 } else { 0 })]);
        if step == 0 {
            hear(&clocks, at, &[(&b, 60)]);
        }
        let found = clocks.differing(at, 9);
        if found.worst.len() == 2 {
            until = Some(step * 20);
        } else {
            assert_eq!((found.worst.len(), found.sources), (0, 1));
        }
    }
    let until = seconds(until.unwrap()) + seconds(20);
    assert!((WINDOW / 2..=WINDOW).contains(&until), "{until:?}");
}

#[test]
fn requests_that_overtake_each_other_and_a_clock_of_ours_that_steps_back_lose_nothing_that_holds() {
    let clocks = Clocks::default();
    let a = shop("a");
    let edge = Timestamp::from_secs(1_800_000_300);
    hear(&clocks, edge, &[(&a, 0)]);
    hear(&clocks, edge - seconds(1), &[(&a, 30)]);
    check(&clocks, edge, &[("shop", "a", 30)]);
    hear(&clocks, NOW - seconds(86_400), &[(&a, 5)]);
    check(&clocks, NOW - seconds(86_400), &[("shop", "a", 5)]);
}

#[test]
fn a_long_span_is_no_slow_clock_and_a_late_one_is_behind_by_its_end() {
    let clocks = Clocks::default();
    let (a, b) = (shop("a"), shop("b"));
    let took = |secs: i64| vec![("duration_ns", Value::Int(secs * 1_000_000_000))];
    clocks.observe(0, &batch(Dataset::Spans, NOW, &[(&a, -3_600, took(3_599)), (&b, -3_600, took(600))]));
    check(&clocks, NOW, &[("shop", "b", -3_000)]);
    // What ends after its arrival began before it: nothing is known to be ahead.
    let c = shop("c");
    clocks.observe(1, &batch(Dataset::Spans, NOW, &[(&c, -3_600, took(9_000))]));
    check(&clocks, NOW, &[("shop", "b", -3_000)]);
}

#[test]
fn a_source_is_named_by_its_host_else_its_pod_else_its_instance_and_by_rows_where_they_say_it() {
    let clocks = Clocks::default();
    let pod = resource(&[("service.instance.id", "i"), ("k8s.pod.name", "p"), ("service.name", "pod")]);
    let host = resource(&[("host.name", "h"), ("k8s.pod.name", "p"), ("service.name", "host")]);
    let (bare, nobody) = (resource(&[("service.name", "bare")]), resource(&[("zone", "x")]));
    hear(&clocks, NOW, &[(&pod, 40), (&host, 30), (&bare, 20), (&nobody, 90)]);
    let found = check(&clocks, NOW, &[("pod", "p", 40), ("host", "h", 30), ("bare", "", 20)]);
    assert_eq!(found.worst[0].place_field, "k8s.pod.name");
    let own = |service: &str, host: &str| {
        vec![("service.name", Value::Str(service.into())), ("host.name", Value::Str(host.into()))]
    };
    let lines = [
        (&nobody, 70, own("cron", "x")),
        (&nobody, 80, own("cron", "x")),
        (&nobody, 60, own("cron", "y")),
        (&bare, 50, vec![("host.name", Value::Str("z".into()))]),
    ];
    clocks.observe(0, &batch(Dataset::Logs, NOW, &lines));
    let all = [("cron", "x", 80), ("cron", "y", 60), ("bare", "z", 50), ("pod", "p", 40)];
    check(&clocks, NOW, &[&all[..], &[("host", "h", 30), ("bare", "", 20)]].concat());
}

#[test]
fn names_are_bounded_in_number_and_length_and_the_longest_silent_go() {
    let clocks = Clocks::default();
    for host in 0..3 * SOURCES_MAX as u64 {
        hear(&clocks, NOW + Duration::from_millis(host / 100), &[(&shop(&format!("h{host}")), 60)]);
        assert!(clocks.0.lock().sources.len() <= SOURCES_MAX);
    }
    let last = shop(&format!("h{}", 3 * SOURCES_MAX - 1));
    assert!(clocks.0.lock().sources.contains_key(&format!("shop\0{}", Names::of(&last).place)));
    assert!(!clocks.0.lock().sources.contains_key("shop\0h0"));
    assert!(clocks.differing(NOW, SOURCES_MAX).sources > SOURCES_MAX - ROOM_MADE - 1);
    // All at one instant: still no more go than must.
    let clocks = Clocks::default();
    (0..=SOURCES_MAX).for_each(|host| hear(&clocks, NOW, &[(&shop(&format!("h{host}")), 60)]));
    assert_eq!(clocks.0.lock().sources.len(), SOURCES_MAX - ROOM_MADE + 1);
    let long = "é".repeat(1_000);
    hear(&clocks, NOW, &[(&shop(&long), 90)]);
    assert_eq!(clocks.differing(NOW, 1).worst[0].place, "é".repeat(NAME_BYTES_MAX / 2));
}

#[test]
fn extreme_stamps_overflow_nothing() {
    let clocks = Clocks::default();
    let rows = |at: i64| {
        let mut batch =
            batch(Dataset::Spans, NOW, &[(&shop("a"), 0, vec![("duration_ns", Value::Int(i64::MAX))])]);
        batch.rows.timestamps_mut()[0] = at;
        batch
    };
    clocks.observe(0, &rows(i64::MIN + 1));
    clocks.observe(0, &rows(i64::MAX));
    assert_eq!(clocks.differing(NOW, 9).ahead, 1);
    assert_eq!(clocks.differing(Timestamp::MAX, 9).sources, 0);
}

/// Run by hand: `cargo test --release --workspace --lib clocks::tests::throughput -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn throughput() {
    let clock = nines_base::SystemClock::shared();
    let attributes: Vec<(String, &str)> =
        (0..10).map(|index| (format!("attribute.{index}"), "some value")).collect();
    let mut attributes: Vec<(&str, &str)> =
        attributes.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    attributes.extend([("service.name", "shop"), ("host.name", "web-1")]);
    let shared = resource(&attributes);
    let (bare, own) = (
        resource(&[]),
        vec![("service.name", Value::Str("cron".into())), ("host.name", Value::Str("x".into()))],
    );
    for (what, resource, fields) in
        [("of one resource", &shared, Vec::new()), ("that name it themselves", &bare, own)]
    {
        for rows in [1, 1_000] {
            let events: Vec<_> = (0..rows).map(|_| (resource, 0, fields.clone())).collect();
            let batch = batch(Dataset::Logs, NOW, &events);
            let clocks = Clocks::default();
            let began = clock.monotonic();
            (0..100_000).for_each(|sequence| clocks.observe(sequence, &batch));
            let each = (clock.monotonic() - began) / 100_000;
            println!("{rows} rows {what}: {each:?} a batch");
        }
    }
}

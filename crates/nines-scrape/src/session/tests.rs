use nines_series::is_stale;

use super::*;
use crate::config;

const TEXT: Option<&str> = Some("text/plain; version=0.0.4");

fn session(job: &str) -> Session {
    let text = format!("scrape_configs:\n- job_name: j\n{job}");
    let job = config::parse(None, &text).unwrap().jobs.remove(0);
    let target = [("job", "j"), ("instance", "h:1")].into_iter().collect();
    Session::new(Arc::new(job), &target)
}

/// Labels without the target's, value and time of each point.
fn shown(batch: &Batch) -> Vec<String> {
    let one = |point: &Point| {
        let labels = point
            .labels
            .iter()
            .filter(|(name, value)| ![("job", "j"), ("instance", "h:1")].contains(&(&***name, &***value)));
        let labels = Labels::new(labels.map(|(name, value)| (name.clone(), value.clone())));
        let value = match &point.value {
            PointValue::Float(value) if is_stale(*value) => "stale".to_owned(),
            PointValue::Float(value) => value.to_string(),
            PointValue::Histogram(_) => "histogram".to_owned(),
        };
        let exemplars = if point.exemplars.is_empty() { "" } else { " with exemplar" };
        format!("{labels} {value} @{}{exemplars}", point.t_ms)
    };
    let mut all: Vec<String> = batch.points.iter().map(one).collect();
    all.sort();
    all
}

fn read(session: &mut Session, body: &str, t_ms: i64) -> (Vec<String>, Tally, Option<String>) {
    let (batch, tally, result) = session.read(body.as_bytes(), TEXT, t_ms);
    (shown(&batch), tally, result.err().map(|error| error.to_string()))
}

#[test]
fn series_that_vanish_are_marked_and_those_with_times_of_their_own_are_not() {
    let mut session = session("");
    let (first, tally, _) = read(&mut session, "a 1\nb 2\nc 3 500\n", 1_000);
    assert_eq!(first, ["a 1 @1000", "b 2 @1000", "c 3 @500"]);
    assert_eq!((tally.scraped, tally.added, tally.series_added), (3, 3, 3));
    let (second, tally, _) = read(&mut session, "b 2\n", 2_000);
    assert_eq!(second, ["a stale @2000", "b 2 @2000"]);
    assert_eq!(tally.series_added, 0);
    // It comes back, and is a new series of this scrape.
    let (third, tally, _) = read(&mut session, "a 1\nb 2\n", 3_000);
    assert_eq!(third, ["a 1 @3000", "b 2 @3000"]);
    assert_eq!(tally.series_added, 1);
    let mut session = self::session("  track_timestamps_staleness: true\n");
    read(&mut session, "c 3 500\n", 1_000);
    assert_eq!(read(&mut session, "a 1\n", 2_000).0, ["a 1 @2000", "c stale @2000"]);
    let mut session = self::session("  honor_timestamps: false\n");
    assert_eq!(read(&mut session, "c 3 500\n", 1_000).0, ["c 3 @1000"]);
    assert_eq!(read(&mut session, "a 1\n", 2_000).0, ["a 1 @2000", "c stale @2000"]);
}

#[test]
fn a_failed_scrape_ends_everything_once() {
    let mut session = session("");
    read(&mut session, "a 1\nb 2\n", 1_000);
    let (found, tally, error) = read(&mut session, "a 1\nb{ 2\n", 2_000);
    assert_eq!(found, ["a stale @2000", "b stale @2000"]);
    assert_eq!(tally.scraped, 1);
    assert!(error.unwrap().starts_with("line 2, column 4: expected a label name"));
    assert!(shown(&session.nothing(3_000)).is_empty());
    // They are known still: nothing is added when they come back.
    let (found, tally, _) = read(&mut session, "a 1\nb 2\n", 4_000);
    assert_eq!((found.len(), tally.series_added), (2, 0));
    assert_eq!(shown(&session.nothing(5_000)), ["a stale @5000", "b stale @5000"]);
    // An answer without a body is a good one.
    read(&mut session, "a 1\n", 6_000);
    assert_eq!(read(&mut session, "", 7_000), (vec!["a stale @7000".to_owned()], Tally::default(), None));
}

#[test]
fn limits_fail_the_scrape_and_say_by_how_much() {
    let table = [
        ("sample_limit: 2", "a 1\nb 2\nc 3\nd 4\n", "more than 2 samples", 4),
        (
            "label_limit: 3",
            "a{x=\"1\",y=\"2\"} 1\n",
            "number of labels of metric `a` is 5, more than the 3 of `label_limit`",
            1,
        ),
        (
            "label_name_length_limit: 8",
            "a{very_long=\"1\"} 1\n",
            "length of a label name of metric `a` is 9",
            1,
        ),
        ("label_value_length_limit: 3", "a{x=\"1234\"} 1\n", "length of a label value of metric `a` is 4", 1),
        (
            "metric_relabel_configs: [{action: labeldrop, regex: __name__}]",
            "a 1\n",
            "a sample has no metric name",
            1,
        ),
    ];
    for (limit, body, expected, scraped) in table {
        let mut session = session(&format!("  {limit}\n"));
        let (found, tally, error) = read(&mut session, body, 1_000);
        assert!(found.is_empty(), "{limit}: {found:?}");
        assert!(error.as_deref().unwrap_or_default().starts_with(expected), "{limit}: {error:?}");
        assert_eq!(tally.scraped, scraped, "{limit}");
    }
    // At the limit is not over it.
    assert_eq!(read(&mut session("  sample_limit: 2\n"), "a 1\nb 2\n", 1).2, None);
    let mut plain = session("");
    let (_, _, result) = plain.read(b"a 1\n", Some("text/html"), 1);
    assert!(
        result.unwrap_err().to_string().starts_with("target says `text/html`, which is no exposition format")
    );
    let mut fallback = session("  fallback_scrape_protocol: PrometheusText0.0.4\n");
    assert!(fallback.read(b"a 1\n", None, 1).2.is_ok());
}

#[test]
fn labels_of_target_and_sample_are_joined_as_upstream_does() {
    let body = "a{job=\"x\",instance=\"\",exported_job=\"y\"} 1\n";
    let with = |job: &str| {
        let (batch, ..) = session(job).read(body.as_bytes(), TEXT, 1);
        batch.points[0].labels.to_string()
    };
    assert_eq!(with(""), r#"a{exported_exported_job="x", exported_job="y", instance="h:1", job="j"}"#);
    assert_eq!(with("  honor_labels: true\n"), r#"a{exported_job="y", job="x"}"#);
}

#[test]
fn relabelling_drops_and_joins_series() {
    let mut session = session(
        "  metric_relabel_configs:\n  - {source_labels: [__name__], regex: go_.*, action: drop}\n  - {action: labeldrop, regex: pod}\n",
    );
    let body = "go_x 1\na{pod=\"1\"} 1\na{pod=\"2\"} 2\nb 1\nb 5\n";
    for t_ms in [1_000, 2_000] {
        let (found, tally, error) = read(&mut session, body, t_ms);
        // Of two that become one the first stays, and so does the first of two that were one all along.
        assert_eq!(found, [format!("a 1 @{t_ms}"), format!("b 1 @{t_ms}")]);
        assert_eq!((tally.scraped, tally.added, tally.duplicates, error), (5, 4, 2, None));
    }
    // One of the two ways of writing it is enough for it to live.
    assert_eq!(read(&mut session, "a{pod=\"2\"} 2\n", 3_000).0, ["a 2 @3000", "b stale @3000"]);
}

#[test]
fn reports_and_the_end_of_a_target() {
    let mut session = session("  extra_scrape_metrics: true\n  sample_limit: 9\n");
    let (mut batch, tally, _) = session.read(b"a 1\n", TEXT, 1_000);
    let outcome = Outcome { healthy: true, tally, body_bytes: 4 };
    session.report(&mut batch, 1_000, Duration::from_millis(250), Duration::from_secs(10), &outcome);
    assert_eq!(
        shown(&batch),
        [
            "a 1 @1000",
            "scrape_body_size_bytes 4 @1000",
            "scrape_duration_seconds 0.25 @1000",
            "scrape_sample_limit 9 @1000",
            "scrape_samples_post_metric_relabeling 1 @1000",
            "scrape_samples_scraped 1 @1000",
            "scrape_series_added 1 @1000",
            "scrape_timeout_seconds 10 @1000",
            "up 1 @1000",
        ]
    );
    let end = shown(&session.end(2_000));
    assert_eq!(end.len(), 9);
    assert!(end.iter().all(|point| point.ends_with("stale @2000")), "{end:?}");
    assert!(session.end(3_000).points.is_empty());
}

#[test]
fn metadata_is_told_when_it_is_new_or_has_changed() {
    let mut session = session("");
    let body = "# HELP a helps\n# TYPE a counter\na 1\n";
    let (batch, ..) = session.read(body.as_bytes(), TEXT, 1);
    let told: Vec<_> =
        batch.metadata.iter().map(|(name, known)| (&**name, known.kind, &*known.help)).collect();
    assert_eq!(told, [("a", MetricType::Counter, "helps")]);
    assert!(session.read(body.as_bytes(), TEXT, 2).0.metadata.is_empty());
    let (batch, ..) = session.read(b"# TYPE a gauge\na 1\n", TEXT, 3);
    assert_eq!(batch.metadata[0].1.kind, MetricType::Gauge);
}

#[test]
fn failing_scrapes_with_ever_new_series_do_not_fill_the_memory() {
    let mut session = session("  sample_limit: 300\n");
    for scrape in 0..50 {
        let body: String = (0..301).map(|n| format!("a{{x=\"{scrape}-{n}\"}} 1\n")).collect();
        assert!(read(&mut session, &body, scrape).2.is_some());
        assert!(session.cached.len() + session.slots.len() < 4_000, "{scrape}");
    }
}

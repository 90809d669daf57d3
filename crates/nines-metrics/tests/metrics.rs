//! The crate against a real store: what goes in as OTLP or remote write comes out of Prometheus' API.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::RealDisk;
use nines_base::{ManualClock, Random, SharedClock, Shutdown};
use nines_metrics::{About, Answered, Endpoint, Parameters, QuestionLimits, Questions, Translator};
use nines_model::rows::RowsBuilder;
use nines_model::{Batch, Dataset, Resource, Timestamp, Value, ValueRef};
use nines_series::{SeriesStore, StoreConfig, WriteRequest};

/// 2026-11-22T08:00:00Z.
const NOW_SECS: i64 = 1_795_334_400;

struct World {
    questions: Questions,
    store: SeriesStore,
    translator: Translator,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: SharedClock = ManualClock::at(Timestamp::from_secs(NOW_SECS));
        let config = StoreConfig { free_bytes_min: 0, ..StoreConfig::new(folder.path()) };
        let (store, _) =
            SeriesStore::open(config, RealDisk::shared(), Arc::clone(&clock), Random::from_seed(7)).unwrap();
        let about = About {
            version: "0.1.0",
            started_at: Timestamp::from_secs(NOW_SECS),
            retention: Duration::from_secs(90 * 86_400),
        };
        let questions = Questions::new(store.clone(), clock, QuestionLimits::default(), about);
        Self { questions, store, translator: Translator::default(), _folder: folder }
    }

    fn write(&self, request: WriteRequest<'_>) {
        assert!(self.store.write(request).unwrap().wait().unwrap().is_whole());
    }

    fn otlp(&self, batch: &Batch) {
        let translated = self.translator.translate(std::slice::from_ref(batch));
        self.write(translated.request());
    }

    fn ask(&self, endpoint: Endpoint, parameters: &[(&str, &str)]) -> Answered {
        let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.questions.answer(&endpoint, &Parameters(pairs.collect()), &Shutdown::new())
    }

    fn data(&self, endpoint: Endpoint, parameters: &[(&str, &str)]) -> String {
        let answered = self.ask(endpoint, parameters);
        assert_eq!(answered.status, 200, "{}", answered.body);
        let body = answered.body.strip_prefix("{\"status\":\"success\",\"data\":").unwrap();
        body.strip_suffix('}').unwrap().to_owned()
    }

    fn value(&self, query: &str) -> String {
        let data = self.data(Endpoint::Query, &[("query", query)]);
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        let values: Vec<&str> =
            data["result"].as_array().unwrap().iter().filter_map(|one| one["value"][1].as_str()).collect();
        values.join(" ")
    }
}

/// How long before now, in seconds; when its counting began, likewise; own fields.
type SentPoint<'a> = (i64, i64, &'a [(&'a str, ValueRef<'a>)]);

fn batch(points: &[SentPoint<'_>]) -> Batch {
    let resource = [
        ("service.name", "checkout"),
        ("service.namespace", "shop"),
        ("service.instance.id", "pod-1"),
        ("cloud.region", "ap-east-2"),
        ("scope.name", "meter"),
    ];
    batch_of(&resource, points)
}

fn batch_of(resource: &[(&str, &str)], points: &[SentPoint<'_>]) -> Batch {
    let mut rows = RowsBuilder::new();
    let attribute = |(name, value): &(&str, &str)| ((*name).into(), Value::str(*value));
    let resource = rows.add_resource(Resource { attributes: resource.iter().map(attribute).collect() });
    for (ago, start_ago, fields) in points {
        rows.begin(resource);
        for (name, value) in *fields {
            rows.put(name, *value);
        }
        rows.put("start_timestamp", ValueRef::Int((NOW_SECS - start_ago) * 1_000_000_000));
        rows.commit(Timestamp::from_secs(NOW_SECS - ago));
    }
    let received_at = Timestamp::from_secs(NOW_SECS);
    Batch { dataset: Dataset::Metrics, received_at, rows: rows.finish() }
}

fn text(value: &str) -> ValueRef<'_> {
    ValueRef::Str(value)
}

#[test]
fn an_answer_is_prometheus_to_the_byte() {
    let world = World::new();
    let mut request = WriteRequest::default();
    for (instance, value) in [("a", 1.0), ("b", 0.25)] {
        request.label(b"__name__", b"up");
        request.label(b"instance", instance.as_bytes());
        request.sample((NOW_SECS - 60) * 1_000, value);
        request.sample(NOW_SECS * 1_000 - 500, value * 2.0);
        request.end_series();
    }
    world.write(request);
    let now = NOW_SECS.to_string();
    assert_eq!(
        world.data(Endpoint::Query, &[("query", "up"), ("time", &now)]),
        format!(
            r#"{{"resultType":"vector","result":[{{"metric":{{"__name__":"up","instance":"a"}},"value":[{now},"2"]}},{{"metric":{{"__name__":"up","instance":"b"}},"value":[{now},"0.5"]}}]}}"#
        )
    );
    let (start, end) = (format!("{}.5", NOW_SECS - 60), format!("{NOW_SECS}.5"));
    assert_eq!(
        world.data(
            Endpoint::QueryRange,
            &[("query", "sum(up)"), ("start", &start), ("end", &end), ("step", "60")]
        ),
        format!(
            r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[[{}.500,"1.25"],[{NOW_SECS}.500,"2.5"]]}}]}}"#,
            NOW_SECS - 60
        )
    );
    assert_eq!(
        world.data(Endpoint::Query, &[("query", "1+1"), ("time", "5")]),
        r#"{"resultType":"scalar","result":[5,"2"]}"#
    );
    assert_eq!(world.data(Endpoint::Labels, &[]), r#"["__name__","instance"]"#);
    assert_eq!(world.data(Endpoint::LabelValues("instance".into()), &[("match[]", "up")]), r#"["a","b"]"#);
    assert_eq!(
        world.data(Endpoint::Series, &[("match[]", "up{instance=\"a\"}")]),
        r#"[{"__name__":"up","instance":"a"}]"#
    );
    assert_eq!(world.data(Endpoint::Rules, &[]), r#"{"groups":[]}"#);
    let limited = world.ask(Endpoint::Query, &[("query", "up"), ("limit", "1")]);
    assert!(limited.body.ends_with(r#""warnings":["results truncated due to limit"]}"#), "{}", limited.body);
    assert_eq!(world.data(Endpoint::FormatQuery, &[("query", "sum(up)by(a)")]), r#""sum by (a) (up)""#);
}

#[test]
fn refusals_have_upstreams_kinds_and_statuses() {
    let world = World::new();
    let check = |endpoint: Endpoint, parameters: &[(&str, &str)], status: u16, kind: &str, message: &str| {
        let answered = world.ask(endpoint, parameters);
        let start = format!(r#"{{"status":"error","errorType":"{kind}","error":"#);
        assert!(
            answered.status == status && answered.body.starts_with(&start) && answered.body.contains(message),
            "{answered:?}"
        );
    };
    check(
        Endpoint::Query,
        &[("query", "sum(")],
        400,
        "bad_data",
        "invalid parameter \\\"query\\\": 1:5: parse error",
    );
    check(Endpoint::Query, &[], 400, "bad_data", "no expression found in input");
    check(
        Endpoint::Query,
        &[("query", "up"), ("time", "x")],
        400,
        "bad_data",
        "cannot parse \\\"x\\\" to a valid timestamp",
    );
    let range = |start, end, step| [("query", "up"), ("start", start), ("end", end), ("step", step)];
    check(
        Endpoint::QueryRange,
        &range("2", "1", "1"),
        400,
        "bad_data",
        "end timestamp must not be before start time",
    );
    check(Endpoint::QueryRange, &range("0", "1", "0"), 400, "bad_data", "zero or negative");
    check(
        Endpoint::QueryRange,
        &range("0", "11001", "1"),
        400,
        "bad_data",
        "exceeded maximum resolution of 11,000 points",
    );
    assert_eq!(world.ask(Endpoint::QueryRange, &range("0", "11000", "1")).status, 200);
    check(Endpoint::Series, &[], 400, "bad_data", "no match[] parameter provided");
    check(Endpoint::Series, &[("match[]", "{a=\"\"}")], 400, "bad_data", "at least one non-empty matcher");
    check(Endpoint::Query, &[("query", "up"), ("timeout", "0")], 503, "timeout", "timed out");
    let cancelled = Shutdown::new();
    cancelled.begin();
    let pairs = vec![("query".to_owned(), "up".to_owned())];
    let answered = world.questions.answer(&Endpoint::Query, &Parameters(pairs), &cancelled);
    assert!(answered.status == 503 && answered.body.contains("\"canceled\""), "{answered:?}");
    // Two series of one side for one of the other.
    let mut request = WriteRequest::default();
    for pod in ["a", "b"] {
        request.label(b"__name__", b"up");
        request.label(b"pod", pod.as_bytes());
        request.sample(NOW_SECS * 1_000, 1.0);
        request.end_series();
    }
    world.write(request);
    check(Endpoint::Query, &[("query", "up + on () up")], 422, "execution", "many-to-many");
}

#[test]
fn hosts_without_a_service_stay_apart() {
    let world = World::new();
    for (host, value) in [("web-1", 1.0), ("web-2", 2.0)] {
        let fields = [
            ("name", text("system.memory.limit")),
            ("unit", text("By")),
            ("metric_type", text("gauge")),
            ("value", ValueRef::Float(value)),
        ];
        let resource = [("host.name", host), ("os.type", "linux"), ("cloud.region", "mars")];
        world.otlp(&batch_of(&resource, &[(10, 100, &fields)]));
    }
    assert_eq!(world.value("sum(system_memory_limit_bytes)"), "3");
    assert_eq!(world.value("system_memory_limit_bytes{host_name=\"web-2\", instance=\"web-2\"}"), "2");
    // What else is known of the machine can be joined.
    assert_eq!(world.value("sum by (cloud_region) (info(system_memory_limit_bytes))"), "3");
    assert_eq!(world.value("count(target_info{cloud_region=\"mars\", job=\"\"})"), "2");
}

#[test]
fn gauges_and_sums_get_prometheus_names_and_who_sent_them() {
    let world = World::new();
    let fields = [
        ("name", text("http.server.requests")),
        ("unit", text("{request}")),
        ("description", text("Requests that were answered")),
        ("metric_type", text("sum")),
        ("temporality", text("cumulative")),
        ("is_monotonic", ValueRef::Bool(true)),
        ("value", ValueRef::Float(7.0)),
        ("http.route", text("/cart")),
        ("attributes.name", text("of the attribute")),
    ];
    world.otlp(&batch(&[(10, 100, &fields)]));
    assert_eq!(
        world.data(Endpoint::Series, &[("match[]", "{__name__=~\".+\"}")]),
        r#"[{"__name__":"http_server_requests_total","http_route":"/cart","instance":"pod-1","job":"shop/checkout","name":"of the attribute"},{"__name__":"target_info","cloud_region":"ap-east-2","instance":"pod-1","job":"shop/checkout"}]"#
    );
    assert_eq!(world.value("http_server_requests_total"), "7");
    let metadata = world.data(Endpoint::Metadata, &[("metric", "http_server_requests_total")]);
    assert_eq!(
        metadata,
        r#"{"http_server_requests_total":[{"type":"counter","help":"Requests that were answered","unit":""}]}"#
    );
    // What the resource says can be joined.
    assert_eq!(
        world.value("sum by (cloud_region) (info(http_server_requests_total, {cloud_region=\"ap-east-2\"}))"),
        "7"
    );
}

fn delta<'a>(value: f64) -> [(&'a str, ValueRef<'a>); 5] {
    [
        ("name", text("jobs")),
        ("metric_type", text("sum")),
        ("temporality", text("delta")),
        ("is_monotonic", ValueRef::Bool(true)),
        ("value", ValueRef::Float(value)),
    ]
}

#[test]
fn deltas_add_up_once_and_survive_a_restart() {
    let mut world = World::new();
    world.otlp(&batch(&[(240, 300, &delta(2.0)), (180, 240, &delta(3.0))]));
    // The sender did not hear the answer.
    world.otlp(&batch(&[(180, 240, &delta(3.0))]));
    assert_eq!(world.value("jobs_total"), "5");
    // Too late: later ones are written already.
    let late = batch(&[(200, 240, &delta(100.0))]);
    assert!(world.translator.translate(std::slice::from_ref(&late)).request().sample_count() <= 1);
    assert_eq!(world.translator.stats().late_deltas, 1);
    // A new process knows no sums. It begins with a zero, so that more than before is no continuation.
    world.translator = Translator::default();
    world.otlp(&batch(&[(120, 180, &delta(9.0)), (60, 120, &delta(1.0))]));
    let raw = world.data(Endpoint::Query, &[("query", "jobs_total[10m]")]);
    let raw: serde_json::Value = serde_json::from_str(&raw).unwrap();
    let values: Vec<&str> = raw["result"][0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|sample| sample[1].as_str())
        .collect();
    assert_eq!(values, ["0", "2", "5", "0", "9", "10"]);
    // 2 + 3 + 9 + 1 in the four minutes between the first and the last sample.
    let increase: f64 = world.value("increase(jobs_total[5m])").parse().unwrap();
    assert!((increase - 15.0 * 300.0 / 239.999).abs() < 4.0, "{increase}");
    assert_eq!(world.value("sum(resets(jobs_total[10m]))"), "1");
}

#[test]
fn histograms_of_both_kinds_answer_quantiles() {
    let world = World::new();
    let classic = |counts: &'static str, count: i64| {
        [
            ("name", text("latency")),
            ("unit", text("s")),
            ("metric_type", text("histogram")),
            ("temporality", text("cumulative")),
            ("count", ValueRef::Int(count)),
            ("sum", ValueRef::Float(12.5)),
            ("buckets", ValueRef::Json(counts)),
            (
                "exemplars",
                ValueRef::Json(
                    r#"[{"timestamp":1795334390000000000,"value":0.7,"trace_id":"abc","span_id":"def"}]"#,
                ),
            ),
        ]
    };
    world.otlp(&batch(&[(10, 100, &classic(r#"{"bounds":[0.5,1],"counts":[10,10,0]}"#, 20))]));
    assert_eq!(world.value("latency_seconds_bucket"), "20 10 20");
    assert_eq!(world.value("latency_seconds_count"), "20");
    assert_eq!(world.value("histogram_quantile(0.75, latency_seconds_bucket)"), "0.75");
    let exemplars = world.data(Endpoint::QueryExemplars, &[("query", "latency_seconds_bucket")]);
    assert!(
        exemplars.contains(r#""le":"1""#)
            && exemplars.contains(r#""trace_id":"abc""#)
            && exemplars.contains(r#""value":"0.7","timestamp":1795334390}"#),
        "{exemplars}"
    );
    // Buckets (1, 2], (2, 4], (4, 8] by scale 0.
    let native = |temporality: &'static str, name: &'static str| {
        [
            ("name", text(name)),
            ("metric_type", text("exponential_histogram")),
            ("temporality", text(temporality)),
            ("count", ValueRef::Int(4)),
            ("sum", ValueRef::Float(14.0)),
            (
                "buckets",
                ValueRef::Json(
                    r#"{"scale":0,"zero_count":0,"zero_threshold":0,"positive":{"offset":0,"counts":[1,2,1]},"negative":{"offset":0,"counts":[]}}"#,
                ),
            ),
        ]
    };
    world.otlp(&batch(&[(10, 100, &native("cumulative", "size"))]));
    assert_eq!(world.value("histogram_count(size)"), "4");
    assert_eq!(world.value("histogram_fraction(0, 4, size)"), "0.75");
    let shown = world.data(Endpoint::Query, &[("query", "size")]);
    assert!(shown.contains(r#""buckets":[[0,"1","2","1"],[0,"2","4","2"],[0,"4","8","1"]]"#), "{shown}");
    world.otlp(&batch(&[(20, 30, &native("delta", "deltas")), (10, 20, &native("delta", "deltas"))]));
    assert_eq!(world.value("histogram_count(deltas)"), "8");
    assert_eq!(world.value("histogram_sum(deltas)"), "28");
}

#[test]
fn a_point_without_a_value_ends_its_series() {
    let world = World::new();
    let gauge = |value: f64| {
        [("name", text("temperature")), ("metric_type", text("gauge")), ("value", ValueRef::Float(value))]
    };
    world.otlp(&batch(&[(20, 30, &gauge(21.5))]));
    assert_eq!(world.value("temperature"), "21.5");
    let absent = [("name", text("temperature")), ("metric_type", text("gauge")), ("flags", ValueRef::Int(1))];
    world.otlp(&batch(&[(10, 30, &absent)]));
    assert_eq!(world.value("temperature"), "");
    assert_eq!(world.value("last_over_time(temperature[1m])"), "21.5");
}

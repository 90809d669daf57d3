//! Against upstream's `promtool test rules`: what we compute is written down as what is expected, and it must agree.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use nines_base::{Random, spawn};
use nines_rules::template::{AlertData, Surroundings, Template, Value};
use nines_rules::testing::{self, Failure};

/// `NINES_PROMTOOL`, or what the path has.
fn promtool() -> Option<PathBuf> {
    let named = std::env::var_os("NINES_PROMTOOL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found =
        named.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join("promtool")));
    let found = found.find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: promtool is not installed (package `prometheus`)");
    }
    found
}

/// What promtool says of a test file; nothing if it passes.
fn ask(promtool: &PathBuf, rules: &str, tests: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("rules.yml", rules), ("tests.yml", tests)] {
        let disk = nines_base::disk::RealDisk::shared();
        disk.create(&folder.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let output = runtime.block_on(async {
        let mut command = spawn::program(promtool);
        command.args(["test", "rules", "tests.yml"]).current_dir(folder.path()).output().await.unwrap()
    });
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then_some(text)
}

/// Values and templates that reach every function; each annotation is what ours makes of it.
#[test]
fn templates_expand_as_upstreams() {
    let Some(promtool) = promtool() else { return };
    let texts = [
        "{{ $value }}",
        "{{ $labels }}",
        "{{ $labels.instance }}/{{ .Labels.job }}",
        "{{ $value | humanize }}",
        "{{ humanize1024 $value }}",
        "{{ $value | humanizeDuration }}",
        "{{ $value | humanizePercentage }}",
        "{{ $value | humanizeTimestamp }}",
        "{{ printf \"%.2f|%5.1f|%-8.3e|%g|%+.1f|%08.2f\" $value $value $value $value $value $value }}",
        "{{ printf \"%d %s %v %q %x\" 42 \"a\" true \"q\\\"\" 255 }}",
        "{{ printf \"%d\" $value }}",
        "{{ printf \"%s\" }}",
        "{{ printf \"a\" 1 \"b\" }}",
        "{{ with query \"up\" }}{{ . | first | value }}{{ end }}",
        "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }};{{ else }}none{{ end }}",
        "{{ query \"up\" | first | label \"job\" }}",
        "{{ reReplaceAll \"(.*):(.*)\" \"$2-${1}\" $labels.instance }}",
        "{{ if match \"^h.*\" $labels.instance }}m{{ else }}n{{ end }}",
        "{{ title \"hello there-world\" }}",
        "{{ toUpper $labels.job }}{{ toLower \"ABC\" }}",
        "{{ stripPort $labels.instance }}",
        "{{ stripDomain \"a.b.c:1\" }}",
        "{{ parseDuration \"1h5m\" }}",
        "{{ graphLink \"up == 1\" }}",
        "{{ tableLink \"sum(up) > 1\" }}",
        "{{ $externalLabels.region }}",
        "{{ if gt $value 1.0 }}big{{ else if eq $value 1.0 }}one{{ else }}small{{ end }}",
        "a {{- 1 -}} b {{/* c */}} d",
        "{{ $x := 1 }}{{ $x = 3 }}{{ $x }}",
        "{{ define \"t\" }}<{{ .arg0 }}>{{ end }}{{ template \"t\" (args $labels.job) }}",
        "{{ range $k, $v := $labels }}{{ $k }}:{{ $v }} {{ end }}",
        "{{ and 1 0 }} {{ or \"\" \"x\" }} {{ not true }}",
        "{{ len $labels }} {{ index $labels \"job\" }} {{ slice \"abcdef\" 2 4 }}",
        "{{ print 1 2 \"a\" \"b\" 3 }}",
        "{{ html \"<&'>\" }}{{ urlquery \"a b&c\" }}{{ js \"it's <b>\" }}",
        "{{ $labels.nothing }}|",
        "{{ 1e3 }} {{ 0x1F }} {{ 'a' }} {{ 1.5e-7 }} {{ 123456789.0 }}",
        "{{ eq $labels.job \"a\" \"node\" }}",
        "{{ `raw {{` }}{{ \"\\u00e9\\t\" }}|",
        "{{ if $labels.nothing }}y{{ end }}{{ with $labels.job }}{{ . }}{{ end }}",
    ];
    let values = [
        "0",
        "1",
        "1234567.891",
        "0.00012345",
        "-42.5",
        "9000000000.5",
        "86461.5",
        "NaN",
        "Inf",
        "1435065584.128",
    ];
    let labels: BTreeMap<String, String> = [("__name__", "v"), ("instance", "host:9100"), ("job", "node")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into();
    let external: BTreeMap<String, String> = [("region".to_owned(), "eu".to_owned())].into();
    let url = "http://prom:9090/base";
    let (mut rules, mut tests) = ("groups:\n- name: g\n  rules:\n".to_owned(), String::new());
    for (number, text) in texts.iter().enumerate() {
        // JSON's texts are YAML's too.
        let text = serde_json::to_string(text).unwrap();
        let _ = writeln!(rules, "  - alert: A{number}\n    expr: v\n    annotations: {{t: {text}}}");
    }
    tests.push_str("rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n");
    for value in values {
        let _ = writeln!(
            tests,
            "- interval: 1m\n  external_labels: {{region: eu}}\n  external_url: {url:?}\n  input_series:\n  - {{series: 'v{{job=\"node\",instance=\"host:9100\"}}', values: '{value}'}}\n  - {{series: 'up{{job=\"x\",instance=\"b\"}}', values: '1.5'}}\n  alert_rule_test:"
        );
        for (number, text) in texts.iter().enumerate() {
            let external_url = url;
            let value = Value::Float(value.parse().unwrap());
            let data = AlertData { labels: &labels, external_labels: &external, external_url, value };
            let sample = nines_rules::template::QuerySample {
                labels: [("__name__", "up"), ("job", "x"), ("instance", "b")]
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
                    .into(),
                value: 1.5,
            };
            let mut query = |_: &str| Ok(vec![sample.clone()]);
            let mut around = Surroundings { external_url, now_ms: 0, query: &mut query };
            let ours = Template::parse(text).unwrap().expand(&data, &mut around).unwrap();
            let ours = serde_json::to_string(&ours).unwrap();
            let _ = writeln!(
                tests,
                "  - {{eval_time: 0m, alertname: A{number}, exp_alerts: [{{exp_labels: {{job: node, instance: \"host:9100\"}}, exp_annotations: {{t: {ours}}}}}]}}"
            );
        }
    }
    println!("{} templates, {} values", texts.len(), values.len());
    if let Some(differences) = ask(&promtool, &rules, &tests) {
        panic!("{differences}");
    }
}

/// Conditions that come and go at random, with random `for` and `keep_firing_for`: which alerts fire at each minute, and
/// what the series of the alerts are.
#[test]
fn alerts_fire_when_upstreams_do() {
    let Some(promtool) = promtool() else { return };
    let seed = 7;
    println!("seed {seed}");
    let random = Random::from_seed(seed);
    let minutes = 40;
    let (mut rules, mut tests) = ("groups:\n- name: g\n  rules:\n".to_owned(), String::new());
    tests.push_str(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n",
    );
    for number in 0..12 {
        let (hold, keep) = (random.below(5), random.below(4));
        let keep = if keep == 0 { String::new() } else { format!("\n    keep_firing_for: {keep}m") };
        let _ = writeln!(
            rules,
            "  - alert: A{number}\n    expr: x{number} > 0\n    for: {hold}m{keep}\n  - record: r{number}\n    expr: sum(x{number}) without (i) > 0"
        );
        for series in 0..2 {
            let values: Vec<&str> = (0..=minutes)
                .map(|_| match random.below(8) {
                    0 | 1 => "0",
                    2 => "stale",
                    _ => "1",
                })
                .collect();
            let _ = writeln!(
                tests,
                "  - {{series: 'x{number}{{i=\"{series}\"}}', values: '{}'}}",
                values.join(" ")
            );
        }
    }
    // First with nothing expected: ours tells what there is, and that is written down.
    let mut head = tests.clone();
    head.push_str("  promql_expr_test: []\n  alert_rule_test:\n");
    let mut probe = head.clone();
    for minute in 0..=minutes {
        for number in 0..12 {
            let _ = writeln!(probe, "  - {{eval_time: {minute}m, alertname: A{number}}}");
        }
    }
    let files = |rules: String| move |_: &str| Ok(vec![("rules.yml".to_owned(), rules.clone())]);
    let report = testing::run("tests.yml", &probe, &mut files(rules.clone())).unwrap();
    let firing = |failure: &Failure| failure.message.matches("{alertname=").count();
    println!("{} checks, {} firing", report.checks, report.failures.iter().map(firing).sum::<usize>());
    let mut full = head;
    for minute in 0..=minutes {
        for number in 0..12 {
            let at =
                if minute == 0 { "0s".to_owned() } else { nines_promql::format_duration(minute * 60_000) };
            let mark = format!("alert `A{number}` at {at}:");
            let found = report.failures.iter().find(|failure| failure.message.starts_with(&mark));
            let alerts: Vec<String> = (0..2)
                .filter(|i| found.is_some_and(|failure| failure.message.contains(&format!("i=\"{i}\""))))
                .map(|i| format!("{{exp_labels: {{i: \"{i}\"}}}}"))
                .collect();
            let _ = writeln!(
                full,
                "  - {{eval_time: {minute}m, alertname: A{number}, exp_alerts: [{}]}}",
                alerts.join(", ")
            );
        }
    }
    let ours = testing::run("tests.yml", &full, &mut files(rules.clone())).unwrap();
    assert_eq!(ours.failures, [], "what was read off must pass");
    if let Some(differences) = ask(&promtool, &rules, &full) {
        panic!("{differences}");
    }
    // And it is the tests that agree, not two tools that pass everything.
    let wrong = full.replacen("exp_alerts: []", "exp_alerts: [{exp_labels: {i: \"9\"}}]", 1);
    assert!(ask(&promtool, &rules, &wrong).is_some());
    assert!(!testing::run("tests.yml", &wrong, &mut files(rules)).unwrap().failures.is_empty());
}

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

const SLOTH: &str = r#"
version: prometheus/v1
service: Shop
labels: {owner: web}
slos:
  - name: answers
    objective: 99.9
    description: Pages are served.
    sli:
      events:
        error_query: sum(rate(pages_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(pages_total[{{.window}}]))
    alerting:
      annotations: {runbook: "https://example.org/pages"}
      page_alert: {labels: {severity: page}}
  - name: happy
    objective: 95
    sli:
      raw: {error_ratio_query: "1 - avg(avg_over_time(happiness[{{.window}}]))"}
    alerting:
      page_alert: {disable: true, labels: {team: web}}
      ticket_alert: {disable: true}
  - name: programmed
    objective: 99
    sli: {plugin: {id: acme/lb}}
  - name: broken
    objective: 99
    sli: {events: {error_query: "sum(", total_query: "x_total"}}
"#;

const PYRRA: &str = r#"
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: grpc, labels: {prometheus: k8s}}
spec:
  target: "99.5"
  window: 2w
  indicator:
    ratio:
      errors: {metric: 'calls_total{code="Internal"}'}
      total: {metric: 'calls_total'}
      grouping: [method]
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: fast}
spec:
  target: "99"
  window: 4w
  indicator:
    latency:
      success: {metric: 'call_seconds_bucket{le="0.3"}'}
      total: {metric: 'call_seconds_count'}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: native}
spec:
  target: "90"
  window: 4w
  indicator:
    latencyNative: {latency: 200ms, total: {metric: 'call_seconds{job="a"}'}}
"#;

fn outcomes(imported: &Imported) -> Vec<(&str, Outcome)> {
    imported.lines.iter().map(|line| (line.name.as_str(), line.outcome)).collect()
}

#[test]
fn promises_of_sloth_are_measured_and_what_differs_is_said() {
    let imported = import(None, SLOTH).unwrap();
    assert_eq!(
        outcomes(&imported),
        [
            ("answers", Outcome::Translated),
            ("happy", Outcome::Approximated),
            ("programmed", Outcome::LeftOut),
            ("broken", Outcome::LeftOut),
        ]
    );
    assert_eq!(imported.lines[1].notes.len(), 3, "{:?}", imported.lines[1]);
    assert!(imported.lines[3].notes[0].starts_with("PromQL: "), "{:?}", imported.lines[3]);
    let mut registry = Registry::default();
    registry.apply(parse(None, &imported.yaml).unwrap().documents).unwrap();
    let promises = registry.promises();
    assert_eq!(promises[0].id, "shop-answers");
    assert_eq!((promises[0].target.as_f64(), promises[0].service.as_str()), (0.999, "Shop"));
    assert_eq!(promises[0].settings.runbook.as_deref(), Some("https://example.org/pages"));
    // The pairs of windows that Sloth generates alerts for, and their burn rates.
    let tiers = |at: usize| {
        let tier = &promises[0].tiers[at];
        (tier.long.as_secs() / 60, tier.short.as_secs() / 60, (tier.long_bad_share * 1e5).round())
    };
    assert_eq!(
        [1, 2, 3, 4].map(tiers),
        [(60, 5, 1_440.0), (360, 30, 600.0), (1_440, 120, 300.0), (4_320, 360, 100.0)]
    );
}

#[test]
fn objectives_of_pyrra_are_measured() {
    let imported = import(None, PYRRA).unwrap();
    assert_eq!(
        outcomes(&imported),
        [("grpc", Outcome::Approximated), ("fast", Outcome::Translated), ("native", Outcome::Translated)]
    );
    let mut registry = Registry::default();
    registry.apply(parse(None, &imported.yaml).unwrap().documents).unwrap();
    let method = |promise: &crate::Promise| match &promise.indicator {
        Ok(Measure::Series(indicator)) => matches!(indicator.form, MetricForm::Counts { .. }),
        other => panic!("{other:?}"),
    };
    let counted: BTreeMap<String, bool> =
        registry.promises().iter().map(|promise| (promise.id.clone(), method(promise))).collect();
    assert_eq!(counted, [("fast".into(), true), ("grpc".into(), true), ("native".into(), false)].into());
}

#[test]
fn what_is_applied_by_mistake_says_how_to_import_it() {
    for text in [SLOTH, PYRRA, "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nspec: {}\n"] {
        let errors = parse(None, text).unwrap_err();
        let hints: Vec<_> = errors.iter().filter_map(|error| error.hint.as_deref()).collect();
        assert!(hints.iter().any(|hint| hint.contains(COMMAND)), "{errors:?}");
    }
    let error = import(None, "apiVersion: openslo/v1\nkind: SLO\n").unwrap_err().remove(0);
    assert!(error.hint.unwrap().contains("nines apply"), "{}", error.message);
}

/// Real documents, where they are at hand.
#[test]
fn documents_that_others_published_are_imported() {
    let shared = std::env::var_os("NINES_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut files = 0;
    // Functions of MetricsQL, which PromQL has not.
    let mut left_out: Vec<String> = Vec::new();
    for folder in ["sloth", "pyrra"] {
        let folder = shared.join("data/slo-examples").join(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: no documents in {}", folder.display());
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if !path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
                continue;
            }
            let name = path.display().to_string();
            let imported = import(Some(&name), &std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            if !imported.yaml.is_empty() {
                parse(None, &imported.yaml).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            }
            files += 1;
            for line in &imported.lines {
                *counts.entry(line.outcome).or_default() += 1;
                if line.outcome == Outcome::LeftOut {
                    left_out.push(line.notes.join("; "));
                }
                println!(
                    "{} {} {}: {}",
                    line.source,
                    line.name,
                    line.outcome.as_str(),
                    line.notes.join("; ")
                );
            }
        }
    }
    println!("{files} files: {counts:?}");
    assert!(left_out.iter().all(|note| note.contains("histogram_share")), "{left_out:?}");
}

//! The registry: all or nothing, references resolved.

use nines_slo::{DocumentKey, DocumentKind, Registry, RemoveError, parse};

const SLI: &str = "
apiVersion: openslo/v1
kind: SLI
metadata: {name: answers}
spec:
  ratioMetric:
    good: {metricSource: {type: nines, spec: {dataset: spans, filter: 'status_code: ok'}}}
    total: {metricSource: {type: nines, spec: {dataset: spans}}}
";
const SLO: &str = "
apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations:
    nines/channels: hook
spec:
  service: shop
  indicatorRef: answers
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.9
    - target: 0.99
  alertPolicies:
    - burns
";
const OTHERS: &str = "
apiVersion: nines/v1
kind: Channel
metadata: {name: hook}
spec: {type: webhook, url: 'https://example.com/', secret: s3cret}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 20, lookbackWindow: 30m, alertAfter: 2m}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: burns}
spec:
  conditions: [{conditionRef: fast}]
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {owner: nobody, dependencies: [payment]}
";

fn apply(registry: &mut Registry, text: &str) -> Result<nines_slo::Applied, Vec<String>> {
    let parsed = parse(Some("all.yaml"), text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    registry.apply(parsed.documents).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn key(kind: DocumentKind, name: &str) -> DocumentKey {
    DocumentKey { kind, name: name.to_owned() }
}

#[test]
fn all_or_nothing_and_the_place_of_each_broken_reference() {
    let mut registry = Registry::default();
    let errors = apply(&mut registry, &format!("{SLI}---{SLO}")).unwrap_err();
    assert_eq!(
        errors,
        [
            "all.yaml:27:7: spec.alertPolicies[0]: there is no AlertPolicy named `burns`; apply it first, or in the same call",
            "all.yaml:15:21: metadata.annotations[\"nines/channels\"]: there is no Channel named `hook`; apply it first, or in the same call",
        ]
    );
    assert!(registry.is_empty());

    let everything = format!("{SLI}---{SLO}---{OTHERS}");
    let applied = apply(&mut registry, &everything).unwrap();
    assert_eq!((applied.created.len(), applied.changed.len(), registry.len()), (6, 0, 6));
    let warnings: Vec<String> = applied.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("there is no Team named `nobody`"), "{warnings:?}");

    let again = apply(&mut registry, &everything).unwrap();
    assert_eq!((again.created.len(), again.changed.len(), again.unchanged.len()), (0, 0, 6));
    let changed = apply(&mut registry, &everything.replace("0.99\n", "0.995\n")).unwrap();
    assert_eq!(changed.changed, [key(DocumentKind::Slo, "shop")]);

    let errors = apply(&mut registry, &SLO.replace("answers", "answer")).unwrap_err();
    assert!(errors[0].contains("there is no SLI named `answer`; did you mean `answers`?"), "{errors:?}");
}

#[test]
fn names_that_occur_twice_are_refused_with_both_places() {
    let errors = apply(&mut Registry::default(), &format!("{SLI}---{SLI}")).unwrap_err();
    assert_eq!(
        errors,
        [
            "all.yaml:12:18: metadata.name: SLI answers is already defined on line 4 of all.yaml; rename one of them"
        ]
    );
}

#[test]
fn an_indicator_may_not_change_under_its_users() {
    let mut registry = Registry::default();
    apply(&mut registry, &format!("{SLI}---{SLO}---{OTHERS}")).unwrap();
    let threshold = "
apiVersion: openslo/v1
kind: SLI
metadata: {name: answers}
spec:
  thresholdMetric: {metricSource: {type: nines, spec: {dataset: spans, field: duration}}}
";
    let errors = apply(&mut registry, threshold).unwrap_err();
    assert!(
        errors[0]
            .starts_with("all.yaml:6:20: spec.thresholdMetric: SLO shop uses this: the threshold is missing"),
        "{errors:?}"
    );
    apply(&mut registry, &threshold.replace("field: duration", "field: duration, threshold: 300ms")).unwrap();
    let promise = registry.promises().remove(0);
    assert_eq!(
        (promise.id.as_str(), promise.indicator.unwrap().events().unwrap().good.to_string().as_str()),
        ("shop:1", "duration_ns <= 300000000")
    );
}

#[test]
fn policies_become_tiers() {
    let mut registry = Registry::default();
    apply(&mut registry, &format!("{SLI}---{SLO}---{OTHERS}")).unwrap();
    let promise = registry.promises().remove(1);
    let tier = promise.tiers.last().unwrap();
    assert_eq!((tier.name.as_str(), tier.long.as_secs(), tier.short.as_secs()), ("burns", 1_800, 120));
    assert!((tier.burn_threshold(promise.target) - 20.0).abs() < 1e-9);
}

#[test]
fn what_is_used_stays() {
    let mut registry = Registry::default();
    apply(&mut registry, &format!("{SLI}---{SLO}---{OTHERS}")).unwrap();
    let answers = key(DocumentKind::Sli, "answers");
    let error = registry.remove(&answers).unwrap_err();
    assert_eq!(error.to_string(), "SLI answers is used by SLO shop; change or remove that first");
    registry.remove(&key(DocumentKind::Slo, "shop")).unwrap();
    registry.remove(&answers).unwrap();
    assert_eq!(registry.remove(&answers), Err(RemoveError::NotFound(answers)));
}

#[test]
fn the_whole_set_prints_and_reads_back() {
    let mut registry = Registry::default();
    apply(&mut registry, &format!("{SLI}---{SLO}---{OTHERS}")).unwrap();
    let mut copy = Registry::default();
    apply(&mut copy, &registry.to_yaml(false)).unwrap();
    assert_eq!(copy.to_yaml(false), registry.to_yaml(false));
    assert!(registry.to_yaml(false).contains("s3cret") && !registry.to_yaml(true).contains("s3cret"));
}

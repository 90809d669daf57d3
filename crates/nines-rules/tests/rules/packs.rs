//! Published rule packs load as they are.

use nines_rules::document::{RuleKind, parse};

use crate::shared;

#[test]
fn every_published_pack_loads() {
    let folder = shared().join("data/alert-rules");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut packs, mut groups, mut alerts, mut records) = (0, 0, 0, 0);
    let mut faults = Vec::new();
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        packs += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match parse(&name, &std::fs::read_to_string(&path).unwrap()) {
            Err(errors) => faults.extend(errors.iter().map(ToString::to_string)),
            Ok(file) => {
                groups += file.groups.len();
                for rule in file.groups.iter().flat_map(|group| &group.rules) {
                    match rule.kind {
                        RuleKind::Alerting(_) => alerts += 1,
                        RuleKind::Recording { .. } => records += 1,
                    }
                }
            }
        }
    }
    println!(
        "{packs} packs, {groups} groups, {alerts} alerts, {records} recording rules; {} faults",
        faults.len()
    );
    for fault in &faults {
        println!("{fault}");
    }
    assert!(packs > 50 && alerts > 400);
    assert!(faults.is_empty());
}

#[test]
fn mistakes_are_all_reported_with_their_rule_and_line() {
    let text = r#"groups:
- name: a
  intervall: 1m
  rules:
  - alert: Broken
    expr: sum(rate(x[5m])
    labels: {severity: "{{ $labels.a | humanise }}"}
    annotations:
      summary: "{{ if }}"
  - record: job:x:sum
    expr: '"text"'
    for: 5m
  - record: 'x{a="b"}'
    expr: x
    annotation: {a: b}
  - alert: A
    record: b
    expr: 1
    labels: {__name__: x}
- name: a
  rules: [{expr: up}]
"#;
    let errors: Vec<String> = parse("r.yml", text).unwrap_err().iter().map(ToString::to_string).collect();
    let expected = [
        "r.yml:3:3: groups[0].intervall: unknown key `intervall`; did you mean `interval`?",
        "r.yml:6:11: groups[0].rules[0] (group `a`, rule `Broken`): `expr` is no PromQL: 1:16: parse error: unexpected end of input",
        "r.yml:7:24: groups[0].rules[0] (group `a`, rule `Broken`): template of label `severity`: line 1, column 16: function `humanise` is not defined: did you mean `humanize`?",
        "r.yml:9:16: groups[0].rules[0] (group `a`, rule `Broken`): template of annotation `summary`: line 1, column 7: action is empty",
        "r.yml:11:11: groups[0].rules[1] (group `a`, rule `job:x:sum`): `expr` gives a string",
        "r.yml:12:5: groups[0].rules[1] (group `a`, rule `job:x:sum`): `for` in a recording rule",
        "`x{a=\"b\"}` is no name for a series; put the labels under `labels`",
        "unknown key `annotation`; did you mean `annotations`?",
        "only one of `record` and `alert` may be given",
        "label `__name__` cannot be set by a rule",
        "r.yml:20:9: groups[1].name: group `a` is there twice in this file; rename one of them",
        "one of `record` and `alert` must be given",
    ];
    for expected in expected {
        assert!(
            errors.iter().any(|error| error.contains(expected)),
            "missing: {expected}\n{}",
            errors.join("\n")
        );
    }
    assert_eq!(errors.len(), expected.len(), "{}", errors.join("\n"));
}

use super::*;
use crate::model::{Calculation, Legend, Source, Tone, VariableKind};

/// The constructs of dashboards of today, in one small one of our own.
const TODAY: &str = r##"{
  "uid": "x1", "title": "Hosts / Übersicht", "schemaVersion": 39, "refresh": "1m",
  "time": {"from": "now-24h", "to": "now"},
  "annotations": {"list": [{"builtIn": 1, "name": "Annotations & Alerts"}, {"name": "Deploys"}]},
  "templating": {"list": [
    {"name": "datasource", "type": "datasource", "query": "prometheus"},
    {"name": "job", "type": "query", "query": {"query": "label_values(node_uname_info{env=\"a,b\"}, job)", "refId": "x"},
     "multi": true, "includeAll": true, "allValue": ".+", "current": {"value": ["$__all"]}, "regex": "/node-(.*)/"},
    {"name": "node", "type": "query", "definition": "label_values(instance)", "query": "", "hide": 2, "current": {"value": "a:9100"}},
    {"name": "env", "type": "custom", "query": "Production : prod, staging", "current": {"value": "prod"}},
    {"name": "step", "type": "interval", "query": "auto,1m,5m"},
    {"name": "root", "type": "constant", "query": "/"},
    {"name": "filter", "type": "adhoc"},
    {"name": "tags", "type": "query", "query": "tag_values(x)"},
    {"name": "word", "type": "textbox", "query": "abc"}]},
  "panels": [
    {"id": 1, "type": "row", "title": "Open", "collapsed": false, "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}, "panels": []},
    {"id": 2, "type": "timeseries", "title": "Load", "repeat": "node", "gridPos": {"x": 0, "y": 1, "w": 12, "h": 8},
     "datasource": {"type": "prometheus", "uid": "${datasource}"},
     "fieldConfig": {"defaults": {"unit": "percentunit", "min": 0, "custom": {"stacking": {"mode": "normal"}},
        "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": null}, {"color": "#EAB839", "value": 0.7}, {"color": "red", "value": 0.9}]}},
       "overrides": [{"matcher": {"id": "byRegexp", "options": "/out.*/"}, "properties": [{"id": "custom.transform", "value": "negative-Y"}, {"id": "color", "value": {}}]}]},
     "options": {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": true}},
     "targets": [{"refId": "A", "expr": "rate(x{job=\"$job\"}[$__rate_interval])", "legendFormat": "__auto"},
                 {"refId": "B", "expr": "y{a=~\"[[node]]\", b=~\"[[x y]]\"}", "legendFormat": "{{a}}", "hide": true}]},
    {"id": 3, "type": "gauge", "title": "Full", "gridPos": {"x": 12, "y": 1, "w": 6, "h": 8},
     "fieldConfig": {"defaults": {"unit": "furlongs", "min": 0, "max": 50, "thresholds": {"mode": "percentage", "steps": [{"color": "red", "value": 80}]}}},
     "options": {"reduceOptions": {"calcs": ["mean"]}}, "targets": [{"expr": "z", "instant": true}]},
    {"id": 4, "type": "row", "title": "Folded", "collapsed": true, "gridPos": {"x": 0, "y": 9, "w": 24, "h": 1}, "panels": [
       {"id": 5, "type": "stat", "title": "Lines", "gridPos": {"x": 0, "y": 10, "w": 24, "h": 20}, "datasource": "Loki", "targets": [{"refId": "A", "expr": "rate({a=\"b\"}[1m])"}]},
       {"id": 6, "type": "heatmap", "title": "Buckets", "gridPos": {"x": 0, "y": 10, "w": 24, "h": 20}, "targets": [{"expr": "sum by (le) (rate(b_bucket[5m]))", "format": "heatmap"}]}]},
    {"id": 7, "type": "row", "title": "After", "gridPos": {"x": 0, "y": 10, "w": 24, "h": 1}},
    {"id": 8, "type": "text", "title": "Read", "gridPos": {"x": 0, "y": 11, "w": 24, "h": 3}, "options": {"mode": "html", "content": "<script>alert(1)</script><b>hi</b>"}},
    {"id": 9, "type": "nodeGraph", "title": "Graph", "gridPos": {"x": 0, "y": 14, "w": 24, "h": 3}, "targets": [{"expr": "a"}]},
    {"id": 8, "type": "bargauge", "title": "Bars", "gridPos": {"x": 0, "y": 17, "w": 24, "h": 3}, "targets": [{"expr": "a"}]}
  ]}"##;

#[test]
fn a_dashboard_of_today_is_taken_and_told() {
    let read = import(TODAY).unwrap();
    let dashboard = &read.dashboard;
    assert_eq!((&*dashboard.name, &*dashboard.title), ("hosts-bersicht", "Hosts / Übersicht"));
    assert_eq!((&*dashboard.from, dashboard.refresh_secs), ("now-24h", Some(60)));
    let told: Vec<_> = read.panels.iter().map(|it| (&*it.title, it.outcome)).collect();
    assert_eq!(
        told,
        [
            ("Load", Outcome::Taken),
            ("Full", Outcome::Approximated),
            ("Lines", Outcome::LeftOut),
            ("Buckets", Outcome::Taken),
            ("Read", Outcome::Approximated),
            ("Graph", Outcome::LeftOut),
            ("Bars", Outcome::Taken),
        ]
    );
    assert_eq!(read.panels[1].reasons, ["unit `furlongs` is shown as a plain number"]);
    assert_eq!(read.panels[2].reasons, ["query A is for loki"]);
    assert_eq!(
        read.notes,
        [
            "variable `datasource` is not kept: there is one source of data",
            "the values of variable `env` are shown without their labels",
            "variable `step` has no `auto` here: queries can use $__interval",
            "variable `filter` is not kept: filters by any label are not made",
            "variable `tags` is not kept: its query `tag_values(x)` is not understood",
            "annotation `Deploys` is not kept: changes are drawn on every chart",
        ]
    );
    // What is folded takes no place in the source, and its own here; nothing lies on anything.
    let cells: Vec<_> =
        dashboard.panels.iter().map(|it| (&*it.id, it.cell.y, it.cell.h, it.collapsed)).collect();
    assert_eq!(
        cells,
        [
            ("row-1", 0, 1, false),
            ("panel-2", 1, 8, false),
            ("panel-3", 1, 8, false),
            ("row-4", 9, 1, true),
            ("panel-6", 10, 20, false),
            ("row-7", 30, 1, false),
            ("panel-8", 31, 3, false),
            ("panel-8-2", 34, 3, false),
        ]
    );
    let again = crate::parse(None, &crate::yaml(dashboard)).unwrap();
    assert_eq!(again.dashboards[0], *dashboard);
}

#[test]
fn queries_looks_and_variables_come_along() {
    let dashboard = import(TODAY).unwrap().dashboard;
    let panel = |id: &str| dashboard.panels.iter().find(|it| it.id == id).unwrap();
    let load = panel("panel-2");
    assert_eq!(load.queries[0].source, Source::Promql("rate(x{job=\"$job\"}[$__rate_interval])".to_owned()));
    assert_eq!(load.queries[1].source, Source::Promql("y{a=~\"${node}\", b=~\"[[x y]]\"}".to_owned()));
    assert_eq!((load.queries[0].legend.as_str(), load.queries[1].hidden), ("", true));
    assert_eq!((&*load.unit, load.stack, load.legend), ("ratio", true, Legend::Table));
    assert_eq!(load.thresholds.iter().map(|it| it.tone).collect::<Vec<_>>(), [Tone::Warn, Tone::Bad]);
    assert_eq!(load.repeat.as_deref(), Some("node"));
    assert!(load.overrides[0].negative && load.overrides[0].series == "/out.*/");
    let full = panel("panel-3");
    assert_eq!((full.thresholds[0].from, full.calculation), (40.0, Calculation::Mean));
    assert_eq!(panel("panel-8").text, "alert(1)hi");
    let variable = |name: &str| dashboard.variables.iter().find(|it| it.name == name).unwrap();
    let job = variable("job");
    let kind = VariableKind::Label {
        label: "job".to_owned(),
        of: "node_uname_info{env=\"a,b\"}".to_owned(),
        regex: Some("node-(.*)".to_owned()),
    };
    assert_eq!((&job.kind, job.multiple, job.all, job.default.len()), (&kind, true, true, 0));
    assert_eq!(job.all_value.as_deref(), Some(".+"));
    assert!(variable("node").hidden);
    assert_eq!(variable("env").kind, VariableKind::List(vec!["prod".to_owned(), "staging".to_owned()]));
    assert_eq!(variable("word").default, ["abc"]);
}

#[test]
fn rows_of_old_are_laid_side_by_side() {
    let text = r#"{"dashboard": {"title": "Old", "schemaVersion": 14, "rows": [
      {"title": "One", "height": "300px", "panels": [
        {"id": 1, "type": "singlestat", "title": "Up", "span": 4, "valueName": "avg", "format": "percent", "thresholds": "50,80",
         "colors": ["green", "orange", "red"], "gauge": {"show": true}, "targets": [{"expr": "up"}]},
        {"id": 2, "type": "graph", "title": "Rate", "span": 8, "stack": true, "yaxes": [{"format": "Bps", "min": "0"}],
         "legend": {"show": false}, "targets": [{"expr": "rate(a[1m])", "interval": "30s"}], "alert": {"name": "x"}},
        {"id": 3, "type": "graph", "span": 12, "seriesOverrides": [{"alias": "b", "yaxis": 2}], "targets": [{"expr": "b"}]}]},
      {"title": "Two", "collapse": true, "panels": []}]}}"#;
    let read = import(text).unwrap();
    let cells: Vec<_> = read
        .dashboard
        .panels
        .iter()
        .map(|it| (it.view, it.cell.x, it.cell.y, it.cell.w, it.cell.h))
        .collect();
    assert_eq!(
        cells,
        [
            (View::Row, 0, 0, 24, 1),
            (View::Gauge, 0, 1, 8, 10),
            (View::TimeSeries, 8, 1, 16, 10),
            (View::TimeSeries, 0, 11, 24, 10),
            (View::Row, 0, 21, 24, 1),
        ]
    );
    let up = &read.dashboard.panels[1];
    assert_eq!((up.thresholds.len(), up.calculation, &*up.unit), (2, Calculation::Mean, "percent"));
    let reasons: Vec<usize> = read.panels.iter().map(|it| it.reasons.len()).collect();
    assert_eq!(reasons, [0, 2, 1], "{:?}", read.panels);
}

#[test]
fn what_is_no_dashboard_is_refused_with_its_reason() {
    for (text, part) in [
        ("{", "not JSON"),
        ("[]", "neither `panels` nor `rows`"),
        (r#"{"spec": {"elements": {}}}"#, "version 2"),
        (r#"{"panels": 1}"#, "neither"),
    ] {
        let error = import(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let many = format!(r#"{{"panels": [{}]}}"#, vec![r#"{"type":"row"}"#; PANELS_MAX + 1].join(","));
    assert!(import(&many).unwrap_err().to_string().contains("301 panels"));
}

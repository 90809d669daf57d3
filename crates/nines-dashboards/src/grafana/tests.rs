use super::*;
use crate::model::{Calculation, Legend, Mapped, Mapping, Override, Source, Threshold, Tone, VariableKind};

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
     "fieldConfig": {"defaults": {"unit": "percentunit", "min": 0, "custom": {"stacking": {"mode": "normal"}, "thresholdsStyle": {"mode": "line"}},
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
         "colors": ["green", "orange", "red"], "decimals": 1, "gauge": {"show": true, "minValue": 0, "maxValue": 200}, "targets": [{"expr": "up", "intervalFactor": 1}]},
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
    assert_eq!((up.decimals, up.min, up.max), (Some(1), Some(0.0), Some(200.0)));
    assert_eq!((up.thresholds.len(), up.calculation, &*up.unit), (3, Calculation::Mean, "percent"));
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

fn panel_of(json: &str) -> (Panel, Vec<String>) {
    let text = format!(
        r##"{{"title": "T", "schemaVersion": 42, "templating": {{"list": [{{"name": "job", "type": "custom", "query": "a"}}]}},
            "panels": [{json}]}}"##
    );
    let mut read = import(&text).unwrap();
    let again = crate::parse(None, &crate::yaml(&read.dashboard)).unwrap();
    assert_eq!(again.dashboards[0], read.dashboard, "what is imported can be kept");
    (read.dashboard.panels.remove(0), read.panels.remove(0).reasons)
}

#[test]
fn values_keep_their_words_and_lines_their_colours() {
    let (panel, reasons) = panel_of(
        r##"{"id": 1, "type": "stat", "title": "State", "targets": [{"refId": "A", "expr": "up{job=\"$job\"}"}],
        "fieldConfig": {"defaults": {"noValue": "never seen", "color": {"mode": "thresholds"},
          "mappings": [
            {"type": "value", "options": {"1": {"text": "Up", "color": "green", "index": 1}, "0": {"text": "Down", "color": "dark-red", "index": 0}}},
            {"type": "range", "options": {"from": 2, "to": null, "result": {"text": "Odd"}}},
            {"type": "regex", "options": {"pattern": "/^x.*/", "result": {"color": "#5794F2"}}},
            {"type": "special", "options": {"match": "null+nan", "result": {"text": "gone", "color": "text"}}}],
          "thresholds": {"mode": "absolute", "steps": [{"color": "red", "value": null}, {"color": "green", "value": 1}]}},
        "overrides": [{"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "semi-dark-blue"}}]}]}}"##,
    );
    assert_eq!(reasons, [""; 0]);
    let mapping = |of, text: Option<&str>, tone| Mapping { of, text: text.map(str::to_owned), tone };
    assert_eq!(
        panel.mappings,
        [
            mapping(Mapped::Value("0".to_owned()), Some("Down"), Some(Tone::Bad)),
            mapping(Mapped::Value("1".to_owned()), Some("Up"), Some(Tone::Good)),
            mapping(Mapped::Range { from: Some(2.0), to: None }, Some("Odd"), None),
            mapping(Mapped::Regex("^x.*".to_owned()), None, Some(Tone::Info)),
            mapping(Mapped::Missing, Some("gone"), Some(Tone::None)),
        ]
    );
    // What holds from below holds from the lowest value on.
    assert_eq!(
        panel.thresholds,
        [Threshold { from: 0.0, tone: Tone::Bad }, Threshold { from: 1.0, tone: Tone::Good }]
    );
    assert_eq!(panel.overrides, [Override { color: Some("#3274d9".to_owned()), ..Override::of("a") }]);
}

#[test]
fn thresholds_that_no_line_is_drawn_at_mean_nothing() {
    let (panel, reasons) = panel_of(
        r##"{"id": 1, "type": "timeseries", "title": "a", "targets": [{"expr": "a"}], "fieldConfig": {"defaults": {
          "color": {"mode": "fixed", "fixedColor": "orange"}, "custom": {"thresholdsStyle": {"mode": "off"}, "scaleDistribution": {"type": "log", "log": 10}},
          "thresholds": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 80}]}}}}"##,
    );
    assert_eq!(panel.thresholds, []);
    assert_eq!(panel.overrides, [Override { color: Some("#ff9830".to_owned()), ..Override::of("/.*/") }]);
    assert_eq!(reasons, ["its axis is linear, not logarithmic"]);
}

#[test]
fn tables_are_organised_and_what_is_not_done_is_named() {
    let (panel, reasons) = panel_of(
        r##"{"id": 1, "type": "table", "title": "a", "targets": [{"expr": "a", "format": "table", "instant": true}],
        "transformations": [
          {"id": "labelsToFields"}, {"id": "merge"},
          {"id": "organize", "options": {"excludeByName": {"Time": true, "instance": true, "job": false}, "indexByName": {"a": 1}, "renameByName": {"Value": "Cores", "pod": "Pod"}}},
          {"id": "filterFieldsByName", "options": {"exclude": {"pattern": "/^__/"}}},
          {"id": "sortBy"}, {"id": "calculateField", "disabled": true}],
        "fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": "byName", "options": "Value #A"}, "properties": [{"id": "unit", "value": "bytes"}, {"id": "custom.width", "value": 90}, {"id": "custom.cellOptions", "value": {}}]}]}}"##,
    );
    let named = |series: &str, name: &str| Override { name: Some(name.to_owned()), ..Override::of(series) };
    let hidden = |series: &str| Override { hidden: true, ..Override::of(series) };
    assert_eq!(
        panel.overrides,
        [
            Override { unit: Some("bytes".to_owned()), ..Override::of("value") },
            hidden("instance"),
            named("value", "Cores"),
            named("pod", "Pod"),
            hidden("/^__/"),
        ]
    );
    assert_eq!(
        reasons,
        [
            "`custom.cellOptions` is the same for all lines",
            "columns are in the order of their names, the value last",
            "its transformation `sortBy` is not made",
        ]
    );
}

#[test]
fn panels_of_version_16_keep_what_was_chosen_in_them() {
    let (graph, reasons) = panel_of(
        r##"{"id": 1, "type": "graph", "title": "a", "targets": [{"expr": "a"}], "timeShift": "1d", "percentage": true,
        "aliasColors": {"5xx": "#BF1B00", "2xx": "rgb(1, 2, 3)"}, "seriesOverrides": [{"alias": "/in/", "transform": "negative-Y", "color": "#705da0"}, {"alias": "x", "lines": false}],
        "thresholds": [{"value": 90, "op": "gt", "colorMode": "critical"}, {"value": 10, "op": "lt", "colorMode": "custom", "lineColor": "blue"}],
        "yaxes": [{"format": "short", "logBase": 10}, {"format": "short"}]}"##,
    );
    let color =
        |series: &str, color: &str| Override { color: Some(color.to_owned()), ..Override::of(series) };
    assert_eq!(
        graph.overrides,
        [
            color("2xx", "#010203"),
            color("5xx", "#bf1b00"),
            Override { negative: true, ..color("/in/", "#705da0") },
            Override { hidden: true, ..Override::of("x") },
        ]
    );
    assert_eq!(
        graph.thresholds,
        [Threshold { from: 10.0, tone: Tone::Info }, Threshold { from: 90.0, tone: Tone::Bad }]
    );
    assert_eq!(
        reasons,
        [
            "its threshold below 10 is drawn as one from 10 on",
            "its shift in time, `1d`, is not kept",
            "its axis is linear, not logarithmic",
            "stacked by value, not to 100 %",
        ]
    );
    let (single, reasons) = panel_of(
        r##"{"id": 1, "type": "singlestat", "title": "a", "targets": [{"expr": "a"}], "colorBackground": true, "postfix": " of 3",
        "colors": ["#d44a3a", "rgba(237, 129, 40, 0.89)", "#299c46"], "thresholds": "1,3", "nullText": "none",
        "mappingType": 1, "valueMaps": [{"op": "=", "text": "OK", "value": "1"}, {"op": "=", "text": "N/A", "value": "null"}], "rangeMaps": [{"from": "null", "to": "null", "text": "N/A"}]}"##,
    );
    assert_eq!(reasons, ["the postfix ` of 3` is not shown"]);
    assert_eq!(single.mappings.len(), 2, "{:?}", single.mappings);
    assert_eq!(single.mappings[1].of, Mapped::Missing);
    let told: Vec<_> = single.thresholds.iter().map(|it| (it.from, it.tone)).collect();
    assert_eq!(told, [(0.0, Tone::Bad), (1.0, Tone::Warn), (3.0, Tone::Good)]);
    let (table, reasons) = panel_of(
        r##"{"id": 1, "type": "table", "title": "a", "targets": [{"expr": "a"}], "styles": [
          {"pattern": "Time", "type": "hidden", "alias": "Time"}, {"pattern": "Value #A", "type": "number", "unit": "percentunit", "alias": "Used", "thresholds": ["0.8"]},
          {"pattern": "pod", "type": "string", "alias": "Pod", "linkUrl": "/d/x"}, {"pattern": "/.*/", "type": "number", "unit": "short"}]}"##,
    );
    assert_eq!(table.overrides.len(), 2, "{:?}", table.overrides);
    assert_eq!(
        (table.overrides[0].name.as_deref(), table.overrides[0].unit.as_deref()),
        (Some("Used"), Some("ratio"))
    );
    assert_eq!(
        reasons,
        ["the thresholds of column `Value #A` are not kept", "the link of column `pod` is not kept"]
    );
}

#[test]
fn names_without_a_value_are_told_and_constants_and_the_library_are_put_in() {
    let (_, reasons) = panel_of(
        r##"{"id": 1, "type": "stat", "title": "a", "targets": [{"expr": "label_replace(a{x=~\"$job|${cluster:regex}\", y=\"b$\"}[$__rate_interval], \"a\", \"$1\", \"b\", \"(.*)\")"}]}"##,
    );
    assert_eq!(reasons, ["nothing stands behind `$cluster`"]);
    let text = r##"{"__inputs": [{"name": "VAR_PREFIX", "type": "constant", "value": "my\"app"}],
      "__elements": {"u1": {"name": "Lib", "model": {"type": "timeseries", "title": "In it", "targets": [{"expr": "${VAR_PREFIX}"}]}}},
      "links": [{"type": "dashboards", "tags": ["k8s"], "title": ""}], "annotations": {"list": [{"name": "", "expr": "a"}]},
      "panels": [{"id": 7, "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4}, "title": "", "libraryPanel": {"uid": "u1", "name": "Lib"}},
                 {"id": 8, "title": "Elsewhere", "libraryPanel": {"uid": "u2", "name": "Not here"}}]}"##;
    let read = import(text).unwrap();
    let panel = &read.dashboard.panels[0];
    assert_eq!((&*panel.id, &*panel.title, panel.cell.w), ("panel-7", "In it", 6));
    assert_eq!(panel.queries[0].source, Source::Promql("my\"app".to_owned()));
    assert_eq!(read.panels[1].outcome, Outcome::LeftOut);
    assert_eq!(
        read.notes,
        [
            "annotation `` is not kept: changes are drawn on every chart",
            "link to dashboards of k8s of the dashboard is not kept",
        ]
    );
}

#[test]
fn lines_of_one_query_are_known_by_their_legend() {
    let overridden = r##""fieldConfig": {"defaults": {"unit": "epm"}, "overrides": [{"matcher": {"id": "byFrameRefID", "options": "B"},
        "properties": [{"id": "custom.transform", "value": "negative-Y"}]}]}"##;
    let with = |legend: &str| {
        panel_of(&format!(
            r##"{{"id": 1, "type": "timeseries", "title": "a", {overridden},
            "targets": [{{"refId": "A", "expr": "a", "legendFormat": "Received {{{{type}}}}"}}, {{"refId": "B", "expr": "b", "legendFormat": "{legend}"}}]}}"##
        ))
    };
    let (panel, reasons) = with("Sent (all) {{ type }}");
    assert_eq!(reasons, [""; 0]);
    assert_eq!(panel.overrides, [Override { negative: true, ..Override::of(r"/^Sent \(all\) .*$/") }]);
    assert_eq!(panel.unit, "perMinute");
    for legend in ["{{type}}", "__auto", "$job {{type}}"] {
        let (panel, reasons) = with(legend);
        assert_eq!(panel.overrides, []);
        assert_eq!(reasons, ["an override by `byFrameRefID` is not kept"], "{legend}");
    }
}

#[test]
fn a_table_of_several_queries_has_a_column_of_each() {
    let (panel, reasons) = panel_of(
        r##"{"id": 1, "type": "table", "title": "a", "targets": [
          {"refId": "A", "expr": "a", "hide": true}, {"refId": "B", "expr": "b", "format": "table"}, {"refId": "C", "expr": "c", "format": "table"}],
        "transformations": [{"id": "joinByField", "options": {"byField": "pod"}},
          {"id": "organize", "options": {"excludeByName": {"Time 1": true}, "renameByName": {"Value #B": "CPU", "Value #C": "Memory"}}}],
        "fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": "byName", "options": "Memory"}, "properties": [{"id": "unit", "value": "bytes"}]}]}}"##,
    );
    assert_eq!(reasons, [""; 0]);
    let named = |series: &str, name: &str| Override { name: Some(name.to_owned()), ..Override::of(series) };
    assert_eq!(
        panel.overrides,
        [
            Override { unit: Some("bytes".to_owned()), ..Override::of("Memory") },
            named("value A", "CPU"),
            named("value B", "Memory"),
        ]
    );
}

#[test]
fn rows_are_repeated_and_states_are_bands() {
    let text = r##"{"title": "Nodes", "schemaVersion": 39,
      "templating": {"list": [{"name": "node", "type": "query", "query": "label_values(up, instance)", "multi": true}]},
      "panels": [
        {"id": 1, "type": "row", "title": "$node", "repeat": "node", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
        {"id": 2, "type": "state-timeline", "title": "Up", "gridPos": {"x": 0, "y": 1, "w": 24, "h": 6},
         "targets": [{"expr": "up{instance=\"$node\"}"}],
         "fieldConfig": {"defaults": {"color": {"mode": "thresholds"}, "mappings": [{"type": "value", "options": {"0": {"text": "Down", "color": "red"}}}],
           "thresholds": {"steps": [{"color": "red", "value": null}, {"color": "green", "value": 1}]}}}},
        {"id": 3, "type": "status-history", "title": "History", "gridPos": {"x": 0, "y": 7, "w": 24, "h": 6},
         "targets": [{"expr": "up"}],
         "fieldConfig": {"defaults": {"color": {"mode": "palette-classic"}, "thresholds": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 80}]}}}},
        {"id": 4, "type": "row", "title": "Lost", "repeat": "nobody", "gridPos": {"x": 0, "y": 13, "w": 24, "h": 1}}]}"##;
    let read = import(text).unwrap();
    let [row, up, history, lost] = read.dashboard.panels.as_slice() else { panic!("{:?}", read.dashboard) };
    assert_eq!((row.repeat.as_deref(), lost.repeat.as_deref()), (Some("node"), None));
    assert_eq!(read.notes, ["row `Lost` is not repeated: there is no variable `nobody`"]);
    assert_eq!((up.view, up.mappings.len(), up.thresholds.len()), (View::StateTimeline, 1, 2));
    // What is not coloured by thresholds has none that mean anything.
    assert_eq!((history.view, history.thresholds.len()), (View::StateTimeline, 0));
    let outcomes: Vec<_> = read.panels.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Taken, Outcome::Approximated]);
    // Both survive being written and read, and Perses has a place for both.
    let again = crate::parse(None, &crate::yaml(&read.dashboard)).unwrap().dashboards.remove(0);
    assert_eq!(again, read.dashboard);
    let perses = crate::perses::export(&read.dashboard);
    let back = crate::perses::import(&perses.json).unwrap().dashboard;
    assert_eq!(back.panels[0].repeat.as_deref(), Some("node"));
    assert_eq!(back.panels[1].view, View::StateTimeline);
}

/// Whole dashboards of others, which are no part of this repository: `NINES_DASHBOARDS` names a folder of them. Prints what
/// becomes of each, as the guide's table has it.
#[test]
fn published_dashboards_are_read_and_nothing_goes_missing_unnamed() {
    let Some(folder) = std::env::var_os("NINES_DASHBOARDS") else {
        println!("skipped: NINES_DASHBOARDS names no folder of dashboards");
        return;
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let read = import(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let source: Value = serde_json::from_str(&text).unwrap();
        let count = |outcome| read.panels.iter().filter(|it| it.outcome == outcome).count();
        println!(
            "{}: {} panels, {} taken, {} approximated, {} left out, {} notes",
            read.dashboard.title,
            read.panels.len(),
            count(Outcome::Taken),
            count(Outcome::Approximated),
            count(Outcome::LeftOut),
            read.notes.len()
        );
        let mut why = std::collections::BTreeMap::<&str, usize>::new();
        for reason in read.panels.iter().flat_map(|it| &it.reasons).chain(&read.notes) {
            *why.entry(reason).or_default() += 1;
        }
        why.iter().for_each(|(reason, times)| println!("    {times} x {reason}"));
        assert_eq!(read.panels.len(), panels_in(&source), "{}", path.display());
        let again = crate::parse(None, &crate::yaml(&read.dashboard)).unwrap().dashboards.remove(0);
        assert_eq!(again, read.dashboard, "{}", path.display());
        for panel in &read.dashboard.panels {
            for query in &panel.queries {
                let Source::Promql(promql) = &query.source else { continue };
                assert!(!promql.contains("[["), "{}: {promql}", path.display());
            }
        }
    }
}

/// All but rows, however deep.
fn panels_in(source: &Value) -> usize {
    let of = |panel: &Value| usize::from(text_of(panel, "type") != "row") + panels_in(panel);
    let rows = list(source.get("rows")).iter().map(panels_in).sum::<usize>();
    rows + list(source.get("panels")).iter().map(of).sum::<usize>()
}

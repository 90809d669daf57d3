use super::*;
use crate::model::{Source, VariableKind, View};

const FULL: &str = r#"
apiVersion: nines/v1
kind: Dashboard
metadata:
  name: shop
spec:
  title: 結帳
  team: payments
  time: {from: now-6h, to: now}
  refreshSecs: 30
  variables:
    - {name: job, kind: label, label: job, of: 'up{env="prod"}', regex: 'shop-(.*)', multiple: true, all: true, allValue: '.+'}
    - {name: step, title: Step, kind: interval, options: [1m, 1h30m], default: [1m]}
    - {name: top, kind: query, promql: 'topk(3, up)', hidden: true}
    - {name: env, kind: constant, value: "007"}
    - {name: word, kind: text}
  panels:
    - {view: row, title: Traffic}
    - title: Requests
      view: timeSeries
      unit: requestsPerSecond
      queries:
        - promql: |
            sum by (code) (
              rate(http_requests_total{job=~"$job"}[$__rate_interval])
            )
          legend: '{{code}}'
      thresholds: [{from: 20, tone: bad}, {from: 10.5, tone: warn}]
      overrides: [{series: '/5../', negative: true}]
      links: [{title: Service, url: /service/shop}]
    - {view: logs, queries: [{search: '', dataset: spans, splitBy: name}]}
    - {view: stat, queries: [{slo: availability}, {uptime: shop}, {sql: 'select 1'}], w: 6, h: 4, x: 18, y: 40, decimals: 2}
"#;

fn faults(text: &str) -> Vec<String> {
    crate::parse(None, text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn with(panels: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Dashboard\nmetadata: {{name: a}}\nspec:\n  title: A\n  panels:\n{panels}"
    )
}

#[test]
fn every_part_is_read_and_written_back() {
    let parsed = crate::parse(None, FULL).unwrap();
    let dashboard = &parsed.dashboards[0];
    assert_eq!(dashboard.variables[3].kind, VariableKind::Constant("007".to_owned()));
    let cells: Vec<_> = dashboard.panels.iter().map(|it| (&*it.id, it.view, it.cell.x, it.cell.y)).collect();
    assert_eq!(
        cells,
        [
            ("panel-1", View::Row, 0, 0),
            ("panel-2", View::TimeSeries, 0, 1),
            ("panel-3", View::Logs, 12, 1),
            ("panel-4", View::Stat, 18, 40)
        ]
    );
    assert_eq!(dashboard.panels[1].thresholds[0].from, 10.5);
    assert!(
        matches!(&dashboard.panels[2].queries[0].source, Source::Search { filter, .. } if filter.is_empty())
    );
    let yaml = crate::yaml(dashboard);
    assert_eq!(crate::parse(None, &yaml).unwrap().dashboards[0], *dashboard, "{yaml}");
    let json = crate::json(dashboard).to_string();
    assert_eq!(crate::parse(None, &json).unwrap().dashboards[0], *dashboard, "{json}");
    assert_eq!(crate::yaml(&crate::parse(None, &yaml).unwrap().dashboards[0]), yaml);
}

#[test]
fn every_mistake_is_named_at_its_place_in_one_pass() {
    let text = with(
        "    - {view: timeseris, queries: [{promql: up}]}
    - {view: stat, queries: [{promql: up, sql: select 1}]}
    - {view: stat, queries: [{promq: up}], unit: second}
    - {view: gauge}
    - {view: text, x: 20, y: 90, w: 8, text: a}
    - {id: b, view: text, x: 0, y: 50, links: [{title: x, url: 'javascript:alert(1)'}], repeat: no}
    - {id: b, view: text, x: 2, y: 52, tilte: x}
",
    );
    let expected = [
        "7:14: spec.panels[0].view: `timeseris` is not known; did you mean `timeSeries`?",
        "8:30: spec.panels[1].queries[0]: has promql and sql, and can be one of them; write one of promql, sql, search, slo, uptime",
        "9:31: spec.panels[2].queries[0].promq: unknown key `promq`; did you mean `promql`?",
        "9:50: spec.panels[2].unit: there is no unit `second`; did you mean `seconds`?",
        "10:7: spec.panels[3]: panel 4 asks nothing; give it `queries`, or make it a `text` or a `row`",
        "11:23: spec.panels[4].x: ends in column 28, and there are 24",
    ];
    let found = faults(&text);
    for line in expected {
        assert!(found.iter().any(|it| it == line), "{line}\nis not among\n{}", found.join("\n"));
    }
    for part in [
        "is not a link",
        "there is no variable `no`",
        "two panels `b`",
        "lies on panel `b`",
        "unknown key `tilte`",
    ] {
        assert!(found.iter().any(|it| it.contains(part)), "{part} is not in\n{}", found.join("\n"));
    }
}

#[test]
fn bounds_hold() {
    let many: String = (0..=PANELS_MAX).map(|_| "    - {view: text}\n").collect();
    assert!(faults(&with(&many))[0].contains("301 panels are more than 300"));
    assert!(
        faults(&with(&format!("    - {{view: text, text: {}}}\n", "x".repeat(20_000))))[0]
            .contains("20000 bytes")
    );
    for wrong in ["now/d", "yesterday", "now-1x", "now-", "now-m"] {
        assert!(!is_time(wrong), "{wrong}");
    }
    assert!(is_time("now-90m") && is_time("2026-11-21T08:30:00Z"));
    for (text, expected) in
        [("1m", true), ("1h30m", true), ("500ms", true), ("m", false), ("1", false), ("1m5", false)]
    {
        assert_eq!(is_duration(text), expected, "{text}");
    }
}

mod properties {
    use proptest::prelude::*;

    use crate::model::*;

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z][a-z0-9_]{0,6}",
            "[ -~\u{e9}結\n\t\"'#:]{1,12}",
            Just("true".to_owned()),
            Just("1e3".to_owned()),
            Just("~".to_owned()),
            Just("yes".to_owned()),
            Just("2026-11-21".to_owned())
        ]
        .prop_filter("a title of blanks is refused", |text| !text.trim().is_empty())
    }

    fn source() -> impl Strategy<Value = Source> {
        prop_oneof![
            word().prop_map(Source::Promql),
            word().prop_map(Source::Sql),
            (word(), proptest::option::of(word())).prop_map(|(filter, split_by)| Source::Search {
                filter,
                dataset: "spans".to_owned(),
                split_by
            }),
            word().prop_map(Source::Slo),
            word().prop_map(Source::Uptime),
        ]
    }

    fn panel() -> impl Strategy<Value = Panel> {
        let look =
            (0..View::WORDS.len(), 0..Legend::WORDS.len(), 0..Calculation::WORDS.len(), 0..UNITS.len());
        let numbers = (any::<i32>(), -1e9..1e9_f64, proptest::option::of(0_u32..=10));
        (word(), proptest::collection::vec((source(), word()), 1..4), look, numbers, 1_u32..=24, 1_u32..=20)
            .prop_map(|(title, queries, look, (whole, fraction, decimals), w, h)| {
                let mut panel = Panel::new("", &title, View::WORDS[look.0].1, Cell { x: 0, y: 0, w, h });
                for (source, legend) in queries {
                    panel = panel.query(source, &legend);
                }
                panel.legend = Legend::WORDS[look.1].1;
                panel.calculation = Calculation::WORDS[look.2].1;
                panel.unit = UNITS[look.3].to_owned();
                (panel.min, panel.max) = (Some(f64::from(whole)), Some(fraction));
                panel.decimals = decimals;
                panel.thresholds = vec![Threshold { from: fraction, tone: Tone::Bad }];
                panel.mappings = vec![
                    Mapping { of: Mapped::Value("0".to_owned()), text: Some(title.clone()), tone: None },
                    Mapping {
                        of: Mapped::Range { from: Some(fraction), to: None },
                        text: None,
                        tone: Some(Tone::Good),
                    },
                    Mapping { of: Mapped::Regex(title.clone()), text: Some("x".to_owned()), tone: None },
                    Mapping { of: Mapped::Missing, text: Some("null".to_owned()), tone: Some(Tone::Info) },
                ];
                panel.text = title.clone();
                panel.overrides = vec![Override {
                    hidden: true,
                    color: Some("#5794f2".to_owned()),
                    ..Override::of(&title)
                }];
                panel
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_dashboard_is_the_same_after_yaml_and_after_json(
            title in word(), panels in proptest::collection::vec(panel(), 0..8), options in proptest::collection::vec(word(), 1..4)
        ) {
            let mut dashboard = Dashboard::new("a", &title);
            dashboard.variables.push(Variable {
                name: "v".to_owned(), title: String::new(), kind: VariableKind::List(options.clone()),
                default: options, multiple: true, all: false, all_value: None, hidden: false,
            });
            dashboard.panels = panels;
            for (number, panel) in dashboard.panels.iter_mut().enumerate() {
                panel.id = format!("p{number}");
            }
            dashboard.settle();
            for text in [crate::yaml(&dashboard), crate::json(&dashboard).to_string()] {
                let read = crate::parse(None, &text);
                prop_assert!(read.is_ok(), "{:?}\n{}", read, text);
                prop_assert_eq!(&read.unwrap().dashboards[0], &dashboard, "{}", text);
            }
        }

        #[test]
        fn what_has_settled_lies_on_nothing_and_stays(panels in proptest::collection::vec((panel(), 0_u32..30, 0_u32..40), 0..20)) {
            let mut dashboard = Dashboard::new("a", "A");
            dashboard.panels = panels.into_iter().map(|(mut panel, x, y)| {
                (panel.cell.x, panel.cell.y) = (x, y);
                panel
            }).collect();
            dashboard.settle();
            for (index, panel) in dashboard.panels.iter().enumerate() {
                prop_assert!(panel.cell.x + panel.cell.w <= COLUMNS);
                for other in &dashboard.panels[index + 1..] {
                    prop_assert!(!panel.cell.overlaps(other.cell), "{:?} {:?}", panel.cell, other.cell);
                }
            }
            let cells: Vec<Cell> = dashboard.panels.iter().map(|panel| panel.cell).collect();
            dashboard.settle();
            prop_assert_eq!(cells, dashboard.panels.iter().map(|panel| panel.cell).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", json in "[\\[\\]{}:,\"a-z0-9 ]{0,200}") {
            let _ = crate::parse(None, &text);
            let _ = crate::grafana::import(&json);
            let _ = crate::perses::import(&json);
        }
    }
}

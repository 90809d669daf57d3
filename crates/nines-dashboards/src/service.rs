//! The dashboard that a service has before anybody makes one: what there is of its telemetry, in the order in which one asks.

use std::collections::BTreeSet;

use crate::model::{
    COLUMNS, Cell, Dashboard, Link, Panel, Query, Source, Threshold, Tone, View, WORD_BYTES_MAX,
};

mod counted;

/// What is known of a service.
#[derive(Debug, Clone, Default)]
pub struct ServiceFacts {
    pub service: String,
    /// Names of its promises.
    pub slos: Vec<String>,
    /// Names of its probes.
    pub probes: Vec<String>,
    pub has_spans: bool,
    pub has_logs: bool,
    /// Names of series whose sender is this service, or of its hosts and pods.
    pub metrics: BTreeSet<String>,
}

/// Promises shown as tiles in a line.
const SLOS_SHOWN: usize = 6;

/// Saturation: a name of a series, its title, a query of it (`$service` is put in), a legend, a unit. Those that are there
/// are shown.
const SATURATION: [(&str, &str, &str, &str, &str); 9] = [
    (
        "process_cpu_seconds_total",
        "Processor",
        "sum by (instance) (rate(process_cpu_seconds_total{job=~\"(.+/)?$service\"}[$__rate_interval]))",
        "{{instance}}",
        "",
    ),
    (
        "process_resident_memory_bytes",
        "Memory",
        "sum by (instance) (process_resident_memory_bytes{job=~\"(.+/)?$service\"})",
        "{{instance}}",
        "bytes",
    ),
    (
        "process.cpu.time",
        "Processor",
        "sum by (instance) (rate({\"process.cpu.time\", job=~\"(.+/)?$service\"}[$__rate_interval]))",
        "{{instance}}",
        "",
    ),
    (
        "process.memory.usage",
        "Memory",
        "sum by (instance) ({\"process.memory.usage\", job=~\"(.+/)?$service\"})",
        "{{instance}}",
        "bytes",
    ),
    (
        "jvm_memory_used_bytes",
        "Heap",
        "sum by (instance) (jvm_memory_used_bytes{job=~\"(.+/)?$service\"})",
        "{{instance}}",
        "bytes",
    ),
    ("go_goroutines", "Goroutines", "go_goroutines{job=~\"(.+/)?$service\"}", "{{instance}}", ""),
    (
        "container_cpu_usage_seconds_total",
        "Processor of its pods",
        "sum by (pod) (rate(container_cpu_usage_seconds_total{pod=~\"$service.*\"}[$__rate_interval]))",
        "{{pod}}",
        "",
    ),
    (
        "container_memory_working_set_bytes",
        "Memory of its pods",
        "sum by (pod) (container_memory_working_set_bytes{pod=~\"$service.*\"})",
        "{{pod}}",
        "bytes",
    ),
    (
        "process_open_fds",
        "Open files",
        "process_open_fds{job=~\"(.+/)?$service\"} / process_max_fds{job=~\"(.+/)?$service\"}",
        "{{instance}}",
        "ratio",
    ),
];

impl ServiceFacts {
    /// Series whose presence makes a panel.
    pub fn metrics_asked() -> impl Iterator<Item = &'static str> {
        SATURATION.iter().map(|(name, ..)| *name).chain(counted::metrics_asked())
    }
}

/// A dashboard of what there is; without telemetry, one text that says how to send some.
pub fn of_service(facts: &ServiceFacts) -> Dashboard {
    let service = facts.service.as_str();
    let mut dashboard = Dashboard::new(&name_of(service), &clipped(service));
    dashboard.description = "Made from what the service sends; edit it to make it yours.".to_owned();
    dashboard.service = Some(clipped(service));
    dashboard.refresh_secs = Some(30);
    let mut page = Page { panels: Vec::new(), x: 0, y: 0, height: 0 };
    promises(facts, &mut page);
    if facts.has_spans {
        requests(service, &mut page);
    } else {
        counted::requests(facts, &mut page);
    }
    saturation(facts, &mut page);
    if facts.has_logs {
        logs(service, &mut page);
    }
    changes(service, &mut page);
    if page.panels.iter().all(|panel| panel.id == "changes" || panel.view == View::Row) {
        let mut text =
            Panel::new("hello", "Nothing is known of it yet", View::Text, Cell { x: 0, y: 0, w: 24, h: 5 });
        text.text = format!(
            "Send spans, logs or metrics with `service.name` **{service}**, and this fills by itself.\n\nHow: [send telemetry](/status)"
        );
        page.panels = vec![text];
    }
    dashboard.panels = page.panels;
    dashboard.settle();
    dashboard
}

/// Panels side by side, a new line where they do not fit.
struct Page {
    panels: Vec<Panel>,
    x: u32,
    y: u32,
    height: u32,
}

impl Page {
    fn row(&mut self, id: &str, title: &str) {
        self.line();
        self.panels.push(Panel::new(id, title, View::Row, Cell { x: 0, y: self.y, w: COLUMNS, h: 1 }));
        self.y += 1;
    }

    fn line(&mut self) {
        (self.x, self.y, self.height) = (0, self.y + self.height, 0);
    }

    fn add(&mut self, id: &str, title: &str, view: View, (w, h): (u32, u32)) -> &mut Panel {
        if self.x + w > COLUMNS {
            self.line();
        }
        let cell = Cell { x: self.x, y: self.y, w, h };
        (self.x, self.height) = (self.x + w, self.height.max(h));
        self.panels.push(Panel::new(id, title, view, cell));
        self.panels.last_mut().expect("it was just put there")
    }
}

fn promises(facts: &ServiceFacts, page: &mut Page) {
    if facts.slos.is_empty() && facts.probes.is_empty() {
        return;
    }
    page.row("promises", "Promises");
    for (index, slo) in facts.slos.iter().take(SLOS_SHOWN).enumerate() {
        let panel = page.add(&format!("slo-{}", index + 1), slo, View::Stat, (8, 5));
        panel.queries.push(ask(Source::Slo(slo.clone()), ""));
    }
    for (index, probe) in facts.probes.iter().take(SLOS_SHOWN).enumerate() {
        let panel = page.add(&format!("probe-{}", index + 1), probe, View::Stat, (8, 5));
        panel.queries.push(ask(Source::Uptime(probe.clone()), ""));
    }
}

fn requests(service: &str, page: &mut Page) {
    page.row("requests", "Requests");
    let of = format!("service.name: {}", quoted(service));
    let entry = format!("{of} and kind: server");
    let search = |filter: &str, split_by: Option<&str>| Source::Search {
        filter: filter.to_owned(),
        dataset: "spans".to_owned(),
        split_by: split_by.map(str::to_owned),
    };
    let panel = page.add("traffic", "Traffic by endpoint", View::TimeSeries, (8, 9));
    panel.stack = true;
    panel.queries.push(ask(search(&entry, Some("name")), ""));
    let panel = page.add("errors", "Errors by endpoint", View::TimeSeries, (8, 9));
    panel.stack = true;
    panel.queries.push(ask(search(&format!("{entry} and status_code: error"), Some("name")), ""));
    let panel = page.add("latency", "Latency", View::TimeSeries, (8, 9));
    panel.unit = "milliseconds".to_owned();
    let name = service.replace('\'', "''");
    panel.queries.push(ask(
        Source::Sql(format!(
            "select date_bin(interval '$__interval', timestamp) as time,\n  quantile(duration_ns, 0.5) / 1e6 as p50,\n  quantile(duration_ns, 0.95) / 1e6 as p95,\n  quantile(duration_ns, 0.99) / 1e6 as p99\nfrom spans\nwhere $__timeFilter(timestamp) and \"service.name\" = '{name}' and kind = 'server'\ngroup by 1 order by 1"
        )),
        "",
    ));
    let panel = page.add("endpoints", "Endpoints", View::Table, (14, 9));
    panel.unit = String::new();
    panel.queries.push(ask(
        Source::Sql(format!(
            "select name as endpoint,\n  count(*) as requests,\n  count(*) filter (where status_code = 'error') as errors,\n  round(quantile(duration_ns, 0.95) / 1e6, 1) as p95_ms\nfrom spans\nwhere $__timeFilter(timestamp) and \"service.name\" = '{name}' and kind = 'server'\ngroup by 1 order by 2 desc limit 20"
        )),
        "",
    ));
    panel.links.push(Link { title: "Endpoints".to_owned(), url: service_page(service, "") });
    let panel = page.add("error-groups", "What fails", View::Table, (10, 9));
    panel.queries.push(ask(
        Source::Sql(format!(
            "select coalesce(status_message, name) as error,\n  count(*) as times,\n  max(timestamp) as last\nfrom spans\nwhere $__timeFilter(timestamp) and \"service.name\" = '{name}' and status_code = 'error'\ngroup by 1 order by 2 desc limit 20"
        )),
        "",
    ));
    panel.links.push(Link { title: "Errors".to_owned(), url: service_page(service, "?tab=errors") });
}

fn saturation(facts: &ServiceFacts, page: &mut Page) {
    let there: Vec<_> = SATURATION.iter().filter(|(name, ..)| facts.metrics.contains(*name)).collect();
    if there.is_empty() {
        return;
    }
    page.row("saturation", "Saturation");
    // In a regular expression within a string of PromQL, where a backslash is written twice.
    let name = escaped(&facts.service);
    for (metric, title, query, legend, unit) in there {
        let id = metric.replace('_', "-");
        let panel = page.add(&id, title, View::TimeSeries, (8, 8));
        (*unit).clone_into(&mut panel.unit);
        panel.queries.push(ask(Source::Promql(query.replace("$service", &name)), legend));
        if *unit == "ratio" {
            panel.max = Some(1.0);
            panel.thresholds =
                vec![Threshold { from: 0.8, tone: Tone::Warn }, Threshold { from: 0.95, tone: Tone::Bad }];
        }
    }
}

fn logs(service: &str, page: &mut Page) {
    page.row("log-lines", "Logs");
    let of = format!("service.name: {}", quoted(service));
    let search = |filter: String, split_by: Option<&str>| Source::Search {
        filter,
        dataset: "logs".to_owned(),
        split_by: split_by.map(str::to_owned),
    };
    let panel = page.add("log-volume", "Logs by severity", View::TimeSeries, (8, 10));
    panel.stack = true;
    panel.queries.push(ask(search(of.clone(), Some("severity_text")), ""));
    let panel = page.add("log-errors", "Warnings and errors", View::Logs, (16, 10));
    panel.queries.push(ask(search(format!("{of} and severity_number >= 13"), None), ""));
}

fn changes(service: &str, page: &mut Page) {
    page.row("change-events", "Changes");
    let panel = page.add("changes", "What was changed", View::Logs, (24, 7));
    panel.queries.push(ask(
        Source::Search {
            filter: format!("service.name: {}", quoted(service)),
            dataset: "changes".to_owned(),
            split_by: None,
        },
        "",
    ));
}

fn ask(source: Source, legend: &str) -> Query {
    Query { source, legend: legend.to_owned(), instant: false, hidden: false }
}

/// As the filter language quotes a value.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name within a regular expression within a string of PromQL.
fn escaped(text: &str) -> String {
    let mut made = String::new();
    for c in text.chars() {
        match c {
            '"' => made.push_str("\\\""),
            '\\' => made.push_str("\\\\\\\\"),
            c if ".+*?()|[]{}^$".contains(c) => {
                made.push_str("\\\\");
                made.push(c);
            }
            c => made.push(c),
        }
    }
    made
}

fn service_page(service: &str, query: &str) -> String {
    let mut path = String::new();
    for byte in service.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("/service/{path}{query}")
}

/// Under which name it is kept once somebody edits it.
fn name_of(service: &str) -> String {
    let word: String = service
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .take(80)
        .collect();
    format!("service-{word}")
}

fn clipped(text: &str) -> String {
    crate::grafana::clipped(text, WORD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ServiceFacts {
        ServiceFacts {
            service: "check\"out's $1".to_owned(),
            slos: vec!["availability".to_owned()],
            probes: Vec::new(),
            has_spans: true,
            has_logs: true,
            metrics: ["process_cpu_seconds_total", "process_open_fds"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn a_service_has_a_dashboard_that_can_be_kept() {
        let dashboard = of_service(&facts());
        let ids: Vec<&str> = dashboard.panels.iter().map(|panel| panel.id.as_str()).collect();
        for id in ["slo-1", "traffic", "errors", "latency", "endpoints", "error-groups", "process-open-fds"] {
            assert!(ids.contains(&id), "{id} is not among {ids:?}");
        }
        for id in ["log-volume", "log-errors", "changes"] {
            assert!(ids.contains(&id), "{id} is not among {ids:?}");
        }
        let again = crate::parse(None, &crate::yaml(&dashboard)).unwrap().dashboards.remove(0);
        assert_eq!(again, dashboard);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_a_query() {
        let text = crate::yaml(&of_service(&facts()));
        assert!(text.contains("check\"out''s $1'"), "{text}");
        assert_eq!(escaped("a.b\"\\"), "a\\\\.b\\\"\\\\\\\\");
    }

    #[test]
    fn without_telemetry_it_says_how_to_send_some() {
        let dashboard = of_service(&ServiceFacts { service: "new".to_owned(), ..ServiceFacts::default() });
        assert_eq!(dashboard.panels.len(), 1);
        assert_eq!(dashboard.panels[0].view, View::Text);
    }
}

//! A dashboard as a document: YAML for people and repositories, JSON for the wire. The keys and their order are the same.

use serde::Serialize;
use serde_json::Value;

use crate::KIND;
use crate::model::{
    Calculation, Dashboard, Legend, Mapped, Mapping, Override, Panel, Query, Source, Tone, Variable,
    VariableKind, View,
};

/// Canonical YAML: the same dashboard always prints the same, and reads back as an equal one.
pub fn yaml(dashboard: &Dashboard) -> String {
    // YAML 1.2, where `y` is a word and no truth value.
    let options = serde_saphyr::ser_options! { yaml_12: true, no_lang_directive: true };
    serde_saphyr::to_string_with_options(&document(dashboard), options)
        .expect("a tree of text, numbers and lists can be written")
}

/// The same tree as JSON.
pub fn json(dashboard: &Dashboard) -> Value {
    serde_json::to_value(document(dashboard)).expect("a tree of text, numbers and lists can be written")
}

/// The document, to be serialised by whoever wants another form.
pub fn document(dashboard: &Dashboard) -> impl Serialize + '_ {
    Document {
        api_version: "nines/v1",
        kind: KIND,
        metadata: Metadata { name: &dashboard.name },
        spec: Spec {
            title: &dashboard.title,
            description: &dashboard.description,
            service: dashboard.service.as_deref(),
            team: dashboard.team.as_deref(),
            time: Time { from: &dashboard.from, to: &dashboard.to },
            refresh: dashboard.refresh_secs,
            variables: dashboard.variables.iter().map(variable).collect(),
            panels: dashboard.panels.iter().map(panel).collect(),
        },
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Spec<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    time: Time<'a>,
    #[serde(rename = "refreshSecs", skip_serializing_if = "Option::is_none")]
    refresh: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variables: Vec<VariableDoc<'a>>,
    panels: Vec<PanelDoc<'a>>,
}

#[derive(Serialize)]
struct Time<'a> {
    from: &'a str,
    to: &'a str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct VariableDoc<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promql: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    default: &'a [String],
    #[serde(skip_serializing_if = "is_false")]
    multiple: bool,
    #[serde(skip_serializing_if = "is_false")]
    all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_value: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    hidden: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PanelDoc<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    x: u32,
    y: u32,
    w: u32,
    h: u32,
    view: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queries: Vec<QueryDoc<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<ThresholdDoc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mappings: Vec<MappingDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legend: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    stack: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    calculation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    collapsed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<OverrideDoc<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkDoc<'a>>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct QueryDoc<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    promql: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split_by: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    legend: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    instant: bool,
    #[serde(skip_serializing_if = "is_false")]
    hidden: bool,
}

#[derive(Serialize)]
struct ThresholdDoc {
    from: f64,
    tone: &'static str,
}

#[derive(Serialize, Default)]
struct MappingDoc<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tone: Option<&'static str>,
}

#[derive(Serialize)]
struct OverrideDoc<'a> {
    series: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    hidden: bool,
    #[serde(skip_serializing_if = "is_false")]
    negative: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
}

#[derive(Serialize)]
struct LinkDoc<'a> {
    title: &'a str,
    url: &'a str,
}

fn variable(variable: &Variable) -> VariableDoc<'_> {
    let mut doc = VariableDoc {
        name: &variable.name,
        title: &variable.title,
        default: &variable.default,
        multiple: variable.multiple,
        all: variable.all,
        all_value: variable.all_value.as_deref(),
        hidden: variable.hidden,
        ..VariableDoc::default()
    };
    match &variable.kind {
        VariableKind::Label { label, of, regex } => {
            (doc.kind, doc.label, doc.regex) = ("label", Some(label.as_str()), regex.as_deref());
            doc.of = Some(of.as_str()).filter(|of| !of.is_empty());
        }
        VariableKind::Query { promql, regex } => {
            (doc.kind, doc.promql, doc.regex) = ("query", Some(promql.as_str()), regex.as_deref());
        }
        VariableKind::List(options) => (doc.kind, doc.options) = ("list", Some(options.as_slice())),
        VariableKind::Interval(options) => (doc.kind, doc.options) = ("interval", Some(options.as_slice())),
        VariableKind::Constant(value) => (doc.kind, doc.value) = ("constant", Some(value.as_str())),
        VariableKind::Text => doc.kind = "text",
    }
    doc
}

fn panel(panel: &Panel) -> PanelDoc<'_> {
    PanelDoc {
        id: &panel.id,
        title: &panel.title,
        description: &panel.description,
        x: panel.cell.x,
        y: panel.cell.y,
        w: panel.cell.w,
        h: panel.cell.h,
        view: panel.view.as_str(),
        queries: panel.queries.iter().map(query).collect(),
        text: &panel.text,
        unit: &panel.unit,
        decimals: panel.decimals,
        min: panel.min,
        max: panel.max,
        thresholds: panel
            .thresholds
            .iter()
            .map(|it| ThresholdDoc { from: it.from, tone: it.tone.as_str() })
            .collect(),
        mappings: panel.mappings.iter().map(mapping_doc).collect(),
        legend: (panel.legend != Legend::Bottom).then(|| panel.legend.as_str()),
        stack: panel.stack,
        calculation: (panel.calculation != Calculation::Last).then(|| panel.calculation.as_str()),
        repeat: panel.repeat.as_deref(),
        collapsed: panel.collapsed && panel.view == View::Row,
        overrides: panel.overrides.iter().map(override_doc).collect(),
        links: panel.links.iter().map(|link| LinkDoc { title: &link.title, url: &link.url }).collect(),
    }
}

fn query(query: &Query) -> QueryDoc<'_> {
    let mut doc = QueryDoc {
        legend: &query.legend,
        instant: query.instant,
        hidden: query.hidden,
        ..QueryDoc::default()
    };
    match &query.source {
        Source::Promql(text) => doc.promql = Some(text),
        Source::Sql(text) => doc.sql = Some(text),
        Source::Search { filter, dataset, split_by } => {
            (doc.search, doc.dataset, doc.split_by) =
                (Some(filter.as_str()), Some(dataset.as_str()), split_by.as_deref());
        }
        Source::Slo(name) => doc.slo = Some(name),
        Source::Uptime(name) => doc.uptime = Some(name),
    }
    doc
}

fn override_doc(it: &Override) -> OverrideDoc<'_> {
    OverrideDoc {
        series: &it.series,
        unit: it.unit.as_deref(),
        name: it.name.as_deref(),
        hidden: it.hidden,
        negative: it.negative,
        color: it.color.as_deref(),
    }
}

fn mapping_doc(it: &Mapping) -> MappingDoc<'_> {
    let mut doc =
        MappingDoc { text: it.text.as_deref(), tone: it.tone.map(Tone::as_str), ..MappingDoc::default() };
    match &it.of {
        Mapped::Value(value) => doc.value = Some(value),
        Mapped::Range { from, to } => (doc.from, doc.to) = (*from, *to),
        Mapped::Regex(regex) => doc.regex = Some(regex),
        Mapped::Missing => doc.missing = true,
    }
    doc
}

fn is_empty(list: &[String]) -> bool {
    list.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

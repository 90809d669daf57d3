//! Rule files, as Prometheus writes them: groups of recording and alerting rules.
//!
//! [`parse`] checks everything that can be checked without data, expressions and templates included, and reports every
//! mistake at once with its line, its group and its rule. Source: upstream's `model/rulefmt` of version 3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nines_promql::METRIC_NAME;
use nines_promql::ast::{Expr, ValueType};
pub use nines_yaml::{DocumentError, DocumentWarning};
use nines_yaml::{Entry, Fields, Mark, Node, Raw, Reader};

use crate::template::Template;

/// Rules of one file. The largest published packs have some 500.
pub const RULES_MAX: usize = 20_000;

/// What the Prometheus operator calls a file of rules in Kubernetes.
pub const CUSTOM_RESOURCE: &str = "PrometheusRule";

/// A file.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    /// Of a custom resource: what `metadata` calls it.
    pub name: Option<String>,
    pub groups: Vec<Arc<RuleGroup>>,
    pub warnings: Vec<DocumentWarning>,
}

/// Rules that are evaluated one after the other, at the same instants.
#[derive(Debug, Clone)]
pub struct RuleGroup {
    /// As the caller named it.
    pub file: Arc<str>,
    /// Unique in its file.
    pub name: String,
    /// The server's own, if there is none.
    pub interval: Option<Duration>,
    /// How far behind the instant of evaluation the rules look.
    pub query_offset: Option<Duration>,
    /// Alerts or series that one rule may make; 0 is no limit.
    pub limit: usize,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub kind: RuleKind,
    /// As it was written.
    pub text: String,
    pub expr: Expr,
    /// Of the rule and, where it does not say otherwise, of its group. As written: those of alerts are templates.
    pub labels: BTreeMap<String, String>,
    /// In the file, from 1.
    pub line: u32,
}

#[derive(Debug, Clone)]
pub enum RuleKind {
    Recording {
        /// The name of the series.
        record: String,
    },
    Alerting(Box<AlertingRule>),
}

#[derive(Debug, Clone)]
pub struct AlertingRule {
    pub alert: String,
    /// `for`: how long the condition must hold before the alert fires.
    pub hold: Duration,
    /// How long it goes on firing after the condition has gone.
    pub keep_firing: Duration,
    pub annotations: BTreeMap<String, String>,
    pub(crate) label_templates: BTreeMap<String, Template>,
    pub(crate) annotation_templates: BTreeMap<String, Template>,
}

impl Rule {
    /// `record` or `alert`.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Recording { record } => record,
            RuleKind::Alerting(alerting) => &alerting.alert,
        }
    }

    /// What makes it the same rule in a changed file and after a restart: kind, name and labels, as upstream has it.
    pub(crate) fn identity(&self) -> (bool, &str, &BTreeMap<String, String>) {
        (matches!(self.kind, RuleKind::Alerting(_)), self.name(), &self.labels)
    }
}

/// Reads a file. `file` is how messages and statuses call it; nothing is opened.
pub fn parse(file: &str, text: &str) -> Result<RuleFile, Vec<DocumentError>> {
    let mut reader = Reader::new(Some(file), text);
    let mut result = RuleFile::default();
    match nines_yaml::parse(text) {
        Err(error) => reader.error(error.mark, "", error.message, error.hint),
        Ok(documents) => match documents.as_slice() {
            [] => {}
            [document] => read_file(&mut reader, file, document, &mut result),
            [_, second, ..] => {
                let hint = Some("put all groups into one document".to_owned());
                reader.error(second.mark, "", "the file has more than one document", hint);
            }
        },
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    result.warnings = reader.warnings;
    Ok(result)
}

/// The groups of a file, or of a custom resource: there they stand under `spec`.
fn read_file(reader: &mut Reader<'_>, file: &str, document: &Node, result: &mut RuleFile) {
    let Some(mut fields) = reader.fields(document, "") else { return };
    let Some(kind) = present(&mut fields, reader, "kind") else {
        result.groups = read_groups(reader, file, document, fields);
        return;
    };
    if reader.text(kind, "kind").is_some_and(|kind| kind != CUSTOM_RESOURCE) {
        reader.error(kind.mark, "kind", format!("must be `{CUSTOM_RESOURCE}`"), None);
    }
    let version = fields.required_text(reader, "apiVersion");
    if version.is_some_and(|version| !version.starts_with("monitoring.coreos.com/")) {
        let mark = fields.mark_of("apiVersion");
        reader.error(mark, "apiVersion", "must be `monitoring.coreos.com/v1`", None);
    }
    if let Some(mut metadata) =
        fields.required(reader, "metadata").and_then(|node| reader.fields(node, "metadata"))
    {
        result.name = metadata.required_text(reader, "name");
        // Labels, annotations and the rest are for Kubernetes.
        metadata.finish_free(reader);
    }
    if let Some(spec) = fields.required(reader, "spec")
        && let Some(inside) = reader.fields(spec, "spec")
    {
        result.groups = read_groups(reader, file, spec, inside);
    }
    present(&mut fields, reader, "status");
    fields.finish(reader);
}

fn read_groups(
    reader: &mut Reader<'_>,
    file: &str,
    document: &Node,
    mut fields: Fields<'_>,
) -> Vec<Arc<RuleGroup>> {
    let mut groups = Vec::new();
    if let Some(node) = present(&mut fields, reader, "namespace") {
        reader.warn(node.mark, "namespace", "is for Mimir and Cortex and is left alone");
    }
    let items = match present(&mut fields, reader, "groups") {
        Some(node) => reader.items(node, "groups"),
        None => Vec::new(),
    };
    let mut names = BTreeSet::new();
    let mut rules = 0;
    for (path, node) in items {
        let Some(fields) = reader.fields(node, &path) else { continue };
        let mark = fields.mark_of("name");
        let Some(group) = read_group(reader, file, fields) else { continue };
        if !names.insert(group.name.clone()) {
            let message = format!("group `{}` is there twice in this file", group.name);
            reader.error(mark, &format!("{path}.name"), message, Some("rename one of them".to_owned()));
        }
        rules += group.rules.len();
        groups.push(Arc::new(group));
    }
    if rules > RULES_MAX {
        let message = format!("the file has {rules} rules, more than the {RULES_MAX} that are read");
        reader.error(document.mark, "groups", message, Some("split it".to_owned()));
    }
    fields.finish(reader);
    groups
}

fn present<'n>(fields: &mut Fields<'n>, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
    fields.get(reader, key).filter(|node| !matches!(node.value, Raw::Null))
}

fn read_group(reader: &mut Reader<'_>, file: &str, mut fields: Fields<'_>) -> Option<RuleGroup> {
    let name = fields.required_text(reader, "name");
    let interval = duration(reader, &mut fields, "interval").filter(|interval| !interval.is_zero());
    let query_offset = duration(reader, &mut fields, "query_offset");
    let limit = match present(&mut fields, reader, "limit") {
        None => 0,
        Some(node) => {
            let path = fields.path_of("limit");
            match reader.number(node, &path) {
                Some(limit) if limit >= 0.0 && limit.fract() == 0.0 && limit < 1e15 => limit as usize,
                Some(_) => {
                    reader.error(
                        node.mark,
                        &path,
                        "must be a whole number",
                        Some("0 is no limit".to_owned()),
                    );
                    0
                }
                None => 0,
            }
        }
    };
    let labels = texts(reader, &mut fields, "labels", "label");
    for key in [
        "partial_response_strategy",
        "source_tenants",
        "align_evaluation_time_on_interval",
        "evaluation_delay",
    ] {
        if let Some(node) = present(&mut fields, reader, key) {
            reader.warn(node.mark, &fields.path_of(key), "is for Thanos or Mimir and is left alone");
        }
    }
    let items = match present(&mut fields, reader, "rules") {
        Some(node) => {
            let path = fields.path_of("rules");
            reader.items(node, &path)
        }
        None => Vec::new(),
    };
    let mut rules = Vec::new();
    for (path, node) in items {
        let shown = format!("{path} (group `{}`)", name.as_deref().unwrap_or_default());
        if let Some(fields) = reader.fields(node, &shown) {
            rules.extend(read_rule(reader, fields, &labels, node.mark));
        }
    }
    fields.finish(reader);
    Some(RuleGroup { file: Arc::from(file), name: name?, interval, query_offset, limit, rules })
}

fn read_rule(
    reader: &mut Reader<'_>,
    mut fields: Fields<'_>,
    group_labels: &BTreeMap<String, String>,
    mark: Mark,
) -> Option<Rule> {
    let record = fields.text(reader, "record");
    let alert = fields.text(reader, "alert");
    // Messages name the rule, as its number in the file says little.
    if let Some(name) = record.as_ref().or(alert.as_ref()) {
        let place = fields.path.trim_end_matches(')').to_owned();
        fields.path = format!("{place}, rule `{name}`)");
    }
    let path = fields.path.clone();
    match (&record, &alert) {
        (Some(_), Some(_)) => {
            reader.error(mark, &path, "only one of `record` and `alert` may be given", None);
        }
        (None, None) => reader.error(mark, &path, "one of `record` and `alert` must be given", None),
        _ => {}
    }
    let expr = read_expr(reader, &mut fields);
    let own_labels = texts(reader, &mut fields, "labels", "label");
    let label_marks = marks_of(&mut fields, reader, "labels");
    let annotations = texts(reader, &mut fields, "annotations", "annotation");
    let annotation_marks = marks_of(&mut fields, reader, "annotations");
    let hold = duration(reader, &mut fields, "for");
    let keep_firing = duration(reader, &mut fields, "keep_firing_for");
    let only_alerts = [
        ("for", hold.is_some_and(|hold| !hold.is_zero())),
        ("keep_firing_for", keep_firing.is_some()),
        ("annotations", !annotations.is_empty()),
    ];
    if let (Some(record), None) = (&record, &alert) {
        for (key, given) in only_alerts {
            if given {
                let hint = Some("recording rules have `record`, `expr` and `labels`".to_owned());
                reader.error(fields.key_mark_of(key), &path, format!("`{key}` in a recording rule"), hint);
            }
        }
        if record.is_empty() || record.contains(['{', '}']) {
            let hint = "put the labels under `labels`".to_owned();
            let message = format!("`{record}` is no name for a series");
            reader.error(fields.mark_of("record"), &path, message, Some(hint));
        }
    }
    if alert.as_deref() == Some("") {
        reader.error(fields.mark_of("alert"), &path, "`alert` is empty", None);
    }
    if own_labels.contains_key(METRIC_NAME) {
        let message = format!("label `{METRIC_NAME}` cannot be set by a rule");
        reader.error(fields.mark_of("labels"), &path, message, None);
    }
    let mut labels = group_labels.clone();
    labels.extend(own_labels);
    let kind = match (record, alert) {
        (Some(record), None) => Some(RuleKind::Recording { record }),
        (None, Some(alert)) => {
            let label_templates = templates(reader, &path, "label", &labels, &label_marks, mark);
            let annotation_templates =
                templates(reader, &path, "annotation", &annotations, &annotation_marks, mark);
            Some(RuleKind::Alerting(Box::new(AlertingRule {
                alert,
                hold: hold.unwrap_or_default(),
                keep_firing: keep_firing.unwrap_or_default(),
                annotations,
                label_templates,
                annotation_templates,
            })))
        }
        _ => None,
    };
    fields.finish(reader);
    let (text, expr) = expr?;
    Some(Rule { kind: kind?, text, expr, labels, line: mark.line })
}

fn read_expr(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<(String, Expr)> {
    let node = fields.required(reader, "expr")?;
    let path = fields.path.clone();
    let text = match &node.value {
        Raw::Int(_) | Raw::Float(_) => {
            reader.source.get(node.source.clone()).unwrap_or_default().trim().to_owned()
        }
        _ => reader.text(node, &path)?,
    };
    if text.trim().is_empty() {
        reader.error(node.mark, &path, "`expr` is empty", None);
        return None;
    }
    match nines_promql::parse(&text) {
        Ok(expr) if matches!(expr.value_type(), ValueType::Vector | ValueType::Scalar) => Some((text, expr)),
        Ok(expr) => {
            let found = expr.value_type().name();
            let hint = Some("a rule needs an instant vector or a scalar".to_owned());
            reader.error(node.mark, &path, format!("`expr` gives a {found}"), hint);
            None
        }
        Err(error) => {
            reader.error(node.mark, &path, format!("`expr` is no PromQL: {error}"), None);
            None
        }
    }
}

fn templates(
    reader: &mut Reader<'_>,
    path: &str,
    what: &str,
    texts: &BTreeMap<String, String>,
    marks: &BTreeMap<String, Mark>,
    mark: Mark,
) -> BTreeMap<String, Template> {
    let mut all = BTreeMap::new();
    for (name, text) in texts {
        match Template::parse(text) {
            Ok(template) => {
                all.insert(name.clone(), template);
            }
            Err(error) => {
                let at = marks.get(name).copied().unwrap_or(mark);
                reader.error(at, path, format!("template of {what} `{name}`: {error}"), None);
            }
        }
    }
    all
}

/// A map of names and texts. Numbers and booleans are their own texts.
fn texts(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    what: &str,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let Some(node) = present(fields, reader, key) else { return all };
    let path = fields.path_of(key);
    let Some(map) = reader.fields(node, &path) else { return all };
    for Entry { key, key_mark, value } in map.entries() {
        let path = map.path_of(key);
        if key.is_empty() {
            reader.error(*key_mark, &path, format!("name of a {what} is empty"), None);
        }
        let text = match &value.value {
            Raw::Null => Some(String::new()),
            Raw::Bool(_) | Raw::Int(_) | Raw::Float(_) => {
                Some(reader.source.get(value.source.clone()).unwrap_or_default().trim().to_owned())
            }
            _ => reader.text(value, &path),
        };
        if let Some(text) = text {
            all.insert(key.clone(), text);
        }
    }
    map.finish_free(reader);
    all
}

fn marks_of(fields: &mut Fields<'_>, reader: &mut Reader<'_>, key: &'static str) -> BTreeMap<String, Mark> {
    match present(fields, reader, key).map(|node| &node.value) {
        Some(Raw::Map(entries)) => {
            entries.iter().map(|entry| (entry.key.clone(), entry.value.mark)).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn duration(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    let node = present(fields, reader, key)?;
    let path = fields.path_of(key);
    let text = match node.value {
        Raw::Int(number) => number.to_string(),
        _ => reader.text(node, &path)?,
    };
    let millis = if text == "0" { Some(0) } else { nines_promql::parse_duration(&text) };
    match millis.and_then(|millis| u64::try_from(millis).ok()) {
        Some(millis) => Some(Duration::from_millis(millis)),
        None => {
            let hint = Some("write `30s`, `5m` or `1h30m`".to_owned());
            reader.error(node.mark, &path, format!("`{text}` is no duration"), hint);
            None
        }
    }
}

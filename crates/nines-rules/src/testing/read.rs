//! Test files.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_promql::{Labels, SampleValue};
use nines_yaml::{DocumentError, Entry, Fields, Node, Raw, Reader};

/// A file of tests.
#[derive(Debug, Clone, Default)]
pub struct TestFile {
    /// Patterns, with their lines.
    pub rule_files: Vec<(String, u32)>,
    pub evaluation_interval: Duration,
    pub group_order: Vec<String>,
    pub fuzzy: bool,
    pub tests: Vec<TestGroup>,
}

#[derive(Debug, Clone, Default)]
pub struct TestGroup {
    pub name: Option<String>,
    pub line: u32,
    /// Between the values of a series.
    pub interval: Duration,
    /// When the test begins, in milliseconds since the epoch.
    pub start_ms: i64,
    /// Line, series, values.
    pub series: Vec<(u32, String, String)>,
    pub alerts: Vec<AlertTest>,
    pub expressions: Vec<ExpressionTest>,
    pub external_labels: BTreeMap<String, String>,
    pub external_url: String,
}

#[derive(Debug, Clone)]
pub struct AlertTest {
    pub line: u32,
    /// After the begin of the test.
    pub at_ms: i64,
    pub alert: String,
    pub expected: Vec<ExpectedAlert>,
}

#[derive(Debug, Clone, Default)]
pub struct ExpectedAlert {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct ExpressionTest {
    pub line: u32,
    pub at_ms: i64,
    pub expr: String,
    pub expected: Vec<ExpectedSample>,
}

#[derive(Debug, Clone)]
pub struct ExpectedSample {
    pub labels: Labels,
    pub value: SampleValue,
}

/// Reads a test file. `file` is how messages call it.
pub fn parse(file: &str, text: &str) -> Result<TestFile, Vec<DocumentError>> {
    let mut reader = Reader::new(Some(file), text);
    let mut result = TestFile { evaluation_interval: Duration::from_secs(60), ..TestFile::default() };
    match nines_yaml::parse(text) {
        Err(error) => reader.error(error.mark, "", error.message, error.hint),
        Ok(documents) => {
            if let Some(document) = documents.first() {
                read_file(&mut reader, document, &mut result);
            }
        }
    }
    if reader.errors.is_empty() { Ok(result) } else { Err(reader.errors) }
}

fn present<'n>(fields: &mut Fields<'n>, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
    fields.get(reader, key).filter(|node| !matches!(node.value, Raw::Null))
}

fn items<'n>(fields: &mut Fields<'n>, reader: &mut Reader<'_>, key: &'static str) -> Vec<(String, &'n Node)> {
    let path = fields.path_of(key);
    present(fields, reader, key).map_or_else(Vec::new, |node| reader.items(node, &path))
}

fn read_file(reader: &mut Reader<'_>, document: &Node, result: &mut TestFile) {
    let Some(mut fields) = reader.fields(document, "") else { return };
    for (path, node) in items(&mut fields, reader, "rule_files") {
        let pattern = reader.text(node, &path);
        result.rule_files.extend(pattern.map(|pattern| (pattern, node.mark.line)));
    }
    if let Some(millis) = millis(reader, &mut fields, "evaluation_interval") {
        result.evaluation_interval = Duration::from_millis(millis.unsigned_abs());
    }
    for (path, node) in items(&mut fields, reader, "group_eval_order") {
        result.group_order.extend(reader.text(node, &path));
    }
    result.fuzzy = fields.boolean(reader, "fuzzy_compare").unwrap_or(false);
    for (path, node) in items(&mut fields, reader, "tests") {
        if let Some(fields) = reader.fields(node, &path) {
            let test = read_test(reader, fields, node.mark.line, result.evaluation_interval);
            result.tests.push(test);
        }
    }
    fields.finish(reader);
}

/// `5m`, or seconds as a number for times of evaluation.
fn millis(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<i64> {
    let node = present(fields, reader, key)?;
    let path = fields.path_of(key);
    let text = match node.value {
        Raw::Int(number) => number.to_string(),
        _ => reader.text(node, &path)?,
    };
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let millis = if digits == "0" { Some(0) } else { nines_promql::parse_duration(digits) };
    if millis.is_none() {
        let hint = Some("write `30s` or `5m`".to_owned());
        reader.error(node.mark, &path, format!("`{text}` is no duration"), hint);
    }
    Some(sign * millis?)
}

fn read_test(reader: &mut Reader<'_>, mut fields: Fields<'_>, line: u32, interval: Duration) -> TestGroup {
    let mut test = TestGroup { line, interval, ..TestGroup::default() };
    test.name = fields.text(reader, "name");
    if let Some(millis) = millis(reader, &mut fields, "interval") {
        test.interval = Duration::from_millis(millis.unsigned_abs());
    }
    if let Some(node) = present(&mut fields, reader, "start_timestamp") {
        let path = fields.path_of("start_timestamp");
        test.start_ms = start(reader, node, &path).unwrap_or(0);
    }
    for (path, node) in items(&mut fields, reader, "input_series") {
        let Some(mut fields) = reader.fields(node, &path) else { continue };
        let series = fields.required_text(reader, "series");
        let values = match present(&mut fields, reader, "values") {
            Some(node) => scalar(reader, node, &fields.path_of("values")),
            None => Some(String::new()),
        };
        fields.finish(reader);
        test.series.extend(series.zip(values).map(|(series, values)| (node.mark.line, series, values)));
    }
    for (path, node) in items(&mut fields, reader, "alert_rule_test") {
        if let Some(fields) = reader.fields(node, &path) {
            test.alerts.extend(read_alert(reader, fields, node.mark.line));
        }
    }
    for (path, node) in items(&mut fields, reader, "promql_expr_test") {
        if let Some(fields) = reader.fields(node, &path) {
            test.expressions.extend(read_expression(reader, fields, node.mark.line));
        }
    }
    test.external_labels = texts(reader, &mut fields, "external_labels");
    test.external_url = fields.text(reader, "external_url").unwrap_or_default();
    fields.finish(reader);
    test
}

/// Seconds since the epoch, or a time as RFC 3339 has it.
fn start(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<i64> {
    match &node.value {
        Raw::Int(seconds) => Some(seconds * 1000),
        Raw::Float(seconds) => Some((seconds * 1000.0) as i64),
        _ => {
            let text = reader.text(node, path)?;
            match text.parse::<jiff::Timestamp>() {
                Ok(time) => Some(time.as_millisecond()),
                Err(_) => {
                    let hint = Some("write seconds since the epoch or `2026-01-01T00:00:00Z`".to_owned());
                    reader.error(node.mark, path, format!("`{text}` is no time"), hint);
                    None
                }
            }
        }
    }
}

fn scalar(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<String> {
    match &node.value {
        Raw::Int(_) | Raw::Float(_) => {
            Some(reader.source.get(node.source.clone()).unwrap_or_default().trim().to_owned())
        }
        _ => reader.text(node, path),
    }
}

fn texts(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let Some(node) = present(fields, reader, key) else { return all };
    let path = fields.path_of(key);
    let Some(map) = reader.fields(node, &path) else { return all };
    for Entry { key, value, .. } in map.entries() {
        let text = match &value.value {
            Raw::Null => Some(String::new()),
            Raw::Bool(flag) => Some(flag.to_string()),
            _ => scalar(reader, value, &map.path_of(key)),
        };
        all.extend(text.map(|text| (key.clone(), text)));
    }
    map.finish_free(reader);
    all
}

fn read_alert(reader: &mut Reader<'_>, mut fields: Fields<'_>, line: u32) -> Option<AlertTest> {
    let at_ms = millis(reader, &mut fields, "eval_time").unwrap_or(0);
    let alert = fields.required_text(reader, "alertname");
    let mut expected = Vec::new();
    for (path, node) in items(&mut fields, reader, "exp_alerts") {
        let Some(mut fields) = reader.fields(node, &path) else { continue };
        let labels = texts(reader, &mut fields, "exp_labels");
        let annotations = texts(reader, &mut fields, "exp_annotations");
        expected.push(ExpectedAlert { labels, annotations });
        fields.finish(reader);
    }
    fields.finish(reader);
    Some(AlertTest { line, at_ms, alert: alert?, expected })
}

fn read_expression(reader: &mut Reader<'_>, mut fields: Fields<'_>, line: u32) -> Option<ExpressionTest> {
    let expr = fields.required_text(reader, "expr");
    let at_ms = millis(reader, &mut fields, "eval_time").unwrap_or(0);
    let mut expected = Vec::new();
    for (path, node) in items(&mut fields, reader, "exp_samples") {
        let Some(mut fields) = reader.fields(node, &path) else { continue };
        let labels = fields.text(reader, "labels").unwrap_or_else(|| "{}".to_owned());
        let value = match present(&mut fields, reader, "value") {
            Some(node) => scalar(reader, node, &fields.path_of("value")),
            None => None,
        };
        let histogram = fields.text(reader, "histogram");
        fields.finish(reader);
        let number = value.unwrap_or_else(|| "0".to_owned());
        let notation = format!("{labels} {}", histogram.unwrap_or(number));
        match nines_promql::conformance::series_from_notation(&notation, 1) {
            Ok(series) => {
                let float = series.values.first().map(|value| SampleValue::Float(*value));
                let histogram =
                    series.histograms.first().map(|point| SampleValue::Histogram(point.histogram.clone()));
                let value = float.or(histogram).unwrap_or(SampleValue::Float(0.0));
                expected.push(ExpectedSample { labels: series.labels, value });
            }
            Err(why) => reader.error(node.mark, &path, format!("sample `{labels}`: {why}"), None),
        }
    }
    fields.finish(reader);
    Some(ExpressionTest { line, at_ms, expr: expr?, expected })
}

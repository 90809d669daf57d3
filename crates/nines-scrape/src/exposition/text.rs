//! The Prometheus text format. Source: `exposition_formats.md` of prometheus/docs and upstream's `promparse.l`.

use std::borrow::Cow;

use nines_series::{METRIC_NAME, MetricType};

use super::cursor::{Blanks, Cursor, Labels, unescape};
use super::{Entry, ExpositionError, Sample, Value};

#[derive(Debug)]
pub struct TextParser<'b> {
    cursor: Cursor<'b>,
    labels: Labels<'b>,
    /// Of the last `# TYPE` line.
    kind: MetricType,
}

impl<'b> TextParser<'b> {
    pub(super) fn new(text: &'b str) -> Self {
        let cursor = Cursor::new(text, Blanks::Any);
        Self { cursor, labels: Vec::new(), kind: MetricType::Unknown }
    }

    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                None => return Ok(None),
                Some(b'\n') => self.cursor.at += 1,
                Some(b'#') => {
                    if let Some(entry) = self.comment()? {
                        return Ok(Some(entry));
                    }
                }
                Some(_) => return self.sample().map(|sample| Some(Entry::Sample(sample))),
            }
        }
    }

    fn rest_of_line(&mut self) -> &'b str {
        let rest = &self.cursor.text[self.cursor.at..];
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        self.cursor.at = (self.cursor.at + end + 1).min(self.cursor.text.len());
        &rest[..end]
    }

    /// `# HELP` and `# TYPE` mean something; anything else behind a `#` is for people.
    fn comment(&mut self) -> Result<Option<Entry<'b>>, ExpositionError> {
        self.cursor.at += 1;
        self.cursor.skip_blanks();
        let keyword = self.cursor.word();
        if !matches!(keyword, "HELP" | "TYPE") {
            self.rest_of_line();
            return Ok(None);
        }
        self.cursor.skip_blanks();
        let metric = if self.cursor.peek() == Some(b'"') {
            self.cursor.quoted()?
        } else {
            Cow::Borrowed(self.cursor.name(true))
        };
        if metric.is_empty() || !matches!(self.cursor.peek(), None | Some(b' ' | b'\t' | b'\n')) {
            let found = self.cursor.found();
            let message = format!("expected the name of a metric after `# {keyword}`, found {found}");
            return self.cursor.fail(message, "put names with other characters into quotes");
        }
        self.cursor.skip_blanks();
        if keyword == "HELP" {
            let raw = self.rest_of_line();
            let help = if raw.contains('\\') { Cow::Owned(unescape(raw, false)) } else { Cow::Borrowed(raw) };
            return Ok(Some(Entry::Help { metric, help }));
        }
        let start = self.cursor.at;
        let word = self.rest_of_line().trim_end_matches([' ', '\t']);
        let kind = match word {
            "counter" => MetricType::Counter,
            "gauge" => MetricType::Gauge,
            "histogram" => MetricType::Histogram,
            "gaugehistogram" => MetricType::GaugeHistogram,
            "summary" => MetricType::Summary,
            "info" => MetricType::Info,
            "stateset" => MetricType::StateSet,
            "untyped" | "unknown" => MetricType::Unknown,
            other => {
                let hint = Some("types are counter, gauge, histogram, summary and untyped");
                return self.cursor.fail_at(start, format!("metric type `{other}` is not known"), hint);
            }
        };
        self.kind = kind;
        Ok(Some(Entry::Type { metric, kind }))
    }

    fn sample(&mut self) -> Result<Sample<'_>, ExpositionError> {
        self.labels.clear();
        let start = self.cursor.at;
        let name = self.cursor.name(true);
        if !name.is_empty() {
            self.labels.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name)));
        }
        let mut end = self.cursor.at;
        self.cursor.skip_blanks();
        if self.cursor.peek() == Some(b'{') {
            self.cursor.label_set(&mut self.labels, self.kind)?;
            end = self.cursor.at;
            self.cursor.skip_blanks();
        } else if name.is_empty() {
            let found = self.cursor.found();
            return self.cursor.fail(
                format!("expected the name of a metric, found {found}"),
                "a line is a comment, empty, or `name{labels} value [milliseconds]`",
            );
        } else if end == self.cursor.at {
            let found = self.cursor.found();
            return self.cursor.fail(
                format!("expected a blank or `{{` after metric `{name}`, found {found}"),
                "put names with other characters into quotes, inside of the braces",
            );
        }
        if self.labels.first().is_none_or(|(label, _)| label != METRIC_NAME) {
            return self.cursor.fail_at(
                start,
                "sample has no name",
                Some("name the metric before the braces"),
            );
        }
        let value = self.cursor.float("value")?;
        self.cursor.skip_blanks();
        let mut t_ms = None;
        if !matches!(self.cursor.peek(), None | Some(b'\n')) {
            let at = self.cursor.at;
            let word = self.cursor.word();
            let Ok(time) = word.parse::<i64>() else {
                let message = format!("timestamp {} is no whole number", quoted_short(word));
                let hint = Some("write milliseconds since the epoch, or leave it out");
                return self.cursor.fail_at(at, message, hint);
            };
            t_ms = Some(time);
            self.cursor.skip_blanks();
        }
        if !matches!(self.cursor.peek(), None | Some(b'\n')) {
            let found = self.cursor.found();
            let message = format!("expected the end of the line after the sample, found {found}");
            return self.cursor.fail(message, "exemplars belong to the OpenMetrics format");
        }
        self.cursor.eat(b'\n');
        let key = &self.cursor.text.as_bytes()[start..end];
        let value = Value::Float(value);
        Ok(Sample { key, labels: &self.labels, value, t_ms, start_ms: None, exemplars: &[] })
    }
}

fn quoted_short(word: &str) -> String {
    format!("`{}`", &word[..word.floor_char_boundary(40)])
}

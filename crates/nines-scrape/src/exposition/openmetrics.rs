//! OpenMetrics text. Source: the OpenMetrics specification 1.0.0 and upstream's `openmetricsparse.go`.
//!
//! Strict where the specification is and upstream is: single spaces, no empty lines, known types, units that end the
//! name, `# EOF` at the end and nothing behind it. Not checked, as upstream does not: that families are not mixed, that
//! suffixes fit their types.

use std::borrow::Cow;

use nines_series::{METRIC_NAME, MetricType};

use super::cursor::{Blanks, Cursor, Labels, unescape};
use super::{Entry, ExposedExemplar, ExpositionError, Sample, Value};

#[derive(Debug)]
pub struct OpenMetricsParser<'b> {
    cursor: Cursor<'b>,
    labels: Labels<'b>,
    exemplars: Vec<ExposedExemplar<'b>>,
    kind: MetricType,
    ended: bool,
}

impl<'b> OpenMetricsParser<'b> {
    pub(super) fn new(text: &'b str) -> Self {
        Self {
            cursor: Cursor::new(text, Blanks::None),
            labels: Vec::new(),
            exemplars: Vec::new(),
            kind: MetricType::Unknown,
            ended: false,
        }
    }

    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        if self.ended {
            return Ok(None);
        }
        match self.cursor.peek() {
            None => self.cursor.fail(
                "body does not end with `# EOF`",
                "the body was cut off, or the exporter is no OpenMetrics exporter",
            ),
            Some(b'\n') => self.cursor.fail("line is empty", "OpenMetrics has no empty lines"),
            Some(b' ' | b'\t') => self.cursor.fail("line begins with a blank", "take it away"),
            Some(b'#') => self.metadata(),
            Some(_) => self.sample().map(|sample| Some(Entry::Sample(sample))),
        }
    }

    fn end_of_line(&mut self) -> Result<(), ExpositionError> {
        if self.cursor.eat(b'\n') {
            return Ok(());
        }
        let found = self.cursor.found();
        self.cursor.fail(format!("expected the end of the line, found {found}"), "end each line with `\\n`")
    }

    fn rest_of_line(&mut self) -> Result<&'b str, ExpositionError> {
        let rest = &self.cursor.text[self.cursor.at..];
        let Some(end) = memchr::memchr(b'\n', rest.as_bytes()) else {
            self.cursor.at = self.cursor.text.len();
            return self.cursor.fail("line has no end", "the body was cut off");
        };
        self.cursor.at += end + 1;
        Ok(&rest[..end])
    }

    fn one_space(&mut self, after: &str) -> Result<(), ExpositionError> {
        if self.cursor.eat(b' ') && !matches!(self.cursor.peek(), Some(b' ' | b'\t')) {
            return Ok(());
        }
        let found = self.cursor.found();
        self.cursor.fail(
            format!("expected one space after {after}, found {found}"),
            "parts are separated by one space",
        )
    }

    fn metadata(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        self.one_space("`#`")?;
        let keyword = self.cursor.word();
        if keyword == "EOF" {
            self.cursor.eat(b'\n');
            if self.cursor.peek().is_some() {
                return self.cursor.fail("there is more after `# EOF`", "write `# EOF` once, at the end");
            }
            self.ended = true;
            return Ok(None);
        }
        if !matches!(keyword, "TYPE" | "HELP" | "UNIT") {
            let hint = Some("OpenMetrics has no comments but `# TYPE`, `# HELP`, `# UNIT` and `# EOF`");
            return self.cursor.fail_at(start, format!("`# {keyword}` is not known"), hint);
        }
        self.one_space(keyword)?;
        let metric = if self.cursor.peek() == Some(b'"') {
            self.cursor.quoted()?
        } else {
            Cow::Borrowed(self.cursor.name(true))
        };
        if metric.is_empty() {
            let found = self.cursor.found();
            let message = format!("expected the name of a metric after `# {keyword}`, found {found}");
            return self.cursor.fail(message, "put names with other characters into quotes");
        }
        if keyword == "HELP" && self.cursor.eat(b'\n') {
            return Ok(Some(Entry::Help { metric, help: Cow::Borrowed("") }));
        }
        if keyword == "UNIT" && self.cursor.eat(b'\n') {
            return Ok(Some(Entry::Unit { metric, unit: Cow::Borrowed("") }));
        }
        self.one_space("the name of the metric")?;
        let at = self.cursor.at;
        let rest = self.rest_of_line()?;
        match keyword {
            "HELP" => {
                let help =
                    if rest.contains('\\') { unescape(rest, true).into() } else { Cow::Borrowed(rest) };
                Ok(Some(Entry::Help { metric, help }))
            }
            "UNIT" => {
                let fits =
                    metric.strip_suffix(rest).is_some_and(|before| before.ends_with('_') || rest.is_empty());
                if !fits {
                    let message = format!("unit `{rest}` does not end the name of metric `{metric}`");
                    return self.cursor.fail_at(at, message, Some("name the metric `…_unit`"));
                }
                Ok(Some(Entry::Unit { metric, unit: Cow::Borrowed(rest) }))
            }
            _ => {
                let Some(kind) = MetricType::ALL.into_iter().find(|kind| kind.as_str() == rest) else {
                    let hint = Some(
                        "types are counter, gauge, histogram, gaugehistogram, summary, info, stateset and unknown",
                    );
                    return self.cursor.fail_at(at, format!("metric type `{rest}` is not known"), hint);
                };
                self.kind = kind;
                Ok(Some(Entry::Type { metric, kind }))
            }
        }
    }

    fn sample(&mut self) -> Result<Sample<'_>, ExpositionError> {
        self.labels.clear();
        self.exemplars.clear();
        let start = self.cursor.at;
        let name = self.cursor.name(true);
        if !name.is_empty() {
            self.labels.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name)));
        }
        if self.cursor.peek() == Some(b'{') {
            self.cursor.label_set(&mut self.labels, self.kind)?;
        } else if name.is_empty() {
            let found = self.cursor.found();
            return self.cursor.fail(
                format!("expected the name of a metric, found {found}"),
                "a line is `name{labels} value [seconds]` or begins with `# `",
            );
        }
        let end = self.cursor.at;
        if self.labels.first().is_none_or(|(label, _)| label != METRIC_NAME) {
            return self.cursor.fail_at(
                start,
                "sample has no name",
                Some("name the metric before the braces"),
            );
        }
        self.one_space("the series")?;
        let value = self.cursor.float("value")?;
        let mut t_ms = None;
        if self.cursor.peek() != Some(b'\n') {
            self.one_space("the value")?;
            if self.cursor.peek() != Some(b'#') {
                t_ms = Some(self.time()?);
                if self.cursor.peek() != Some(b'\n') {
                    self.one_space("the timestamp")?;
                }
            }
            if self.cursor.peek() == Some(b'#') {
                self.exemplar()?;
            }
        }
        self.end_of_line()?;
        let key = &self.cursor.text.as_bytes()[start..end];
        let value = Value::Float(value);
        Ok(Sample { key, labels: &self.labels, value, t_ms, start_ms: None, exemplars: &self.exemplars })
    }

    /// Seconds, to milliseconds as upstream does: what is finer is cut off.
    fn time(&mut self) -> Result<i64, ExpositionError> {
        let at = self.cursor.at;
        let seconds = self.cursor.float("timestamp")?;
        let millis = seconds * 1000.0;
        // Beyond this a float does not know its milliseconds; it is the year 285 000.
        if !millis.is_finite() || millis.abs() > 9.0e15 {
            return self.cursor.fail_at(at, "timestamp is no time", Some("write seconds since the epoch"));
        }
        Ok(millis as i64)
    }

    fn exemplar(&mut self) -> Result<(), ExpositionError> {
        self.cursor.at += 1;
        self.one_space("`#`")?;
        if self.cursor.peek() != Some(b'{') {
            let found = self.cursor.found();
            let message = format!("expected the labels of an exemplar, found {found}");
            return self.cursor.fail(message, "write exemplars as `# {trace_id=\"…\"} value [seconds]`");
        }
        let at = self.cursor.at;
        let mut labels = Vec::new();
        self.cursor.label_set(&mut labels, MetricType::Unknown)?;
        if labels.first().is_some_and(|(name, _)| name == METRIC_NAME) {
            return self.cursor.fail_at(at, "exemplar has a name", Some("exemplars have labels only"));
        }
        self.one_space("the labels of the exemplar")?;
        let value = self.cursor.float("value of the exemplar")?;
        let mut t_ms = None;
        if self.cursor.peek() != Some(b'\n') {
            self.one_space("the value of the exemplar")?;
            t_ms = Some(self.time()?);
        }
        self.exemplars.push(ExposedExemplar { labels, value, t_ms });
        Ok(())
    }
}

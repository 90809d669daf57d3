//! Lines to commands.

use regex::Regex;

use crate::conformance::notation::{self, Item};
use crate::labels::Labels;
use crate::lexer::{parse_duration, unquote};

pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

pub(super) struct Load {
    pub step: i64,
    /// Classic histograms become native ones too.
    pub with_custom_buckets: bool,
    pub series: Vec<LoadSeries>,
}

pub(super) struct LoadSeries {
    pub labels: Labels,
    pub items: Vec<Item>,
    /// As long as `items`, or empty.
    pub starts: Vec<Option<i64>>,
}

#[derive(Clone, Copy)]
pub(super) enum When {
    Instant { at: i64 },
    Range { start: i64, end: i64, step: i64 },
}

/// A text to find in a message.
pub(super) enum Wanted {
    Exactly(String),
    Matching(Regex),
    Any,
}

impl Wanted {
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(regex) => regex.is_match(text),
            Self::Any => true,
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(text) => write!(f, "{text:?}"),
            Self::Matching(regex) => write!(f, "/{regex}/"),
            Self::Any => f.write_str("any"),
        }
    }
}

pub(super) struct Eval {
    pub query: String,
    pub when: When,
    pub fail: Option<Wanted>,
    pub warns: Vec<Wanted>,
    pub infos: Vec<Wanted>,
    pub no_warn: bool,
    pub no_info: bool,
    ordered: bool,
    /// Range vectors of instant queries, and strings.
    pub excluded_from_range: bool,
    /// The grid of an expected range vector.
    pub grid: Option<(i64, i64, i64)>,
    pub text: Option<String>,
    pub scalar: Option<f64>,
    pub series: Vec<(Labels, Vec<Item>)>,
}

impl Eval {
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    pub fn expects_scalar(&self) -> Option<bool> {
        Some(self.scalar.is_some())
    }
}

/// The commands with the lines on which they stand, from 1.
pub(super) fn commands(text: &str) -> Vec<(usize, Result<Command, String>)> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| {
            let line = line.trim();
            if line.starts_with('#') { "" } else { line }
        })
        .collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.is_empty() {
            at += 1;
            continue;
        }
        let number = at + 1;
        let mut end = at + 1;
        while end < lines.len() && !lines[end].is_empty() {
            end += 1;
        }
        let word = line.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        let body = &lines[at + 1..end];
        let command = if word == "clear" {
            // Nothing belongs to it, so the next line is a command of its own.
            end = at + 1;
            Ok(Command::Clear)
        } else if word.starts_with("load") {
            load(line, body).map(Command::Load)
        } else if word.starts_with("eval") {
            let parsed = eval(line, body);
            match parsed {
                Ok((eval, used)) => {
                    end = at + 1 + used;
                    Ok(Command::Eval(Box::new(eval)))
                }
                Err(why) => Err(why),
            }
        } else {
            Err(format!("invalid command {line:?}"))
        };
        all.push((number, command));
        at = end;
    }
    all
}

fn load(line: &str, body: &[&str]) -> Result<Load, String> {
    let mut words = line.split_whitespace();
    let with_custom_buckets = words.next() == Some("load_with_nhcb");
    let step =
        words.next().and_then(parse_duration).ok_or_else(|| format!("invalid load command {line:?}"))?;
    let mut series = Vec::new();
    let mut pending: Option<(Labels, Vec<Option<i64>>)> = None;
    let mut default_starts: Vec<Option<i64>> = Vec::new();
    for line in body {
        let first = line.split_whitespace().next().unwrap_or("");
        if let Some(metric) = first.strip_suffix("@st") {
            let starts = notation::starts(&line[first.len()..])?;
            if metric.is_empty() {
                default_starts = starts;
            } else {
                pending = Some((notation::metric(metric)?.0, starts));
            }
            continue;
        }
        let (labels, items) = notation::series(line)?;
        let starts = match pending.take() {
            Some((of, starts)) if of == labels && starts.len() == items.len() => starts,
            Some((of, starts)) => {
                let (found, wanted) = (starts.len(), items.len());
                return Err(format!("start times of {of} ({found}) do not fit {labels} ({wanted})"));
            }
            None if default_starts.is_empty() => Vec::new(),
            None => (0..items.len()).map(|at| default_starts[at % default_starts.len()]).collect(),
        };
        series.push(LoadSeries { labels, items, starts });
    }
    Ok(Load { step, with_custom_buckets, series })
}

/// The case and how many of the lines after it belong to it.
fn eval(line: &str, body: &[&str]) -> Result<(Eval, usize), String> {
    let (mode, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let duration = |word: Option<&str>| -> Result<i64, String> {
        let word = word.unwrap_or("");
        let (sign, digits) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
        let millis = if digits == "0" { Some(0) } else { parse_duration(digits) };
        millis.map(|millis| sign * millis).ok_or_else(|| format!("invalid time {word:?} in {line:?}"))
    };
    let (when, query) = match kind {
        "instant" => {
            let rest = rest.trim_start().strip_prefix("at").unwrap_or(rest).trim_start();
            let (at, query) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            (When::Instant { at: duration(Some(at))? }, query)
        }
        "range" => {
            let mut rest = rest;
            let mut next = || {
                rest = rest.trim_start();
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                word
            };
            let words = [next(), next(), next(), next(), next(), next()];
            let [_from, start, _to, end, _step, step] = words;
            let when = When::Range {
                start: duration(Some(start))?,
                end: duration(Some(end))?,
                step: duration(Some(step))?,
            };
            (when, rest)
        }
        _ => return Err(format!("invalid evaluation command {line:?}")),
    };
    let any_if = |condition: bool| if condition { vec![Wanted::Any] } else { Vec::new() };
    let mut eval = Eval {
        query: query.trim().to_owned(),
        when,
        fail: (mode == "eval_fail").then_some(Wanted::Any),
        warns: any_if(mode == "eval_warn"),
        infos: any_if(mode == "eval_info"),
        no_warn: false,
        no_info: false,
        ordered: mode == "eval_ordered",
        excluded_from_range: false,
        grid: None,
        text: None,
        scalar: None,
        series: Vec::new(),
    };
    for (at, line) in body.iter().enumerate() {
        if let Some(text) = line.strip_prefix("expected_fail_message") {
            eval.fail = Some(Wanted::Exactly(text.trim().to_owned()));
            return Ok((eval, at + 1));
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            eval.fail = Some(Wanted::Matching(regex(pattern)?));
            return Ok((eval, at + 1));
        }
        if let Some(range) = line.strip_prefix("expect range vector from ") {
            let words: Vec<&str> = range.split_whitespace().collect();
            let [start, _, end, _, step] = words[..] else { return Err(format!("invalid line {line:?}")) };
            eval.grid = Some((duration(Some(start))?, duration(Some(end))?, duration(Some(step))?));
            eval.excluded_from_range = true;
            continue;
        }
        if let Some(text) = line.strip_prefix("expect string ") {
            let text = text.trim();
            let quote = *text.as_bytes().first().ok_or_else(|| "expected a string".to_owned())?;
            let (bytes, _) = unquote(text, quote).map_err(|(why, _)| why)?;
            eval.text = Some(String::from_utf8_lossy(&bytes).into_owned());
            eval.excluded_from_range = true;
            continue;
        }
        if line.split(' ').next() == Some("expect") {
            expect(&mut eval, line)?;
            continue;
        }
        if let Ok(number) = notation::number(line) {
            eval.scalar = Some(number);
            return Ok((eval, at + 1));
        }
        eval.series.push(notation::series(line)?);
    }
    Ok((eval, body.len()))
}

fn expect(eval: &mut Eval, line: &str) -> Result<(), String> {
    let rest = line["expect".len()..].trim_start();
    let (mode, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let wanted = if rest.is_empty() {
        Wanted::Any
    } else if let Some(text) = rest.strip_prefix("msg:") {
        Wanted::Exactly(text.trim().to_owned())
    } else if let Some(pattern) = rest.strip_prefix("regex:") {
        Wanted::Matching(regex(pattern)?)
    } else {
        return Err(format!("invalid line {line:?}"));
    };
    match mode {
        "fail" => eval.fail = Some(wanted),
        "warn" => eval.warns.push(wanted),
        "info" => eval.infos.push(wanted),
        "no_warn" => eval.no_warn = true,
        "no_info" => eval.no_info = true,
        "ordered" => eval.ordered = true,
        other => return Err(format!("invalid expectation {other:?}")),
    }
    Ok(())
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern.trim()).map_err(|error| error.to_string())
}

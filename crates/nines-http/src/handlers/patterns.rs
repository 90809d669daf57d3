//! Log patterns of a time range, a filter, or both.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use nines_api as api;
use nines_filter::Filter;
use nines_model::Timestamp;
use nines_patterns::{Book, Line, PatternView, Survey, Surveyed, Template};
use nines_query::Limits;
use parking_lot::Mutex;
use serde::Deserialize;

use super::telemetry::{DEFAULT_RANGE, stats};
use crate::SharedApp;
use crate::extract::{Caller, range};
use crate::problem::{ApiError, ApiResult};

/// The patterns of the lines that this node takes in; one thread learns, handlers ask.
pub type SharedBook = Arc<Mutex<Book>>;

/// Patterns in an answer by default, and at most. Nobody reads the five-hundredth.
const SHOWN_DEFAULT: usize = 100;
const SHOWN_MAX: usize = 500;
/// Phrases of a template that its search asks for: more only cost time.
const PHRASES_MAX: usize = 4;

#[derive(Debug, Deserialize)]
pub struct PatternsQuery {
    start: Option<String>,
    end: Option<String>,
    filter: Option<String>,
    limit: Option<String>,
}

pub async fn patterns(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<PatternsQuery>,
) -> ApiResult<Json<api::PatternsResponse>> {
    let now = app.clock.now();
    let range = range(asked.start.as_deref(), asked.end.as_deref(), now, DEFAULT_RANGE)?;
    let filter = caller.narrowed(Filter::parse(asked.filter.as_deref().unwrap_or_default())?);
    let limit = limit(asked.limit.as_deref())?;
    let start = move || Survey::new(range);
    let (survey, cost) = app
        .engine
        .scan_lines(filter, range, Limits::default(), start, |survey, line| {
            survey.add(Line {
                text: line.body,
                at: line.at,
                received_at: line.at,
                severity_number: line.severity_number,
                service: line.service,
                weight: 1,
            });
        })
        .await?;
    let (lines, sampled, step_secs) = (survey.lines(), survey.is_sampled(), survey.step_nanos() as f64 / 1e9);
    let (found, patterns) = {
        let mut book = app.patterns.lock();
        let found = survey.finish(&mut book);
        let shown = found.iter().take(limit);
        let patterns =
            shown.map(|surveyed| pattern(surveyed, book.get(surveyed.id, now).as_ref(), lines)).collect();
        (found.len() as u64, patterns)
    };
    let (start, end) = (range.start.to_string(), range.end.to_string());
    Ok(Json(api::PatternsResponse {
        patterns,
        start,
        end,
        step_secs,
        lines,
        found,
        sampled,
        stats: stats(&cost),
    }))
}

fn limit(asked: Option<&str>) -> ApiResult<usize> {
    let Some(text) = asked.filter(|text| !text.is_empty()) else { return Ok(SHOWN_DEFAULT) };
    match text.parse() {
        Ok(limit) if (1..=SHOWN_MAX).contains(&limit) => Ok(limit),
        _ => Err(ApiError::invalid(format!("`limit` {text} is not between 1 and {SHOWN_MAX}"))),
    }
}

fn pattern(surveyed: &Surveyed, known: Option<&PatternView>, lines: u64) -> api::LogPattern {
    let time = |at: Timestamp| at.to_string();
    api::LogPattern {
        id: surveyed.id.to_string(),
        template: surveyed.template.to_string(),
        example: surveyed.example.to_string(),
        filter: search(&surveyed.template),
        count: surveyed.count,
        share: if lines == 0 { 0.0 } else { (surveyed.count as f64 / lines as f64).min(1.0) },
        trend: surveyed.trend.clone(),
        first_seen: time(surveyed.first_seen),
        last_seen: time(surveyed.last_seen),
        severity_number: surveyed.severity_number,
        services: surveyed
            .services
            .iter()
            .map(|(name, count)| api::PatternService { name: name.to_string(), count: *count })
            .collect(),
        is_new: known.is_some_and(|view| view.is_new),
        surge: known.and_then(|view| view.surge).map(|surge| api::PatternSurge {
            recent: surge.recent,
            expected: surge.expected,
            chance: surge.chance,
        }),
    }
}

/// A filter that selects the lines of a template, and perhaps a few more: its longest phrases.
fn search(template: &Template) -> String {
    let mut phrases = template.phrases();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    phrases.truncate(PHRASES_MAX);
    let quoted: Vec<String> = phrases
        .iter()
        .map(|phrase| format!("\"{}\"", phrase.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    let text = quoted.join(" and ");
    // What the language would not take is not offered.
    if Filter::parse(&text).is_ok() { text } else { String::new() }
}

//! What a service did so far, from the best of what it sends: spans, else series that many instrumentations write, else log
//! records.

use std::time::Duration;

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_promql::{QueryError, SampleValue, Value as Answer};
use nines_query::{HistogramRequest, Limits, SqlRequest};
use nines_slo::{FAMILIES, Family, STATUS, SeriesSource, ServicePast, Telemetry};
use serde_json::Value;

use crate::SharedApp;
use crate::metric_questions::Asked;

/// Two weekends, and as far as releases are remembered.
const PAST_DAYS: f64 = 14.0;
/// Registering waits for it.
const PAST_TIMEOUT: Duration = Duration::from_secs(5);
const DAY_NANOS: f64 = 86_400e9;
/// Windows in which series are counted, with their days: a shorter one where a longer one holds more than may be read.
const WINDOWS: [(&str, f64); 3] = [("14d", PAST_DAYS), ("1d", 1.0), ("1h", 1.0 / 24.0)];
/// Bars in which the oldest log record is looked for.
const BUCKETS: usize = 100;

/// What could not be read is said beside it.
pub async fn past(app: &SharedApp, service: &str) -> (ServicePast, Vec<String>) {
    let (spans, mut partial) = of_spans(app, service).await;
    if spans.requests > 0 {
        return (spans, partial);
    }
    let name = service.to_owned();
    match app.metrics.ask(move |asked| of_series(asked, &name)).await {
        Ok(Ok(Some(series))) => return (series, partial),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => partial.push(format!("the series of `{service}` could not be counted: {error}")),
        Err(_) => {
            partial.push(format!("the series of `{service}` could not be counted: too much is being asked"))
        }
    }
    match of_logs(app, service).await {
        Ok(Some(logs)) => return (logs, partial),
        Ok(None) => {}
        Err(error) => partial.push(format!("the log records of `{service}` could not be counted: {error}")),
    }
    (spans, partial)
}

async fn of_spans(app: &SharedApp, service: &str) -> (ServicePast, Vec<String>) {
    let now = app.clock.now();
    let start = now - Duration::from_secs_f64(PAST_DAYS * 86_400.0);
    let name = service.replace('\'', "''");
    let query = format!(
        "select kind, count(*) as requests, count(*) filter (where status_code = 'error') as errors, \
         quantile(duration_ns, 0.99) / 1e6 as p99_ms, min(timestamp) as oldest_ns from spans \
         where \"service.name\" = '{name}' and kind in ('server', 'consumer') and timestamp >= '{start}' \
         group by kind order by kind desc"
    );
    let request = SqlRequest { query, timeout: Some(PAST_TIMEOUT), ..SqlRequest::default() };
    let mut past = ServicePast { service: service.to_owned(), ..ServicePast::default() };
    let answer = match app.engine.sql(request).await {
        Ok(answer) => answer,
        Err(error) => {
            return (past, vec![format!("the past of `{service}` could not be counted: {error}")]);
        }
    };
    // `server` comes before `consumer`: what takes both is judged by what people wait for.
    if let Some([kind, requests, errors, p99_ms, oldest]) = answer.rows.first().map(Vec::as_slice) {
        past.telemetry = Telemetry::Spans { kind: kind.as_str().unwrap_or_default().to_owned() };
        past.requests = requests.as_u64().unwrap_or(0);
        past.errors = errors.as_u64().unwrap_or(0);
        past.p99_ms = p99_ms.as_f64();
        past.days = oldest_days(oldest, now);
    }
    (past, answer.stats.partial)
}

fn oldest_days(oldest: &Value, now: Timestamp) -> f64 {
    let oldest = oldest.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
    oldest.map_or(0.0, |oldest| days_since(oldest, now))
}

fn days_since(oldest: Timestamp, now: Timestamp) -> f64 {
    ((now.as_nanos() - oldest.as_nanos()) as f64 / DAY_NANOS).clamp(0.0, PAST_DAYS)
}

/// Of the first family that the service has.
fn of_series(asked: &Asked<'_>, service: &str) -> Result<Option<ServicePast>, QueryError> {
    let mut last = None;
    for (window, days) in WINDOWS {
        let found =
            FAMILIES.iter().find_map(|family| of_family(asked, service, family, window, days).transpose());
        match found.transpose() {
            // As much as may be read, and no more.
            Err(error) if error.kind() == nines_base::ErrorKind::TooLarge => last = Some(error),
            found => return found,
        }
    }
    last.map_or(Ok(None), Err)
}

fn of_family(
    asked: &Asked<'_>,
    service: &str,
    family: &Family,
    window: &str,
    days: f64,
) -> Result<Option<ServicePast>, QueryError> {
    let SeriesSource { total, bad, buckets, unit_ms, .. } = family.source(service);
    // Of a name that several use, those that have the label of the status.
    let inside = total.strip_suffix('}').unwrap_or(&total);
    let is_there = format!("{inside}, {}!=\"\"}}", family.status_label());
    let one = |query: String| -> Result<Option<f64>, QueryError> {
        Ok(vector(asked, &query)?.first().map(|(_, value)| *value))
    };
    let Some(requests) = one(format!("sum(increase({is_there}[{window}]))"))? else { return Ok(None) };
    let errors = one(format!("sum(increase({bad}[{window}]))"))?.unwrap_or(0.0);
    let buckets = buckets.unwrap_or_default();
    let p99 = one(format!("histogram_quantile(0.99, sum by (le) (increase({buckets}[{window}])))"))?;
    let mut bounds_ms: Vec<f64> =
        vector(asked, &format!("group by (le) (last_over_time({buckets}[{window}]))"))?
            .iter()
            .filter_map(|(le, _)| le.parse::<f64>().ok())
            .filter(|bound| bound.is_finite() && *bound > 0.0)
            .map(|bound| bound * unit_ms)
            .collect();
    bounds_ms.sort_by(f64::total_cmp);
    let age_secs = one(format!("time() - min(min_over_time(timestamp({total})[{window}:1h]))"))?;
    Ok(Some(ServicePast {
        service: service.to_owned(),
        requests: requests.round().max(0.0) as u64,
        errors: errors.round().max(0.0) as u64,
        p99_ms: p99.filter(|p99| p99.is_finite()).map(|p99| p99 * unit_ms),
        days: age_secs.map_or(days.min(1.0 / 24.0), |secs| (secs / 86_400.0).clamp(0.0, days)),
        telemetry: Telemetry::Series(Box::new(SeriesSource {
            total: is_there,
            bad,
            buckets: (!bounds_ms.is_empty()).then_some(buckets),
            unit_ms,
            bounds_ms,
        })),
    }))
}

/// Values of now, each with its label `le`.
fn vector(asked: &Asked<'_>, query: &str) -> Result<Vec<(String, f64)>, QueryError> {
    let answer = asked.engine().instant(&asked.source(), query, asked.now().as_millis(), asked.control)?;
    let Answer::Vector(samples) = answer.value else { return Ok(Vec::new()) };
    let one = |sample: &nines_promql::Sample| match &sample.value {
        SampleValue::Float(value) => Some((sample.labels.get("le").to_owned(), *value)),
        SampleValue::Histogram(_) => None,
    };
    Ok(samples.iter().filter_map(one).collect())
}

async fn of_logs(app: &SharedApp, service: &str) -> Result<Option<ServicePast>, nines_query::QueryError> {
    let now = app.clock.now();
    let range = TimeRange::new(now - Duration::from_secs_f64(PAST_DAYS * 86_400.0), now);
    let name = service.replace('\\', "\\\\").replace('"', "\\\"");
    let count = async |condition: &str| {
        let filter = format!("service.name: \"{name}\"{condition}");
        let Ok(filter) = Filter::parse(&filter) else { return Ok((0, None)) };
        let answer = app.engine.histogram(HistogramRequest {
            dataset: Dataset::Logs,
            filter,
            range,
            buckets: BUCKETS,
            split_by: None,
            limits: Limits { timeout: Some(PAST_TIMEOUT), ..Limits::default() },
        });
        let answer = answer.await?;
        let counts = answer.series.first().map(|series| series.counts.clone()).unwrap_or_default();
        let oldest = counts.iter().position(|count| *count > 0).map(|first| answer.buckets[first]);
        Ok::<_, nines_query::QueryError>((counts.iter().sum::<u64>(), oldest))
    };
    let (lines, oldest) = count("").await?;
    let Some(oldest) = oldest else { return Ok(None) };
    let (answered, _) = count(&format!(" and {STATUS} >= 100")).await?;
    let (telemetry, requests, failed) = if answered > 0 {
        (Telemetry::AccessLogs, answered, format!(" and {STATUS} >= 500"))
    } else {
        (Telemetry::LogLines, lines, " and severity_number >= 17".to_owned())
    };
    let (errors, _) = count(&failed).await?;
    let service = service.to_owned();
    let days = days_since(oldest, now);
    Ok(Some(ServicePast { service, telemetry, requests, errors, p99_ms: None, days }))
}

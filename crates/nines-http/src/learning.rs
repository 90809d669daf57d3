//! From a resolved incident to the draft of its postmortem: what the node measured, put together. The control loop and
//! the handlers draft through here.

use std::time::Duration;

use nines_incidents::{Incident, IncidentError, Incidents};
use nines_learning::{
    Chart, Found, LearningError, LearningStore, Postmortem, State, draft, is_mandatory, refreeze,
};
use nines_model::{TimeRange, Timestamp};
use nines_slo::series;

use crate::{PromiseView, Promises};

/// Entries that are read to draft from; incidents hold no more than people and alerts write in days.
const ENTRIES_MAX: u32 = 20_000;
/// Points of a frozen chart: what a page in a meeting shows.
const CHART_POINTS: usize = 240;
/// Promises whose charts are frozen, for each service and in all.
const CHARTS_MAX: usize = 8;
/// What is drawn on each side of the incident.
const CHART_MARGIN: Duration = Duration::from_secs(600);

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("{incident} is not resolved yet: a postmortem begins when it is")]
    NotResolved { incident: String },
    #[error(transparent)]
    Incident(#[from] IncidentError),
    #[error(transparent)]
    Learning(#[from] LearningError),
}

/// The postmortem of a resolved incident: drafted if there is none, its facts frozen anew if the incident was resolved
/// again since, else as it is. `None` where nobody asked and it need not be written.
pub async fn drafted(
    store: &dyn LearningStore,
    incidents: &Incidents,
    promises: &dyn Promises,
    incident: &Incident,
    is_asked: bool,
    now: Timestamp,
) -> Result<Option<Postmortem>, DraftError> {
    let known = store.postmortem(incident.id).await?;
    let wanted = is_asked || is_mandatory(incident) || incident.is_drill;
    let is_current = |known: &Postmortem| {
        known.state == State::Closed || known.facts.marks.resolved == incident.marks.resolved
    };
    match &known {
        Some(known) if is_current(known) || incident.marks.resolved.is_none() => {
            return Ok(Some(known.clone()));
        }
        None if !wanted => return Ok(None),
        _ => {}
    }
    if incident.marks.resolved.is_none() {
        return Err(DraftError::NotResolved { incident: incident.id.to_string() });
    }
    let updates = incidents.updates(incident.id).await?;
    let entries = incidents.timeline(incident.id, 0, ENTRIES_MAX).await?;
    let found = Found {
        incident,
        updates: &updates,
        entries: &entries,
        charts: charts(promises, incident, now),
        now,
    };
    let postmortem = match &known {
        Some(known) => refreeze(known, found),
        None => draft(found),
    };
    store.put_postmortem(&postmortem).await?;
    tracing::info!(incident = %incident.id, version = postmortem.version, "postmortem is drafted");
    Ok(Some(postmortem))
}

fn charts(promises: &dyn Promises, incident: &Incident, now: Timestamp) -> Vec<Chart> {
    let end = incident.marks.resolved.unwrap_or(now);
    let range = TimeRange::new(incident.marks.fault_start.min(end), end + Duration::from_secs(1));
    let views = incident.services.iter().flat_map(|service| promises.of_service(service));
    views.take(CHARTS_MAX).filter_map(|view| chart(&view, range, now)).collect()
}

fn chart(view: &PromiseView, range: TimeRange, now: Timestamp) -> Option<Chart> {
    let live = view.live.as_ref()?;
    let wide = TimeRange::new(range.start - CHART_MARGIN, (range.end + CHART_MARGIN).min(now.max(range.end)));
    let (step, points) = series(&view.promise, live.rings(), wide, Duration::from_secs(1), CHART_POINTS);
    let start = points.first()?.start;
    let within = points.iter().filter(|point| point.start + step > range.start && point.start < range.end);
    let shares: Vec<f64> =
        within.filter_map(|point| point.remaining_share).filter(|share| share.is_finite()).collect();
    let before = points
        .iter()
        .rfind(|point| point.start + step <= range.start)
        .and_then(|point| point.remaining_share)
        .filter(|share| share.is_finite())
        .or(shares.first().copied());
    let budget_spent = before.zip(shares.last()).map(|(before, after)| (before - after).max(0.0));
    Some(Chart {
        slo: view.promise.id.clone(),
        target: view.promise.target.as_f64(),
        start,
        step,
        good: points.iter().map(|point| point.counts.good).collect(),
        total: points.iter().map(|point| point.counts.total()).collect(),
        budget_spent,
    })
}

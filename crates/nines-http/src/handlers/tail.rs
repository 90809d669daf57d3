//! Rows as they come in.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use nines_base::ErrorKind;
use nines_filter::Filter;
use serde::Deserialize;

use super::telemetry::dataset;
use crate::SharedApp;
use crate::extract::Caller;
use crate::problem::{ApiError, ApiResult};
use crate::tail::TAILS_MAX;

/// Proxies cut silent connections after 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
pub struct TailQuery {
    dataset: Option<String>,
    filter: Option<String>,
}

/// Events named `rows`, each [`nines_api::TailRows`]. Pausing is for the reader: what is not read is counted as skipped.
pub async fn tail(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<TailQuery>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let dataset = dataset(asked.dataset.as_deref().unwrap_or("logs"))?;
    let filter = caller.narrowed(Filter::parse(asked.filter.as_deref().unwrap_or_default())?);
    let tail = app.tails.open(dataset, filter).ok_or_else(|| {
        ApiError::new(ErrorKind::Exhausted, format!("{TAILS_MAX} live tails are open already"))
            .hint("close one, or search again every few seconds")
            .retry_after(KEEP_ALIVE)
    })?;
    let stream = futures::stream::unfold((tail, app), |(mut tail, app)| async move {
        let rows = tokio::select! {
            () = app.shutdown.begun() => return None,
            rows = tail.next(&app.clock) => rows?,
        };
        let event = Event::default().event("rows").json_data(&rows).expect("rows are plain data");
        Some((Ok(event), (tail, app)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("alive")))
}

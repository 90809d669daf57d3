//! Senders whose clocks differ from the node's.

use axum::Json;
use axum::extract::State;
use nines_api as api;
use nines_filter::{Expr, Filter};
use nines_ingest::{AHEAD_MIN, BEHIND_MIN, Clocks, SOURCES_MAX, SourceClock, WINDOW};
use nines_model::{Timestamp, field};

use crate::SharedApp;

/// Sources in an answer. Whoever has more has one cause for them.
const SHOWN_MAX: usize = 100;

pub async fn clocks(State(app): State<SharedApp>) -> Json<api::ClocksResponse> {
    Json(answer(&app.clocks, app.clock.now(), SHOWN_MAX))
}

/// What is known at `now`, `count` sources by name.
pub fn answer(clocks: &Clocks, now: Timestamp, count: usize) -> api::ClocksResponse {
    let found = clocks.differing(now, count);
    api::ClocksResponse {
        at: now.to_string(),
        window_secs: WINDOW.as_secs(),
        ahead_min_secs: AHEAD_MIN.as_secs(),
        behind_min_secs: BEHIND_MIN.as_secs(),
        sources: found.sources as u64,
        sources_max: SOURCES_MAX as u64,
        ahead: found.ahead as u64,
        behind: found.behind as u64,
        worst: found.worst.iter().map(shown).collect(),
    }
}

fn shown(source: &SourceClock) -> api::SourceClock {
    let named = [(field::SERVICE_NAME, &source.service), (source.place_field, &source.place)];
    let named = named.iter().filter(|(_, value)| !value.is_empty());
    let filter = Expr::and(named.map(|(name, value)| Expr::equals(*name, value.as_str())).collect());
    api::SourceClock {
        service: source.service.clone(),
        place_field: source.place_field.to_owned(),
        place: source.place.clone(),
        ahead_secs: source.offset as f64 / 1e9,
        heard_at: source.heard_at.to_string(),
        dataset: source.dataset.to_string(),
        filter: Filter::from_ast(filter).to_string(),
        start: source.stamped.start.to_string(),
        end: source.stamped.end.to_string(),
    }
}

//! The newest exemplars, in a ring.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::head::index::SeriesRef;
use crate::model::Exemplar;

/// Of all series. Upstream's default.
pub const EXEMPLARS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct Exemplars {
    ring: VecDeque<(SeriesRef, Exemplar)>,
    /// The newest time of each series that has any: what is not newer was sent before.
    newest: HashMap<SeriesRef, i64>,
}

impl Exemplars {
    pub fn add(&mut self, series: SeriesRef, exemplar: Exemplar) {
        if self.newest.get(&series).is_some_and(|&newest| exemplar.t_ms <= newest) {
            return;
        }
        if self.ring.len() == EXEMPLARS_MAX
            && let Some((old, exemplar)) = self.ring.pop_front()
            && self.newest.get(&old) == Some(&exemplar.t_ms)
        {
            self.newest.remove(&old);
        }
        self.newest.insert(series, exemplar.t_ms);
        self.ring.push_back((series, exemplar));
    }

    /// In order of arrival; times inclusive.
    pub fn between(&self, start_ms: i64, end_ms: i64) -> impl Iterator<Item = &(SeriesRef, Exemplar)> {
        self.ring.iter().filter(move |(_, exemplar)| (start_ms..=end_ms).contains(&exemplar.t_ms))
    }

    /// Numbers that are given out again must not inherit.
    pub fn forget(&mut self, gone: impl Fn(SeriesRef) -> bool) {
        self.ring.retain(|(series, _)| !gone(*series));
        self.newest.retain(|&series, _| !gone(series));
    }

    pub fn len(&self) -> usize {
        self.ring.len()
    }
}

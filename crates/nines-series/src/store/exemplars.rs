//! The exemplars of the head: what came since the last seal, and what is being sealed.

use hashbrown::HashMap;

use crate::exemplars::{EXEMPLAR_SLOT_MS, sort, thin};
use crate::head::index::SeriesRef;
use crate::model::Exemplar;

/// Of all series, active ones and those being sealed each; upstream's default. Some 200 bytes each.
pub const EXEMPLARS_MAX: usize = 100_000;

/// The span of a slot at which thinning a full head gives up: one exemplar of each series is left.
const SLOT_MS_MAX: i64 = EXEMPLAR_SLOT_MS << 16;

pub type BySeries = HashMap<SeriesRef, Vec<Exemplar>>;

#[derive(Debug, Default)]
pub struct Exemplars {
    active: Held,
    /// Stays visible until its segments are.
    frozen: Held,
    /// The newest time of each series that ever had any: what is not newer was sent before.
    newest: HashMap<SeriesRef, i64>,
}

/// Times of each series increase.
#[derive(Debug, Default)]
struct Held {
    by_series: BySeries,
    count: usize,
}

impl Exemplars {
    pub fn add(&mut self, series: SeriesRef, exemplar: Exemplar) {
        if self.newest.get(&series).is_some_and(|&newest| exemplar.t_ms <= newest) {
            return;
        }
        self.newest.insert(series, exemplar.t_ms);
        if self.active.count >= EXEMPLARS_MAX {
            self.active.make_room();
        }
        self.active.by_series.entry(series).or_default().push(exemplar);
        self.active.count += 1;
    }

    /// Those of a series; times inclusive.
    pub fn of(&self, series: SeriesRef, start_ms: i64, end_ms: i64) -> impl Iterator<Item = &Exemplar> {
        let held = [&self.frozen, &self.active].into_iter();
        let all = held.filter_map(move |held| held.by_series.get(&series)).flatten();
        all.filter(move |exemplar| (start_ms..=end_ms).contains(&exemplar.t_ms))
    }

    /// Between two writes, with the samples.
    pub fn freeze(&mut self) {
        let active = std::mem::take(&mut self.active);
        // If the last sealing failed there are some already.
        for (series, mut exemplars) in active.by_series {
            self.frozen.by_series.entry(series).or_default().append(&mut exemplars);
        }
        self.frozen.count += active.count;
        if self.frozen.count > EXEMPLARS_MAX {
            self.frozen.make_room();
        }
    }

    pub fn frozen(&self) -> BySeries {
        self.frozen.by_series.clone()
    }

    pub fn clear_frozen(&mut self) {
        self.frozen = Held::default();
    }

    /// Numbers that are given out again must not inherit.
    pub fn forget(&mut self, gone: impl Fn(SeriesRef) -> bool) {
        for held in [&mut self.active, &mut self.frozen] {
            held.by_series.retain(|&series, _| !gone(series));
            held.count = held.by_series.values().map(Vec::len).sum();
        }
        self.newest.retain(|&series, _| !gone(series));
    }

    pub fn len(&self) -> usize {
        self.active.count + self.frozen.count
    }
}

impl Held {
    /// At least halves what there is: every series keeps fewer, over the whole time. If that does not do, because very many
    /// series have one or two, whole series go.
    fn make_room(&mut self) {
        let mut slot_ms = EXEMPLAR_SLOT_MS;
        while self.count > EXEMPLARS_MAX / 2 && slot_ms <= SLOT_MS_MAX {
            for exemplars in self.by_series.values_mut() {
                sort(exemplars);
                thin(exemplars, slot_ms, usize::MAX);
            }
            self.count = self.by_series.values().map(Vec::len).sum();
            slot_ms *= 2;
        }
        if self.count > EXEMPLARS_MAX / 2 {
            // Those whose newest is oldest.
            let newest = |exemplars: &Vec<Exemplar>| exemplars.last().map_or(i64::MIN, |last| last.t_ms);
            let mut times: Vec<i64> = self.by_series.values().map(newest).collect();
            times.sort_unstable();
            let from = times[times.len() / 2];
            let mut room = EXEMPLARS_MAX / 2;
            self.by_series.retain(|_, exemplars| {
                let stays = newest(exemplars) >= from && room > 0;
                room = if stays { room.saturating_sub(exemplars.len()) } else { room };
                stays
            });
            self.count = self.by_series.values().map(Vec::len).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn exemplar(t_ms: i64) -> Exemplar {
        Exemplar { t_ms, value: 1.0, labels: Labels::default() }
    }

    #[test]
    fn a_full_head_keeps_fewer_of_each_over_the_whole_time() {
        let mut exemplars = Exemplars::default();
        for second in 0..2_000 {
            for series in 0..100 {
                exemplars.add(series, exemplar(second * 1_000));
            }
        }
        assert!(exemplars.len() <= EXEMPLARS_MAX, "{}", exemplars.len());
        for series in 0..100 {
            let times: Vec<i64> = exemplars.of(series, 0, i64::MAX).map(|one| one.t_ms).collect();
            assert!(times[0] < 2 * EXEMPLAR_SLOT_MS && times[times.len() - 1] >= 1_999_000, "{times:?}");
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 4 * EXEMPLAR_SLOT_MS), "{times:?}");
        }
    }

    #[test]
    fn more_series_than_there_is_room_for_lose_the_oldest() {
        let mut exemplars = Exemplars::default();
        for series in 0..EXEMPLARS_MAX as u32 + 1 {
            exemplars.add(series, exemplar(i64::from(series)));
        }
        assert!(exemplars.len() <= EXEMPLARS_MAX / 2 + 1, "{}", exemplars.len());
        assert_eq!(exemplars.of(EXEMPLARS_MAX as u32, 0, i64::MAX).count(), 1);
        assert_eq!(exemplars.of(0, 0, i64::MAX).count(), 0);
        // The same again is nothing new, even if it was let go of.
        exemplars.add(0, exemplar(0));
        assert_eq!(exemplars.of(0, 0, i64::MAX).count(), 0);
    }

    #[test]
    fn what_is_frozen_stays_until_it_is_cleared_and_what_came_later_stays_longer() {
        let mut exemplars = Exemplars::default();
        exemplars.add(1, exemplar(1));
        exemplars.freeze();
        exemplars.add(1, exemplar(1));
        exemplars.add(1, exemplar(2));
        assert_eq!((exemplars.len(), exemplars.frozen()[&1].len()), (2, 1));
        exemplars.freeze();
        assert_eq!(exemplars.frozen()[&1].len(), 2);
        exemplars.add(1, exemplar(3));
        exemplars.clear_frozen();
        let times: Vec<i64> = exemplars.of(1, i64::MIN, i64::MAX).map(|one| one.t_ms).collect();
        assert_eq!(times, [3]);
    }
}

//! Which exemplars are kept when there are many.
//!
//! Words introduced here
//! - **Slot**: a span of time, aligned to the epoch, of which a series keeps one exemplar: the greatest, because who looks for
//!   a trace looks for a slow one.
//!
//! Slots only ever double, so thinning what is thinned, alone or merged, keeps what thinning all at once would.

use crate::model::Exemplar;

/// A series keeps one exemplar a minute in a segment: at most 120 of two hours and 1 440 of a day.
pub const EXEMPLAR_SLOT_MS: i64 = 60 * 1_000;

/// Of one segment; some 40 bytes each, so at most 8 MB beside the 400 MB that a day of 40 000 series takes at 15 s. Only a
/// segment with more series that have any holds more: one of each.
pub const SEGMENT_EXEMPLARS_MAX: usize = 200_000;

/// How many a series may keep in a segment, if so many have any.
pub fn share(series: usize) -> usize {
    (SEGMENT_EXEMPLARS_MAX / series.max(1)).max(1)
}

/// Sorts by time, and drops what was sent twice.
pub fn sort(exemplars: &mut Vec<Exemplar>) {
    exemplars.sort_by(|a, b| a.t_ms.cmp(&b.t_ms).then_with(|| a.value.total_cmp(&b.value)));
    exemplars.dedup_by(|later, earlier| {
        later.t_ms == earlier.t_ms
            && later.value.to_bits() == earlier.value.to_bits()
            && later.labels == earlier.labels
    });
}

/// Of one series, sorted: keeps the greatest of each slot of at least `slot_ms`, and at most `count_max`.
pub fn thin(exemplars: &mut Vec<Exemplar>, slot_ms: i64, count_max: usize) {
    let mut slot_ms = slot_ms;
    loop {
        keep_greatest(exemplars, |a, b| a.t_ms.div_euclid(slot_ms) == b.t_ms.div_euclid(slot_ms));
        if exemplars.len() <= count_max.max(1) {
            return;
        }
        let Some(doubled) = slot_ms.checked_mul(2) else { break };
        slot_ms = doubled;
    }
    // What is left are the two sides of the epoch, which no slot spans.
    keep_greatest(exemplars, |_, _| true);
}

/// Of neighbours that are in the same slot.
fn keep_greatest(exemplars: &mut Vec<Exemplar>, are_together: impl Fn(&Exemplar, &Exemplar) -> bool) {
    exemplars.dedup_by(|later, earlier| {
        let together = are_together(later, earlier);
        if together && later.value.total_cmp(&earlier.value).is_gt() {
            std::mem::swap(later, earlier);
        }
        together
    });
}

#[cfg(test)]
mod tests {
    use nines_base::Random;

    use super::*;
    use crate::model::Labels;

    fn exemplar(t_ms: i64, value: f64) -> Exemplar {
        Exemplar { t_ms, value, labels: Labels::new([("trace_id", format!("{t_ms:032x}"))]) }
    }

    #[test]
    fn each_slot_keeps_its_greatest() {
        let mut some =
            vec![exemplar(1, 1.0), exemplar(59_999, 3.0), exemplar(59_999, 2.0), exemplar(60_000, 0.5)];
        sort(&mut some);
        thin(&mut some, EXEMPLAR_SLOT_MS, usize::MAX);
        assert_eq!(some, [exemplar(59_999, 3.0), exemplar(60_000, 0.5)]);
        thin(&mut some, EXEMPLAR_SLOT_MS, 1);
        assert_eq!(some, [exemplar(59_999, 3.0)]);
    }

    #[test]
    fn thinning_in_parts_is_thinning_at_once() {
        let random = Random::from_seed(7);
        for _ in 0..200 {
            let some = || exemplar(random.below(7_200_000) as i64 - 3_600_000, random.below(1_000) as f64);
            let all: Vec<_> = std::iter::repeat_with(some).take(300).collect();
            let max = 1 + random.below(100) as usize;
            let (mut left, mut right) = (all[..150].to_vec(), all[150..].to_vec());
            for part in [&mut left, &mut right] {
                sort(part);
                thin(part, EXEMPLAR_SLOT_MS, usize::MAX);
            }
            left.append(&mut right);
            let mut at_once = all;
            for part in [&mut left, &mut at_once] {
                sort(part);
                thin(part, EXEMPLAR_SLOT_MS, max);
            }
            assert_eq!(left, at_once);
            assert!(left.len() <= max);
        }
    }
}

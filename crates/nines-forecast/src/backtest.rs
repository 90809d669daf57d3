//! How wrong each model would have been on this very history, and how wide the interval therefore is.
//!
//! The history is cut at [`ORIGINS`] places in its second half (a rolling origin). Errors are gathered by distance in
//! bands that double, because what is wrong by one cell after one step is wrong by many after a hundred.

use crate::fit::{Fitted, Model};

/// Cuts. Neighbouring ones see nearly the same, so more cost time and tell little.
const ORIGINS: usize = 24;
/// A model with more parameters must be better by this much than a simpler one.
const BETTER: f64 = 0.93;
/// Errors of one band overlap in time and tell less than so many that do not. The less of them, the fewer periods the
/// history holds. Both found by `the_interval_holds_what_it_promises`.
const OVERLAP: f64 = 1.15;
const FEW_PERIODS: f64 = 1.0;
/// Where a history is too short to have shown the shape of a day, the width grows by so many times the distance, in
/// histories: what comes is the less like what was seen the further one looks. Found on the half of public series that
/// `tests/coverage.rs` tunes on.
const UNSEEN: f64 = 2.5;

/// From this ratio of variances on it is a walk: one has 1, errors around a line that last for hours have 0.25.
const WALK_RATIO: f64 = 0.4;
/// A walk is taken for one if going on from the last value is not much worse than the best.
const LIKE_THE_BEST: f64 = 1.5;

pub struct Chosen {
    pub model: Model,
    pub fitted: Fitted,
    /// Distance in cells, and half the width there; both increasing.
    widths: Vec<(f64, f64)>,
}

impl Chosen {
    /// Half of the interval at so many cells after the last.
    pub fn width(&self, distance: f64) -> f64 {
        let Some((last, rest)) = self.widths.split_last() else { return f64::INFINITY };
        if distance >= last.0 {
            // Beyond what was tested a wrong slope goes on being wrong.
            return last.1 * distance / last.0;
        }
        let mut before = (0.0, self.widths[0].1);
        for point in rest.iter().chain([last]) {
            if distance < point.0 {
                let share = (distance - before.0) / (point.0 - before.0);
                return before.1 + (point.1 - before.1) * share;
            }
            before = *point;
        }
        last.1
    }
}

/// Distance in cells, and by how much the continuation was wrong there.
type Errors = Vec<(usize, f64)>;

pub fn choose(cells: &[Option<f64>], step_ms: i64, level: f64) -> Chosen {
    let mut best: Option<(f64, Model, Errors)> = None;
    for model in Model::ALL {
        if !model.fits(cells.len(), step_ms) {
            continue;
        }
        let errors = errors(model, cells, step_ms);
        if errors.is_empty() {
            continue;
        }
        let wrong = errors.iter().map(|error| error.1).sum::<f64>() / errors.len() as f64;
        if best.as_ref().is_none_or(|(least, ..)| wrong < least * BETTER) {
            best = Some((wrong, model, errors));
        }
    }
    // A walk looks like a line, or like whatever else, to whoever has seen it once: it is told apart by how its moves add up.
    let walks = walk(cells);
    if let (Some(_), Some((least, ..))) = (walks, &best) {
        let errors = errors(Model::Drift, cells, step_ms);
        let wrong = errors.iter().map(|error| error.1).sum::<f64>() / errors.len().max(1) as f64;
        if wrong < least * LIKE_THE_BEST {
            best = Some((wrong, Model::Drift, errors));
        }
    }
    let (_, model, errors) = best.unwrap_or((0.0, Model::Drift, Vec::new()));
    let fitted = model.fit(cells, step_ms).or_else(|| Model::Drift.fit(cells, step_ms));
    // There are at least two points here, which is all that a drift needs.
    let fitted = fitted.expect("a history has two points");
    let wider = OVERLAP + FEW_PERIODS * fitted.longest_period() / cells.len() as f64;
    let mut widths = widths(&errors, level, wider);
    let unseen = if Model::Daily.fits(cells.len(), step_ms) { 0.0 } else { UNSEEN };
    for (distance, width) in &mut widths {
        *width *= 1.0 + unseen * *distance / cells.len() as f64;
    }
    if let (Model::Drift, Some(walk)) = (model, walks) {
        // What a walk does in theory; the back-test has seen only one.
        let times = two_sided(level) * walk;
        for (distance, width) in &mut widths {
            let spread = *distance + *distance * *distance / cells.len() as f64;
            *width = width.max(times * spread.sqrt());
        }
    }
    Chosen { model, fitted, widths }
}

/// The usual size of a move, if the cells are a walk: then the variance of what `k` moves add up to is `k` times that of
/// one, where around a line it stays the same (the ratio of variances, after Lo and MacKinlay).
fn walk(cells: &[Option<f64>]) -> Option<f64> {
    let spread = |apart: usize| {
        let pairs = cells.iter().zip(&cells[apart..]);
        let moves: Vec<f64> = pairs.filter_map(|(before, after)| Some((*after)? - (*before)?)).collect();
        let count = moves.len() as f64;
        let mean = moves.iter().sum::<f64>() / count;
        (count > 8.0).then(|| moves.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0))
    };
    let apart = (cells.len() / 8).max(2);
    let (one, many) = (spread(1)?, spread(apart)?);
    (one > 0.0 && many / (one * apart as f64) >= WALK_RATIO).then(|| one.sqrt())
}

/// How many standard deviations to each side hold `level` of a normal distribution. Source: Abramowitz and Stegun, 26.2.23;
/// wrong by less than 0.0005.
fn two_sided(level: f64) -> f64 {
    let tail = ((1.0 - level) / 2.0).clamp(1e-9, 0.5);
    let t = (-2.0 * tail.ln()).sqrt();
    t - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
        / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t)
}

fn errors(model: Model, cells: &[Option<f64>], step_ms: i64) -> Errors {
    let (first, last) = (cells.len() / 2, cells.len() - 2);
    let mut errors = Vec::new();
    for number in 0..ORIGINS {
        let cut = first + (last - first) * number / (ORIGINS - 1);
        let Some(fitted) = model.fit(&cells[..=cut], step_ms) else { continue };
        for (cell, value) in cells.iter().enumerate().skip(cut + 1) {
            if let Some(value) = value {
                errors.push((cell - cut, (fitted.at(cell as f64) - value).abs()));
            }
        }
    }
    errors
}

/// The quantile of the errors in each band of distances, times `wider`, made to grow.
fn widths(errors: &Errors, level: f64, wider: f64) -> Vec<(f64, f64)> {
    let mut widths: Vec<(f64, f64)> = Vec::new();
    let mut from = 1;
    let farthest = errors.iter().map(|error| error.0).max().unwrap_or(0);
    while from <= farthest {
        let to = from * 2;
        let mut band: Vec<f64> =
            errors.iter().filter(|error| (from..to).contains(&error.0)).map(|error| error.1).collect();
        if !band.is_empty() {
            band.sort_unstable_by(f64::total_cmp);
            let place = ((band.len() + 1) as f64 * level).ceil() as usize;
            let width = band[place.clamp(1, band.len()) - 1] * wider;
            let middle = from.midpoint(to.min(farthest + 1) - 1) as f64;
            let before = widths.last().map_or(0.0, |last| last.1);
            widths.push((middle.max(1.0), width.max(before)));
        }
        from = to;
    }
    widths
}

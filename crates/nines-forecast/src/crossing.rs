//! When a fan reaches a limit.

use crate::{FanPoint, Forecast, Refusal};

/// When the limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    pub at_ms: i64,
    /// Not before, with the asked probability.
    pub earliest_ms: i64,
    /// Not after; nothing if it may also take longer than can be foreseen.
    pub latest_ms: Option<i64>,
}

impl Forecast {
    /// The first time at which the measure reaches `limit` from below. `None`: not within the fan.
    ///
    /// # Errors
    /// The interval begins now and has no end: that is no forecast.
    pub fn reaches(&self, limit: f64) -> Result<Option<Crossing>, Refusal> {
        let Some(at_ms) = self.first(limit, |point| point.mid) else { return Ok(None) };
        let earliest_ms = self.first(limit, |point| point.high).unwrap_or(at_ms).min(at_ms);
        let latest_ms = self.first(limit, |point| point.low).map(|latest| latest.max(at_ms));
        let begin = self.fan.first().map_or(at_ms, |point| point.at_ms);
        if latest_ms.is_none() && earliest_ms <= begin && at_ms > begin {
            return Err(Refusal::Erratic);
        }
        Ok(Some(Crossing { at_ms, earliest_ms, latest_ms }))
    }

    /// When a line of the fan first stands at or above the limit, between its points by a straight line.
    fn first(&self, limit: f64, line: impl Fn(&FanPoint) -> f64) -> Option<i64> {
        if line(self.fan.first()?) >= limit {
            return Some(self.fan[0].at_ms);
        }
        self.fan.windows(2).find_map(|pair| {
            let (before, after) = (line(&pair[0]), line(&pair[1]));
            (after >= limit).then(|| {
                let share = (limit - before) / (after - before);
                pair[0].at_ms + ((pair[1].at_ms - pair[0].at_ms) as f64 * share) as i64
            })
        })
    }

    /// The last time that is foreseen.
    pub fn until_ms(&self) -> i64 {
        self.fan.last().map_or(0, |point| point.at_ms)
    }
}

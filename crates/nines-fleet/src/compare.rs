//! Who is high or low among its like.
//!
//! The median and the median absolute deviation, so that one unit gone wild does not make the others look usual.
//! Source: Iglewicz and Hoaglin, *How to Detect and Handle Outliers* (1993), the modified z-score and its threshold 3.5.

/// Below this many there is no "usual".
const MEMBERS_MIN: usize = 5;
/// Of the modified z-score.
const THRESHOLD: f64 = 3.5;
/// Makes the median absolute deviation of a normal distribution its standard deviation.
const NORMAL: f64 = 0.6745;

/// The middle of a group and how far its members usually are from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub deviation: f64,
    pub members: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    High,
    Low,
    Usual,
}

impl Place {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Usual => "usual",
        }
    }
}

/// Of no value there is none.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted[middle];
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[middle - 1] + upper) / 2.0 })
}

pub fn spread(values: &[f64]) -> Option<Spread> {
    let middle = median(values)?;
    let away: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    Some(Spread { median: middle, deviation: median(&away)?, members: values.len() })
}

impl Spread {
    /// The modified z-score. `least`: a difference of less is nothing, whatever the others do (half a percent of CPU among
    /// hosts that all idle).
    pub fn score(&self, value: f64, least: f64) -> f64 {
        let away = value - self.median;
        if away.abs() <= least { 0.0 } else { NORMAL * away / self.deviation.max(least / THRESHOLD * NORMAL) }
    }

    pub fn place(&self, value: f64, least: f64) -> Place {
        let score = self.score(value, least);
        match () {
            () if self.members < MEMBERS_MIN => Place::Usual,
            () if score > THRESHOLD => Place::High,
            () if score < -THRESHOLD => Place::Low,
            () => Place::Usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_wild_does_not_hide_itself() {
        let values = [0.2, 0.21, 0.19, 0.22, 0.2, 0.95, 0.01];
        let spread = spread(&values).unwrap();
        assert_eq!(spread.median, 0.2);
        let places: Vec<Place> = values.iter().map(|value| spread.place(*value, 0.05)).collect();
        let usual = Place::Usual;
        assert_eq!(places, [usual, usual, usual, usual, usual, Place::High, Place::Low]);
    }

    #[test]
    fn equals_and_the_few_are_usual() {
        let idle = spread(&[0.0; 9]).unwrap();
        assert_eq!(idle.place(0.004, 0.05), Place::Usual);
        assert_eq!(idle.place(0.4, 0.05), Place::High);
        let few = spread(&[1.0, 1.0, 50.0]).unwrap();
        assert_eq!(few.place(50.0, 0.1), Place::Usual);
        assert_eq!(spread(&[]), None);
    }
}

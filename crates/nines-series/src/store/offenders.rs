//! Which label fills a budget.

use std::ops::Deref;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use crate::error::BudgetExceeded;
use crate::head::index::Index;

/// Metrics whose refusals are told apart; of more, the counts still add up, under the empty name.
const OFFENDERS_MAX: usize = 256;

/// Series that are looked at to find the label; beyond, a sample of them says the same.
const SERIES_LOOKED_AT: usize = 50_000;

/// What budgets have refused, by metric.
#[derive(Debug, Default)]
pub struct Offenders(Mutex<HashMap<Arc<str>, Offence>>);

#[derive(Debug, Clone)]
struct Offence {
    refused_series: u64,
    refused_samples: u64,
    /// When this many were refused the label is looked for again.
    look_again_at: u64,
    exceeded: BudgetExceeded,
}

/// A metric that a budget stopped, since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMetric {
    pub exceeded: BudgetExceeded,
    /// Refusals: a series that is sent again is refused again.
    pub refused_series: u64,
    pub refused_samples: u64,
}

impl Offenders {
    /// Counts the refusal, and fills in the label. It is looked for at the first refusal and each time they have grown
    /// eightfold, so that ten million refusals cost a handful of walks.
    pub fn name<I: Deref<Target = Index>>(
        &self,
        mut exceeded: BudgetExceeded,
        samples: u64,
        index: impl FnOnce() -> I,
    ) -> BudgetExceeded {
        let mut offences = self.0.lock();
        if offences.len() >= OFFENDERS_MAX && !offences.contains_key(&exceeded.metric) {
            exceeded.metric = Arc::from("");
        }
        let offence = offences.entry(Arc::clone(&exceeded.metric)).or_insert_with(|| Offence {
            refused_series: 0,
            refused_samples: 0,
            look_again_at: 0,
            exceeded: exceeded.clone(),
        });
        offence.refused_series += 1;
        offence.refused_samples += samples;
        if offence.refused_series > offence.look_again_at {
            offence.look_again_at = offence.refused_series * 8;
            let (label, label_values) = widest_label(&index(), &exceeded.metric);
            offence.exceeded = BudgetExceeded { label, label_values, ..exceeded };
        }
        offence.exceeded.clone()
    }

    pub fn list(&self) -> Vec<RefusedMetric> {
        let offences = self.0.lock();
        let mut list: Vec<_> = offences
            .values()
            .map(|offence| RefusedMetric {
                exceeded: offence.exceeded.clone(),
                refused_series: offence.refused_series,
                refused_samples: offence.refused_samples,
            })
            .collect();
        list.sort_by_key(|refused| std::cmp::Reverse(refused.refused_series));
        list
    }
}

/// The label of a metric's series with the most different values, and how many among those looked at.
fn widest_label(index: &Index, metric: &str) -> (Arc<str>, u64) {
    let mut values: HashMap<u32, HashSet<u32>> = HashMap::new();
    for &series in index.metric_series(metric).iter().rev().take(SERIES_LOOKED_AT) {
        for &[name, value] in index.pairs(series).as_chunks::<2>().0 {
            values.entry(name).or_default().insert(value);
        }
    }
    let widest = values.iter().max_by_key(|(name, values)| (values.len(), std::cmp::Reverse(**name)));
    match widest {
        Some((&name, values)) => (Arc::clone(index.symbols().text(name)), values.len() as u64),
        None => (Arc::from(""), 0),
    }
}

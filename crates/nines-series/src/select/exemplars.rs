//! Questions for exemplars: the head first and then the segments, as for samples.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{DamagedPart, Select, Source, damaged_part};
use crate::SeriesError;
use crate::exemplars::sort;
use crate::model::{Exemplar, Labels};
use crate::postings;
use crate::segment::ExemplarReader;
use crate::store::SeriesStore;

/// In one answer, some hundred bytes of JSON each: as many as a head holds.
pub const EXEMPLARS_ANSWERED_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct ExemplarSelection {
    /// Series with at least one in the range, sorted by their labels; of each the exemplars in order of time.
    pub series: Vec<(Labels, Vec<Exemplar>)>,
    /// What could not be read and is therefore missing.
    pub damaged: Vec<DamagedPart>,
    /// There are more than [`EXEMPLARS_ANSWERED_MAX`]: those of the oldest segments are not here.
    pub is_cut: bool,
}

type BySeries = BTreeMap<Labels, Vec<Exemplar>>;

impl SeriesStore {
    /// The exemplars of all series that match. Costs the exemplars of each segment in the range, whichever match.
    pub fn exemplars(&self, select: &Select<'_>) -> Result<ExemplarSelection, SeriesError> {
        let mut found = self.exemplars_in_head(select);
        let mut count: usize = found.values().map(Vec::len).sum();
        let (mut sources, mut damaged) = self.sources(&(select.start_ms..=select.end_ms));
        sources.retain(|(segment, _)| segment.exemplar_frames().next().is_some());
        sources.sort_by_key(|(segment, _)| Reverse(segment.info().t_max));
        let mut is_cut = false;
        for source in &sources {
            if (select.cancelled)() {
                return Err(SeriesError::Cancelled);
            }
            is_cut = count > EXEMPLARS_ANSWERED_MAX;
            if is_cut {
                break;
            }
            let (segment, _) = source;
            if let Err(error) = sealed_exemplars(source, select, &mut found, &mut count) {
                tracing::error!(%error, "exemplars of a metric segment cannot be read");
                let info = segment.info();
                damaged.push(damaged_part(segment, &error, (info.t_min, info.t_max)));
            }
        }
        let mut series: Vec<(Labels, Vec<Exemplar>)> = found.into_iter().collect();
        series.iter_mut().for_each(|(_, exemplars)| sort(exemplars));
        Ok(ExemplarSelection { series, damaged, is_cut })
    }

    fn exemplars_in_head(&self, select: &Select<'_>) -> BySeries {
        let inner = self.inner();
        let index = inner.index.read();
        let chosen = postings::select(&*index, select.matchers);
        let exemplars = inner.exemplars.lock();
        let of = |series: u32| -> Vec<Exemplar> {
            exemplars.of(series, select.start_ms, select.end_ms).cloned().collect()
        };
        let found = chosen.into_iter().map(|series| (series, of(series)));
        found
            .filter(|(_, some)| !some.is_empty())
            .map(|(series, some)| (index.labels(series), some))
            .collect()
    }
}

fn sealed_exemplars(
    (segment, index): &Source,
    select: &Select<'_>,
    found: &mut BySeries,
    count: &mut usize,
) -> Result<(), SeriesError> {
    let wanted = |exemplar: &Exemplar| (select.start_ms..=select.end_ms).contains(&exemplar.t_ms);
    let mut reader = ExemplarReader::new(segment)?;
    let mut some = Vec::new();
    for series in postings::select(index.as_ref(), select.matchers) {
        reader.take(series, &wanted, &mut some)?;
        if !some.is_empty() {
            *count += some.len();
            found.entry(index.labels(series)).or_default().append(&mut some);
        }
    }
    Ok(())
}

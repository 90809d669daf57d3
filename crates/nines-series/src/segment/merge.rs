use std::path::Path;
use std::sync::Arc;

use hashbrown::HashSet;

use nines_base::disk::{self, Disk};

use super::read::BlockReader;
use super::{ExemplarReader, Segment, SegmentIndex, SegmentInfo, SegmentWriter};
use crate::SeriesError;
use crate::exemplars::share;
use crate::join::Join;
use crate::thin::thin;

/// Writes the segment at `path` that holds exactly the samples of `inputs` (ordered by their order, so that the last one
/// wins), or what thinning leaves of them if `info` has a bucket. `info` names its partition and order. Memory: the series tables of the inputs and a block of each. Fails, and
/// leaves everything as it is, if an input is damaged.
pub fn merge(
    disk: &dyn Disk,
    inputs: &[Arc<Segment>],
    path: &Path,
    info: SegmentInfo,
) -> Result<SegmentInfo, SeriesError> {
    let indexes: Vec<_> = inputs.iter().map(|input| input.index()).collect::<Result<_, _>>()?;
    let readers: Vec<_> = inputs.iter().map(|input| BlockReader::new(input)).collect::<Result<_, _>>()?;
    let exemplars: Vec<_> =
        inputs.iter().map(|input| ExemplarReader::new(input)).collect::<Result<_, _>>()?;
    let symbols = Union::of(&indexes);
    let is_thin = info.bucket_ms > 0;
    let merging = Merging { inputs, indexes: &indexes, readers, exemplars, symbols: &symbols, is_thin };
    let exemplars_max = share(merging.series_with_exemplars()?);
    let info = SegmentInfo { replaces: inputs.iter().map(|input| input.name().to_owned()).collect(), ..info };
    let mut written = None;
    disk::publish(disk, path, |file| {
        written = Some(merging.write(SegmentWriter::new(file, info, exemplars_max)?)?);
        Ok::<(), Failure>(())
    })
    .map_err(|failure| failure.at(path))?;
    // The closure ran: `publish` has not failed.
    Ok(written.unwrap_or_default())
}

/// An error of the output, or one of an input that names it already.
pub enum Failure {
    Output(std::io::Error),
    Input(SeriesError),
}

impl Failure {
    pub fn at(self, path: &Path) -> SeriesError {
        match self {
            Self::Output(error) => SeriesError::io("write", path, error),
            Self::Input(error) => error,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<SeriesError> for Failure {
    fn from(error: SeriesError) -> Self {
        Self::Input(error)
    }
}

/// The symbols of all inputs, sorted, and the number that each input's symbol has among them.
struct Union {
    texts: Vec<Arc<str>>,
    numbers: Vec<Vec<u32>>,
}

impl Union {
    fn of(indexes: &[Arc<SegmentIndex>]) -> Self {
        let mut texts: Vec<Arc<str>> = indexes.iter().flat_map(|index| index.symbols()).cloned().collect();
        texts.sort_unstable();
        texts.dedup();
        let number = |text: &Arc<str>| texts.partition_point(|one| one < text) as u32;
        let numbers = indexes.iter().map(|index| index.symbols().iter().map(number).collect()).collect();
        Self { texts, numbers }
    }
}

struct Merging<'a> {
    inputs: &'a [Arc<Segment>],
    indexes: &'a [Arc<SegmentIndex>],
    readers: Vec<BlockReader<'a>>,
    exemplars: Vec<ExemplarReader<'a>>,
    symbols: &'a Union,
    is_thin: bool,
}

impl Merging<'_> {
    fn write(mut self, mut writer: SegmentWriter<'_>) -> Result<SegmentInfo, Failure> {
        // The series that each input is at, and its labels in the numbers of the union.
        let mut at = vec![0u32; self.inputs.len()];
        let mut heads: Vec<Option<Vec<u32>>> =
            (0..self.inputs.len()).map(|input| self.labels(input, 0)).collect();
        let (mut join, mut exemplars) = (Join::default(), Vec::new());
        while let Some(least) = heads.iter().flatten().min().cloned() {
            join.clear();
            for input in 0..heads.len() {
                if heads[input].as_ref() == Some(&least) {
                    self.add_series(input, at[input], &mut join)?;
                    self.exemplars[input].take(at[input], &|_| true, &mut exemplars)?;
                    at[input] += 1;
                    heads[input] = self.labels(input, at[input]);
                }
            }
            join.finish(i64::MIN, i64::MAX);
            if self.is_thin {
                thin(&mut join.times, &mut join.values);
            }
            join.write(&mut writer)?;
            writer.exemplars(&exemplars);
            exemplars.clear();
            writer.end_series(&least)?;
        }
        Ok(writer.finish(self.symbols.texts.iter().map(|text| &**text))?)
    }

    fn series_with_exemplars(&self) -> Result<usize, SeriesError> {
        let mut found: HashSet<Vec<u32>> = HashSet::new();
        for (place, input) in self.inputs.iter().enumerate() {
            let series = ExemplarReader::series(input)?;
            found.extend(series.into_iter().filter_map(|series| self.labels(place, series)));
        }
        Ok(found.len())
    }

    fn labels(&self, input: usize, series: u32) -> Option<Vec<u32>> {
        let index = &self.indexes[input];
        let numbers = &self.symbols.numbers[input];
        let pairs = ((series as usize) < index.len()).then(|| index.pairs(series))?;
        Some(pairs.iter().map(|&symbol| numbers[symbol as usize]).collect())
    }

    fn add_series(&mut self, input: usize, series: u32, join: &mut Join) -> Result<(), SeriesError> {
        for chunk in self.indexes[input].chunks(series) {
            let bytes = self.readers[input].chunk(chunk)?;
            join.add_chunk(chunk.kind, bytes).map_err(|source| SeriesError::Segment {
                path: self.inputs[input].path().to_owned(),
                source,
            })?;
        }
        Ok(())
    }
}

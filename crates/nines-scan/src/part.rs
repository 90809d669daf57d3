//! The pieces that a snapshot is read in: chunks of hot rows, and row groups of segments.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter;
use arrow::datatypes::TimestampNanosecondType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use nines_model::{Dataset, Timestamp, field};

use crate::error::ScanError;
use crate::facts::Facts;
use crate::predicate::ColumnTest;
use crate::rows::Rows;
use crate::segment::Segment;

/// A column of codes takes a byte or two for each row; with more, most of it is a dictionary, which is one of ids if it is
/// large besides.
const CODED_BYTES_A_ROW_MAX: usize = 3;
const DICTIONARY_BYTES_MAX: usize = 256 << 10;

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub dataset: Dataset,
    pub rows: usize,
    pub min_time: Timestamp,
    /// Inclusive.
    pub max_time: Timestamp,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Hot(RecordBatch),
    Stored { segment: Arc<Segment>, row_group: usize },
}

/// Columns of some chosen rows, as they were asked for. `None` is a column without any value.
#[derive(Debug)]
pub(crate) struct Columns {
    pub arrays: Vec<Option<ArrayRef>>,
    pub rows: usize,
}

impl Part {
    /// `None` if there are no rows.
    pub fn hot(dataset: Dataset, batch: RecordBatch) -> Option<Self> {
        let times = times_of(batch.column_by_name(field::TIMESTAMP)?);
        let (min, max) = (times.iter().copied().min()?, times.iter().copied().max()?);
        Some(Self {
            dataset,
            rows: batch.num_rows(),
            min_time: Timestamp::from_nanos(min),
            max_time: Timestamp::from_nanos(max),
            source: Source::Hot(batch),
        })
    }

    pub fn stored(segment: Arc<Segment>, row_group: usize) -> Self {
        let times =
            segment.column(field::TIMESTAMP).and_then(|column| segment.facts(row_group, column).ints());
        let (min_time, max_time) = match times {
            Some((min, max)) => (Timestamp::from_nanos(min), Timestamp::from_nanos(max)),
            None => (segment.file.min_time, segment.file.max_time),
        };
        let rows = segment.rows(row_group);
        let dataset = segment.file.dataset;
        Self { dataset, rows, min_time, max_time, source: Source::Stored { segment, row_group } }
    }

    /// The segment and the row group that it is, if it is not hot.
    pub fn row_group(&self) -> Option<(&Segment, usize)> {
        match &self.source {
            Source::Hot(_) => None,
            Source::Stored { segment, row_group } => Some((segment, *row_group)),
        }
    }

    /// What is known of a column; `None` if it has no values here.
    pub fn facts(&self, column: &str) -> Option<Facts> {
        let facts = match &self.source {
            Source::Hot(batch) => {
                batch.column_by_name(column).map(|array| Facts::of_hot(self.rows, array.null_count()))
            }
            Source::Stored { segment, row_group } => {
                segment.column(column).map(|column| segment.facts(*row_group, column))
            }
        };
        facts.filter(|facts| !facts.is_all_null())
    }

    /// Whether the filters of a segment tell that no row passes the test.
    pub fn refutes(&self, column: &str, test: &ColumnTest) -> bool {
        let Source::Stored { segment, row_group } = &self.source else { return false };
        let Some(column) = segment.column(column) else { return false };
        match test {
            ColumnTest::TextIs { text, negated: false } => segment.excludes(*row_group, column, text),
            ColumnTest::Found { tokens, .. } => segment.lacks(*row_group, tokens),
            _ => false,
        }
    }

    /// Whether reading the column costs much more than reading a number per row.
    pub fn is_costly(&self, column: &str) -> bool {
        match &self.source {
            Source::Hot(_) => false,
            Source::Stored { segment, row_group } => segment.column(column).is_some_and(|index| {
                if segment.is_coded(index) {
                    segment.decoded_bytes(*row_group, index)
                        > DICTIONARY_BYTES_MAX.max(self.rows * CODED_BYTES_A_ROW_MAX)
                } else {
                    !segment.schema().field(index).data_type().is_primitive()
                }
            }),
        }
    }

    /// The names of the columns that have values here.
    pub fn columns(&self) -> Vec<String> {
        let names = match &self.source {
            Source::Hot(batch) => batch.schema_ref().fields(),
            Source::Stored { segment, .. } => segment.schema().fields(),
        };
        let names = names.iter().map(|field| field.name().clone());
        names.filter(|name| self.facts(name).is_some()).collect()
    }

    /// The chosen rows of the named columns, in order. An iterator over one batch of hot rows, or over several of a row
    /// group; it yields at least one if any row is chosen.
    pub fn read(&self, names: &[&str], rows: &Rows) -> Result<Batches, ScanError> {
        if rows.is_none() {
            return Ok(Batches::Ready(None));
        }
        match &self.source {
            Source::Hot(batch) => {
                let mask = rows.mask().map(|mask| BooleanArray::new(mask.clone(), None));
                let column = |name: &&str| {
                    let array =
                        batch.column_by_name(name).filter(|array| array.null_count() < array.len())?;
                    Some(match &mask {
                        Some(mask) => filter(array, mask),
                        None => Ok(Arc::clone(array)),
                    })
                };
                let arrays = names.iter().map(|name| column(name).transpose());
                let arrays = arrays.collect::<Result<_, _>>().map_err(ScanError::internal)?;
                Ok(Batches::Ready(Some(Columns { arrays, rows: rows.count() })))
            }
            Source::Stored { segment, row_group } => {
                let present = |name: &&str| {
                    let column = segment.column(name)?;
                    (!segment.facts(*row_group, column).is_all_null()).then_some(column)
                };
                let wanted: Vec<Option<usize>> = names.iter().map(present).collect();
                let mut read: Vec<usize> = wanted.iter().flatten().copied().collect();
                if read.is_empty() {
                    let arrays = vec![None; names.len()];
                    return Ok(Batches::Ready(Some(Columns { arrays, rows: rows.count() })));
                }
                read.sort_unstable();
                read.dedup();
                let place = |column: usize| read.binary_search(&column).ok();
                let places = wanted.into_iter().map(|column| column.and_then(place)).collect();
                let reader = segment
                    .read(*row_group, &read, rows)
                    .map_err(|source| ScanError::storage(self.dataset, source))?;
                Ok(Batches::Reading { dataset: self.dataset, reader: Box::new(reader), places })
            }
        }
    }
}

pub(crate) enum Batches {
    Ready(Option<Columns>),
    Reading {
        dataset: Dataset,
        reader: Box<ParquetRecordBatchReader>,
        /// Of each column that was asked for, in what is read.
        places: Vec<Option<usize>>,
    },
}

impl Iterator for Batches {
    type Item = Result<Columns, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Ready(columns) => columns.take().map(Ok),
            Self::Reading { dataset, reader, places } => Some(match reader.next()? {
                Ok(batch) => {
                    let array = |place: &Option<usize>| place.map(|place| Arc::clone(batch.column(place)));
                    Ok(Columns { arrays: places.iter().map(array).collect(), rows: batch.num_rows() })
                }
                Err(source) => Err(ScanError::storage(*dataset, source)),
            }),
        }
    }
}

/// The nanoseconds of a column of times.
pub(crate) fn times_of(array: &ArrayRef) -> &[i64] {
    array.as_primitive::<TimestampNanosecondType>().values()
}

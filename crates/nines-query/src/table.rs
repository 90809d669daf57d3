//! One dataset as a table: the hot batches and the Parquet segments of one snapshot.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use nines_model::{TimeRange, Timestamp, field};
use nines_storage::{SegmentFile, Snapshot};

use crate::segments::{SegmentStore, location_of};
use crate::stats::ScanCounters;

/// Reads exactly what the snapshot holds. Segments that cannot hold rows of the wanted time are left out while
/// planning; the rest is up to the statistics and bloom filters in the files.
#[derive(Debug)]
pub(crate) struct DatasetTable {
    snapshot: Arc<Snapshot>,
    counters: Arc<ScanCounters>,
}

impl DatasetTable {
    pub fn new(snapshot: Arc<Snapshot>, counters: Arc<ScanCounters>) -> Self {
        Self { snapshot, counters }
    }

    /// The hot batches with just the wanted columns, absent ones as nulls.
    fn hot_plan(&self, schema: &SchemaRef, partitions: usize) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.snapshot.hot.is_empty() {
            return Ok(None);
        }
        let rows: usize = self.snapshot.hot.iter().map(RecordBatch::num_rows).sum();
        self.counters.hot_rows.fetch_add(rows as u64, Ordering::Relaxed);
        let mut groups = vec![Vec::new(); partitions.min(self.snapshot.hot.len())];
        let count = groups.len();
        // Newest first, so that "the latest hundred" is nearly decided after the first batches.
        for (index, batch) in self.snapshot.hot.iter().rev().enumerate() {
            groups[index % count].push(adapt(batch, schema)?);
        }
        Ok(Some(MemorySourceConfig::try_new_exec(&groups, Arc::clone(schema), None)?))
    }

    fn cold_plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        range: TimeRange,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut segments: Vec<&SegmentFile> = self
            .snapshot
            .segments
            .iter()
            .map(|segment| &**segment)
            .filter(|segment| segment.overlaps(range))
            .collect();
        let scanned = segments.len() as u64;
        self.counters.segments_scanned.fetch_add(scanned, Ordering::Relaxed);
        self.counters
            .segments_pruned
            .fetch_add(self.snapshot.segments.len() as u64 - scanned, Ordering::Relaxed);
        if segments.is_empty() {
            return Ok(None);
        }
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.max_time));
        let schema = &self.snapshot.schema;
        let groups = state.config().target_partitions().min(segments.len());
        let mut files = vec![Vec::new(); groups];
        for (index, segment) in segments.iter().enumerate() {
            files[index % groups].push(partitioned_file(segment, schema)?);
        }
        let url = ObjectStoreUrl::local_filesystem();
        let runtime = state.runtime_env();
        let store = SegmentStore::new(&self.snapshot.segments)?;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(Arc::new(store), cache);
        let mut options = state.default_table_options().parquet;
        options.global = state.config_options().execution.parquet.clone();
        let source = ParquetSource::new(Arc::clone(schema))
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let rows = segments.iter().map(|segment| segment.rows as usize).sum();
        let statistics = Statistics::new_unknown(schema).with_num_rows(Precision::Exact(rows));
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(files.into_iter().map(FileGroup::new).collect())
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }
}

#[async_trait]
impl TableProvider for DatasetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.snapshot.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = match projection {
            Some(indices) => Arc::new(self.snapshot.schema.project(indices)?),
            None => Arc::clone(&self.snapshot.schema),
        };
        let range = filters.iter().fold(TimeRange::ALL, |range, filter| intersect(range, range_of(filter)));
        let hot = self.hot_plan(&wanted, state.config().target_partitions())?;
        let cold = self.cold_plan(state, projection, range)?;
        match (hot, cold) {
            (Some(hot), Some(cold)) => UnionExec::try_new(vec![hot, cold]),
            (Some(plan), None) | (None, Some(plan)) => Ok(plan),
            (None, None) => Ok(Arc::new(EmptyExec::new(wanted))),
        }
    }

    /// Every filter is offered to the Parquet reader and to the pruning of segments, and is evaluated above all the
    /// same where the reader did not take it.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => Arc::clone(column),
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The file with the extremes of its time, by which a "latest first" query leaves out files while it runs.
fn partitioned_file(segment: &SegmentFile, schema: &Schema) -> Result<PartitionedFile> {
    let path = location_of(segment)?;
    let mut statistics =
        Statistics::new_unknown(schema).with_num_rows(Precision::Exact(segment.rows as usize));
    let index = schema.index_of(field::TIMESTAMP)?;
    let zone = match schema.field(index).data_type() {
        datafusion::arrow::datatypes::DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let at =
        |at: Timestamp| Precision::Exact(ScalarValue::TimestampNanosecond(Some(at.as_nanos()), zone.clone()));
    statistics.column_statistics[index] = ColumnStatistics::new_unknown()
        .with_null_count(Precision::Exact(0))
        .with_min_value(at(segment.min_time))
        .with_max_value(at(segment.max_time));
    let mut file = PartitionedFile::new(String::new(), segment.bytes).with_statistics(Arc::new(statistics));
    file.object_meta.location = path;
    Ok(file)
}

/// The times that can satisfy `filter`: a superset, all of time if nothing is known.
fn range_of(filter: &Expr) -> TimeRange {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            intersect(range_of(left), range_of(right))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (nanos, op) = match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _)) if is_timestamp(column) => {
                    (nanos_of(value), *op)
                }
                (Expr::Literal(value, _), Expr::Column(column)) if is_timestamp(column) => match op.swap() {
                    Some(op) => (nanos_of(value), op),
                    None => return TimeRange::ALL,
                },
                _ => return TimeRange::ALL,
            };
            let Some(nanos) = nanos else { return TimeRange::ALL };
            let (at, after) = (Timestamp::from_nanos(nanos), Timestamp::from_nanos(nanos.saturating_add(1)));
            match op {
                Operator::Eq => TimeRange::new(at, after),
                Operator::Lt => TimeRange::new(Timestamp::MIN, at),
                Operator::LtEq => TimeRange::new(Timestamp::MIN, after),
                Operator::Gt => TimeRange::new(after, Timestamp::MAX),
                Operator::GtEq => TimeRange::new(at, Timestamp::MAX),
                _ => TimeRange::ALL,
            }
        }
        Expr::Between(between) if !between.negated => match (&*between.expr, &*between.low, &*between.high) {
            (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) if is_timestamp(column) => {
                match (nanos_of(low), nanos_of(high)) {
                    (Some(low), Some(high)) => TimeRange::new(
                        Timestamp::from_nanos(low),
                        Timestamp::from_nanos(high.saturating_add(1)),
                    ),
                    _ => TimeRange::ALL,
                }
            }
            _ => TimeRange::ALL,
        },
        _ => TimeRange::ALL,
    }
}

fn is_timestamp(column: &Column) -> bool {
    column.name == field::TIMESTAMP
}

fn nanos_of(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(nanos, _) => *nanos,
        _ => None,
    }
}

fn intersect(left: TimeRange, right: TimeRange) -> TimeRange {
    TimeRange::new(left.start.max(right.start), left.end.min(right.end))
}

//! Rows for those who count them by themselves.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_storage::Snapshot;

use crate::error::ScanError;
use crate::part::Columns;
use crate::question::Question;
use crate::scanner::{Asked, Limits, Scanner};
use crate::stats::QueryStats;

#[derive(Debug, Clone)]
pub struct ScanRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// Those of which some selected row has a value are read, in this order; others are left out of the batches. Text is
    /// `Utf8View`, other types are those of [`nines_storage::arrow_type`].
    pub columns: Vec<String>,
    pub limits: Limits,
}

impl Scanner {
    /// Folds every selected row into what `start` makes. Batches come in no order.
    ///
    /// The fold runs on one of the scanner's threads, a batch of some thousand rows at a time; what it gathers is its
    /// own to bound. If stored data proves damaged, it starts anew without it.
    pub async fn scan<S, M, F>(
        &self,
        request: ScanRequest,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), ScanError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, &RecordBatch) + Send + Sync + 'static,
    {
        self.scan_of(None, request, start, fold).await
    }

    /// As [`Scanner::scan`], over a snapshot that was taken before, so that the caller knows which later batches to add. If
    /// a segment of it turns out to be damaged the call fails with [`ScanError::Storage`], once: take a new snapshot.
    pub async fn scan_of<S, M, F>(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        request: ScanRequest,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), ScanError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, &RecordBatch) + Send + Sync + 'static,
    {
        let limits = request.limits.clone();
        let (request, start, fold) = (Arc::new(request), Arc::new(start), Arc::new(fold));
        self.run(limits, move |question| {
            let (request, start, fold) = (Arc::clone(&request), Arc::clone(&start), Arc::clone(&fold));
            let snapshot = snapshot.clone();
            async move {
                let mut state = start();
                let mut see = |batch: &RecordBatch| fold(&mut state, batch);
                read(&question, snapshot, &request, &mut see).await?;
                Ok((state, question.stats()))
            }
        })
        .await
    }
}

fn read<'a>(
    question: &'a Question,
    snapshot: Option<Arc<Snapshot>>,
    request: &'a ScanRequest,
    see: &'a mut (dyn FnMut(&RecordBatch) + Send),
) -> Asked<'a, ()> {
    Box::pin(read_parts(question, snapshot, request, see))
}

async fn read_parts(
    question: &Question,
    snapshot: Option<Arc<Snapshot>>,
    request: &ScanRequest,
    see: &mut (dyn FnMut(&RecordBatch) + Send),
) -> Result<(), ScanError> {
    let target = match snapshot {
        Some(snapshot) => question.target_of(snapshot, &request.filter, request.range)?,
        None => question.target(request.dataset, &request.filter, request.range)?,
    };
    let names: Vec<&str> = request.columns.iter().map(String::as_str).collect();
    for part in &target.parts {
        let rows = question.select(part, &target.selector)?;
        for columns in part.read(&names, &rows)? {
            see(&batch(&names, &columns?).map_err(ScanError::internal)?);
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn batch(names: &[&str], columns: &Columns) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut fields = Vec::with_capacity(names.len());
    let mut arrays = Vec::with_capacity(names.len());
    for (name, array) in names.iter().zip(&columns.arrays) {
        let Some(array) = array else { continue };
        let array = match array.data_type() {
            DataType::Dictionary(..) => cast(array, &DataType::Utf8View)?,
            _ => Arc::clone(array),
        };
        fields.push(Field::new(*name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(columns.rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
}

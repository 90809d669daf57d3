//! Everything but SQL, answered by the scanner, with the errors of this crate.

use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_scan::{
    CountBucket, FacetsRequest, FacetsResult, HistogramRequest, HistogramResult, Limits, OperationsResult,
    QueryStats, ScanRequest, SearchRequest, SearchResult, SuggestRequest, Suggestions, TraceResult,
};
use nines_storage::Snapshot;

use crate::engine::Engine;
use crate::error::QueryError;
use crate::sql::Column;

impl Engine {
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResult, QueryError> {
        Ok(self.scanner().search(request).await?)
    }

    pub async fn histogram(&self, request: HistogramRequest) -> Result<HistogramResult, QueryError> {
        Ok(self.scanner().histogram(request).await?)
    }

    /// See [`nines_scan::Scanner::count_buckets`].
    pub async fn count_buckets(
        &self,
        snapshot: Snapshot,
        total: Filter,
        good: Filter,
        range: TimeRange,
        step: Duration,
        limits: Limits,
    ) -> Result<Vec<CountBucket>, QueryError> {
        Ok(self.scanner().count_buckets(snapshot, total, good, range, step, limits).await?)
    }

    pub async fn facets(&self, request: FacetsRequest) -> Result<FacetsResult, QueryError> {
        Ok(self.scanner().facets(request).await?)
    }

    pub async fn suggest(&self, request: SuggestRequest) -> Result<Suggestions, QueryError> {
        Ok(self.scanner().suggest(request).await?)
    }

    pub async fn trace(
        &self,
        trace_id: &str,
        range: TimeRange,
        limits: Limits,
    ) -> Result<TraceResult, QueryError> {
        Ok(self.scanner().trace(trace_id, range, limits).await?)
    }

    pub async fn services(&self, range: TimeRange, limits: Limits) -> Result<OperationsResult, QueryError> {
        Ok(self.scanner().services(range, limits).await?)
    }

    pub async fn operations(
        &self,
        filter: Filter,
        range: TimeRange,
        limits: Limits,
    ) -> Result<OperationsResult, QueryError> {
        Ok(self.scanner().operations(filter, range, limits).await?)
    }

    /// See [`nines_scan::Scanner::scan`].
    pub async fn scan<S, M, F>(
        &self,
        request: ScanRequest,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), QueryError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, &RecordBatch) + Send + Sync + 'static,
    {
        Ok(self.scanner().scan(request, start, fold).await?)
    }

    /// The fields of a dataset with their types, as of now.
    pub fn fields(&self, dataset: Dataset) -> Vec<Column> {
        let fields = self.scanner().fields(dataset).into_iter();
        fields.map(|field| Column { name: field.name, kind: field.kind.as_str() }).collect()
    }

    /// The known field that `name` was probably meant to be, if it is not known itself.
    pub fn nearest_field(&self, dataset: Dataset, name: &str) -> Option<String> {
        self.scanner().nearest_field(dataset, name)
    }
}

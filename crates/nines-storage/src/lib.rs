//! Hot rows, Parquet segments, their catalog, compaction and retention.

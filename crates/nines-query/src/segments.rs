//! The segments of a snapshot as DataFusion's Parquet reader wants to see them: an object store, read only, in which each
//! range is checked against the checksums of its blocks before it is an answer.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use nines_storage::SegmentFile;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What errors name this by.
const NAME: &str = "segments";

#[derive(Debug)]
pub(crate) struct SegmentStore {
    by_path: HashMap<Path, Arc<SegmentFile>>,
}

impl SegmentStore {
    pub fn new(segments: &[Arc<SegmentFile>]) -> Result<Self> {
        let by_path = segments.iter().map(|segment| Ok((location_of(segment)?, Arc::clone(segment))));
        Ok(Self { by_path: by_path.collect::<Result<_>>()? })
    }

    fn find(&self, location: &Path) -> Result<&Arc<SegmentFile>> {
        self.by_path.get(location).ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "it is not a segment of the snapshot".into(),
        })
    }
}

/// Where DataFusion finds a segment.
pub(crate) fn location_of(segment: &SegmentFile) -> Result<Path> {
    let failed = |source| Error::Generic { store: NAME, source };
    let path = std::path::absolute(&segment.path).map_err(|error| failed(Box::new(error)))?;
    Path::from_absolute_path(path).map_err(|error| failed(Box::new(error)))
}

/// Blocks; each range is whole or an error.
fn read(segment: &SegmentFile, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    let file = segment.open()?;
    let read =
        |range: &Range<u64>| segment.read(range.clone(), |buffer, offset| file.read_exact_at(buffer, offset));
    ranges.iter().map(read).collect()
}

#[async_trait]
impl ObjectStore for SegmentStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let segment = self.find(location)?;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: Default::default(),
            size: segment.bytes,
            e_tag: None,
            version: None,
        };
        let range = match &options.range {
            Some(range) => range
                .as_range(segment.bytes)
                .map_err(|error| Error::Generic { store: NAME, source: Box::new(error) })?,
            None => 0..segment.bytes,
        };
        let parts = if options.head {
            stream::empty().boxed()
        } else {
            let parts = self.get_ranges(location, std::slice::from_ref(&range)).await?;
            stream::iter(parts.into_iter().map(Ok)).boxed()
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(parts),
            meta,
            range,
            attributes: Attributes::default(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (segment, ranges) = (Arc::clone(self.find(location)?), ranges.to_vec());
        let parts = tokio::task::spawn_blocking(move || read(&segment, &ranges)).await?;
        parts.map_err(|error| Error::Generic { store: NAME, source: Box::new(error) })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("put"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(async { Err(read_only("delete")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { Err(read_only("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(read_only("list"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }
}

/// DataFusion only ever reads what a plan names.
fn read_only(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}

impl fmt::Display for SegmentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} segments", self.by_path.len())
    }
}

//! Pages of segments that are kept decompressed, for questions that want a few rows of many columns.
//!
//! A line in search, its neighbours and the rest of its trace lie in the pages that the question before has read: most of
//! what such a question costs is decompressing pages of which it takes a row. Questions that read whole columns go past
//! the cache, so that one of them does not empty it.

use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::arrow::parquet_to_arrow_field_levels;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::cache::Cache;
use crate::rows::Rows;
use crate::segment::{BATCH_ROWS, Segment, SegmentBytes};

/// Decompressed pages that are kept: some ten row groups of logs, messages included.
const PAGES_BYTES_MAX: usize = 64 << 20;

/// One row in so many, or fewer: most of each page is decompressed in vain.
const FEW: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct PageKey {
    segment: i64,
    row_group: usize,
    column: usize,
    page: usize,
}

/// Pages by their place. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Pages(Arc<Cache<PageKey, Page>>);

impl Default for Pages {
    fn default() -> Self {
        Self(Arc::new(Cache::new(PAGES_BYTES_MAX)))
    }
}

impl Pages {
    /// As [`Segment::read`] does, by the cache; `None` if that is not worth it, or if the file does not tell where its
    /// pages are.
    pub fn read(
        &self,
        segment: &Segment,
        row_group: usize,
        columns: &[usize],
        rows: &Rows,
    ) -> Result<Option<ParquetRecordBatchReader>> {
        let Some(mask) = rows.mask() else { return Ok(None) };
        let metadata = segment.metadata();
        let has_places = metadata.offset_index().is_some_and(|index| index.len() > row_group);
        if rows.count() * FEW > mask.len() || !has_places {
            return Ok(None);
        }
        let schema = metadata.file_metadata().schema_descr();
        let projection = ProjectionMask::leaves(schema, columns.iter().copied());
        let levels = parquet_to_arrow_field_levels(schema, projection, Some(segment.schema().fields()))?;
        let group = KeptRowGroup { pages: self, segment, row_group };
        let selection = RowSelection::from_boolean_buffer(mask.clone());
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, BATCH_ROWS, Some(selection))
            .map(Some)
    }
}

struct KeptRowGroup<'a> {
    pages: &'a Pages,
    segment: &'a Segment,
    row_group: usize,
}

impl RowGroups for KeptRowGroup<'_> {
    fn num_rows(&self) -> usize {
        self.segment.rows(self.row_group)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let metadata = self.metadata();
        let index = metadata.offset_index().and_then(|index| index.get(self.row_group)?.get(column));
        let places = index.map(|index| index.page_locations().clone()).unwrap_or_default();
        let (start, _) = metadata.row_group(self.row_group).column(column).byte_range();
        // What lies before the first page of values is the dictionary.
        let has_dictionary = places.first().is_some_and(|first| first.offset.cast_unsigned() != start);
        Ok(Box::new(OneChunk(Some(KeptChunk {
            pages: self.pages.clone(),
            segment: self.segment.clone(),
            key: PageKey { segment: self.segment.file.id, row_group: self.row_group, column, page: 0 },
            places,
            has_dictionary,
            reader: None,
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata().row_group(self.row_group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.segment.metadata()
    }
}

/// The one chunk that a column has in a row group.
struct OneChunk(Option<KeptChunk>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk: Box<dyn PageReader> = Box::new(self.0.take()?);
        Some(Ok(chunk))
    }
}

impl PageIterator for OneChunk {}

/// The pages of a column in a row group, the dictionary first.
struct KeptChunk {
    pages: Pages,
    segment: Segment,
    /// Of the page that comes next.
    key: PageKey,
    places: Vec<PageLocation>,
    has_dictionary: bool,
    /// Reads what is not kept, with the number of the page that it is at. Made when it is needed: it costs a codec.
    reader: Option<(SerializedPageReader<SegmentBytes>, usize)>,
}

impl KeptChunk {
    fn has_more(&self) -> bool {
        self.key.page < self.places.len() + usize::from(self.has_dictionary)
    }

    fn read(&mut self) -> Result<Option<Page>> {
        let (reader, at) = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let PageKey { row_group, column, .. } = self.key;
                let chunk = self.segment.metadata().row_group(row_group).column(column);
                let (bytes, rows) = (self.segment.bytes(), self.segment.rows(row_group));
                let reader = SerializedPageReader::new(bytes, chunk, rows, Some(self.places.clone()))?;
                none.insert((reader, 0))
            }
        };
        while *at < self.key.page {
            reader.skip_next_page()?;
            *at += 1;
        }
        *at += 1;
        reader.get_next_page()
    }
}

impl PageReader for KeptChunk {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if !self.has_more() {
            return Ok(None);
        }
        let page = match self.pages.0.get(&self.key) {
            Some(page) => Page::clone(&page),
            None => {
                let Some(page) = self.read()? else { return Ok(None) };
                self.pages.0.put(self.key, Arc::new(page.clone()), page.buffer().len());
                page
            }
        };
        self.key.page += 1;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        if self.has_dictionary && self.key.page == 0 {
            return Ok(Some(PageMetadata { num_rows: None, num_levels: None, is_dict: true }));
        }
        let at = self.key.page - usize::from(self.has_dictionary);
        let Some(place) = self.places.get(at) else { return Ok(None) };
        let all = self.segment.rows(self.key.row_group);
        let end = self.places.get(at + 1).map_or(all, rows_before);
        let rows = end.saturating_sub(rows_before(place));
        Ok(Some(PageMetadata { num_rows: Some(rows), num_levels: None, is_dict: false }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.key.page += 1;
        Ok(())
    }

    /// Where pages are known by their first rows, each begins with one.
    fn at_record_boundary(&mut self) -> Result<bool> {
        Ok(true)
    }
}

fn rows_before(place: &PageLocation) -> usize {
    usize::try_from(place.first_row_index).unwrap_or(0)
}

impl Iterator for KeptChunk {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

//! Damage in sealed files, found by whoever reads a part of one.

use std::io;
use std::ops::Range;

use nines_base::disk::{Disk, SimDisk};
use nines_base::{ManualClock, Random};
use nines_model::{Dataset, TimeRange};
use nines_storage::{BLOCK_BYTES, SegmentFile, Store, StoreConfig};

use crate::batches::{START, logs};

/// As a file would be read.
fn read(segment: &SegmentFile, content: &[u8], range: Range<u64>) -> io::Result<bytes::Bytes> {
    segment.read(range, |buffer, at| {
        let stored =
            content.get(at as usize..at as usize + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(stored);
        Ok(())
    })
}

async fn sealed(folder: &tempfile::TempDir, disk: &SimDisk) -> Store {
    let (store, _) =
        Store::open(StoreConfig::new(folder.path()), disk.shared(), ManualClock::at(START)).await.unwrap();
    store.append(1, &logs(START, "api", 0, 30_000));
    store.seal_all().await.unwrap();
    store
}

#[tokio::test]
async fn ten_thousand_flips_and_cuts_are_all_found_by_who_reads_there_and_by_nobody_else() {
    const DAMAGES: u64 = 10_000;
    let seed = 0x5eed_0b10;
    println!("seed {seed:#x}, {DAMAGES} damages");
    let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(1));
    let store = sealed(&folder, &disk).await;
    store.close().await.unwrap();
    // As the catalog remembers it.
    let (store, _) =
        Store::open(StoreConfig::new(folder.path()), disk.shared(), ManualClock::at(START)).await.unwrap();
    let segment = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments[0].clone();
    let whole = disk.read(&segment.path).unwrap();
    assert!(whole.len() as u64 > BLOCK_BYTES * 2 && !segment.blocks.is_empty());
    assert_eq!(read(&segment, &whole, 0..segment.bytes).unwrap(), whole);
    let random = Random::from_seed(seed);
    for number in 0..DAMAGES {
        let mut content = whole.clone();
        let at = random.below(segment.bytes);
        if number % 4 == 0 {
            content.truncate(at as usize);
        } else {
            content[at as usize] ^= 1 << random.below(8);
        }
        let length = 1 + random.below(40_000);
        let start = (at + 1).saturating_sub(1 + random.below(length));
        let range = start..(at + 1).max((start + length).min(segment.bytes));
        read(&segment, &content, range.clone()).expect_err(&format!("damage at {at}, read {range:?}"));
        // What lies wholly before its block is as it was.
        let before = 0..at - at % BLOCK_BYTES;
        assert_eq!(read(&segment, &content, before.clone()).unwrap(), whole[..before.end as usize]);
    }
}

#[tokio::test]
async fn ranges_beyond_the_end_are_errors_and_files_without_block_checksums_are_read_as_they_are() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(1));
    let store = sealed(&folder, &disk).await;
    let mut segment = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments[0].as_ref().clone();
    let whole = disk.read(&segment.path).unwrap();
    let (end, backwards) = (segment.bytes, Range { start: 20, end: 10 });
    for range in [0..end + 1, end + 1..end + 2, 0..u64::MAX, backwards] {
        assert_eq!(read(&segment, &whole, range).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
    assert_eq!(read(&segment, &whole, end..end).unwrap().len(), 0);
    segment.blocks = nines_storage::BlockChecksums::default();
    assert_eq!(read(&segment, &whole, 5..50_000).unwrap(), whole[5..50_000]);
}

//! Wrong bits in sealed files: never a wrong answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nines_base::disk::RealDisk;
use nines_base::{Random, SystemClock};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_scan::{Scanner, ScannerConfig, SearchRequest};
use nines_storage::{Store, StoreConfig};

use super::support::{Fixture, event};

/// Read all, find words by the index, find a trace by the bloom filter, and use the statistics.
const QUESTIONS: [(&str, usize); 4] =
    [("*", 6_000), ("needle17", 60), ("trace_id: 00000000000000000000000000000fff", 1), ("n >= 5990", 10)];

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
fn flip(path: &Path, bit: u64) {
    let mut content = std::fs::read(path).unwrap();
    content[(bit / 8) as usize] ^= 1 << (bit % 8);
    std::fs::write(path, content).unwrap();
}

/// `NINES_FLIPS` is how many (a few by default: each opens a store anew).
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_never_a_wrong_answer() {
    let flips: u64 = std::env::var("NINES_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let seed = 0x5eed_f11b;
    println!("seed {seed:#x}, {flips} flips");
    let fixture = Fixture::new().await;
    for part in 0..2_i64 {
        let events = (part * 3_000..(part + 1) * 3_000).map(|n| {
            let body = format!("needle{} of a haystack, straw {n}", n % 100);
            event(
                n,
                &[
                    ("n", n.into()),
                    ("body", body.as_str().into()),
                    ("trace_id", format!("{n:032x}").as_str().into()),
                ],
            )
        });
        fixture.append(Dataset::Logs, events.collect());
        fixture.seal().await;
    }
    fixture.store.close().await.unwrap();
    let random = Random::from_seed(seed);
    let mut partial = 0;
    for _ in 0..flips {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(fixture.folder.path(), folder.path());
        let clock = SystemClock::shared();
        let config = StoreConfig::new(folder.path());
        let (store, _) = Store::open(config, Arc::new(RealDisk), Arc::clone(&clock)).await.unwrap();
        let segments = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments;
        let victim = &segments[random.below(2) as usize];
        let bit = random.below(victim.bytes * 8);
        let path: PathBuf = victim.path.clone();
        flip(&path, bit);
        let scanner = Scanner::new(store.clone(), ScannerConfig::default(), clock).unwrap();
        for (question, all) in QUESTIONS {
            let filter = Filter::parse(question).unwrap();
            let request =
                SearchRequest { limit: 10_000, ..SearchRequest::new(Dataset::Logs, filter, TimeRange::ALL) };
            let found = scanner.search(request).await.unwrap();
            let at = format!("bit {bit} of {}, {question}: {} rows", path.display(), found.rows.len());
            if found.stats.partial.is_empty() {
                assert_eq!(found.rows.len(), all, "{at}");
            } else {
                assert!(found.rows.len() <= all, "{at}");
            }
        }
        partial += u64::from(!store.damaged().is_empty());
    }
    println!("{partial} of {flips} were found by the questions; the others lie where nothing was read");
    assert!(partial > flips / 2, "{partial}");
}

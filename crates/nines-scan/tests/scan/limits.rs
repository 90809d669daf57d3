use std::time::Duration;

use arrow::array::RecordBatch;

use nines_base::{ErrorKind, Shutdown};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_scan::{Limits, ScanRequest, ScannerConfig, SearchRequest};

use super::support::{Fixture, event};

fn request(limits: Limits) -> SearchRequest {
    SearchRequest { limits, ..SearchRequest::new(Dataset::Logs, Filter::all(), TimeRange::ALL) }
}

#[tokio::test]
async fn a_question_ends_at_its_time_or_when_it_is_cancelled_and_frees_its_place() {
    let fixture = Fixture::with_config(ScannerConfig { concurrency: 1, ..ScannerConfig::default() }).await;
    fixture.append(Dataset::Logs, (0..10_000).map(|at| event(at, &[("n", at.into())])).collect());
    // The only place is taken by a question that goes on until it is told to end.
    let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
    let ended = std::sync::Mutex::new(ended);
    let (began, beginning) = tokio::sync::oneshot::channel();
    let began = std::sync::Mutex::new(Some(began));
    let occupying = tokio::spawn({
        let scanner = fixture.scanner.clone();
        let request = ScanRequest {
            dataset: Dataset::Logs,
            filter: Filter::all(),
            range: TimeRange::ALL,
            columns: vec!["n".to_owned()],
            limits: Limits::default(),
        };
        async move {
            let wait = move |rows: &mut usize, batch: &RecordBatch| {
                *rows += batch.num_rows();
                if let Some(began) = began.lock().unwrap().take() {
                    began.send(()).unwrap();
                    ended.lock().unwrap().recv().unwrap();
                }
            };
            scanner.scan(request, || 0_usize, wait).await
        }
    });
    beginning.await.unwrap();
    let timeout = Limits { timeout: Some(Duration::from_millis(20)), ..Limits::default() };
    let error = fixture.scanner.search(request(timeout)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let cancel = Shutdown::new();
    let waiting = tokio::spawn({
        let (scanner, cancel) = (fixture.scanner.clone(), cancel.clone());
        async move { scanner.search(request(Limits { cancel, timeout: None })).await }
    });
    tokio::task::yield_now().await;
    cancel.begin();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    end.send(()).unwrap();
    assert_eq!(occupying.await.unwrap().unwrap().0, 10_000);
    for _ in 0..100 {
        let mut dropped = std::pin::pin!(fixture.scanner.search(request(Limits::default())));
        // Begun, and then dropped wherever it is.
        let waker = std::task::Waker::noop();
        let _ = dropped.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    assert_eq!(fixture.search(Dataset::Logs, "n: 17").await.rows.len(), 1);
}

#[tokio::test]
async fn a_damaged_segment_is_left_out_and_named() {
    for damage in [Damage::Cut, Damage::Flip] {
        let fixture = Fixture::new().await;
        fixture.append(Dataset::Logs, (0..500).map(|at| event(at, &[("n", at.into())])).collect());
        fixture.seal().await;
        fixture.append(Dataset::Logs, (500..600).map(|at| event(at, &[("n", at.into())])).collect());
        fixture.seal().await;
        let folder = fixture.folder.path().join("segments/logs");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut bytes = std::fs::read(&files[0]).unwrap();
        match damage {
            Damage::Cut => bytes.truncate(bytes.len() - 10),
            // In the middle of the pages; zstd or the decoder notices.
            Damage::Flip => bytes.iter_mut().skip(4).take(400).for_each(|byte| *byte ^= 0x5a),
        }
        #[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
        std::fs::write(&files[0], bytes).unwrap();
        let found = fixture.search(Dataset::Logs, "n: *").await;
        assert_eq!(found.rows.len(), 100, "{damage:?}");
        assert_eq!(found.stats.partial.len(), 1, "{:?}", found.stats);
        assert!(
            found.stats.partial[0].starts_with("logs: 500 rows between 1970-01-01T00:00:00Z and"),
            "{:?}",
            found.stats.partial
        );
        // It stays named, without another try.
        assert_eq!(fixture.search(Dataset::Logs, "n: *").await.stats.partial.len(), 1);
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Cut,
    Flip,
}

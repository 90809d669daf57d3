//! Bodies that are small on the wire and large, or broken, behind it. Each is refused for good, with nothing stored.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use nines_protocols::otlp::Signal;
use nines_receive::Limits;

use crate::support::{TestServer, framed, gzip, small_limits, zstd};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Verdict {
    TooLarge,
    Malformed,
}

struct Bomb {
    what: String,
    encoding: &'static str,
    bytes: Vec<u8>,
    verdict: Verdict,
}

/// Streams zeros through an encoder: nothing of that size is ever in memory.
fn zeros(bytes: u64, mut encoder: impl Write) {
    std::io::copy(&mut std::io::repeat(0).take(bytes), &mut encoder).unwrap();
}

fn gzip_zeros(bytes: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    zeros(bytes, &mut encoder);
    encoder.finish().unwrap()
}

fn zstd_zeros(bytes: u64, window_log: Option<u32>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    if let Some(window_log) = window_log {
        encoder.window_log(window_log).unwrap();
    }
    zeros(bytes, &mut encoder);
    encoder.finish().unwrap()
}

/// `limit` is what the body may be after decompression.
fn bombs(limit: u64) -> Vec<Bomb> {
    let mut bombs = Vec::new();
    let mut add =
        |what: String, encoding, bytes, verdict| bombs.push(Bomb { what, encoding, bytes, verdict });
    for factor in [2, 10, 100, 1000] {
        let bytes = limit * factor;
        add(format!("gzip of {factor} times the limit"), "gzip", gzip_zeros(bytes), Verdict::TooLarge);
        add(format!("zstd of {factor} times the limit"), "zstd", zstd_zeros(bytes, None), Verdict::TooLarge);
    }
    add("gzip of one byte too many".into(), "gzip", gzip_zeros(limit + 1), Verdict::TooLarge);
    add("zstd of one byte too many".into(), "zstd", zstd_zeros(limit + 1, None), Verdict::TooLarge);
    let half = limit / 2 + 1;
    add(
        "gzip of two members".into(),
        "gzip",
        [gzip_zeros(half), gzip_zeros(half)].concat(),
        Verdict::TooLarge,
    );
    let frames = [zstd_zeros(half, None), zstd_zeros(half, None)].concat();
    add("zstd of two frames".into(), "zstd", frames, Verdict::TooLarge);
    add(
        "gzip of 10 000 small members".into(),
        "gzip",
        gzip(&vec![0; limit as usize / 5000]).repeat(10_000),
        Verdict::TooLarge,
    );
    // A frame says how much memory its decoder must set aside; 2^23 is what a content coding may ask for.
    for window_log in [24, 25, 27] {
        let what = format!("zstd with a window of 2^{window_log}");
        add(what, "zstd", zstd_zeros(100, Some(window_log)), Verdict::Malformed);
    }
    add("gzip in gzip".into(), "gzip", gzip(&gzip_zeros(limit * 100)), Verdict::Malformed);
    add("gzip in zstd".into(), "zstd", zstd(&gzip_zeros(limit * 100)), Verdict::Malformed);
    add("zstd in zstd".into(), "zstd", zstd(&zstd_zeros(limit * 100, None)), Verdict::Malformed);
    let whole = gzip_zeros(limit / 2);
    for cut in [1, 9, whole.len() / 2, whole.len() - 4, whole.len() - 1] {
        add(format!("gzip cut at {cut}"), "gzip", whole[..cut].to_vec(), Verdict::Malformed);
    }
    let whole = zstd_zeros(limit / 2, None);
    for cut in [1, 3, whole.len() / 2, whole.len() - 1] {
        add(format!("zstd cut at {cut}"), "zstd", whole[..cut].to_vec(), Verdict::Malformed);
    }
    let mut wrong_sum = gzip(b"text");
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    add("gzip with a wrong checksum".into(), "gzip", wrong_sum, Verdict::Malformed);
    let mut wrong_size = gzip(b"text");
    *wrong_size.last_mut().unwrap() ^= 1;
    add("gzip with a wrong size".into(), "gzip", wrong_size, Verdict::Malformed);
    add(
        "gzip with garbage after it".into(),
        "gzip",
        [gzip(b""), b"garbage".to_vec()].concat(),
        Verdict::Malformed,
    );
    add(
        "zstd with garbage after it".into(),
        "zstd",
        [zstd(b""), b"garbage".to_vec()].concat(),
        Verdict::Malformed,
    );
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(&[0; 1000]).unwrap();
    add("deflate under the name of gzip".into(), "gzip", deflate.finish().unwrap(), Verdict::Malformed);
    add("zstd under the name of gzip".into(), "gzip", zstd(&[0; 1000]), Verdict::Malformed);
    add("gzip under the name of zstd".into(), "zstd", gzip(&[0; 1000]), Verdict::Malformed);
    add(
        "a skippable frame that promises 4 GiB".into(),
        "zstd",
        [&[0x50, 0x2a, 0x4d, 0x18][..], &[0xff; 4]].concat(),
        Verdict::Malformed,
    );
    add(
        "a zstd dictionary that is not here".into(),
        "zstd",
        vec![0x28, 0xb5, 0x2f, 0xfd, 0x23, 1, 2, 3, 4, 0, 0, 0, 0],
        Verdict::Malformed,
    );
    bombs
}

#[tokio::test]
async fn every_bomb_is_refused_over_http() {
    let limits = small_limits();
    let server = TestServer::start(limits.clone()).await;
    let bombs = bombs(limits.http_body_bytes);
    assert!(bombs.len() * 2 >= 50, "{} bombs, each over HTTP and gRPC", bombs.len());
    for bomb in &bombs {
        let status = match bomb.verdict {
            Verdict::TooLarge => 413,
            Verdict::Malformed => 400,
        };
        let answer = server.post_protobuf(&[("content-encoding", bomb.encoding)], bomb.bytes.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{}: {}", bomb.what, answer.rpc_status().message);
        assert_eq!(answer.header("retry-after"), None, "{}", bomb.what);
        if bomb.verdict == Verdict::TooLarge {
            assert_eq!(answer.rpc_status().message, "body is larger than 256.0 KiB: send smaller batches");
        }
    }
    assert!(server.sink.batches.lock().unwrap().is_empty());
    assert_eq!(server.receiver.stats().requests_rejected, bombs.len() as u64);
}

#[tokio::test]
async fn every_bomb_is_refused_over_grpc() {
    let limits = small_limits();
    let server = TestServer::start(limits.clone()).await;
    for bomb in bombs(limits.grpc_message_bytes) {
        let code = match bomb.verdict {
            Verdict::TooLarge => 8,
            Verdict::Malformed => 3,
        };
        let headers = [("grpc-encoding", bomb.encoding)];
        let answer = server.call(Signal::Logs, &headers, framed(true, &bomb.bytes)).await;
        assert_eq!(answer.grpc_status(), Some(code), "{}: {answer:?}", bomb.what);
        assert_eq!(answer.header("grpc-status-details-bin"), None, "{}", bomb.what);
    }
    assert!(server.sink.batches.lock().unwrap().is_empty());
}

/// Before decompression the same limits hold: for a declared length, for one that is not, and for gRPC.
#[tokio::test]
async fn plain_bodies_are_limited_as_they_arrive() {
    let limits = small_limits();
    let server = TestServer::start(limits.clone()).await;
    let limit = usize::try_from(limits.http_body_bytes).unwrap();
    for bytes in [limit + 1, limit * 2] {
        let answer = server.post_protobuf(&[], vec![0; bytes]).await;
        assert_eq!(answer.status, 413, "{bytes}");
    }
    // Not protobuf, but not too large either.
    assert_eq!(server.post_protobuf(&[], vec![0; limit]).await.status, 400);
    let answer = server.call(Signal::Logs, &[], framed(false, &vec![0; 64 * 1024 + 1])).await;
    assert_eq!(answer.grpc_status(), Some(8));
    let answer = server.call(Signal::Logs, &[], framed(false, &vec![0; 64 * 1024])).await;
    assert_eq!(answer.grpc_status(), Some(3));
}

/// With the limits that a server has by default: 1 GiB in a few kilobytes.
#[tokio::test]
async fn a_gigabyte_in_kilobytes_stops_at_the_default_limit() {
    let server = TestServer::start(Limits::default()).await;
    let bomb = zstd_zeros(1 << 30, None);
    assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
    let answer = server.post_protobuf(&[("content-encoding", "zstd")], bomb.clone()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.rpc_status().message, "body is larger than 20.0 MiB: send smaller batches");
    let answer = server.call(Signal::Traces, &[("grpc-encoding", "zstd")], framed(true, &bomb)).await;
    assert_eq!(answer.grpc_status(), Some(8));
    assert_eq!(answer.header("grpc-message"), Some("body is larger than 4.0 MiB: send smaller batches"));
}

//! Remote write as its specifications have it: messages written down from them, and the statuses and headers that they ask
//! for.

use anyhow::ensure;
use nines_acceptance::remote_write::{Sample, Series, compressed, written};
use nines_acceptance::{Node, client, shared};
use prost::Message;
use serde_json::json;

/// `io.prometheus.write.v2.Request`.
#[derive(Clone, PartialEq, Message)]
struct RequestV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<SeriesV2>,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
}

#[derive(Clone, PartialEq, Message)]
struct MetadataV2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

/// One series of `job="v2"` per value, at that time.
fn version_two(metric: &str, samples: &[(f64, i64)]) -> Vec<u8> {
    let symbols = ["", "__name__", metric, "job", "v2", "How full it is", "bytes"].map(String::from).to_vec();
    let samples = samples.iter().map(|&(value, timestamp)| Sample { value, timestamp }).collect();
    let metadata = Some(MetadataV2 { kind: 2, help_ref: 5, unit_ref: 6 });
    let series = SeriesV2 { labels_refs: vec![1, 2, 3, 4], samples, metadata };
    compressed(&RequestV2 { symbols, timeseries: vec![series] })
}

const V1: &str = "application/x-protobuf;proto=prometheus.WriteRequest";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// A status, and how many samples the answer says were written (empty: it does not say).
struct Case<'a> {
    content_type: &'a str,
    encoding: &'a str,
    body: Vec<u8>,
    status: u16,
    written: &'a str,
}

#[tokio::test]
async fn remote_write_is_spoken_to_the_letter() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    #[expect(clippy::disallowed_methods, reason = "samples must be of now")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as i64;
    let fine = || version_two("fullness", &[(1.5, now - 2_000), (2.5, now - 1_000)]);
    // The second is too far in the future to be true; the first is written all the same.
    let partial = version_two("partial", &[(1.0, now), (2.0, now + 3_600_000)]);
    let mut lying = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    lying.extend([0; 32]);
    let of_one = |value: f64| written([Series::new(&[("__name__", "one"), ("job", "v1")], &[(value, now)])]);
    let cases = [
        Case { content_type: V2, encoding: "snappy", body: fine(), status: 204, written: "2" },
        // A sender that did not hear the answer.
        Case { content_type: V2, encoding: "snappy", body: fine(), status: 204, written: "2" },
        Case { content_type: V2, encoding: "snappy", body: partial, status: 400, written: "1" },
        Case { content_type: V2, encoding: "gzip", body: fine(), status: 415, written: "0" },
        Case { content_type: V2, encoding: "snappy", body: b"x".to_vec(), status: 400, written: "0" },
        Case { content_type: V2, encoding: "snappy", body: lying, status: 413, written: "0" },
        Case { content_type: V1, encoding: "snappy", body: of_one(7.0), status: 204, written: "" },
        Case {
            content_type: "application/x-protobuf",
            encoding: "",
            body: of_one(8.0),
            status: 204,
            written: "",
        },
        Case {
            content_type: "application/x-protobuf;proto=x.v3",
            encoding: "snappy",
            body: fine(),
            status: 415,
            written: "",
        },
        Case {
            content_type: "application/json",
            encoding: "snappy",
            body: b"{}".to_vec(),
            status: 415,
            written: "",
        },
        // The content type decides, whatever the version header says: as 1.0 these bytes name no series.
        Case { content_type: V1, encoding: "snappy", body: fine(), status: 204, written: "" },
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let mut request = client()
            .post(format!("{}/prometheus/api/v1/write", node.addresses.http))
            .bearer_auth(node.key("ingest.key")?)
            .header("content-type", case.content_type)
            .header("x-prometheus-remote-write-version", "2.0.0");
        if !case.encoding.is_empty() {
            request = request.header("content-encoding", case.encoding);
        }
        let response = request.body(case.body).send().await?;
        let status = response.status().as_u16();
        let said = |name: &str| {
            let name = format!("x-prometheus-remote-write-{name}-written");
            response
                .headers()
                .get(&name)
                .map_or(String::new(), |value| value.to_str().unwrap_or("?").to_owned())
        };
        let (samples, histograms) = (said("samples"), said("histograms"));
        let text = response.text().await?;
        ensure!(
            status == case.status && samples == case.written && histograms.is_empty() == samples.is_empty(),
            "case {number}: {status}, {samples:?} written: {text}"
        );
        ensure!((status == 204) == text.is_empty(), "case {number}: {text}");
        ensure!(number != 2 || text.contains("too far in the future"), "{text}");
    }
    let value = async |query: &str| -> anyhow::Result<serde_json::Value> {
        let answer = api.get(&format!("/prometheus/api/v1/query?query={query}")).await?;
        Ok(answer["data"]["result"][0]["value"][1].clone())
    };
    ensure!(value("fullness").await? == json!("2.5"));
    ensure!(
        value("count_over_time(fullness[1m])").await? == json!("2"),
        "a repeated request is stored twice"
    );
    // Of two values of one time the one that was written later counts.
    ensure!(value("one").await? == json!("8") && value("partial").await? == json!("1"));
    let metadata = api.get("/prometheus/api/v1/metadata?metric=fullness").await?;
    ensure!(
        metadata["data"]["fullness"] == json!([{"type": "gauge", "help": "How full it is", "unit": "bytes"}]),
        "{metadata}"
    );
    let status = api.get("/api/v1/status").await?;
    ensure!(status["series"]["rejected"] == json!([{"reason": "too_far_ahead", "count": 1}]), "{status}");
    // A key that only reads may not write, and the other way round.
    let ingest = nines_acceptance::Api::new(&node.addresses.http, &node.key("ingest.key")?);
    ensure!(ingest.status("GET", "/prometheus/api/v1/labels", None).await? == 403);
    node.stop().await
}

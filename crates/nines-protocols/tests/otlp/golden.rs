//! One message of each signal with every field set, and the events that must come of it, from either encoding.

use nines_model::Dataset;
use nines_protocols::otlp::Signal;

use crate::support::{json, protobuf, show, to_protobuf};

#[track_caller]
fn check(signal: Signal, request: &str, expected: &[&str]) {
    let decoded = json(signal, request).unwrap();
    assert_eq!(decoded.batch.dataset, signal.dataset());
    assert_eq!(decoded.tally.partial_success(signal), None);
    let shown: Vec<String> = decoded.batch.rows.events().iter().map(show).collect();
    let expected: Vec<String> = expected.iter().map(|text| unindent(text)).collect();
    assert_eq!(shown, expected);
    assert_eq!(protobuf(signal, &to_protobuf(signal, request)).unwrap(), decoded);
}

/// Takes the indentation of the first line off every line.
fn unindent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = lines[0].len() - lines[0].trim_start().len();
    lines.iter().map(|line| format!("{}\n", &line[indent..])).collect()
}

#[test]
fn logs() {
    let request = r#"{"resourceLogs":[{
        "resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"checkout"}},
            {"key":"name","value":{"stringValue":"taken"}}]},
        "scopeLogs":[{
            "scope":{"name":"lib","version":"1.2","attributes":[{"key":"a","value":{"intValue":"1"}}]},
            "logRecords":[{
                "timeUnixNano":"1600000000000000001","observedTimeUnixNano":"1600000000000000002",
                "severityNumber":9,"severityText":"INFO","eventName":"order","flags":1,
                "droppedAttributesCount":3,
                "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174",
                "body":{"stringValue":"order placed"},
                "attributes":[
                    {"key":"s","value":{"stringValue":"text \"quoted\""}},
                    {"key":"i","value":{"intValue":"-9223372036854775808"}},
                    {"key":"f","value":{"doubleValue":0.1}},
                    {"key":"b","value":{"boolValue":true}},
                    {"key":"bytes","value":{"bytesValue":"AAEC"}},
                    {"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a\n"},{}]}}},
                    {"key":"map","value":{"kvlistValue":{"values":[
                        {"key":"k","value":{"doubleValue":2.0}},
                        {"key":"raw","value":{"bytesValue":"/w=="}}]}}},
                    {"key":"null","value":{}},
                    {"key":"body","value":{"stringValue":"taken"}}]
            },{
                "observedTimeUnixNano":"1600000000000000003",
                "body":{"kvlistValue":{"values":[{"key":"x","value":{"boolValue":false}}]}}
            },{
                "body":{"intValue":"42"}
            }]}]}]}"#;
    check(
        Signal::Logs,
        request,
        &[
            r#"
            2020-09-13T12:26:40.000000001Z
                service.name = "checkout"
                resource.name = "taken"
                scope.name = "lib"
                scope.version = "1.2"
                scope.a = 1
            observed_timestamp = 1600000000000000002
            severity_number = 9
            severity_text = "INFO"
            event_name = "order"
            body = "order placed"
            trace_id = "5b8efff798038103d269b633813fc60c"
            span_id = "eee19b7ec3c1b174"
            flags = 1
            dropped_attributes_count = 3
            s = "text \"quoted\""
            i = -9223372036854775808
            f = 0.1
            b = true
            bytes = bytes b"\0\x01\x02"
            list = json [1,"a\n",null]
            map = json {"k":2.0,"raw":"/w=="}
            attributes.body = "taken"
            "#,
            r#"
            2020-09-13T12:26:40.000000003Z
                service.name = "checkout"
                resource.name = "taken"
                scope.name = "lib"
                scope.version = "1.2"
                scope.a = 1
            observed_timestamp = 1600000000000000003
            body = json {"x":false}
            "#,
            r#"
            2023-11-14T22:13:20Z
                service.name = "checkout"
                resource.name = "taken"
                scope.name = "lib"
                scope.version = "1.2"
                scope.a = 1
            body = "42"
            "#,
        ],
    );
    let events = json(Signal::Logs, request).unwrap().batch.rows.events();
    assert!(std::sync::Arc::ptr_eq(&events[0].resource, &events[2].resource));
}

#[test]
fn traces() {
    let request = r#"{"resourceSpans":[{
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},
        "scopeSpans":[{"spans":[{
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
            "parentSpanId":"eee19b7ec3c1b173","traceState":"v=1","flags":257,"name":"GET /","kind":2,
            "startTimeUnixNano":"1600000000000000000","endTimeUnixNano":"1600000000250000000",
            "attributes":[{"key":"http.response.status_code","value":{"intValue":"503"}},
                          {"key":"parent_span_id","value":{"stringValue":"fake"}}],
            "events":[{"timeUnixNano":"1600000000000000005","name":"exception",
                       "attributes":[{"key":"exception.type","value":{"stringValue":"Timeout"}}],
                       "droppedAttributesCount":1},
                      {"timeUnixNano":"1600000000000000006","name":"retry"}],
            "links":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002",
                      "traceState":"a=b","flags":1,"attributes":[{"key":"k","value":{"boolValue":true}}]}],
            "droppedAttributesCount":4,"droppedEventsCount":5,"droppedLinksCount":6,
            "status":{"code":2,"message":"upstream timed out"}
        },{
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","parentSpanId":"",
            "name":"","startTimeUnixNano":"1600000000000000000","endTimeUnixNano":"1600000000000000000"
        }]}]}]}"#;
    check(
        Signal::Traces,
        request,
        &[
            r#"
            2020-09-13T12:26:40Z
                service.name = "gateway"
            trace_id = "5b8efff798038103d269b633813fc60c"
            span_id = "eee19b7ec3c1b174"
            parent_span_id = "eee19b7ec3c1b173"
            trace_state = "v=1"
            flags = 257
            name = "GET /"
            kind = "server"
            duration_ns = 250000000
            status_code = "error"
            status_message = "upstream timed out"
            events = json [{"timestamp":1600000000000000005,"name":"exception","attributes":{"exception.type":"Timeout"},"dropped_attributes_count":1},{"timestamp":1600000000000000006,"name":"retry"}]
            links = json [{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000002","trace_state":"a=b","flags":1,"attributes":{"k":true}}]
            dropped_attributes_count = 4
            dropped_events_count = 5
            dropped_links_count = 6
            http.response.status_code = 503
            attributes.parent_span_id = "fake"
            "#,
            r#"
            2020-09-13T12:26:40Z
                service.name = "gateway"
            trace_id = "5b8efff798038103d269b633813fc60c"
            span_id = "eee19b7ec3c1b175"
            name = ""
            kind = "internal"
            duration_ns = 0
            status_code = "unset"
            "#,
        ],
    );
}

#[test]
fn metrics() {
    let request = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"requests","description":"how many","unit":"1","sum":{"aggregationTemporality":2,"isMonotonic":true,
            "dataPoints":[
                {"startTimeUnixNano":"1500000000000000000","timeUnixNano":"1600000000000000000","asInt":"9007199254740993",
                 "attributes":[{"key":"route","value":{"stringValue":"/"}},{"key":"value","value":{"intValue":"1"}}],
                 "exemplars":[{"timeUnixNano":"1600000000000000000","asDouble":0.5,"spanId":"eee19b7ec3c1b174",
                    "traceId":"5b8efff798038103d269b633813fc60c",
                    "filteredAttributes":[{"key":"user","value":{"stringValue":"u1"}}]}]},
                {"timeUnixNano":"1600000000000000000","flags":1}]}},
        {"name":"temperature","gauge":{"dataPoints":[{"timeUnixNano":"1600000000000000000","asDouble":-0.25}]}},
        {"name":"latency","unit":"ms","histogram":{"aggregationTemporality":1,"dataPoints":[
            {"timeUnixNano":"1600000000000000000","count":"3","sum":4.5,"min":0.5,"max":3,
             "bucketCounts":["1","1","1"],"explicitBounds":[1,2.5]}]}},
        {"name":"size","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
            {"timeUnixNano":"1600000000000000000","count":"7","sum":1,"scale":-3,"zeroCount":"2","zeroThreshold":0.001,
             "positive":{"offset":-1,"bucketCounts":["2","3"]}}]}},
        {"name":"old","summary":{"dataPoints":[
            {"timeUnixNano":"1600000000000000000","count":"2","sum":3,
             "quantileValues":[{"quantile":0.5,"value":1},{"quantile":0.99,"value":2}]}]}}
    ]}]}]}"#;
    check(
        Signal::Metrics,
        request,
        &[
            r#"
            2020-09-13T12:26:40Z
            name = "requests"
            description = "how many"
            unit = "1"
            metric_type = "sum"
            temporality = "cumulative"
            is_monotonic = true
            start_timestamp = 1500000000000000000
            value = 9007199254740992.0
            value_int = 9007199254740993
            exemplars = json [{"timestamp":1600000000000000000,"value":0.5,"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","attributes":{"user":"u1"}}]
            route = "/"
            attributes.value = 1
            "#,
            r#"
            2020-09-13T12:26:40Z
            name = "requests"
            description = "how many"
            unit = "1"
            metric_type = "sum"
            temporality = "cumulative"
            is_monotonic = true
            flags = 1
            "#,
            r#"
            2020-09-13T12:26:40Z
            name = "temperature"
            metric_type = "gauge"
            value = -0.25
            "#,
            r#"
            2020-09-13T12:26:40Z
            name = "latency"
            unit = "ms"
            metric_type = "histogram"
            temporality = "delta"
            count = 3
            sum = 4.5
            min = 0.5
            max = 3.0
            buckets = json {"bounds":[1.0,2.5],"counts":[1,1,1]}
            "#,
            r#"
            2020-09-13T12:26:40Z
            name = "size"
            metric_type = "exponential_histogram"
            temporality = "delta"
            count = 7
            sum = 1.0
            buckets = json {"scale":-3,"zero_count":2,"zero_threshold":0.001,"positive":{"offset":-1,"counts":[2,3]},"negative":{"offset":0,"counts":[]}}
            "#,
            r#"
            2020-09-13T12:26:40Z
            name = "old"
            metric_type = "summary"
            count = 2
            sum = 3.0
            buckets = json {"quantiles":[{"quantile":0.5,"value":1.0},{"quantile":0.99,"value":2.0}]}
            "#,
        ],
    );
}

#[test]
fn an_empty_request_is_a_success_without_events() {
    for (signal, dataset) in Signal::ALL.into_iter().zip([Dataset::Logs, Dataset::Spans, Dataset::Metrics]) {
        for decoded in [protobuf(signal, b"").unwrap(), json(signal, "{}").unwrap()] {
            assert_eq!(decoded.batch.dataset, dataset);
            assert!(decoded.batch.rows.is_empty());
            assert_eq!(decoded.tally.partial_success(signal), None);
        }
    }
}

#[test]
fn a_resource_that_follows_its_records_still_describes_them() {
    // Field 2 (scope_logs, holding one empty record) before field 1 (resource, with the attribute a = true).
    let body = b"\x0a\x0f\x12\x02\x12\x00\x0a\x09\x0a\x07\x0a\x01a\x12\x02\x10\x01";
    let decoded = protobuf(Signal::Logs, body).unwrap();
    assert_eq!(decoded.batch.rows.events()[0].get("a"), Some(&nines_model::Value::Bool(true)));
}

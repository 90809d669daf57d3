use nines_model::{Event, Value};

use super::*;

fn decode_text(format: Format, text: &str) -> Vec<Event> {
    decode(format, Dataset::Logs, text.as_bytes(), &[], Timestamp::EPOCH).unwrap().rows.events()
}

#[track_caller]
fn check(format: Format, line: &str, expected: &[(&str, &str)]) {
    let events = decode_text(format, line);
    let event = events.last().expect("a row");
    for (name, value) in expected {
        let found = match event.get(name) {
            _ if *name == "timestamp" => event.timestamp.to_string(),
            Some(Value::Str(text)) => text.to_string(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Float(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(found, *value, "{name} of {line}");
    }
}

const ALB: &str = r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/acm/list?id=28511849 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456 "new" "fields""#;

const ELB: &str = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000086 0.001048 0.001337 503 -1 0 57 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;

const NGINX: &str = r#"203.0.113.7 - ann [21/Nov/2026:08:30:00 +0000] "POST /pay?x=1 HTTP/2.0" 502 157 "https://shop.example/" "Mozilla/5.0 (X11; \"quoted\")" "10.1.2.3" 0.042"#;

const IIS: &str = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken OriginalIP\n2026-11-21 08:30:00 10.0.0.5 GET /acm/list id=28511849&x=1 443 - 10.0.0.9 Mozilla/5.0+(Windows+NT) https://shop.example/ 404 7 2 123 203.0.113.7,+10.0.0.9\n";

#[test]
fn load_balancers_have_both_sets_of_names() {
    check(
        Format::Alb,
        ALB,
        &[
            ("timestamp", "2018-07-02T22:23:00.186641Z"),
            ("cs_uri_stem", "/acm/list"),
            ("cs_uri_query", "id=28511849"),
            ("url.path", "/acm/list"),
            ("c_ip", "192.168.131.39"),
            ("client.port", "2817"),
            ("server.address", "www.example.com"),
            ("server.port", "443"),
            ("http.response.status_code", "200"),
            ("sc_status", "200"),
            ("duration_ns", "171000000"),
            ("time_taken", "171"),
            ("cs_user_agent", "curl/7.46.0"),
            ("trace_id", "583372811d84f3d73c47ec4e58577259"),
            ("network.protocol.version", "1.1"),
            ("aws.elb.action_executed", "authenticate,forward"),
            ("aws.elb.matched_rule_priority", "1"),
            ("aws.elb.redirect_url", "None"),
            ("body", "GET /acm/list?id=28511849 200"),
        ],
    );
    check(
        Format::Elb,
        ELB,
        &[
            ("timestamp", "2015-05-13T23:39:43.945958Z"),
            ("sc_status", "503"),
            ("severity_number", "17"),
            ("aws.elb.backend.http.response.status_code", "None"),
            ("duration_ns", "2471000"),
            ("url.path", "/"),
            ("tls.cipher", "None"),
        ],
    );
}

#[test]
fn web_servers_too() {
    check(
        Format::Nginx,
        NGINX,
        &[
            ("timestamp", "2026-11-21T08:30:00Z"),
            ("client.address", "203.0.113.7"),
            ("user.name", "ann"),
            ("http.request.method", "POST"),
            ("url.query", "x=1"),
            ("http.response.status_code", "502"),
            ("http.response.size", "157"),
            ("http.request.header.referer", "https://shop.example/"),
            ("user_agent.original", "Mozilla/5.0 (X11; \\\"quoted\\\")"),
            ("log.extra", "\"10.1.2.3\" 0.042"),
        ],
    );
    check(
        Format::Iis,
        IIS,
        &[
            ("timestamp", "2026-11-21T08:30:00Z"),
            ("date", "2026-11-21"),
            ("time", "08:30:00"),
            ("cs_uri_stem", "/acm/list"),
            ("cs_uri_query", "id=28511849&x=1"),
            ("c_ip", "10.0.0.9"),
            ("original_ip", "203.0.113.7"),
            ("cs_user_agent", "Mozilla/5.0 (Windows NT)"),
            ("cs_referer", "https://shop.example/"),
            ("sc_status", "404"),
            ("sc_substatus", "7"),
            ("sc_win32_status", "2"),
            ("time_taken", "123"),
            ("s_ip", "10.0.0.5"),
            ("url.path", "/acm/list"),
            ("duration_ns", "123000000"),
        ],
    );
}

#[test]
fn directives_change_the_columns_within_a_file() {
    let text = "#Fields: date time cs-uri-stem sc-status\n2026-11-21 08:30:00 /a 200\n#Fields: time date sc-status cs-uri-stem\n08:30:01 2026-11-21 500 /b\nnot a line\n";
    let events = decode_text(Format::Iis, text);
    let shown: Vec<_> =
        events.iter().map(|event| event.get_str("cs_uri_stem").or(event.get_str("body"))).collect();
    assert_eq!(shown, [Some("/a"), Some("/b"), Some("not a line")]);
    assert_eq!(events[1].get("sc_status"), Some(&Value::Int(500)));
}

#[test]
fn no_line_is_lost_in_any_format() {
    let text = "plain\n{\"message\":\"m\"}\n{broken\n\n<13>x: y\r\n\u{fffd}";
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Json) {
        assert_eq!(decode_text(format, text).len(), 5, "{format:?}");
    }
    assert_eq!(decode(Format::Lines, Dataset::Logs, b"a\xffb", &[], Timestamp::EPOCH).unwrap().rows.len(), 1);
}

#[test]
fn formats_are_told_apart() {
    for (text, expected) in [
        (ALB, Format::Alb),
        (ELB, Format::Elb),
        (NGINX, Format::Nginx),
        (IIS, Format::Iis),
        ("{\"a\":1}\n{\"a\":2}\n", Format::JsonLines),
        ("<13>Oct 11 22:14:15 h a: b\n", Format::Syslog),
        ("hello\nworld\n", Format::Lines),
        ("", Format::Lines),
        ("{not json\n", Format::Lines),
    ] {
        assert_eq!(Format::detect(text), expected, "{text}");
        if expected != Format::Iis {
            assert_eq!(Format::detect(&format!("{text}\n{text}\nnoise\n{text}")), expected, "{text}");
        }
    }
}

#[test]
fn hostile_lines_are_survived() {
    for line in [
        "\"",
        "[",
        "a - - [",
        "http x",
        "\\",
        "\"\\",
        "- - - [21/Nov/2026:08:30:00 +0000] \"",
        "#Fields:",
        "#Fields: date time\n- -",
    ] {
        for format in Format::ALL.into_iter().filter(|format| *format != Format::Json) {
            drop(decode_text(format, line));
        }
        Format::detect(line);
    }
}

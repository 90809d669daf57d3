use super::*;
use crate::probe::*;

fn one(spec: &str) -> Result<Probe, Vec<String>> {
    let text = format!("apiVersion: nines/v1\nkind: Probe\nmetadata: {{name: shop}}\nspec:\n{spec}");
    let parsed = parse(Some("p.yaml"), &text);
    let parsed = parsed.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(parsed.probes.into_iter().next().unwrap())
}

#[track_caller]
fn refused(spec: &str, expected: &[&str]) {
    let errors = one(spec).unwrap_err();
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{error}\nlacks {expected}");
    }
}

#[test]
fn a_probe_has_defaults() {
    let probe = one("  http: {url: https://shop.example/}").unwrap();
    assert_eq!((probe.interval, probe.timeout), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!((probe.failure_threshold, probe.success_threshold, probe.quorum), (3, 2, 1));
    assert_eq!((probe.locations.as_slice(), probe.level.as_str()), (&[LOCAL.to_owned()][..], "P1"));
    assert_eq!(probe.target(), "https://shop.example/");
    assert_eq!(probe.endpoint().unwrap().to_string(), "shop.example:443");
    for (locations, quorum) in [("[a]", 1), ("[a, b]", 2), ("[a, b, c]", 2), ("[a, b, c, d]", 3)] {
        let probe = one(&format!("  icmp: {{host: x}}\n  locations: {locations}")).unwrap();
        assert_eq!(probe.quorum, quorum, "{locations}");
    }
    let quick = one("  interval: 1s\n  icmp: {host: x}").unwrap();
    assert_eq!(
        (quick.timeout, quick.confirm_interval()),
        (Duration::from_secs(1), Duration::from_millis(250))
    );
}

#[test]
fn every_kind_of_check_can_be_written() {
    let probe = one(
        "  http:\n    url: http://[::1]:8080/x?y=1\n    method: POST\n    headers: {accept: text/html, authorization: {env: NINES_PROBE_KEY}}\n    body: a\n    redirects: 0\n    tls: {lastsAtLeast: 7d}\n    expect:\n      status: [2xx, 301, 400-404]\n      headers: {content-type: ^text/}\n      bodyContains: ok\n      bodyLacks: [error, fatal]\n      bodyMatches: v\\d+\n      json: [{path: '$.a[0].b', equals: true}, {path: $.c, matches: ^x}, {path: $}]\n      latencyBelow: 500ms\n",
    )
    .unwrap();
    let Check::Http(http) = probe.check else { panic!("another kind") };
    assert_eq!(http.expect.status, [200..=299, 301..=301, 400..=404]);
    assert_eq!(http.headers[1].1, Secretive::Environment("NINES_PROBE_KEY".to_owned()));
    assert_eq!(http.endpoint().unwrap(), HostPort { host: "::1".to_owned(), port: 8080 });
    assert_eq!((http.expect.json.len(), http.expect.body_lacks.len(), http.redirects_max), (3, 2, 0));
    for spec in [
        "  tcp: {address: \"db:5432\", send: \"PING\\r\\n\", expect: ^.PONG, tls: true}",
        "  tls: {address: \"a.example:443\", names: [a.example], lastsAtLeast: 14d}",
        "  dns: {name: a.example, type: AAAA, server: \"1.1.1.1\", answers: [\"::1\"], exact: true}",
        "  dns: {name: a.example, server: \"2606:4700::1111\", code: NXDOMAIN, tcp: true}",
        "  icmp: {host: gateway.example}",
        "  grpc: {address: \"a:50051\", service: shop.Cart, tls: {skipVerification: true}}",
    ] {
        one(spec).unwrap();
    }
}

#[test]
fn every_mistake_is_told_at_its_place() {
    refused("  interval: 5s", &["p.yaml:5:3: spec: does not say what is checked; write `http:"]);
    refused(
        "  intervall: 5s\n  timeout: soon\n  http: {url: ftp://x}\n  quorum: 2",
        &[
            "p.yaml:5:3: spec.intervall: unknown key `intervall`; did you mean `interval`?",
            "p.yaml:6:12: spec.timeout: `soon` is not a duration; write a number and a unit",
            "p.yaml:7:15: spec.http.url: `ftp://x` does not begin with http:// or https://",
            "p.yaml:8:11: spec.quorum: must be a whole number from 1 to 1, not 2",
        ],
    );
    refused(
        "  http: {url: \"http://x\", headers: {authorization: Bearer t, x: {env: HOME}}}",
        &[
            "headers.authorization: holds a secret; documents are read by everybody",
            "`HOME` may not be sent out",
        ],
    );
    refused(
        "  tcp: {address: db}\n  icmp: {host: x}",
        &["`db` is not a host and a port", "a probe checks one thing"],
    );
    refused(
        "  http: {url: \"http://a\", expect: {status: 99, bodyMatches: \"(\"}}",
        &["`99` is no status", "regular expression"],
    );
}

#[test]
fn heartbeats_beat_by_period_or_by_cron() {
    let text = |spec: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Heartbeat\nmetadata: {{name: backup, labels: {{team: db}}}}\nspec: {spec}"
        )
    };
    let read = |spec: &str| parse(None, &text(spec)).map(|parsed| parsed.heartbeats[0].clone());
    let beat = read("{period: 24h}").unwrap();
    assert_eq!((beat.grace, beat.name.as_str()), (Duration::from_secs(3600), "backup"));
    assert_eq!(read("{period: 1m, grace: 10s}").unwrap().grace, Duration::from_secs(10));
    let beat = read("{cron: '0 3 * * *', timeZone: Asia/Taipei, level: P2}").unwrap();
    assert!(matches!(beat.period, HeartbeatPeriod::Cron(_)));
    for (spec, expected) in [
        ("{}", "needs one of `period` and `cron`"),
        ("{period: 1h, cron: '* * * * *'}", "needs one of"),
        ("{cron: '61 * * * *'}", "minute"),
    ] {
        let errors = read(spec).unwrap_err();
        assert!(errors[0].to_string().contains(expected), "{errors:?}");
    }
}

#[test]
fn durations_are_sums_of_units() {
    use super::fields::duration;
    for (text, millis) in
        [("500ms", 500), ("30s", 30_000), ("1h30m", 5_400_000), ("14d", 1_209_600_000), ("0", 0)]
    {
        assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for text in
        ["", "5", "s", "30m1h", "1s1s", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615d"]
    {
        assert_eq!(duration(text), None, "{text}");
    }
}

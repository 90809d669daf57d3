//! Search that guides, over HTTP as the web application asks: comparisons, neighbours, streams, saved questions, replay.

use anyhow::Context;
use nines_acceptance::{Api, Node, PATIENCE, command, eventually, shared};
use serde_json::{Value, json};

/// Seconds since the epoch of the first record; what is sent lies before now.
fn base() -> i64 {
    nines_base::SystemClock::shared().now().as_secs() - 600
}

fn at(second: i64) -> String {
    jiff::Timestamp::from_second(second).map(|at| at.to_string()).unwrap_or_default()
}

/// Log records of one process: second, severity, text.
fn logs(version: &str, pod: &str, records: &[(i64, i64, String)]) -> Value {
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let record = |(second, severity, body): &(i64, i64, String)| {
        json!({
            "timeUnixNano": (second * 1_000_000_000).to_string(),
            "severityNumber": severity,
            "severityText": if *severity >= 17 { "ERROR" } else { "INFO" },
            "body": { "stringValue": body },
        })
    };
    json!({ "resourceLogs": [{
        "resource": { "attributes": [
            attribute("service.name", "shop"),
            attribute("service.version", version),
            attribute("k8s.pod.name", pod),
        ] },
        "scopeLogs": [{ "logRecords": records.iter().map(record).collect::<Vec<_>>() }],
    }] })
}

async fn send(api: &Api, body: &Value) -> anyhow::Result<()> {
    let sent =
        api.call("POST", "/v1/logs", Some(("application/json", body.to_string().into_bytes()))).await?;
    anyhow::ensure!(sent.0 == 200, "{sent:?}");
    Ok(())
}

/// 300 records a process, one a second; every second one of version 2 is an error from the 200th on.
async fn fill(api: &Api, base: i64) -> anyhow::Result<()> {
    for (version, pod) in [("1", "shop-a"), ("1", "shop-b"), ("2", "shop-c")] {
        let records: Vec<_> = (0..300)
            .map(|n| {
                let bad = version == "2" && n >= 200 && n % 2 == 0;
                (base + n, if bad { 17 } else { 9 }, format!("{pod} handled order {n}"))
            })
            .collect();
        send(api, &logs(version, pod, &records)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn search_guides_to_the_cause_and_streams_what_it_finds() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let base = base();
    fill(&api, base).await?;
    let range = |more: Value| {
        let mut body = json!({ "dataset": "logs", "start": at(base), "end": at(base + 300) });
        body.as_object_mut()
            .zip(more.as_object())
            .into_iter()
            .for_each(|(body, more)| body.extend(more.clone()));
        body
    };

    // What is different about the errors? The release, and with it the process: one difference, not two.
    let answer = api
        .post("/api/v1/search/compare", &range(json!({ "selected": { "filter": "severity_number >= 17" } })))
        .await?;
    assert_eq!((&answer["selected"], &answer["rest"]), (&json!(50), &json!(850)), "{answer}");
    let best = answer["differences"].as_array().and_then(|all| all.iter().find(|one| one["role"] == "place"));
    let best = best.context("nothing was found")?;
    assert_eq!((&best["field"], &best["value"]), (&json!("service.version"), &json!("2")), "{best}");
    assert_eq!(best["also"], json!([{ "field": "k8s.pod.name", "value": "shop-c" }]));
    assert!(answer["stats"]["rows_scanned"].as_u64() >= Some(900), "{}", answer["stats"]);
    // And about the last 100 seconds? That there are errors.
    let answer = api
        .post("/api/v1/search/compare", &range(json!({ "selected": { "start": at(base + 200) } })))
        .await?;
    assert_eq!(answer["selected"], 300);
    assert_eq!(answer["differences"][0]["field"], "severity_number", "{answer}");
    for (wrong, code) in
        [(json!({}), 400), (json!({ "filter": "a: (" }), 400), (json!({ "start": at(base + 999) }), 400)]
    {
        let body = range(json!({ "selected": wrong })).to_string().into_bytes();
        let (status, answer) =
            api.call("POST", "/api/v1/search/compare", Some(("application/json", body))).await?;
        assert_eq!(status, code, "{answer}");
    }

    // The rows around one, in its own process.
    let answer = api
        .post(
            "/api/v1/search/around",
            &json!({
                "dataset": "logs", "at": at(base + 150), "before": 3, "after": 2,
                "stream": [{ "field": "k8s.pod.name", "value": "shop-b" }],
            }),
        )
        .await?;
    let bodies: Vec<_> = answer["rows"]
        .as_array()
        .context("rows")?
        .iter()
        .map(|row| row["body"].as_str().unwrap_or(""))
        .collect();
    let expected: Vec<_> = (147..=152).map(|n| format!("shop-b handled order {n}")).collect();
    assert_eq!(bodies, expected);
    assert_eq!(
        (&answer["before"], &answer["more_before"], &answer["more_after"]),
        (&json!(3), &json!(true), &json!(true))
    );

    // Streamed: every row once, in order, then what the answer says of itself.
    let ask = range(json!({ "filter": "shop-a or shop-c", "limit": 100_000 }));
    let text = api.text("/api/v1/search", &ask, "application/x-ndjson").await?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (about, rows) = lines.split_last().context("no lines")?;
    assert_eq!(rows.len(), 600);
    assert!(rows.windows(2).all(|two| two[0]["timestamp"].as_str() >= two[1]["timestamp"].as_str()));
    assert_eq!(about["$nines"]["stats"]["rows_returned"], 600);
    assert!(about["$nines"].get("next_cursor").is_none() && about["$nines"].get("problem").is_none());
    let text = api.text("/api/v1/search", &range(json!({ "limit": 150 })), "application/x-ndjson").await?;
    let last: Value = serde_json::from_str(text.lines().last().context("no lines")?)?;
    assert_eq!((text.lines().count(), &last["$nines"]["stats"]["truncated"]), (151, &json!(true)));
    assert!(last["$nines"]["next_cursor"].is_string());
    let text =
        api.text("/api/v1/search?columns=body,nothing", &range(json!({ "limit": 2 })), "text/csv").await?;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("body,nothing", 4));
    assert_eq!(lines[3], "# there are more rows: this answer was cut at 2");

    // Live: only what matches, as it comes.
    let mut tail = api.events("/api/v1/tail?dataset=logs&filter=body:%20*live*").await?;
    send(&api, &logs("3", "shop-d", &[(base + 400, 9, "live one".into()), (base + 401, 9, "dull".into())]))
        .await?;
    let rows = tokio::time::timeout(PATIENCE, tail.next()).await??;
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(1), "{rows}");
    assert_eq!((&rows["rows"][0]["body"], &rows["skipped"]), (&json!("live one"), &json!(0)));
    drop(tail);
    node.stop().await
}

/// Applied, shown, exported and applied again; replaced only by who saw the newest version; imported with a report.
async fn dashboards_are_documents(
    api: &Api,
    folder: &std::path::Path,
    cli: &impl AsyncFn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let file = folder.join("shop.yaml");
    let path = file.to_str().context("a path of ASCII")?;
    let text = "apiVersion: nines/v1\nkind: Dashboard\nmetadata: {name: shop}\nspec:\n  title: Shop\n  service: shop\n  panels:\n    - {title: Up, view: stat, queries: [{promql: vector(1)}]}\n";
    tokio::fs::write(&file, text).await?;
    assert!(cli(&["apply", "-f", path]).await?.contains("created"));
    assert!(cli(&["dashboards", "show", "shop"]).await?.contains("vector(1)"));
    let exported = cli(&["dashboards", "export", "shop"]).await?;
    tokio::fs::write(&file, &exported).await?;
    assert!(cli(&["apply", "-f", path]).await?.contains("unchanged"));
    assert_eq!(cli(&["dashboards", "export", "shop"]).await?, exported);

    let put = async |document: &Value, version: u64| {
        let body = json!({ "document": document, "version": version }).to_string().into_bytes();
        api.call("PUT", "/api/v1/dashboards/shop", Some(("application/json", body))).await
    };
    let mut document = api.get("/api/v1/dashboards/shop").await?["document"].take();
    document["spec"]["title"] = json!("Shop, by hand");
    let (status, answer) = put(&document, 1).await?;
    assert_eq!((status, &answer["revision"]["version"]), (200, &json!(2)), "{answer}");
    let (status, answer) = put(&document, 1).await?;
    assert_eq!((status, &answer["code"]), (409, &json!("conflict")), "{answer}");
    document["spec"]["panels"][0]["view"] = json!("stats");
    let (status, answer) = put(&document, 2).await?;
    assert_eq!((status, &answer["faults"][0]["hint"]), (400, &json!("did you mean `stat`?")), "{answer}");
    assert!(cli(&["dashboards", "history", "shop"]).await?.contains("applied"));

    let grafana = json!({ "title": "Hosts", "panels": [
        { "id": 1, "type": "stat", "title": "Up", "targets": [{ "expr": "up" }] },
        { "id": 2, "type": "nodeGraph", "title": "Graph" },
    ] });
    let import = api.post("/api/v1/dashboards/import", &json!({ "text": grafana.to_string() })).await?;
    assert_eq!((&import["taken"], &import["left_out"]), (&json!(1), &json!(1)), "{import}");
    let made = api.get("/api/v1/services/nobody/dashboard").await?;
    assert_eq!(made["revision"]["version"], json!(0), "{made}");
    cli(&["dashboards", "remove", "shop"]).await?;
    Ok(())
}

#[tokio::test]
async fn questions_are_saved_for_everybody_and_survive_a_restart() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let search = json!({ "name": "Failing spans", "kind": "search", "dataset": "spans", "text": "status_code: error",
        "columns": ["service.name"], "team": "shop" });
    let saved = api.post("/api/v1/saved", &search).await?;
    assert_eq!((&saved["name"], &saved["created_by"]), (&json!("Failing spans"), &saved["updated_by"]));
    for wrong in [
        json!({ "name": "a/b", "kind": "search", "dataset": "logs", "text": "" }),
        json!({ "name": "a", "kind": "search", "dataset": "logs", "text": "service.name: (" }),
        json!({ "name": "a", "kind": "search", "dataset": "lgs", "text": "" }),
        json!({ "name": "a", "kind": "song", "text": "" }),
    ] {
        let body = Some(("application/json", wrong.to_string().into_bytes()));
        let (status, answer) = api.call("POST", "/api/v1/saved", body).await?;
        assert_eq!(status, 400, "{answer}");
    }
    // The command line keeps and finds the same ones.
    let cli = async |arguments: &[&str]| {
        let mut command = command(arguments)?;
        let done = command
            .env("NINES_URL", &node.addresses.http)
            .env("NINES_KEY", node.key("owner.key")?)
            .output()
            .await?;
        anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    };
    dashboards_are_documents(&api, folder.path(), &cli).await?;
    cli(&["sql", "select 41 + 1 as answer", "--save", "the answer"]).await?;
    assert!(cli(&["sql", "--saved", "The Answer"]).await?.contains("42"));
    cli(&["search", "", "-d", "changes", "--save", "what changed"]).await?;
    cli(&["search", "--saved", "failing spans", "--start", "15m"]).await?;
    let names = async |api: &Api| {
        let all = api.get("/api/v1/saved").await?;
        let all = all["questions"].as_array().cloned().context("questions")?;
        anyhow::Ok(all.iter().map(|one| one["name"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(names(&api).await?, ["Failing spans", "the answer", "what changed"]);
    let (status, _) = api.call("DELETE", "/api/v1/saved/the%20answer", None).await?;
    assert_eq!(status, 204);
    let (status, answer) = api.call("GET", "/api/v1/saved/failing%20span", None).await?;
    assert_eq!((status, &answer["hint"]), (404, &json!("did you mean `Failing spans`?")), "{answer}");
    node.stop().await?;

    let node = Node::start(&data, &[]).await?;
    assert_eq!(names(&node.api()?).await?, ["Failing spans", "what changed"]);
    node.stop().await
}

const SLO: &str = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: shop-logs}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        bad: {metricSource: {type: nines, spec: {dataset: logs, filter: 'severity_number >= 17'}}}
        total: {metricSource: {type: nines, spec: {dataset: logs, filter: 'service.name: shop'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
";

#[tokio::test]
async fn a_stored_window_is_put_through_a_rule_that_did_not_exist_yet() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let base = base();
    fill(&api, base).await?;
    let (start, end) = (at(base - 60), at(base + 420));

    // Tried, not applied: it would have fired within seconds of the first errors.
    let tried = json!({ "documents": SLO, "start": start, "end": end });
    let answer = api.post("/api/v1/replay", &tried).await?;
    let slo = &answer["slos"][0];
    assert_eq!(
        (&slo["name"], &slo["good"], &slo["total"]),
        (&json!("shop-logs"), &json!(850), &json!(900)),
        "{slo}"
    );
    assert_eq!(answer["step_secs"], 1);
    let alert = &slo["alerts"][0];
    let detected =
        alert["detected_at"].as_str().context("nothing fired")?.parse::<jiff::Timestamp>()?.as_second();
    assert!(
        (base + 200..base + 230).contains(&detected),
        "detected {} s after the fault",
        detected - base - 200
    );
    // 50 of 900 events are bad, 5.6 times what the budget of an hour allows: worth a ticket, not a page.
    assert_eq!((&alert["severity"], &alert["transitions"][0]["kind"]), (&json!("ticket"), &json!("fired")));
    assert!(
        api.get("/api/v1/slos").await?["slos"].as_array().is_some_and(Vec::is_empty),
        "nothing was applied"
    );

    // Applied, the live counters have the same counts, and the replay by name says the same again.
    api.apply(SLO).await?;
    eventually("the history of the promise", || async {
        let slo = api.get("/api/v1/slos/shop-logs").await?;
        Ok((slo["total"] == 900 && slo["good"] == 850).then_some(()))
    })
    .await?;
    let again =
        api.post("/api/v1/replay", &json!({ "slo": "shop-logs", "start": start, "end": end })).await?;
    assert_eq!(again["slos"], answer["slos"]);
    // Before the fault nothing fires.
    let quiet = json!({ "slo": "shop-logs", "start": start, "end": at(base + 199) });
    assert_eq!(api.post("/api/v1/replay", &quiet).await?["slos"][0]["alerts"], json!([]));

    for (wrong, code) in [
        (json!({ "slo": "shop-log", "start": start }), 404),
        (json!({ "start": end, "end": start }), 400),
        (json!({ "documents": "kind: Nonsense", "start": start, "end": end }), 400),
        (json!({ "slo": "shop-logs", "start": "2020-01-01T00:00:00Z", "end": end }), 400),
    ] {
        let body = Some(("application/json", wrong.to_string().into_bytes()));
        let (status, answer) = api.call("POST", "/api/v1/replay", body).await?;
        assert_eq!(status, code, "{answer}");
    }
    node.stop().await
}

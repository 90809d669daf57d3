//! Real clients of other systems' protocols; SQL finds exactly what they sent, value by value.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, command, eventually, run_tool, shared, workspace_root};
use serde_json::Value;

#[tokio::test]
async fn what_real_clients_send_is_what_sql_finds() -> anyhow::Result<()> {
    let _machine = shared().await;
    let root = workspace_root();
    run_tool("/bin/sh", &["tests/ways-in/setup.sh"], &root).await?;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--anonymous-ingest", "false"]).await?;
    let (api, key) = (node.api()?, node.key("ingest.key")?);
    let senders: [(PathBuf, &str); 2] = [
        (root.join("target/ways-in-venv/bin/python"), "tests/ways-in/send.py"),
        ("node".into(), "tests/ways-in/send.mjs"),
    ];
    let mut checked = 0;
    for (program, script) in senders {
        let arguments = [script, "--url", &node.addresses.http, "--key", &key];
        let answer: Value = serde_json::from_str(&run_tool(program, &arguments, &root).await?)?;
        for sent in answer["sent"].as_array().context("the sender says what it sent")? {
            check(&api, sent).await.with_context(|| sent.to_string())?;
            checked += 1;
        }
    }
    ensure!(checked >= 13, "only {checked} clients were heard of");
    node.stop().await
}

async fn check(api: &Api, sent: &Value) -> anyhow::Result<()> {
    let quoted = |value: &Value| value.as_str().unwrap_or_default().replace('\'', "''");
    let selected = if sent["event"].is_string() {
        format!("event_name = '{}'", quoted(&sent["event"]))
    } else if sent["source"].is_string() {
        format!("\"com.splunk.source\" = '{}'", quoted(&sent["source"]))
    } else {
        format!("\"service.name\" = '{}'", quoted(&sent["service"]))
    };
    let figures = [
        ("count", "count(*)"),
        ("sum_i", "sum(i)"),
        ("sum_f", "sum(f)"),
        ("odd", "sum(case when odd then 1 else 0 end)"),
        ("warnings", "sum(case when severity_number = 13 then 1 else 0 end)"),
        ("data_i", "sum(\"data.i\")"),
    ];
    for (name, figure) in figures {
        let Some(expected) = sent[name].as_f64() else { continue };
        let query = format!("select {figure} from logs where {selected}");
        let found = api.sql_number(&query).await?;
        ensure!(found == expected, "{query}: {found}, but {expected} was sent");
    }
    if sent["last"].is_string() {
        let body = quoted(&sent["last"]);
        let query = format!("select count(*) from logs where {selected} and body = '{body}'");
        ensure!(api.sql_number(&query).await? == 1.0, "{query}");
    }
    println!("{selected}: {} as sent", sent["count"]);
    Ok(())
}

/// Messages over each way.
const MESSAGES: usize = 200;

#[tokio::test]
async fn rsyslog_sends_over_udp_tcp_and_tls() -> anyhow::Result<()> {
    let _machine = shared().await;
    let Some(rsyslogd) =
        ["/usr/sbin/rsyslogd", "/sbin/rsyslogd"].into_iter().find(|path| Path::new(path).is_file())
    else {
        println!("skipped: rsyslog is not installed (`scripts/tools test` does that)");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let (cert, private) = certificate(at).await?;
    let syslog = [
        "--syslog-udp",
        "127.0.0.1:0",
        "--syslog-tcp",
        "127.0.0.1:0",
        "--syslog-tls",
        "127.0.0.1:0",
        "--syslog-tls-cert",
        &cert,
        "--syslog-tls-key",
        &private,
    ];
    let node = Node::start(&at.join("data"), &syslog).await?;
    let port = |name: &str| node.addresses.port(name).with_context(|| format!("{name} is not in the banner"));
    let (udp, tcp, tls) = (port("syslog UDP")?, port("syslog TCP")?, port("syslog TLS")?);
    let input = at.join("log");
    let modern = "template=\"RSYSLOG_SyslogProtocol23Format\"";
    let config = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{input}\" RateLimit.Interval=\"0\")\n\
         global(workDirectory=\"{at}\" defaultNetstreamDriverCAFile=\"{cert}\" defaultNetstreamDriver=\"gtls\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{udp}\" protocol=\"udp\" {modern})\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" {modern} TCP_Framing=\"octet-counted\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" template=\"RSYSLOG_TraditionalForwardFormat\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tls}\" protocol=\"tcp\" {modern} StreamDriver=\"gtls\" \
         StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"localhost\")\n",
        input = input.display(),
        at = at.display(),
    );
    write(&at.join("rsyslog.conf"), &config)?;
    let mut daemon = nines_base::spawn::program(rsyslogd)
        .args(["-n", "-f"])
        .arg(at.join("rsyslog.conf"))
        .arg("-i")
        .arg(at.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::OpenOptions::new().create(true).append(true).open(at.join("rsyslog.log"))?)
        .spawn()?;
    let exists = || async { Ok(input.exists().then_some(())) };
    eventually("rsyslog's socket", exists).await?;
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    for number in 0..MESSAGES {
        // local3.warning
        socket.send_to(format!("<156>shop[42]: order {number} paid").as_bytes(), &input)?;
    }
    let api = node.api()?;
    let of = |what: &str| {
        format!(
            "select {what} from logs where \"service.name\" = 'shop' and \"process.pid\" = 42 and severity_number = 13 and \"syslog.facility\" = 'local3' and \"client.address\" = '127.0.0.1'"
        )
    };
    let all = || async {
        let count = api.sql_number(&of("count(*)")).await?;
        Ok((count >= (4 * MESSAGES) as f64).then_some(()))
    };
    eventually("all messages over all four ways", all).await?;
    ensure!(api.sql_number(&of("count(*)")).await? == (4 * MESSAGES) as f64);
    ensure!(api.sql_number(&of("count(distinct body)")).await? == MESSAGES as f64);
    let last = format!("{} and body = 'order {} paid'", of("count(*)"), MESSAGES - 1);
    ensure!(api.sql_number(&last).await? == 4.0);
    daemon.start_kill()?;
    daemon.wait().await?;
    node.stop().await
}

/// Messages that rsyslog sends as bulk requests.
const DOCUMENTS: usize = 500;

/// rsyslog's sender of bulk requests, which of all clients asks for the least: no product header, no version.
#[tokio::test]
async fn rsyslog_sends_bulk_requests() -> anyhow::Result<()> {
    let _machine = shared().await;
    let module = format!("/usr/lib/{}-linux-gnu/rsyslog/omelasticsearch.so", std::env::consts::ARCH);
    if !Path::new("/usr/sbin/rsyslogd").is_file() || !Path::new(&module).is_file() {
        println!("skipped: rsyslog-elasticsearch is not installed (`scripts/tools test` does that)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let node = Node::start(&at.join("data"), &["--anonymous-ingest", "false"]).await?;
    let api = node.api()?;
    let input = at.join("log");
    let config = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         module(load=\"omelasticsearch\")\n\
         input(type=\"imuxsock\" Socket=\"{input}\" RateLimit.Interval=\"0\")\n\
         global(workDirectory=\"{at}\")\n\
         template(name=\"document\" type=\"list\" option.jsonf=\"on\") {{\n\
           property(outname=\"@timestamp\" name=\"timereported\" dateFormat=\"rfc3339\" format=\"jsonf\")\n\
           property(outname=\"service.name\" name=\"programname\" format=\"jsonf\")\n\
           property(outname=\"message\" name=\"msg\" format=\"jsonf\")\n\
         }}\n\
         action(type=\"omelasticsearch\" server=\"{url}/elastic\" uid=\"nines\" pwd=\"{key}\" bulkmode=\"on\" searchIndex=\"logs\" searchType=\"\" \
         template=\"document\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" \
         errorFile=\"{at}/errors\")\n",
        input = input.display(),
        at = at.display(),
        url = node.addresses.http,
        key = node.key("ingest.key")?,
    );
    write(&at.join("rsyslog.conf"), &config)?;
    let mut daemon = nines_base::spawn::program("/usr/sbin/rsyslogd")
        .args(["-n", "-f"])
        .arg(at.join("rsyslog.conf"))
        .arg("-i")
        .arg(at.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::OpenOptions::new().create(true).append(true).open(at.join("rsyslog.log"))?)
        .kill_on_drop(true)
        .spawn()?;
    eventually("rsyslog's socket", async || Ok(input.exists().then_some(()))).await?;
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    for number in 0..DOCUMENTS {
        socket.send_to(format!("<156>shop[42]: order {number} paid").as_bytes(), &input)?;
    }
    let count = "select count(distinct body) from logs where \"service.name\" = 'shop'";
    let stored = eventually("all documents", async || {
        let stored = api.sql_number(count).await?;
        Ok((stored == DOCUMENTS as f64).then_some(()))
    });
    if let Err(error) = stored.await {
        let told = std::fs::read_to_string(at.join("rsyslog.log"))?
            + &std::fs::read_to_string(at.join("errors")).unwrap_or_default();
        anyhow::bail!("{error}: {} stored; rsyslog says {told:.4000}", api.sql_number(count).await?);
    }
    let rows = api.sql_number("select count(*) from logs").await?;
    ensure!(rows == DOCUMENTS as f64, "{rows} rows of {DOCUMENTS} documents");
    daemon.start_kill()?;
    daemon.wait().await?;
    node.stop().await
}

/// A certificate for localhost and its key.
pub async fn certificate(at: &Path) -> anyhow::Result<(String, String)> {
    let text = |name: &str| at.join(name).display().to_string();
    let (cert, private) = (text("cert.pem"), text("key.pem"));
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        &private,
        "-out",
        &cert,
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ];
    run_tool("/usr/bin/openssl", &arguments, at).await?;
    Ok((cert, private))
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(path, text)?)
}

const ALB: &str = r#"https 2018-07-02T22:23:00.186641Z app/lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/acm/list?id=28511849 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/1" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
const IIS: &str = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n2026-11-21 08:30:00 10.0.0.5 GET /acm/list id=28511849&x=1 443 - 10.0.0.9 Mozilla/5.0+(Windows+NT) - 404 7 2 123\n";

#[tokio::test]
async fn imported_logs_answer_the_sql_of_before_and_a_second_import_adds_nothing() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let node = Node::start(&at.join("data"), &[]).await?;
    let text = |name: &str| at.join(name).display().to_string();
    write(&at.join("alb.log"), &format!("{ALB}\n").repeat(1000))?;
    write(
        &at.join("u_ex.log"),
        &format!("{IIS}{}", IIS.lines().nth(1).unwrap_or_default().to_owned() + "\n"),
    )?;
    let key = node.key("ingest.key")?;
    let import = |state: &'static str| {
        let arguments = [
            "import",
            &text("alb.log"),
            &text("u_ex.log"),
            "--state",
            &text(state),
            "--url",
            &node.addresses.http,
            "--key",
            &key,
            "--service",
            "acm",
            "--output",
            "json",
        ]
        .map(str::to_owned);
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = command(&arguments)?.output().await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let report: Value = serde_json::from_slice(&output.stdout)?;
            report["rows"].as_u64().context("a report has rows")
        }
    };
    ensure!(import("state").await? == 1002);
    ensure!(import("state").await? == 0);
    // Without the file that says what was sent, and with a node that has forgotten its answers.
    node.stop().await?;
    let node = Node::start(&at.join("data"), &[]).await?;
    let api = node.api()?;
    let again = [
        "import",
        &text("alb.log"),
        &text("u_ex.log"),
        "--state",
        &text("other"),
        "--url",
        &node.addresses.http,
        "--key",
        &key,
        "--service",
        "acm",
        "--output",
        "json",
    ];
    let output = command(&again)?.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(report["rows"] == 0, "{report}");
    let query =
        "select count(*) from logs where cs_uri_stem LIKE '/acm/%' AND cs_uri_query LIKE '%28511849%'";
    ensure!(api.sql_number(query).await? == 1002.0);
    ensure!(api.sql_number("select sum(sc_win32_status) from logs where sc_status = 404").await? == 4.0);
    node.stop().await
}

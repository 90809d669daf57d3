//! E-mail against a real SMTP server (aiosmtpd), if there is one:
//! `scripts/clients mail` installs it.

use std::path::PathBuf;
use std::process::Stdio;

use nines_notify::{Channel, Content, Email, EmailConfig, Event, Outcome, SmtpTls};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::channels::{delivery, egress};

struct Sink {
    _child: Child,
    port: u16,
    lines: Lines<BufReader<ChildStdout>>,
}

fn python() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    Some(target.join("mail-venv/bin/python")).filter(|path| path.exists())
}

async fn sink() -> Option<Sink> {
    let Some(python) = python() else {
        println!("skipped: aiosmtpd is not installed (`scripts/clients mail` does that)");
        return None;
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/all/smtp_sink.py");
    let mut command = nines_base::spawn::program(python);
    command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().expect("the sink prints its port").parse().unwrap();
    Some(Sink { _child: child, port, lines })
}

fn mail(port: u16, to: &[&str], tls: SmtpTls) -> Email {
    let config = EmailConfig {
        host: "127.0.0.1".into(),
        port,
        tls,
        user: None,
        from: "Nines <nines@example.com>".into(),
        to: to.iter().map(|text| (*text).to_owned()).collect(),
    };
    Email::new(config, egress())
}

fn content() -> Content {
    Content::Email {
        subject: "[P1] 結帳失敗\r\nBcc: x@y".into(),
        text: "失敗 4.1 %\n.\nend".into(),
        html: "<b>失敗</b>".into(),
        attachments: Vec::new(),
    }
}

#[tokio::test]
async fn a_mail_arrives_whole_and_in_its_thread() {
    let Some(mut sink) = sink().await else { return };
    let delivery = delivery(Event::Trigger, content());
    let email = mail(sink.port, &["Team <team@example.com>", "boss@example.com"], SmtpTls::None);
    assert_eq!(email.deliver(&delivery).await, Outcome::Delivered { reference: None });
    let line = sink.lines.next_line().await.unwrap().unwrap();
    let got: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(got["to"], serde_json::json!(["team@example.com", "boss@example.com"]));
    assert_eq!(got["headers"]["Message-ID"], format!("<{}@example.com>", delivery.page));
    assert!(got["headers"]["References"].as_str().unwrap().ends_with("@example.com>"));
    assert!(got["headers"]["Subject"].as_str().unwrap().starts_with("[P1] 結帳失敗"));
    assert!(
        got["headers"].get("Bcc").is_none(),
        "a line break in the subject must not make a header: {line}"
    );
    assert_eq!(got["text"].as_str().unwrap().trim_end().replace("\r\n", "\n"), "失敗 4.1 %\n.\nend");
    assert_eq!(got["html"].as_str().unwrap().trim_end(), "<b>失敗</b>");
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_believed() {
    let Some(sink) = sink().await else { return };
    let outcome = |to: &'static str, tls| {
        let email = mail(sink.port, &[to], tls);
        async move { email.deliver(&delivery(Event::Trigger, content())).await }
    };
    assert!(matches!(outcome("later@example.com", SmtpTls::None).await, Outcome::Retryable { .. }));
    assert!(matches!(outcome("never@example.com", SmtpTls::None).await, Outcome::Permanent { .. }));
    assert!(matches!(outcome("silent@example.com", SmtpTls::None).await, Outcome::Unknown { .. }));
    assert!(matches!(outcome("not an address", SmtpTls::None).await, Outcome::Permanent { .. }));
    let no_tls = outcome("team@example.com", SmtpTls::StartTls).await;
    assert!(matches!(no_tls, Outcome::Retryable { .. }), "nothing is sent in the clear instead: {no_tls:?}");
}

#[tokio::test]
async fn a_mail_server_that_is_not_there_took_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome =
        mail(port, &["team@example.com"], SmtpTls::None).deliver(&delivery(Event::Trigger, content())).await;
    assert!(matches!(outcome, Outcome::Retryable { .. }), "{outcome:?}");
}

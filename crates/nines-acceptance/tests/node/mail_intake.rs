//! Alerts by mail: a real client's mails and raw conversations, over plain connections and TLS; and a kill right after the
//! answer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, eventually, run_tool};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::ways_in::certificate;

const INTEGRATION: &str = "apiVersion: nines/v1
kind: MailIntegration
metadata: {name: zabbix}
spec:
  address: zabbix-9f2c61d0b7aa
  service: db
  level: P2
  senders: [zabbix.example]
  dedup: 'Trigger: (.+)'
  resolved: '^Resolved in'
";

/// Python's own client: what it sends, and what it is told.
const CLIENT: &str = r#"
import json, smtplib, ssl, sys
from email.message import EmailMessage
port, key, cert = int(sys.argv[1]), sys.argv[2], sys.argv[3]

def mail(sender, to, subject, text):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content(text, cte="8bit")
    return message

def send(message, to, sender, tls=False, options=()):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo()
        if tls:
            client.starttls(context=ssl.create_default_context(cafile=cert))
            client.ehlo()
        try:
            client.send_message(message, sender, [to], mail_options=options)
            return [250, ""]
        except smtplib.SMTPRecipientsRefused as refused:
            return list(refused.recipients[to])
        except smtplib.SMTPResponseException as refused:
            return [refused.smtp_code, refused.smtp_error]

zabbix, sender = "zabbix-9f2c61d0b7aa@nines.example", "alert@zabbix.example"
told = {
    "problem": send(mail(sender, zabbix, "Problem: 磁碟已滿", "Trigger: db-1 disk\n.hidden\n..\n"), zabbix, sender, True, ["BODY=8BITMIME"]),
    "other": send(mail(sender, zabbix, "Problem: fan", "Trigger: db-1 fan"), zabbix, sender),
    "over": send(mail(sender, zabbix, "Resolved in 5m: fan", "Trigger: db-1 fan"), zabbix, sender),
    "forged": send(mail("x@evil.example", zabbix, "s", "t"), zabbix, "x@evil.example"),
    "unknown": send(mail(sender, "nobody@x", "s", "t"), "nobody@x", sender),
    "key": send(mail("nas@home.example", key + "+storage@x", "[P0] volume 1 is degraded", "now"), key + "+storage@x", "nas@home.example"),
    "wrong key": send(mail(sender, key[:-4] + "0000@x", "s", "t"), key[:-4] + "0000@x", sender),
    "no subject": send(mail(sender, zabbix, "", "t"), zabbix, sender),
    "large": send(mail(sender, zabbix, "s", "x" * 70 + "\n" + ("y" * 70 + "\n") * 16000), zabbix, sender),
}
print(json.dumps(told, default=lambda it: it.decode()))
"#;

async fn foreign(api: &Api) -> anyhow::Result<Vec<Value>> {
    Ok(api.get("/api/v1/alerts").await?["foreign"].as_array().cloned().unwrap_or_default())
}

fn titled<'a>(alerts: &'a [Value], title: &str) -> anyhow::Result<&'a Value> {
    alerts.iter().find(|alert| alert["title"] == title).with_context(|| format!("{title}: {alerts:#?}"))
}

/// A conversation by hand.
struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    async fn connect(port: u16) -> anyhow::Result<Self> {
        let mut raw = Self { stream: BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?) };
        raw.expect("220").await?;
        Ok(raw)
    }

    async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.stream.get_mut().write_all(text.as_bytes()).await?)
    }

    /// The next reply, its lines together; it must begin so.
    async fn expect(&mut self, begin: &str) -> anyhow::Result<String> {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read =
                tokio::time::timeout(Duration::from_secs(30), self.stream.read_line(&mut reply)).await??;
            ensure!(read > 0, "closed after {reply:?}, expected {begin}");
            if reply.as_bytes().get(start + 3) != Some(&b'-') {
                break;
            }
        }
        ensure!(reply.starts_with(begin), "expected {begin}: {reply}");
        Ok(reply)
    }
}

async fn raw_conversations(port: u16, api: &Api) -> anyhow::Result<()> {
    let envelope = "MAIL FROM:<a@zabbix.example>\r\nRCPT TO:<ZABBIX-9f2c61d0b7aa@x>\r\n";
    // All commands in one go, and two messages in one conversation; a bare line feed ends no message.
    let mut raw = Raw::connect(port).await?;
    raw.send(&format!("EHLO x\r\n{envelope}DATA\r\n")).await?;
    let offered = raw.expect("250-nines").await?;
    ensure!(offered.contains("PIPELINING") && offered.contains("SIZE 1048576"), "{offered}");
    raw.expect("250 2.1.0").await?;
    raw.expect("250 2.1.5").await?;
    raw.expect("354").await?;
    raw.send(
        "Subject: smuggler\r\n\r\nTrigger: smuggled\r\n..stuffed\r\nline\n.\r\nMAIL FROM:<evil@x>\r\n.\r\n",
    )
    .await?;
    raw.send(&format!("{envelope}DATA\r\n")).await?;
    let kept = raw.expect("250 2.0.0 kept as ").await?;
    raw.expect("250").await?;
    raw.expect("250").await?;
    raw.expect("354").await?;
    raw.send("Subject: second\r\n\r\nTrigger: second\r\n.\r\nQUIT\r\n").await?;
    raw.expect("250 2.0.0").await?;
    raw.expect("221").await?;
    let alerts = foreign(api).await?;
    let smuggler = titled(&alerts, "smuggler")?;
    ensure!(kept.contains(smuggler["fingerprint"].as_str().unwrap_or("?")), "{kept} {smuggler}");
    let text = smuggler["annotations"]["text"].as_str().unwrap_or_default().to_owned();
    ensure!(text.contains(".stuffed") && !text.contains("..stuffed") && text.contains("evil@x"), "{text:?}");

    // The order of commands, and words that are none.
    let mut raw = Raw::connect(port).await?;
    for (sent, told) in [
        ("MAIL FROM:<a@b>\r\n", "503"),
        ("HELO x\r\n", "250"),
        ("RCPT TO:<a@b>\r\n", "503"),
        ("DATA\r\n", "503"),
        ("MAIL FROM:<a@zabbix.example> SIZE=9999999\r\n", "552 5.3.4"),
        ("MAIL FROM:<a@zabbix.example> BODY=BINARYMIME\r\n", "555"),
        ("MAIL FROM a\r\n", "501"),
        ("MAIL FROM:<a@zabbix.example> BODY=8BITMIME\r\n", "250"),
        ("DATA\r\n", "554"),
        ("NOOP\r\n", "250"),
        ("VRFY zabbix\r\n", "252"),
        ("HELLO\r\n", "500"),
        ("AUTH PLAIN x\r\n", "502"),
        ("RSET\r\n", "250"),
        ("QUIT\r\n", "221"),
    ] {
        raw.send(sent).await?;
        raw.expect(told).await.with_context(|| sent.to_owned())?;
    }
    // What is said before TLS is not taken for what is said after it.
    let mut raw = Raw::connect(port).await?;
    raw.send("EHLO x\r\nSTARTTLS\r\nRSET\r\n").await?;
    raw.expect("250").await?;
    raw.expect("554").await?;
    ensure!(raw.stream.read(&mut [0; 16]).await? == 0, "the connection goes on");
    Ok(())
}

#[tokio::test]
async fn alerts_come_by_mail_and_are_kept_before_the_answer() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let data = at.join("data");
    let (cert, private) = certificate(at).await?;
    let smtp = ["--smtp-listen", "127.0.0.1:0", "--smtp-tls-cert", &cert, "--smtp-tls-key", &private];
    let node = Node::start(&data, &smtp).await?;
    let api = node.api()?;
    api.apply(INTEGRATION).await?;
    let listed = api.get("/api/v1/objects?kind=MailIntegration").await?;
    ensure!(listed["objects"][0]["name"] == "zabbix", "{listed}");
    let port = node.addresses.port("mail (SMTP)").context("the banner names no port for mail")?;

    let key = node.key("ingest.key")?;
    let told = run_tool("python3", &["-c", CLIENT, &port.to_string(), &key, &cert], at).await?;
    let told: Value = serde_json::from_str(told.trim()).with_context(|| told.clone())?;
    for (what, code, words) in [
        ("problem", 250, ""),
        ("other", 250, ""),
        ("over", 250, ""),
        ("forged", 550, "5.7.1 mail integration zabbix takes no mail from"),
        ("unknown", 550, "5.1.1 there is no such address"),
        ("key", 250, ""),
        ("wrong key", 550, "5.1.1 the key before the @ is none of this node"),
        ("no subject", 554, "5.6.0"),
        ("large", 552, "5.3.4 a message has at most 1048576 bytes"),
    ] {
        let answer = &told[what];
        ensure!(
            answer[0] == code && answer[1].as_str().is_some_and(|it| it.contains(words)),
            "{what}: {answer}"
        );
    }
    let alerts = foreign(&api).await?;
    let problem = titled(&alerts, "磁碟已滿")?;
    ensure!(problem["service"] == "db" && problem["level"] == "P2", "{problem:#}");
    let text = problem["annotations"]["text"].as_str().unwrap_or_default();
    ensure!(text.contains("\n.hidden") && text.contains("\n.."), "dots are stuffed and unstuffed: {text:?}");
    let fan = titled(&alerts, "fan").or_else(|_| titled(&alerts, "Resolved in 5m: fan"))?;
    ensure!(fan["state"] == "resolved", "{fan:#}");
    ensure!(titled(&alerts, "volume 1 is degraded")?["service"] == "storage");
    ensure!(alerts.len() == 3, "{alerts:#?}");
    ensure!(!json!(alerts).to_string().contains(&key), "the key is shown");
    raw_conversations(port, &api).await?;

    // Answered is kept: the process dies with the answer on the wire.
    let mut raw = Raw::connect(port).await?;
    raw.send("EHLO x\r\nMAIL FROM:<a@zabbix.example>\r\nRCPT TO:<zabbix-9f2c61d0b7aa@x>\r\nDATA\r\n").await?;
    for begin in ["250", "250", "250", "354"] {
        raw.expect(begin).await?;
    }
    raw.send("Subject: the last one\r\n\r\nTrigger: last\r\n.\r\n").await?;
    raw.expect("250 2.0.0").await?;
    node.kill().await?;
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    eventually("the alert whose mail was answered", || async {
        Ok(titled(&foreign(&api).await?, "the last one").ok().map(|_| ()))
    })
    .await?;
    ensure!(node.addresses.port("mail (SMTP)").is_none() && Path::new(&data).is_dir());
    node.stop().await
}

//! A mail server that takes everything and keeps it: RFC 5321 as far as a client of ours speaks it.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// One mail as it came.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: Vec<String>,
    /// Headers and body, dots unstuffed.
    pub text: String,
}

impl Mail {
    /// The decoded parts: quoted-printable and 8-bit as they read.
    pub fn decoded(&self) -> String {
        let (mut decoded, mut rest) = (Vec::new(), self.text.as_bytes());
        while let Some((&byte, after)) = rest.split_first() {
            let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            rest = match (byte, hex) {
                (b'=', Some("\r\n")) => &after[2..],
                (b'=', Some(hex)) => match u8::from_str_radix(hex, 16) {
                    Ok(value) => {
                        decoded.push(value);
                        &after[2..]
                    }
                    Err(_) => {
                        decoded.push(byte);
                        after
                    }
                },
                _ => {
                    decoded.push(byte);
                    after
                }
            };
        }
        String::from_utf8_lossy(&decoded).into_owned()
    }

    /// A header's value, its folded lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> Option<String> {
        let decoded = self.decoded();
        let start = decoded.find("<!doctype html")?;
        let end = decoded[start..].find("</html>").map_or(decoded.len(), |end| start + end + 7);
        Some(decoded[start..end].to_owned())
    }
}

/// Cloning shares what was taken.
#[derive(Clone)]
pub struct MailSink {
    /// `smtp://127.0.0.1:port`.
    pub url: String,
    taken: Arc<Mutex<Vec<Mail>>>,
}

impl MailSink {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let taken: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let sink = Self { url, taken };
        let keep = sink.taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keep = keep.clone();
                // A client that goes away in the middle has sent nothing.
                tokio::spawn(async move { converse(stream, keep).await });
            }
        });
        Ok(sink)
    }

    pub async fn taken(&self) -> Vec<Mail> {
        self.taken.lock().await.clone()
    }
}

async fn converse(stream: TcpStream, taken: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    write.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut to, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim().to_owned();
        let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "RCPT" => {
                let address = command.split(['<', '>']).nth(1).unwrap_or_default();
                to.push(address.to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = Vec::new();
                loop {
                    line.clear();
                    if lines.read_until(b'\n', &mut line).await? == 0 {
                        return Ok(());
                    }
                    if line == b".\r\n" {
                        break;
                    }
                    text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
                let text = String::from_utf8_lossy(&text).into_owned();
                taken.lock().await.push(Mail { to: std::mem::take(&mut to), text });
                b"250 taken\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await?;
    }
}

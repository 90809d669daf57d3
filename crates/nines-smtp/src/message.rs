//! What a message says: MIME, read leniently, for mail of monitoring is often not quite right.

use mail_parser::MessageParser;
use nines_model::Timestamp;

use crate::Mail;

/// `None` if it is no message at all: no header can be read.
pub fn read(bytes: &[u8], envelope_from: &str, to: Vec<String>) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    if message.headers().is_empty() {
        return None;
    }
    let author = message.from().and_then(|from| from.first()).and_then(|first| first.address());
    let date = message.date().map(mail_parser::DateTime::to_timestamp);
    Some(Mail {
        from: author.unwrap_or(envelope_from).to_owned(),
        to,
        subject: message.subject().unwrap_or_default().trim().to_owned(),
        text: message.body_text(0).unwrap_or_default().trim().to_owned(),
        date: date.and_then(|secs| secs.checked_mul(1_000_000_000)).map(Timestamp::from_nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Mail {
        read(text.replace('\n', "\r\n").as_bytes(), "env@x.example", vec!["to@y.example".to_owned()]).unwrap()
    }

    #[test]
    fn headers_and_bodies_are_decoded() {
        let text = "From: NAS <nas@home.example>\nSubject: =?utf-8?B?56OB56Kf5bey5ru/?=\n\
                    Date: Sun, 22 Nov 2026 00:00:00 +0000\nMIME-Version: 1.0\n\
                    Content-Type: multipart/alternative; boundary=b\n\n--b\n\
                    Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
                    caf=C3=A9\n--b\nContent-Type: text/html\n\n<p>other</p>\n--b--\n";
        let read = mail(text);
        assert_eq!((read.from.as_str(), read.subject.as_str()), ("nas@home.example", "磁碟已滿"));
        assert_eq!(read.text, "café");
        assert_eq!(read.date, Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").ok());
        let html = mail("Subject: x\nContent-Type: text/html\n\n<p>one <b>two</b></p>\n");
        assert_eq!((html.from.as_str(), html.text.as_str()), ("env@x.example", "one two"));
    }

    #[test]
    fn what_is_no_message_is_said_so_and_nothing_panics() {
        assert_eq!(read(b"", "a@b", Vec::new()), None);
        let whole = b"Subject: =?utf-8?Q?=41?=\r\nDate: Sun, 99 Foo 99999 25:61:61 +9999\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n";
        for end in 0..whole.len() {
            drop(read(&whole[..end], "a@b", Vec::new()));
        }
    }
}

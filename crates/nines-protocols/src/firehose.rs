//! Amazon Data Firehose to an HTTP endpoint, with CloudWatch Logs subscriptions or any JSON or text in its records.
//!
//! Source: "Understand HTTP endpoint delivery request and response specifications" (Firehose) and "Real-time processing of
//! log data with subscriptions" (CloudWatch Logs). Names by OpenTelemetry's AWS conventions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nines_base::decompress::{Encoding, decompress};
use nines_model::{Batch, Dataset, Timestamp, Value, field};

use crate::document::DocumentReader;
use crate::intake::{IntakeError, lines, text};
use crate::json::{Cursor, Kind};
use crate::rows::RowWriter;

/// A delivery: what it holds and the id under which it is answered.
#[derive(Debug)]
pub struct Delivery {
    pub request_id: String,
    pub batch: Batch,
    /// Bytes of the records after decompression.
    pub bytes: u64,
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads a delivery. `common` is the header `X-Amz-Firehose-Common-Attributes`; `limit` bounds all records together after
/// decompression, in bytes.
pub fn decode(
    body: &[u8],
    common: Option<&str>,
    limit: u64,
    received_at: Timestamp,
) -> Result<Delivery, IntakeError> {
    let mut reader = DeliveryReader {
        common: common.map(common_attributes).transpose()?.unwrap_or_default(),
        rows: RowWriter::new(Dataset::Logs, received_at),
        documents: DocumentReader::new(),
        limit,
        bytes: 0,
    };
    let mut request_id = None;
    let mut has_records = false;
    let mut cursor = Cursor::new(text(body)?);
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match key.as_ref() {
            "requestId" => request_id = Some(cursor.string()?.into_owned()),
            "records" => {
                has_records = true;
                cursor.enter_array()?;
                let mut index = 0;
                while cursor.next_element(index == 0)? {
                    reader.record(&mut cursor).map_err(|error| error.in_record(index))?;
                    index += 1;
                }
            }
            _ => drop(cursor.raw()?),
        }
    }
    cursor.end()?;
    let hint = "a delivery is {\"requestId\":\"…\",\"timestamp\":…,\"records\":[{\"data\":\"<base64>\"}]}";
    if !has_records {
        return Err(IntakeError::Missing { what: "records", hint });
    }
    let request_id = request_id.ok_or(IntakeError::Missing { what: "requestId", hint })?;
    Ok(Delivery { request_id, batch: reader.rows.finish(), bytes: reader.bytes })
}

/// `{"commonAttributes":{"name":"value"}}`
fn common_attributes(text: &str) -> Result<Vec<(String, String)>, IntakeError> {
    let mut attributes = Vec::new();
    let mut cursor = Cursor::new(text);
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        if key != "commonAttributes" {
            cursor.raw()?;
            continue;
        }
        cursor.enter_object()?;
        let mut is_first = true;
        while let Some(name) = cursor.next_key(is_first)? {
            is_first = false;
            attributes.push((name.into_owned(), cursor.string()?.into_owned()));
        }
    }
    Ok(attributes)
}

struct DeliveryReader {
    common: Vec<(String, String)>,
    rows: RowWriter,
    documents: DocumentReader,
    limit: u64,
    bytes: u64,
}

impl DeliveryReader {
    /// `{"data":"<base64>"}`
    fn record(&mut self, cursor: &mut Cursor<'_>) -> Result<(), IntakeError> {
        let mut data = None;
        cursor.enter_object()?;
        let mut is_first = true;
        while let Some(key) = cursor.next_key(is_first)? {
            is_first = false;
            match key.as_ref() {
                "data" => data = Some(cursor.string()?),
                _ => drop(cursor.raw()?),
            }
        }
        let data =
            data.ok_or(IntakeError::Missing { what: "data", hint: "a record is {\"data\":\"<base64>\"}" })?;
        let hint = "send base64 with padding (RFC 4648, section 4)";
        let decoded =
            STANDARD.decode(data.as_bytes()).map_err(|_| IntakeError::wrong("data", &data, hint))?;
        let encoding = if decoded.starts_with(&GZIP_MAGIC) { Encoding::Gzip } else { Encoding::Identity };
        let payload = decompress(encoding, &decoded, self.limit - self.bytes)?;
        self.bytes += payload.len() as u64;
        self.payload(text(&payload)?)
    }

    fn payload(&mut self, payload: &str) -> Result<(), IntakeError> {
        let mut cursor = Cursor::new(payload);
        if cursor.is_at_end() {
            return Ok(());
        }
        if !payload.trim_ascii_start().starts_with('{') {
            self.share(&[]);
            for line in lines(payload) {
                self.rows.str(field::BODY, line)?;
                self.rows.end()?;
            }
            return Ok(());
        }
        while !cursor.is_at_end() {
            let start = cursor.clone();
            let raw = cursor.raw()?;
            if raw.contains("\"logEvents\"") && raw.contains("\"messageType\"") {
                self.subscription(&mut start.clone())?;
            } else {
                self.share(&[]);
                self.documents.read(&mut start.clone(), &mut self.rows)?;
                self.rows.end()?;
            }
        }
        Ok(())
    }

    /// One CloudWatch Logs message. A `CONTROL_MESSAGE` only checks that somebody is there.
    fn subscription(&mut self, cursor: &mut Cursor<'_>) -> Result<(), IntakeError> {
        let (mut is_data, mut events) = (true, None);
        let mut shared = Vec::new();
        cursor.enter_object()?;
        let mut is_first = true;
        while let Some(key) = cursor.next_key(is_first)? {
            is_first = false;
            let column = match key.as_ref() {
                "messageType" => {
                    is_data = cursor.string()? == "DATA_MESSAGE";
                    continue;
                }
                "logEvents" => {
                    events = Some(cursor.clone());
                    cursor.raw()?;
                    continue;
                }
                "owner" => "cloud.account.id",
                "logGroup" => "aws.log.group.name",
                "logStream" => "aws.log.stream.name",
                _ => {
                    cursor.raw()?;
                    continue;
                }
            };
            shared.push((column, cursor.string()?.into_owned()));
        }
        let (true, Some(mut events)) = (is_data, events) else { return Ok(()) };
        shared.push(("cloud.provider", "aws".to_owned()));
        self.share(&shared);
        events.enter_array()?;
        let mut is_first = true;
        while events.next_element(is_first)? {
            is_first = false;
            self.log_event(&mut events)?;
        }
        Ok(())
    }

    /// `{"id":"…","timestamp":<ms>,"message":"…"}`
    fn log_event(&mut self, cursor: &mut Cursor<'_>) -> Result<(), IntakeError> {
        cursor.enter_object()?;
        let mut is_first = true;
        while let Some(key) = cursor.next_key(is_first)? {
            is_first = false;
            match (key.as_ref(), cursor.kind()?) {
                ("timestamp", Kind::Number) => {
                    if let Some(millis) = cursor.number()?.as_i64() {
                        self.rows.set_time(Timestamp::from_millis(millis));
                    }
                }
                ("message", Kind::Str) => {
                    let message = cursor.string()?;
                    self.rows.str(field::BODY, message.trim_end_matches('\n'))?;
                }
                ("id", Kind::Str) => {
                    let id = cursor.string()?;
                    self.rows.str("event.id", &id)?;
                }
                _ => drop(cursor.raw()?),
            }
        }
        self.rows.end()
    }

    fn share(&mut self, more: &[(&str, String)]) {
        let common = self.common.iter().map(|(name, value)| (name.as_str(), value));
        let all = more.iter().map(|(name, value)| (*name, value)).chain(common);
        self.rows.set_resource(all.map(|(name, value)| (name, Value::str(value))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(payloads: &[&str]) -> String {
        let records: Vec<String> =
            payloads.iter().map(|payload| format!("{{\"data\":\"{}\"}}", STANDARD.encode(payload))).collect();
        format!("{{\"requestId\":\"r1\",\"timestamp\":1,\"records\":[{}]}}", records.join(","))
    }

    #[test]
    fn subscriptions_documents_and_lines_are_told_apart() {
        let subscription = r#"{"messageType":"DATA_MESSAGE","owner":"123","logGroup":"/aws/lambda/pay","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1795249800500,"message":"START\n"},{"id":"2","timestamp":1795249800501,"message":"END"}]}"#;
        let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
        let body = delivery(&[
            subscription,
            control,
            "{\"message\":\"m\"}{\"message\":\"n\"}\n",
            "plain\nlines\n",
            "",
        ]);
        let common = Some("{\"commonAttributes\":{\"env\":\"prod\"}}");
        let delivery = decode(body.as_bytes(), common, 1 << 20, Timestamp::EPOCH).unwrap();
        assert_eq!(delivery.request_id, "r1");
        let bodies: Vec<_> = delivery.batch.rows.iter().filter_map(|row| row.get_str("body")).collect();
        assert_eq!(bodies, ["START", "END", "m", "n", "plain", "lines"]);
        let first = delivery.batch.rows.row(0);
        assert_eq!(first.timestamp().to_string(), "2026-11-21T08:30:00.5Z");
        assert_eq!(first.get_str("aws.log.group.name"), Some("/aws/lambda/pay"));
        assert!(delivery.batch.rows.iter().all(|row| row.get_str("env") == Some("prod")));
    }

    #[test]
    fn mistakes_are_named() {
        let check = |body: &str, expected: &str| {
            let error = decode(body.as_bytes(), None, 100, Timestamp::EPOCH).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        };
        check("{}", "`records` is missing");
        check("{\"records\":[]}", "`requestId` is missing");
        check("{\"requestId\":\"r\",\"records\":[{}]}", "record 1: `data` is missing");
        check("{\"requestId\":\"r\",\"records\":[{\"data\":\"%\"}]}", "record 1: `data` is `%`");
        check(&delivery(&["{\"a\":"]), "record 1: JSON ends");
        check(&delivery(&[&"x".repeat(60), &"x".repeat(60)]), "record 2: body is larger than");
    }
}

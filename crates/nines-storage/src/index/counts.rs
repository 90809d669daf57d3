use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};

use super::{put_text, put_varint};
use nines_model::{SmolStr, field};

/// Nanoseconds in a minute. Minutes are counted from the epoch, rounded towards the past.
pub const MINUTE_NANOS: i64 = 60_000_000_000;

/// Groups of one segment. Some hundred services with a handful of severities each; more says that a "service" is not
/// one, and then counting is not worth its room.
const GROUPS_MAX: usize = 4_096;
/// Counts are left out when they are more than one for so many rows: then they are no shorter than the rows.
const ROWS_PER_COUNT_MIN: u64 = 8;

/// The rows of one service and severity, minute by minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountGroup {
    pub service: Option<SmolStr>,
    pub severity_number: Option<i64>,
    pub severity_text: Option<SmolStr>,
    /// Minute since the epoch and rows, ascending. Rows are never 0.
    pub minutes: Vec<(i64, u64)>,
}

/// Counts the rows of a segment as they are written: sorted by service, then time.
pub(crate) struct CountsBuilder {
    groups: Vec<CountGroup>,
    /// By number, then text, the group of the service at hand.
    of_service: HashMap<(Option<i64>, Option<SmolStr>), usize>,
    service: Option<SmolStr>,
    last: Option<usize>,
    rows: u64,
}

impl CountsBuilder {
    pub fn new() -> Self {
        Self { groups: Vec::new(), of_service: HashMap::new(), service: None, last: None, rows: 0 }
    }

    /// Adds some rows. `false` if there are too many groups: give up.
    pub fn add(&mut self, batch: &RecordBatch) -> bool {
        let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
        let (services, texts) = (text(field::SERVICE_NAME), text(field::SEVERITY_TEXT));
        let numbers = batch.column_by_name(field::SEVERITY_NUMBER);
        let numbers = numbers.and_then(|column| column.as_primitive_opt::<Int64Type>());
        let times = batch.column_by_name(field::TIMESTAMP).expect("every row has a timestamp");
        let times = times.as_primitive::<TimestampNanosecondType>().values();
        for (row, at) in times.iter().enumerate() {
            let service = services.and_then(|column| column.is_valid(row).then(|| column.value(row)));
            let number = numbers.and_then(|column| column.is_valid(row).then(|| column.value(row)));
            let text = texts.and_then(|column| column.is_valid(row).then(|| column.value(row)));
            let group = self.group(service, number, text);
            let minutes = &mut self.groups[group].minutes;
            let minute = at.div_euclid(MINUTE_NANOS);
            match minutes.last_mut() {
                Some((last, rows)) if *last == minute => *rows += 1,
                _ => minutes.push((minute, 1)),
            }
            if self.groups.len() > GROUPS_MAX {
                return false;
            }
        }
        self.rows += times.len() as u64;
        true
    }

    fn group(&mut self, service: Option<&str>, number: Option<i64>, text: Option<&str>) -> usize {
        if service != self.service.as_deref() {
            self.service = service.map(SmolStr::new);
            self.of_service.clear();
            self.last = None;
        }
        if let Some(last) = self.last {
            let group = &self.groups[last];
            if group.severity_number == number && group.severity_text.as_deref() == text {
                return last;
            }
        }
        let key = (number, text.map(SmolStr::new));
        let group = *self.of_service.entry(key).or_insert_with_key(|(number, text)| {
            self.groups.push(CountGroup {
                service: self.service.clone(),
                severity_number: *number,
                severity_text: text.clone(),
                minutes: Vec::new(),
            });
            self.groups.len() - 1
        });
        self.last = Some(group);
        group
    }

    pub fn encode(mut self, out: &mut Vec<u8>) {
        let counts: u64 = self.groups.iter().map(|group| group.minutes.len() as u64).sum();
        if counts * ROWS_PER_COUNT_MIN > self.rows {
            out.push(0);
            return;
        }
        out.push(1);
        put_varint(out, self.groups.len() as u64);
        for group in &mut self.groups {
            put_optional_text(out, group.service.as_deref());
            match group.severity_number {
                None => out.push(0),
                Some(number) => {
                    out.push(1);
                    put_varint(out, zigzag(number));
                }
            }
            put_optional_text(out, group.severity_text.as_deref());
            put_varint(out, group.minutes.len() as u64);
            let mut previous = 0;
            for (minute, rows) in &group.minutes {
                put_varint(out, zigzag(minute - previous));
                put_varint(out, *rows);
                previous = *minute;
            }
        }
    }
}

fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            put_text(out, text);
        }
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

use nines_model::rows::{Presence, Values};
use nines_model::{Batch, Column, Rows, Value};

use super::{VERSION, dataset_code, presence, tag};

/// Costs about one copy of the batch. Never fails: every batch has an encoding.
pub fn encode_batch(batch: &Batch) -> Vec<u8> {
    let rows = &batch.rows;
    let mut out = Vec::with_capacity(size_hint(rows));
    out.push(VERSION);
    out.push(dataset_code(batch.dataset));
    out.extend_from_slice(&batch.received_at.as_nanos().to_le_bytes());
    put_varint(&mut out, rows.len() as u64);
    put_numbers(&mut out, rows.timestamps());
    put_resources(&mut out, rows);
    put_varint(&mut out, rows.columns().len() as u64);
    for column in rows.columns() {
        put_column(&mut out, column);
    }
    put_varint(&mut out, rows.extras().len() as u64);
    let mut previous = 0;
    for extra in rows.extras() {
        put_varint(&mut out, u64::from(extra.row - previous));
        previous = extra.row;
        put_text(&mut out, extra.name.as_bytes());
        put_value(&mut out, &extra.value);
    }
    out
}

/// About what the encoding takes: values, a byte or two for each length, and the names.
fn size_hint(rows: &Rows) -> usize {
    const PER_COLUMN: usize = 64;
    let fixed = 64 + rows.columns().len() * PER_COLUMN + rows.resources().len() * 2 * PER_COLUMN;
    fixed + rows.value_bytes() + rows.len() * 2
}

fn put_resources(out: &mut Vec<u8>, rows: &Rows) {
    put_varint(out, rows.resources().len() as u64);
    for resource in rows.resources() {
        put_varint(out, resource.attributes.len() as u64);
        for (name, value) in &resource.attributes {
            put_text(out, name.as_bytes());
            put_value(out, value);
        }
    }
    for run in rows.resource_of().chunk_by(|a, b| a == b) {
        put_varint(out, u64::from(run[0]));
        put_varint(out, run.len() as u64);
    }
}

fn put_column(out: &mut Vec<u8>, column: &Column) {
    put_text(out, column.name().as_bytes());
    put_presence(out, column.presence());
    match column.values() {
        Values::Str(texts) => put_texts(out, tag::STR, texts.ends(), texts.text().as_bytes()),
        Values::Json(texts) => put_texts(out, tag::JSON, texts.ends(), texts.text().as_bytes()),
        Values::Bytes(bytes) => put_texts(out, tag::BYTES, bytes.ends(), bytes.bytes()),
        Values::Int(numbers) => {
            out.push(tag::INT);
            put_numbers(out, numbers);
        }
        Values::Float(numbers) => {
            out.push(tag::FLOAT);
            out.extend(numbers.iter().flat_map(|number| number.to_bits().to_le_bytes()));
        }
        Values::Bool(flags) => {
            out.push(tag::BOOL);
            out.extend(flags.iter().map(|flag| u8::from(*flag)));
        }
    }
}

fn put_presence(out: &mut Vec<u8>, present: &Presence) {
    match present {
        Presence::Run { start, len } => {
            out.push(presence::RUN);
            put_varint(out, u64::from(*start));
            put_varint(out, u64::from(*len));
        }
        Presence::List(rows) => {
            out.push(presence::LIST);
            put_varint(out, rows.len() as u64);
            let mut previous = 0;
            for row in rows {
                put_varint(out, u64::from(row - previous));
                previous = *row;
            }
        }
        Presence::Mask { set, .. } => {
            out.push(presence::MASK);
            out.extend(set.words().iter().flat_map(|word| word.to_le_bytes()));
        }
    }
}

/// Lengths, then all bytes.
fn put_texts(out: &mut Vec<u8>, tag: u8, ends: &[u32], bytes: &[u8]) {
    out.push(tag);
    let mut start = 0;
    for end in ends {
        put_varint(out, u64::from(end - start));
        start = *end;
    }
    out.extend_from_slice(bytes);
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[i64]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let mut put_tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        put_text(out, bytes);
    };
    match value {
        Value::Str(text) => put_tagged(tag::STR, text.as_bytes()),
        Value::Bytes(bytes) => put_tagged(tag::BYTES, bytes),
        Value::Json(text) => put_tagged(tag::JSON, text.as_bytes()),
        Value::Int(number) => {
            out.push(tag::INT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Float(number) => {
            out.push(tag::FLOAT);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Bool(flag) => out.extend_from_slice(&[tag::BOOL, u8::from(*flag)]),
    }
}

fn put_text(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// LEB128.
fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

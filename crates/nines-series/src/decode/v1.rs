//! `prometheus.WriteRequest`, remote write 1.0 (prometheus/prometheus `prompb/remote.proto` and `prompb/types.proto`).

use super::DecodeError;
use super::wire::{BYTES, FIXED64, VARINT, Wire};
use crate::model::{Counts, Histogram, MetricType, ResetHint, Span};
use crate::request::{RawMetadata, WriteRequest};

/// Of one request. Upstream's senders stop at 2 000 by default; the arenas count in 32 bits.
pub const REQUEST_ITEMS_MAX: usize = 20_000_000;

/// Borrows from `body`, which is the message after decompression. Costs one pass over it.
pub fn decode_v1(body: &[u8]) -> Result<WriteRequest<'_>, DecodeError> {
    let mut request = WriteRequest::default();
    let mut wire = Wire::new(body, "the request");
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => {
                take_series(wire.take_message("a time series", wire_type)?, &mut request)?;
                check_size(&request)?;
            }
            (3, wire_type) => {
                let metadata = take_metadata(wire.take_message("metadata", wire_type)?)?;
                request.metadata(metadata);
            }
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    Ok(request)
}

pub(super) fn check_size(request: &WriteRequest<'_>) -> Result<(), DecodeError> {
    let counts = [
        ("labels", request.labels.len()),
        ("samples", request.samples.len()),
        ("series", request.series.len()),
    ];
    match counts.into_iter().find(|&(_, count)| count > REQUEST_ITEMS_MAX) {
        Some((what, _)) => Err(DecodeError::TooMany { what, limit: REQUEST_ITEMS_MAX }),
        None => Ok(()),
    }
}

fn take_series<'a>(mut wire: Wire<'a>, request: &mut WriteRequest<'a>) -> Result<(), DecodeError> {
    while !wire.is_empty() {
        match wire.tag()? {
            (1, BYTES) => {
                let (name, value) = take_label(wire.message("a label")?)?;
                request.label(name, value);
            }
            (2, BYTES) => take_sample(wire.message("a sample")?, request)?,
            (3, BYTES) => take_exemplar(wire.message("an exemplar")?, request)?,
            (4, BYTES) => {
                let (t_ms, histogram) = take_histogram(wire.message("a histogram")?, request)?;
                request.histogram(t_ms, histogram);
            }
            (1..=4, wire_type) => return Err(wire.wrong_type("a part of a time series", wire_type)),
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    request.end_series();
    Ok(())
}

#[inline]
fn take_label<'a>(mut wire: Wire<'a>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => name = wire.take_bytes("a label's name", wire_type)?,
            (2, wire_type) => value = wire.take_bytes("a label's value", wire_type)?,
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    Ok((name, value))
}

/// The same message in both versions; 1.0 never sends the third field.
#[inline]
pub(super) fn take_sample(mut wire: Wire<'_>, request: &mut WriteRequest<'_>) -> Result<(), DecodeError> {
    let (mut value, mut t_ms, mut start) = (0.0, 0, 0);
    while !wire.is_empty() {
        match wire.tag()? {
            (1, FIXED64) => value = f64::from_bits(wire.fixed64()?),
            (2, VARINT) => t_ms = wire.varint()? as i64,
            (3, VARINT) => start = wire.varint()? as i64,
            (1..=3, wire_type) => return Err(wire.wrong_type("a sample", wire_type)),
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    request.start_timestamps += u64::from(start != 0);
    request.sample(t_ms, value);
    Ok(())
}

fn take_exemplar<'a>(mut wire: Wire<'a>, request: &mut WriteRequest<'a>) -> Result<(), DecodeError> {
    let (mut value, mut t_ms, mut labels) = (0.0, 0, Vec::new());
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => {
                labels.push(take_label(wire.take_message("an exemplar's label", wire_type)?)?);
            }
            (2, wire_type) => value = wire.take_double("an exemplar's value", wire_type)?,
            (3, wire_type) => t_ms = wire.take_varint("an exemplar's time", wire_type)? as i64,
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    request.exemplar(t_ms, value, labels);
    Ok(())
}

fn take_metadata(mut wire: Wire<'_>) -> Result<RawMetadata<'_>, DecodeError> {
    let mut metadata = RawMetadata { metric: &[], kind: MetricType::Unknown, help: &[], unit: &[] };
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => metadata.kind = metric_type(wire.take_varint("a metric's type", wire_type)?),
            (2, wire_type) => metadata.metric = wire.take_bytes("a metric's name", wire_type)?,
            (4, wire_type) => metadata.help = wire.take_bytes("a metric's help", wire_type)?,
            (5, wire_type) => metadata.unit = wire.take_bytes("a metric's unit", wire_type)?,
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    Ok(metadata)
}

/// Later versions may add types; they are unknown here.
pub(super) fn metric_type(number: u64) -> MetricType {
    let known = usize::try_from(number).ok().and_then(|index| MetricType::ALL.get(index));
    known.copied().unwrap_or_default()
}

/// What the wire has of one side of a histogram.
#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// The same message in both versions. Whether it makes sense is checked where it is written.
pub(super) fn take_histogram(
    mut wire: Wire<'_>,
    request: &mut WriteRequest<'_>,
) -> Result<(i64, Histogram), DecodeError> {
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let (mut count_whole, mut count_float, mut zero_whole, mut zero_float) = (0, None, 0, None);
    let (mut t_ms, mut sum, mut zero_threshold) = (0, 0.0, 0.0);
    let (mut schema, mut reset_hint) = (0, ResetHint::Unknown);
    let mut custom_values = Vec::new();
    while !wire.is_empty() {
        let (number, wire_type) = wire.tag()?;
        match number {
            1 => count_whole = wire.take_varint("a histogram's count", wire_type)?,
            2 => count_float = Some(wire.take_double("a histogram's count", wire_type)?),
            3 => sum = wire.take_double("a histogram's sum", wire_type)?,
            4 => schema = zigzag32(wire.take_varint("a histogram's schema", wire_type)?),
            5 => zero_threshold = wire.take_double("a histogram's zero threshold", wire_type)?,
            6 => zero_whole = wire.take_varint("a histogram's zero count", wire_type)?,
            7 => zero_float = Some(wire.take_double("a histogram's zero count", wire_type)?),
            8..=10 => take_side(&mut wire, number - 8, wire_type, &mut negative)?,
            11..=13 => take_side(&mut wire, number - 11, wire_type, &mut positive)?,
            14 => {
                let hint = wire.take_varint("a histogram's reset hint", wire_type)?;
                let known = usize::try_from(hint).ok().and_then(|index| ResetHint::ALL.get(index));
                reset_hint = known.copied().unwrap_or_default();
            }
            15 => t_ms = wire.take_varint("a histogram's time", wire_type)? as i64,
            16 => wire.take_doubles("custom bounds", wire_type, |bound| {
                custom_values.push(bound);
                Ok(())
            })?,
            17 => {
                let start = wire.take_varint("a histogram's start time", wire_type)?;
                request.start_timestamps += u64::from(start != 0);
            }
            _ => wire.skip(wire_type)?,
        }
    }
    let counts = match count_float {
        Some(count) => Counts::Fractional {
            count,
            zero: zero_float.unwrap_or(0.0),
            positive: positive.counts,
            negative: negative.counts,
        },
        None => Counts::Whole {
            count: count_whole,
            zero: zero_whole,
            positive: absolute(&positive.deltas),
            negative: absolute(&negative.deltas),
        },
    };
    let (positive_spans, negative_spans) = (positive.spans, negative.spans);
    let histogram = Histogram {
        reset_hint,
        schema,
        zero_threshold,
        sum,
        positive_spans,
        negative_spans,
        custom_values,
        counts,
    };
    Ok((t_ms, histogram))
}

fn take_side(wire: &mut Wire<'_>, part: u32, wire_type: u8, side: &mut Side) -> Result<(), DecodeError> {
    match part {
        0 => {
            let mut message = wire.take_message("a bucket span", wire_type)?;
            let mut span = Span::default();
            while !message.is_empty() {
                match message.tag()? {
                    (1, wire_type) => {
                        span.offset = zigzag32(message.take_varint("a span's offset", wire_type)?)
                    }
                    (2, wire_type) => span.length = message.take_varint("a span's length", wire_type)? as u32,
                    (_, wire_type) => message.skip(wire_type)?,
                }
            }
            side.spans.push(span);
            Ok(())
        }
        1 => wire.take_varints("bucket deltas", wire_type, |delta| {
            side.deltas.push(crate::codec::cursor::unzigzag(delta));
            Ok(())
        }),
        _ => wire.take_doubles("bucket counts", wire_type, |count| {
            side.counts.push(count);
            Ok(())
        }),
    }
}

fn zigzag32(number: u64) -> i32 {
    crate::codec::cursor::unzigzag(number & u64::from(u32::MAX)) as i32
}

/// A delta that leads below zero gives a count that no sum can reach, so the check of the whole refuses it.
fn absolute(deltas: &[i64]) -> Vec<u64> {
    let mut count = 0i64;
    let mut next = |delta: &i64| {
        count = count.wrapping_add(*delta);
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    deltas.iter().map(&mut next).collect()
}

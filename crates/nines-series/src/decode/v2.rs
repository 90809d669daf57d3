//! `io.prometheus.write.v2.Request`, remote write 2.0 (prometheus/prometheus `prompb/io/prometheus/write/v2/types.proto`).
//! Start timestamps are on each sample and histogram; the series' field 6, where early drafts had one, is passed over.

use super::DecodeError;
use super::v1::{check_size, metric_type, take_histogram, take_sample};
use super::wire::{BYTES, Wire};
use crate::model::{METRIC_NAME, MetricType};
use crate::request::{RawLabel, RawMetadata, WriteRequest};

/// Borrows from `body`, which is the message after decompression. Costs one pass over it and one over its symbols: the
/// schema lets them come after the series that name them.
pub fn decode_v2(body: &[u8]) -> Result<WriteRequest<'_>, DecodeError> {
    let symbols = take_symbols(body)?;
    let mut request = WriteRequest::default();
    let mut wire = Wire::new(body, "the request");
    while !wire.is_empty() {
        match wire.tag()? {
            (5, wire_type) => {
                take_series(wire.take_message("a time series", wire_type)?, &symbols, &mut request)?;
                check_size(&request)?;
            }
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    Ok(request)
}

fn take_symbols(body: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    let mut symbols = Vec::new();
    let mut wire = Wire::new(body, "the symbols");
    while !wire.is_empty() {
        match wire.tag()? {
            (4, wire_type) => symbols.push(wire.take_bytes("a symbol", wire_type)?),
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    match symbols.first() {
        Some(first) if !first.is_empty() => Err(DecodeError::FirstSymbol),
        _ => Ok(symbols),
    }
}

fn take_series<'a>(
    mut wire: Wire<'a>,
    symbols: &[&'a [u8]],
    request: &mut WriteRequest<'a>,
) -> Result<(), DecodeError> {
    let mut pairs = Pairs { symbols, waiting: None, bad: false };
    let mut metadata = None;
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => wire.take_varints("label references", wire_type, |reference| {
                request.labels.extend(pairs.next(reference));
                Ok(())
            })?,
            (2, BYTES) => take_sample(wire.message("a sample")?, request)?,
            (3, BYTES) => {
                let (t_ms, histogram) = take_histogram(wire.message("a histogram")?, request)?;
                request.histogram(t_ms, histogram);
            }
            (4, BYTES) => take_exemplar(wire.message("an exemplar")?, symbols, request)?,
            (5, BYTES) => metadata = take_metadata(wire.message("metadata")?, symbols)?,
            (2..=5, wire_type) => return Err(wire.wrong_type("a part of a time series", wire_type)),
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    if let Some((kind, help, unit)) = metadata {
        let name = request.open_labels().iter().find(|(name, _)| *name == METRIC_NAME.as_bytes());
        if let Some(&(_, metric)) = name {
            request.metadata(RawMetadata { metric, kind, help, unit });
        }
    }
    request.finish_series(!pairs.complete());
    Ok(())
}

/// References to symbols, two for each label.
struct Pairs<'s, 'a> {
    symbols: &'s [&'a [u8]],
    waiting: Option<&'a [u8]>,
    bad: bool,
}

impl<'a> Pairs<'_, 'a> {
    fn next(&mut self, reference: u64) -> Option<RawLabel<'a>> {
        let symbol = usize::try_from(reference).ok().and_then(|index| self.symbols.get(index)).copied();
        self.bad |= symbol.is_none();
        let symbol = symbol.unwrap_or_default();
        match self.waiting.take() {
            Some(name) => Some((name, symbol)),
            None => {
                self.waiting = Some(symbol);
                None
            }
        }
    }

    fn complete(&self) -> bool {
        !self.bad && self.waiting.is_none()
    }
}

fn take_exemplar<'a>(
    mut wire: Wire<'a>,
    symbols: &[&'a [u8]],
    request: &mut WriteRequest<'a>,
) -> Result<(), DecodeError> {
    let (mut value, mut t_ms, mut labels) = (0.0, 0, Vec::new());
    let mut pairs = Pairs { symbols, waiting: None, bad: false };
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => {
                wire.take_varints("an exemplar's label references", wire_type, |reference| {
                    labels.extend(pairs.next(reference));
                    Ok(())
                })?
            }
            (2, wire_type) => value = wire.take_double("an exemplar's value", wire_type)?,
            (3, wire_type) => t_ms = wire.take_varint("an exemplar's time", wire_type)? as i64,
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    // An exemplar is a courtesy: one that cannot be read is left out, and the header says how many were written.
    if pairs.complete() {
        request.exemplar(t_ms, value, labels);
    }
    Ok(())
}

type FoundMetadata<'a> = (MetricType, &'a [u8], &'a [u8]);

fn take_metadata<'a>(
    mut wire: Wire<'a>,
    symbols: &[&'a [u8]],
) -> Result<Option<FoundMetadata<'a>>, DecodeError> {
    let (mut kind, mut help, mut unit) = (MetricType::Unknown, 0, 0);
    while !wire.is_empty() {
        match wire.tag()? {
            (1, wire_type) => kind = metric_type(wire.take_varint("a metric's type", wire_type)?),
            (3, wire_type) => help = wire.take_varint("a metric's help", wire_type)?,
            (4, wire_type) => unit = wire.take_varint("a metric's unit", wire_type)?,
            (_, wire_type) => wire.skip(wire_type)?,
        }
    }
    let symbol = |reference: u64| {
        usize::try_from(reference).ok().and_then(|index| symbols.get(index)).copied().unwrap_or_default()
    };
    let (help, unit) = (symbol(help), symbol(unit));
    // Senders set the message on every series, mostly empty.
    let says_something = kind != MetricType::Unknown || !help.is_empty() || !unit.is_empty();
    Ok(says_something.then_some((kind, help, unit)))
}

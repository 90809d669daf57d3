//! Metrics: one event per data point.
//!
//! The numbers of a gauge or sum are in `value`, a float, whatever the sender used, so that `sum(value)` means the same
//! for every metric. Floats hold integers exactly up to 2^53; an integer beyond that is also kept, exactly, in
//! [`VALUE_INT`]. Distributions have `count`, `sum`, `min`, `max` and `buckets`, a JSON object:
//!
//! | type | `buckets` |
//! |---|---|
//! | histogram | `{"bounds":[…],"counts":[…]}`, one count more than bounds |
//! | exponential histogram | `{"scale":…,"zero_count":…,"zero_threshold":…,"positive":{"offset":…,"counts":[…]},"negative":{…}}` |
//! | summary | `{"quantiles":[{"quantile":…,"value":…},…]}` |
//!
//! A point that says "no recorded value" has `flags` 1 and no numbers.

use nines_model::rows::ResourceId;
use nines_model::{Timestamp, field};

use super::Reason;
use super::attributes::{self, Owner};
use super::error::DecodeError;
use super::request::{ItemError, Notes, Request};
use super::row::RowWriter;
use super::value::{self, push_array, push_display, push_hex, push_number};
use super::wire::{Field, Message};

/// The value of an integer point beyond ±2^53, exactly.
pub(super) const VALUE_INT: &str = "value_int";

/// The largest integer up to which floats hold every integer.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// Bit of a point's flags: the series has ended or was not measured.
const NO_RECORDED_VALUE: u32 = 1;

/// What the points of one metric share.
struct Metric<'a> {
    name: &'a str,
    description: &'a str,
    unit: &'a str,
    kind: Kind,
    temporality: Option<&'static str>,
    is_monotonic: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// What the points of all types have, under different field numbers.
#[derive(Default)]
struct Point<'a> {
    start: u64,
    time: u64,
    flags: u32,
    /// Field numbers of the attributes and of the exemplars (0 for none).
    attributes: u32,
    exemplars: u32,
    has_exemplars: bool,
    value: Option<Number>,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    buckets: Buckets<'a>,
}

#[derive(Default)]
enum Buckets<'a> {
    #[default]
    None,
    Explicit {
        bounds: Vec<u64>,
        counts: Vec<u64>,
    },
    Exponential {
        scale: i32,
        zero_count: u64,
        zero_threshold: f64,
        positive: Option<Message<'a>>,
        negative: Option<Message<'a>>,
    },
    Quantiles(Vec<(f64, f64)>),
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

/// One `Metric`: its points go to `request` one by one.
pub(super) fn decode(
    message: Message<'_>,
    resource: ResourceId,
    request: &mut Request,
) -> Result<(), DecodeError> {
    let (mut name, mut description, mut unit) = ("", "", "");
    let mut data = None;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => name = field.text("name")?,
            2 => description = field.text("description")?,
            3 => unit = field.text("unit")?,
            _ => data = Kind::of(field.number).map(|kind| (kind, field)).or(data),
        }
    }
    // Without data there are no points, so nothing is lost.
    let Some((kind, data)) = data else { return Ok(()) };
    let data = data.message(kind.field_name())?;
    if name.is_empty() {
        request.reject(Reason::MetricWithoutName, points_in(data)?);
        return Ok(());
    }
    let mut metric = Metric { name, description, unit, kind, temporality: None, is_monotonic: None };
    metric.read_kind(data, &mut request.notes).map_err(|error| error.within(kind.field_name(), None))?;

    let mut index = 0;
    let mut fields = data.fields();
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            request.place.point = Some(index);
            let decoded = field
                .message("data_points")
                .map_err(ItemError::from)
                .and_then(|point| metric.point(point, &mut request.open_row(resource)))
                .map_err(|error| error.within("data_points", index).within(kind.field_name(), None));
            request.keep(decoded)?;
            index += 1;
        }
    }
    Ok(())
}

/// How many points a `Metric` holds, to count them when their resource is refused.
pub(super) fn count_points(message: Message<'_>) -> Result<u64, DecodeError> {
    let mut points = 0;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        if let Some(kind) = Kind::of(field.number) {
            points = points_in(field.message(kind.field_name())?)?;
        }
    }
    Ok(points)
}

fn points_in(data: Message<'_>) -> Result<u64, DecodeError> {
    let mut points = 0;
    let mut fields = data.fields();
    while let Some(field) = fields.next()? {
        points += u64::from(field.number == 1);
    }
    Ok(points)
}

impl Kind {
    /// By the field number of `Metric.data`.
    fn of(number: u32) -> Option<Self> {
        match number {
            5 => Some(Self::Gauge),
            7 => Some(Self::Sum),
            9 => Some(Self::Histogram),
            10 => Some(Self::ExponentialHistogram),
            11 => Some(Self::Summary),
            _ => None,
        }
    }

    /// In the `.proto` file and in the column `metric_type` alike.
    fn field_name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Sum => "sum",
            Self::Histogram => "histogram",
            Self::ExponentialHistogram => "exponential_histogram",
            Self::Summary => "summary",
        }
    }
}

impl Metric<'_> {
    /// `aggregation_temporality = 2`, `is_monotonic = 3`, where the type has them.
    fn read_kind(&mut self, data: Message<'_>, notes: &mut Notes) -> Result<(), DecodeError> {
        if matches!(self.kind, Kind::Gauge | Kind::Summary) {
            return Ok(());
        }
        let mut temporality = 0;
        let mut is_monotonic = false;
        let mut fields = data.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                2 => temporality = field.int32("aggregation_temporality")?,
                3 if self.kind == Kind::Sum => is_monotonic = field.bool("is_monotonic")?,
                _ => {}
            }
        }
        self.temporality = match temporality {
            1 => Some("delta"),
            2 => Some("cumulative"),
            _ => {
                notes.add(Reason::EnumUnknown);
                None
            }
        };
        self.is_monotonic = (self.kind == Kind::Sum).then_some(is_monotonic);
        Ok(())
    }

    /// One data point; answers its time.
    fn point(&self, message: Message<'_>, row: &mut RowWriter<'_>) -> Result<Timestamp, ItemError> {
        let point = match self.kind {
            Kind::Gauge | Kind::Sum => number_point(message)?,
            Kind::Histogram => histogram_point(message)?,
            Kind::ExponentialHistogram => exponential_point(message)?,
            Kind::Summary => summary_point(message)?,
        };
        let timestamp = value::timestamp(point.time)?.unwrap_or_else(|| {
            row.notes.add(Reason::TimeMissing);
            row.received_at
        });
        row.str(field::NAME, self.name);
        row.text(field::DESCRIPTION, self.description);
        row.text(field::UNIT, self.unit);
        row.str(field::METRIC_TYPE, self.kind.field_name());
        if let Some(temporality) = self.temporality {
            row.str(field::TEMPORALITY, temporality);
        }
        if let Some(is_monotonic) = self.is_monotonic {
            row.rows.bool(field::IS_MONOTONIC, is_monotonic);
        }
        if let Some(start) = value::timestamp(point.start)? {
            row.int(field::START_TIMESTAMP, start.as_nanos());
        }
        row.count(field::FLAGS, point.flags);
        if point.flags & NO_RECORDED_VALUE == 0 {
            self.put_numbers(&point, row)?;
        }
        if point.has_exemplars {
            exemplars(message, point.exemplars, row.scratch)?;
            row.rows.json(field::EXEMPLARS, row.scratch);
        }
        attributes::append(message, point.attributes, Owner::Point, row.rows, row.notes, row.scratch)?;
        Ok(timestamp)
    }

    fn put_numbers(&self, point: &Point<'_>, row: &mut RowWriter<'_>) -> Result<(), ItemError> {
        if matches!(self.kind, Kind::Gauge | Kind::Sum) {
            match point.value {
                Some(Number::Float(number)) => row.float(field::VALUE, number),
                Some(Number::Int(number)) => {
                    row.float(field::VALUE, number as f64);
                    if number.unsigned_abs() > FLOAT_EXACT_MAX {
                        row.int(VALUE_INT, number);
                    }
                }
                None => return Err(Reason::PointWithoutValue.into()),
            }
            return Ok(());
        }
        let count = i64::try_from(point.count).map_err(|_| Reason::CountOutOfRange)?;
        row.int(field::COUNT, count);
        for (column, number) in [(field::SUM, point.sum), (field::MIN, point.min), (field::MAX, point.max)] {
            if let Some(number) = number {
                row.float(column, number);
            }
        }
        if let Some(buckets) = point.buckets.to_json()? {
            row.json(field::BUCKETS, &buckets);
        }
        Ok(())
    }
}

/// `NumberDataPoint`.
fn number_point(message: Message<'_>) -> Result<Point<'_>, DecodeError> {
    let mut point = Point { attributes: 7, exemplars: 5, ..Point::default() };
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            2 => point.start = field.fixed64("start_time_unix_nano")?,
            3 => point.time = field.fixed64("time_unix_nano")?,
            4 => point.value = Some(Number::Float(field.double("as_double")?)),
            5 => point.has_exemplars = true,
            6 => point.value = Some(Number::Int(field.sfixed64("as_int")?)),
            8 => point.flags = field.uint32("flags")?,
            _ => {}
        }
    }
    Ok(point)
}

/// `HistogramDataPoint`.
fn histogram_point(message: Message<'_>) -> Result<Point<'_>, DecodeError> {
    let mut point = Point { attributes: 9, exemplars: 8, ..Point::default() };
    let (mut bounds, mut counts) = (Vec::new(), Vec::new());
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            2 => point.start = field.fixed64("start_time_unix_nano")?,
            3 => point.time = field.fixed64("time_unix_nano")?,
            4 => point.count = field.fixed64("count")?,
            5 => point.sum = Some(field.double("sum")?),
            6 => field.repeated_fixed64("bucket_counts", &mut counts)?,
            7 => field.repeated_fixed64("explicit_bounds", &mut bounds)?,
            8 => point.has_exemplars = true,
            10 => point.flags = field.uint32("flags")?,
            11 => point.min = Some(field.double("min")?),
            12 => point.max = Some(field.double("max")?),
            _ => {}
        }
    }
    point.buckets = Buckets::Explicit { bounds, counts };
    Ok(point)
}

/// `ExponentialHistogramDataPoint`.
fn exponential_point(message: Message<'_>) -> Result<Point<'_>, DecodeError> {
    let mut point = Point { attributes: 1, exemplars: 11, ..Point::default() };
    let (mut scale, mut zero_count, mut zero_threshold) = (0, 0, 0.0);
    let (mut positive, mut negative) = (None, None);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            2 => point.start = field.fixed64("start_time_unix_nano")?,
            3 => point.time = field.fixed64("time_unix_nano")?,
            4 => point.count = field.fixed64("count")?,
            5 => point.sum = Some(field.double("sum")?),
            6 => scale = field.sint32("scale")?,
            7 => zero_count = field.fixed64("zero_count")?,
            8 => positive = Some(field.message("positive")?),
            9 => negative = Some(field.message("negative")?),
            10 => point.flags = field.uint32("flags")?,
            11 => point.has_exemplars = true,
            12 => point.min = Some(field.double("min")?),
            13 => point.max = Some(field.double("max")?),
            14 => zero_threshold = field.double("zero_threshold")?,
            _ => {}
        }
    }
    point.buckets = Buckets::Exponential { scale, zero_count, zero_threshold, positive, negative };
    Ok(point)
}

/// `SummaryDataPoint`.
fn summary_point(message: Message<'_>) -> Result<Point<'_>, DecodeError> {
    let mut point = Point { attributes: 7, sum: Some(0.0), ..Point::default() };
    let mut quantiles = Vec::new();
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            2 => point.start = field.fixed64("start_time_unix_nano")?,
            3 => point.time = field.fixed64("time_unix_nano")?,
            4 => point.count = field.fixed64("count")?,
            5 => point.sum = Some(field.double("sum")?),
            6 => {
                let index = quantiles.len();
                quantiles.push(quantile(field).map_err(|error| error.within("quantile_values", index))?);
            }
            8 => point.flags = field.uint32("flags")?,
            _ => {}
        }
    }
    point.buckets = Buckets::Quantiles(quantiles);
    Ok(point)
}

/// `ValueAtQuantile`: quantile and value.
fn quantile(field: Field<'_>) -> Result<(f64, f64), DecodeError> {
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut fields = field.message("quantile_values")?.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => quantile = field.double("quantile")?,
            2 => value = field.double("value")?,
            _ => {}
        }
    }
    Ok((quantile, value))
}

impl Buckets<'_> {
    /// `None` if the sender keeps no buckets.
    fn to_json(&self) -> Result<Option<String>, ItemError> {
        let mut out = String::new();
        match self {
            Self::None => return Ok(None),
            Self::Explicit { bounds, counts } if bounds.is_empty() && counts.is_empty() => return Ok(None),
            Self::Explicit { bounds, counts } => {
                if counts.len() != bounds.len() + 1 {
                    return Err(Reason::BucketsDoNotMatch.into());
                }
                out.push_str("{\"bounds\":");
                push_array(&mut out, bounds, |out, bits| push_number(out, f64::from_bits(*bits)));
                out.push_str(",\"counts\":");
                push_array(&mut out, counts, |out, count| push_display(out, count));
            }
            Self::Exponential { scale, zero_count, zero_threshold, positive, negative } => {
                push_display(&mut out, format_args!("{{\"scale\":{scale},\"zero_count\":{zero_count}"));
                out.push_str(",\"zero_threshold\":");
                push_number(&mut out, *zero_threshold);
                for (name, side) in [("positive", positive), ("negative", negative)] {
                    let (offset, counts) =
                        exponential_side(*side).map_err(|error| error.within(name, None))?;
                    push_display(&mut out, format_args!(",\"{name}\":{{\"offset\":{offset},\"counts\":"));
                    push_array(&mut out, &counts, |out, count| push_display(out, count));
                    out.push('}');
                }
            }
            Self::Quantiles(quantiles) => {
                out.push_str("{\"quantiles\":");
                push_array(&mut out, quantiles, |out, (quantile, value)| {
                    out.push_str("{\"quantile\":");
                    push_number(out, *quantile);
                    out.push_str(",\"value\":");
                    push_number(out, *value);
                    out.push('}');
                });
            }
        }
        out.push('}');
        Ok(Some(out))
    }
}

/// `ExponentialHistogramDataPoint.Buckets`: `offset = 1`, `bucket_counts = 2`.
fn exponential_side(side: Option<Message<'_>>) -> Result<(i32, Vec<u64>), DecodeError> {
    let (mut offset, mut counts) = (0, Vec::new());
    if let Some(side) = side {
        let mut fields = side.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => offset = field.sint32("offset")?,
                2 => field.repeated_varint("bucket_counts", &mut counts)?,
                _ => {}
            }
        }
    }
    Ok((offset, counts))
}

/// The exemplars of a point as `[{"timestamp":ns,"value":…,"trace_id":"…","span_id":"…","attributes":{…}},…]`, each
/// member only if sent.
fn exemplars(message: Message<'_>, number: u32, out: &mut String) -> Result<(), ItemError> {
    out.clear();
    out.push('[');
    let mut index = 0;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        if field.number == number {
            if index > 0 {
                out.push(',');
            }
            write_exemplar(field.message("exemplars")?, out)
                .map_err(|error| error.within("exemplars", index))?;
            index += 1;
        }
    }
    out.push(']');
    Ok(())
}

fn write_exemplar(message: Message<'_>, out: &mut String) -> Result<(), ItemError> {
    let (mut time, mut value, mut has_attributes) = (0, None, false);
    let (mut trace_id, mut span_id) = (&[][..], &[][..]);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            2 => time = field.fixed64("time_unix_nano")?,
            3 => value = Some(Number::Float(field.double("as_double")?)),
            4 => span_id = field.bytes("span_id")?,
            5 => trace_id = field.bytes("trace_id")?,
            6 => value = Some(Number::Int(field.sfixed64("as_int")?)),
            7 => has_attributes = true,
            _ => {}
        }
    }
    push_display(out, format_args!("{{\"timestamp\":{time}"));
    if let Some(value) = value {
        out.push_str(",\"value\":");
        match value {
            Number::Int(number) => push_display(out, number),
            Number::Float(number) => push_number(out, number),
        }
    }
    for (name, id) in [("trace_id", trace_id), ("span_id", span_id)] {
        if !id.is_empty() {
            push_display(out, format_args!(",\"{name}\":\""));
            push_hex(out, id);
            out.push('"');
        }
    }
    if has_attributes {
        out.push_str(",\"attributes\":");
        value::write_attributes(message, 7, out)?;
    }
    out.push('}');
    Ok(())
}

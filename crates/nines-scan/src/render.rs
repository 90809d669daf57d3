//! Arrow values as JSON.
//!
//! Times are RFC 3339 in UTC; integers are JSON numbers, also beyond 2^53; NaN and the infinities, which JSON lacks, are
//! null; bytes are base64; whatever else SQL can make (intervals, decimals, lists) is its text.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nines_model::{Timestamp, ValueType};
use serde_json::Value;

/// The value in row `row`.
pub fn cell(array: &dyn Array, row: usize) -> Value {
    // An array of nulls only has no bits to say so.
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Value::Null;
    }
    macro_rules! integer {
        ($kind:ty) => {
            Value::from(array.as_primitive::<$kind>().value(row))
        };
    }
    match array.data_type() {
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(array.as_string_view().value(row)),
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        // `Value::from` makes null of what is not finite.
        DataType::Float32 => integer!(Float32Type),
        DataType::Float64 => integer!(Float64Type),
        DataType::Timestamp(unit, _) => {
            let at = match unit {
                TimeUnit::Second => {
                    Timestamp::from_secs(array.as_primitive::<TimestampSecondType>().value(row))
                }
                TimeUnit::Millisecond => {
                    Timestamp::from_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
                }
                TimeUnit::Microsecond => Timestamp::from_nanos(
                    array.as_primitive::<TimestampMicrosecondType>().value(row).saturating_mul(1_000),
                ),
                TimeUnit::Nanosecond => {
                    Timestamp::from_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))
                }
            };
            Value::from(at.to_string())
        }
        DataType::Binary => Value::from(STANDARD.encode(array.as_binary::<i32>().value(row))),
        DataType::BinaryView => Value::from(STANDARD.encode(array.as_binary_view().value(row))),
        DataType::Dictionary(_, value_type) => match cast(&array.slice(row, 1), value_type) {
            Ok(value) => cell(&value, 0),
            Err(_) => Value::Null,
        },
        _ => match ArrayFormatter::try_new(array, &FormatOptions::default()) {
            Ok(formatter) => Value::from(formatter.value(row).to_string()),
            Err(_) => Value::Null,
        },
    }
}

/// The word for a column's type in answers.
pub fn kind_of(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ValueType::Str.as_str(),
        DataType::Dictionary(_, value) => kind_of(value),
        DataType::Boolean => ValueType::Bool.as_str(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => ValueType::Float.as_str(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ValueType::Bytes.as_str()
        }
        DataType::Timestamp(..) => ValueType::Time.as_str(),
        DataType::Null => "null",
        other if other.is_integer() => ValueType::Int.as_str(),
        _ => "text",
    }
}

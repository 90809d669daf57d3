//! Arrow arrays as the values of the filter language.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt32Type,
};
use datafusion::common::{Result, exec_err};
use nines_filter::ValueRef;

/// Asks `test` about every value that is present; absent ones stay null. A dictionary is asked once per entry.
pub(super) fn test_values(
    array: &ArrayRef,
    mut test: impl FnMut(ValueRef<'_>) -> bool,
) -> Result<BooleanArray> {
    macro_rules! each {
        ($values:expr, $wrap:expr) => {
            $values.iter().map(|value| value.map(|value| test($wrap(value)))).collect()
        };
    }
    Ok(match array.data_type() {
        DataType::Utf8 => each!(array.as_string::<i32>(), ValueRef::Str),
        DataType::LargeUtf8 => each!(array.as_string::<i64>(), ValueRef::Str),
        DataType::Utf8View => each!(array.as_string_view(), ValueRef::Str),
        DataType::Int64 => each!(array.as_primitive::<Int64Type>(), ValueRef::Int),
        DataType::Float64 => each!(array.as_primitive::<Float64Type>(), ValueRef::Float),
        DataType::Boolean => each!(array.as_boolean(), ValueRef::Bool),
        DataType::Binary => each!(array.as_binary::<i32>(), ValueRef::Bytes),
        DataType::BinaryView => each!(array.as_binary_view(), ValueRef::Bytes),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            each!(array.as_primitive::<TimestampNanosecondType>(), ValueRef::Int)
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => {
            return test_values(&cast(array, &DataType::Int64)?, test);
        }
        DataType::Null => BooleanArray::new_null(array.len()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let entries = test_values(dictionary.values(), test)?;
            let keys = cast(dictionary.keys(), &DataType::UInt32)?;
            let keys: &UInt32Array = keys.as_primitive::<UInt32Type>();
            take(&entries, keys, None)?.as_boolean().clone()
        }
        other => return exec_err!("a column of type {other} holds no value of the filter language"),
    })
}

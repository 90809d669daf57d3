//! Tests of the filter language on the values of the overflow column.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use nines_filter::{Comparison, TEXT_FIELDS, TextSearch, ValueRef};

use super::values::test_values;
use crate::overflow::OverflowFields;

#[derive(Debug, Clone)]
pub(crate) enum OverflowQuestion {
    Field(Comparison),
    Text(TextSearch),
}

/// Whether the object in the overflow column passes: null where there is none. A field that is not in it fails.
pub(crate) fn overflow_test(question: OverflowQuestion, overflow: Expr) -> Expr {
    let key = match &question {
        OverflowQuestion::Field(comparison) => comparison.to_string(),
        OverflowQuestion::Text(search) => format!("text {search}"),
    };
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(OverflowTest { key, question, signature }).call(vec![overflow])
}

/// Two tests are the same if their canonical texts are.
#[derive(Debug)]
struct OverflowTest {
    key: String,
    question: OverflowQuestion,
    signature: Signature,
}

impl PartialEq for OverflowTest {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for OverflowTest {}

impl Hash for OverflowTest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl OverflowTest {
    fn accepts(&self, object: &str) -> bool {
        let Some(fields) = OverflowFields::parse(object) else { return false };
        match &self.question {
            OverflowQuestion::Field(comparison) => {
                fields.with_value(&comparison.field, |value| comparison.test.accepts(value)).unwrap_or(false)
            }
            OverflowQuestion::Text(search) => {
                let found =
                    |value: ValueRef<'_>| matches!(value, ValueRef::Str(text) if search.is_found_in(text));
                let is_id = |value: ValueRef<'_>| matches!(value, ValueRef::Str(text) if search.is_id(text));
                TEXT_FIELDS.iter().any(|name| fields.with_value(name, found).unwrap_or(false))
                    || search.id_field().is_some_and(|name| fields.with_value(name, is_id).unwrap_or(false))
            }
        }
    }
}

impl ScalarUDFImpl for OverflowTest {
    fn name(&self) -> &str {
        "nines_overflow_test"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("nines_overflow_test[{}]({})", self.key, args[0].schema_name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [argument] = &args.args[..] else { return exec_err!("the overflow test takes one column") };
        let array = argument.to_array(args.number_rows)?;
        let answers: BooleanArray =
            test_values(&array, |value| matches!(value, ValueRef::Str(object) if self.accepts(object)))?;
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

/// The value of the field `name` in the overflow object as text, null if it is not there.
pub(crate) fn overflow_text(name: &str, overflow: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(OverflowText { name: name.to_owned(), signature }).call(vec![overflow])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OverflowText {
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for OverflowText {
    fn name(&self) -> &str {
        "nines_overflow_text"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("nines_overflow_text[{}]({})", self.name, args[0].schema_name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [argument] = &args.args[..] else { return exec_err!("the overflow text takes one column") };
        let objects = cast(&argument.to_array(args.number_rows)?, &DataType::Utf8View)?;
        let text_in = |object: &str| {
            OverflowFields::parse(object)?.with_value(&self.name, |value| match value {
                ValueRef::Str(text) | ValueRef::Json(text) => text.to_owned(),
                ValueRef::Int(number) => number.to_string(),
                ValueRef::Float(number) => number.to_string(),
                ValueRef::Bool(flag) => flag.to_string(),
                ValueRef::Bytes(_) => String::new(),
            })
        };
        let texts: StringViewArray =
            objects.as_string_view().iter().map(|object| object.and_then(text_in)).collect();
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

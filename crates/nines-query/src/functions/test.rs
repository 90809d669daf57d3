//! Tests of the filter language as scalar functions of one column.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use nines_filter::{Comparison, TextSearch, ValueRef};

use super::values::test_values;

/// `comparison` on the values of `column`: null where the column is null.
pub(crate) fn field_test(comparison: &Comparison, column: Expr) -> Expr {
    function(Question::Field(comparison.clone()), comparison.to_string(), column)
}

/// Whether the words are found in the text of `column`, or, if `id`, whether the text is that id.
pub(crate) fn text_test(search: &TextSearch, id: bool, column: Expr) -> Expr {
    let key = format!("{}{search}", if id { "id " } else { "" });
    function(Question::Text { search: search.clone(), id }, key, column)
}

fn function(question: Question, key: String, column: Expr) -> Expr {
    let test = FilterTest { key, question, signature: Signature::any(1, Volatility::Immutable) };
    ScalarUDF::new_from_impl(test).call(vec![column])
}

#[derive(Debug)]
enum Question {
    Field(Comparison),
    Text { search: TextSearch, id: bool },
}

/// Two tests are the same if their canonical texts are.
#[derive(Debug)]
struct FilterTest {
    key: String,
    question: Question,
    signature: Signature,
}

impl PartialEq for FilterTest {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for FilterTest {}

impl Hash for FilterTest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl FilterTest {
    fn accepts(&self, value: ValueRef<'_>) -> bool {
        match (&self.question, value) {
            (Question::Field(comparison), value) => comparison.test.accepts(value),
            (Question::Text { search, id: false }, ValueRef::Str(text)) => search.is_found_in(text),
            (Question::Text { search, id: true }, ValueRef::Str(text)) => search.is_id(text),
            (Question::Text { .. }, _) => false,
        }
    }
}

impl ScalarUDFImpl for FilterTest {
    fn name(&self) -> &str {
        "nines_filter_test"
    }

    /// Unlike the name, it tells two tests on the same column apart.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("nines_filter_test[{}]({})", self.key, args[0].schema_name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let answer = |array: &ArrayRef| test_values(array, |value| self.accepts(value));
        match &args.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(std::sync::Arc::new(answer(array)?))),
            ColumnarValue::Scalar(scalar) => {
                let answered = answer(&scalar.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answered, 0)?))
            }
        }
    }
}

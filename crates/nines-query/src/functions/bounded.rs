//! Functions that make long texts of short ones: DataFusion counts what operators hold towards a question's memory, and not
//! what a function makes, so that `repeat('x', 2000000000)` would take what it likes. Here a function says beforehand how
//! much it would make of a batch at most, and refuses.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{DFSchema, Result, ScalarValue, resources_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// The bytes that a function makes of one row, of its lengths of texts and values of numbers in their order.
type MadeOf = fn(&[Size]) -> u64;

/// Functions by how much they make.
const GROWING: [(&str, MadeOf); 8] = [
    ("repeat", |row| row[0].text().saturating_mul(row[1].number())),
    ("lpad", padded),
    ("rpad", padded),
    ("replace", |row| {
        let (text, from, to) = (row[0].text(), row[1].text(), row[2].text());
        // An empty text is found before every character and at the end.
        (text + 1).saturating_mul(if from == 0 { to + 1 } else { to.div_ceil(from).max(1) })
    }),
    // Only the first match, unless there are flags: then as if each byte were one.
    ("regexp_replace", |row| {
        let (text, to) = (row[0].text(), row[2].text());
        if row.len() > 3 {
            (text + 1).saturating_mul(to / 8 + 1)
        } else {
            text + to.saturating_mul(text + 1) / 8
        }
    }),
    ("concat", together),
    ("concat_ws", |row| together(row) + row[0].text().saturating_mul(row.len() as u64)),
    ("overlay", together),
];

fn padded(row: &[Size]) -> u64 {
    // In characters, of up to four bytes.
    row[1].number().saturating_mul(4)
}

fn together(row: &[Size]) -> u64 {
    row.iter().map(|size| size.text()).sum()
}

/// Whether this is a function that makes long texts.
pub(crate) fn is_growing(name: &str) -> bool {
    GROWING.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// The same functions, each of which makes `bytes_max` of a batch at most.
pub(crate) fn bounded(known: &HashMap<String, Arc<ScalarUDF>>, bytes_max: usize) -> Vec<ScalarUDF> {
    let found = GROWING.iter().filter_map(|(name, size)| Some((known.get(*name)?, *size)));
    found
        .map(|(inner, size)| {
            ScalarUDF::new_from_impl(Bounded { inner: Arc::clone(inner), size: Makes(size), bytes_max })
        })
        .collect()
}

/// Of one argument in one row.
#[derive(Debug, Clone, Copy)]
enum Size {
    Text(u64),
    Number(u64),
}

impl Size {
    fn text(self) -> u64 {
        match self {
            Self::Text(bytes) => bytes,
            // Numbers are written out.
            Self::Number(_) => 20,
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Text(_) => 0,
            Self::Number(number) => number,
        }
    }
}

/// A function pointer is no value that can be compared; the name of the function that it belongs to is.
#[derive(Debug, Clone, Copy)]
struct Makes(MadeOf);

#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    size: Makes,
    bytes_max: usize,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner && self.bytes_max == other.bytes_max
    }
}

impl Eq for Bounded {}

impl std::hash::Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

/// Nothing is simplified: that would put the function without its bound in the place of this one.
impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        self.inner.return_type(kinds)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(kinds)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        within(self.name(), &arguments, self.size.0, self.bytes_max)?;
        self.inner.invoke_with_args(arguments)
    }
}

fn within(name: &str, arguments: &ScalarFunctionArgs, size: MadeOf, max: usize) -> Result<()> {
    let columns: Result<Vec<Sizes>> = arguments.args.iter().map(Sizes::of).collect();
    let columns = columns?;
    // Of constants alone it is made once.
    let rows = if columns.iter().all(|column| column.is_constant) { 1 } else { arguments.number_rows };
    let mut bytes: u64 = 0;
    let mut row = Vec::with_capacity(columns.len());
    for at in 0..rows {
        row.clear();
        row.extend(columns.iter().map(|column| column.at(at)));
        bytes = bytes.saturating_add(size(&row));
        if bytes > max as u64 {
            return resources_err!("{name} would make more than {max} bytes of a batch");
        }
    }
    Ok(())
}

/// Of one argument.
struct Sizes {
    values: ArrayRef,
    is_text: bool,
    is_constant: bool,
}

impl Sizes {
    fn of(argument: &ColumnarValue) -> Result<Self> {
        let (array, is_constant) = match argument {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        let kind = match array.data_type() {
            DataType::Dictionary(_, values) => (**values).clone(),
            other => other.clone(),
        };
        let is_text = matches!(
            kind,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
        );
        let measured = if is_text { length(&array)? } else { array };
        let values = cast(&measured, &DataType::Int64).unwrap_or_else(|_| {
            // Neither text nor number: it is written out, in a few bytes.
            datafusion::arrow::array::new_null_array(&DataType::Int64, measured.len())
        });
        Ok(Self { values, is_text, is_constant })
    }

    fn at(&self, row: usize) -> Size {
        let row = if self.is_constant { 0 } else { row };
        let values = self.values.as_primitive::<Int64Type>();
        let value = if values.is_null(row) { 0 } else { u64::try_from(values.value(row)).unwrap_or(0) };
        if self.is_text { Size::Text(value) } else { Size::Number(value) }
    }
}

/// Plans `a || b` as a function that is bounded as the others are.
#[derive(Debug)]
pub(crate) struct BoundedConcat(Arc<ScalarUDF>);

impl BoundedConcat {
    pub fn new(bytes_max: usize) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self(Arc::new(ScalarUDF::new_from_impl(Concat { signature, bytes_max })))
    }
}

impl ExprPlanner for BoundedConcat {
    fn plan_binary_op(&self, raw: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if raw.op != BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(raw));
        }
        // A chain is one call: a tree as deep as the chain is long would be walked again and again.
        let arguments = match raw.left {
            Expr::ScalarFunction(left) if left.func == self.0 => [left.args, vec![raw.right]].concat(),
            left => vec![left, raw.right],
        };
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(&self.0),
            arguments,
        ))))
    }
}

/// `a || b || …`: of texts and of what is written out as one; null if any is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    signature: Signature,
    bytes_max: usize,
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        "||"
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Ok(names.join(" || "))
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let names: Vec<String> =
            arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; kinds.len()])
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        within("||", &arguments, together, self.bytes_max)?;
        let is_constant = arguments.args.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let texts: Vec<_> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
        let rows = texts.first().map_or(0, |texts| texts.len());
        let together: StringArray = (0..rows)
            .map(|row| {
                let parts = texts.iter().map(|texts| texts.is_valid(row).then(|| texts.value(row)));
                parts.collect::<Option<String>>()
            })
            .collect();
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&together, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(together)))
    }
}

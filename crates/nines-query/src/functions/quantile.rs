//! `quantile(value, q)` on the order-independent sketch.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;

use nines_scan::sketch::Sketch;

/// `quantile(value, q)`: the value of rank `ceil(q × n)`, within [`nines_scan::RELATIVE_ERROR`], of the numbers that are
/// neither null nor NaN; null if there are none. `q` is a constant in `[0, 1]`.
pub(crate) fn quantile() -> AggregateUDF {
    let signature = Signature::any(2, Volatility::Immutable);
    AggregateUDF::new_from_impl(Quantile { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    signature: Signature,
}

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        "quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, q] if is_number(value) && is_number(q) => Ok(DataType::Float64),
            [value, _] if !is_number(value) => {
                plan_err!(
                    "quantile needs numbers, not {value}: cast the value, as in `quantile(cast(x as double), 0.95)`"
                )
            }
            _ => plan_err!(
                "quantile needs a number between 0 and 1 after the value, as in `quantile(duration_ns, 0.95)`"
            ),
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return plan_err!(
                "quantile(DISTINCT …) is not supported: count the distinct values in a subquery"
            );
        }
        let constant = arguments.exprs[1].downcast_ref::<Literal>().map(Literal::value);
        let Some(ScalarValue::Float64(Some(q))) =
            constant.and_then(|value| value.cast_to(&DataType::Float64).ok())
        else {
            return plan_err!(
                "the second argument of quantile must be a constant, as in `quantile(duration_ns, 0.95)`"
            );
        };
        if !(0.0..=1.0).contains(&q) {
            return plan_err!("the second argument of quantile must lie between 0 and 1, not {q}");
        }
        Ok(Box::new(QuantileAccumulator { q, sketch: Sketch::default() }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sketch]", arguments.name), DataType::Binary, true))])
    }
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric() || *kind == DataType::Null
}

#[derive(Debug)]
struct QuantileAccumulator {
    q: f64,
    sketch: Sketch,
}

impl Accumulator for QuantileAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = cast(&values[0], &DataType::Float64)?;
        numbers.as_primitive::<Float64Type>().iter().flatten().for_each(|number| self.sketch.insert(number));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.sketch.quantile(self.q)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sketch.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.sketch.to_bytes()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in states[0].as_binary::<i32>().iter().flatten() {
            match Sketch::from_bytes(bytes) {
                Some(sketch) => self.sketch.merge(&sketch),
                None => return exec_err!("the state of quantile is damaged"),
            }
        }
        Ok(())
    }
}

//! A hash of what a row says, wherever it lies: the tie-break between rows of one instant.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The hash of the given columns. Equal rows have equal hashes, in every query of one build of the program; nulls in
/// columns that a file lacks count like nulls.
pub(crate) fn row_hash(columns: Vec<Expr>) -> Expr {
    ScalarUDF::new_from_impl(RowHash { signature: Signature::variadic_any(Volatility::Immutable) })
        .call(columns)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowHash {
    signature: Signature,
}

/// Any fixed number will do.
const SEED: u64 = 0x9999;

impl ScalarUDFImpl for RowHash {
    fn name(&self) -> &str {
        "nines_row_hash"
    }

    fn schema_name(&self, _: &[Expr]) -> Result<String> {
        Ok("nines_row_hash".to_owned())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let mut hashes = vec![0; args.number_rows];
        create_hashes(&arrays, &RandomState::with_seed(SEED), &mut hashes)?;
        Ok(ColumnarValue::Array(Arc::new(UInt64Array::from(hashes))))
    }
}

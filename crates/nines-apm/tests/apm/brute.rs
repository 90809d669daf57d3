//! The slow and obvious way to each figure.

use nines_query::RELATIVE_ERROR;

/// The value of rank `ceil(q × n)`.
pub fn quantile(values: &[i64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1] as f64
}

pub fn assert_close(told: Option<f64>, exact: f64) {
    let told = told.unwrap();
    assert!((told - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9), "{told} for {exact}");
}

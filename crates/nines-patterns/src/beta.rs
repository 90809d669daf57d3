//! The regularised incomplete beta function, which is the tail of the negative binomial distribution:
//! the chance of at least `k` events is `I(share; k, r)`.

/// Steps of the continued fraction; it converges in about the square root of the larger parameter, and counts beyond
/// a million per window have long shown their surge.
const STEPS_MAX: usize = 3000;
const PRECISION: f64 = 1e-12;
const TINY: f64 = 1e-300;

/// `I_x(a, b)` for `0 <= x <= 1` and positive `a`, `b`. Relative error about 1e-10.
/// Source: Lentz's method on the continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions.
///
/// The chance of three heads or more in three throws is `I(1/2; 3, 1) = 1/8`.
pub(crate) fn regularized(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on this side; the other side is its complement.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..=STEPS_MAX {
        let m = step as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let factor = d * c;
        result *= factor;
        if (factor - 1.0).abs() < PRECISION {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function for positive `x`: Stirling's series (NIST 5.11.1) after shifting `x` above 8.
fn ln_gamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < 8.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::{ln_gamma, regularized};

    #[test]
    fn gamma_of_small_numbers_is_a_factorial() {
        let mut factorial: f64 = 1.0;
        for n in 1..20 {
            assert!((ln_gamma(f64::from(n)) - factorial.ln()).abs() < 1e-10, "{n}");
            factorial *= f64::from(n);
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-10);
    }

    #[test]
    fn the_tail_equals_the_sum() {
        // P(X >= k) of a negative binomial with r successes and probability p, term by term.
        for (r, p) in [(1.0, 0.5), (5.0, 0.9), (40.0, 0.8), (200.0, 0.95)] {
            let mut term: f64 = f64::powf(p, r);
            let mut below = 0.0;
            for k in 1..60 {
                below += term;
                term *= (1.0 - p) * (r + f64::from(k) - 1.0) / f64::from(k);
                let tail = regularized(1.0 - p, f64::from(k), r);
                assert!((tail - (1.0 - below)).abs() < 1e-9, "r {r} p {p} k {k}: {tail} {}", 1.0 - below);
            }
        }
    }
}

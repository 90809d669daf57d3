//! Chunks: the samples of one series in as few bytes as they need, without loss.
//!
//! Words introduced here
//! - **Chunk**: up to [`CHUNK_SAMPLES_MAX`] samples of one series, with times strictly increasing.
//! - **Decimal**: a value that is a whole number of 10⁻ᵉ, exactly: dividing the whole number by 10ᵉ gives the same
//!   64 bits back. Most metrics are (counts, bytes, milliseconds, percentages), and whole numbers pack well.
//! - **Exception**: a value that is not decimal among values that are, such as the staleness marker at the end of
//!   a counter. It is kept apart with its position.
//!
//! What is not decimal is stored by its bits in the order of numbers (an integer that grows as the value grows), so that
//! close values have a small difference; trailing zero bits that all share (values that were `f32`) are left out.
//! `docs/formats/series.md` draws the bytes.

pub mod cursor;
mod packing;

use crate::model::Sample;
use cursor::{Cursor, Damaged, put_varint, put_zigzag};
use packing::{pack, pack_best, put_count, unpack, unpack_best};

/// Bounds what decoding one chunk can cost, and how much of a chunk a short range reads in vain. A partition of two
/// hours holds 480 samples at the usual 15 s.
pub const CHUNK_SAMPLES_MAX: usize = 2_048;

/// 10⁹ tells nanoseconds of seconds apart; beyond, hardly a value is decimal by intent.
const EXPONENT_MAX: u8 = 9;
const POWERS: [f64; EXPONENT_MAX as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Whole numbers below 2⁵³ are exact in an `f64`.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// An exception costs 9 bytes, so beyond one in eight the bits of all values are cheaper.
const EXCEPTION_SHARE: usize = 8;

const TIMES_REGULAR: u8 = 0;
const TIMES_PACKED: u8 = 1;
const VALUES_CONSTANT: u8 = 0;
const VALUES_DECIMAL: u8 = 1;
const VALUES_BITS: u8 = 2;
const VALUES_DECIMAL_EXCEPT: u8 = 3;

/// Reused between chunks, so that coding allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    numbers: Vec<i64>,
    exceptions: Vec<(usize, u64)>,
}

/// Appends the chunk of `samples`: 1 to [`CHUNK_SAMPLES_MAX`] of them, times strictly increasing.
pub fn encode(out: &mut Vec<u8>, samples: &[Sample], scratch: &mut Scratch) {
    debug_assert!((1..=CHUNK_SAMPLES_MAX).contains(&samples.len()));
    debug_assert!(samples.windows(2).all(|pair| pair[0].t_ms < pair[1].t_ms));
    put_count(out, samples.len());
    encode_times(out, samples, &mut scratch.numbers);
    encode_values(out, samples, scratch);
}

fn encode_times(out: &mut Vec<u8>, samples: &[Sample], numbers: &mut Vec<i64>) {
    put_zigzag(out, samples[0].t_ms);
    numbers.clear();
    numbers.extend(samples.windows(2).map(|pair| pair[1].t_ms.wrapping_sub(pair[0].t_ms)));
    let step = numbers.first().copied().unwrap_or(0);
    if numbers.iter().all(|&delta| delta == step) {
        out.push(TIMES_REGULAR);
        put_varint(out, step as u64);
    } else {
        out.push(TIMES_PACKED);
        pack(out, numbers);
    }
}

fn encode_values(out: &mut Vec<u8>, samples: &[Sample], scratch: &mut Scratch) {
    let first = samples[0].value.to_bits();
    if samples.iter().all(|sample| sample.value.to_bits() == first) {
        out.push(VALUES_CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
        return;
    }
    if let Some(exponent) = to_decimals(samples, scratch) {
        let exceptions = !scratch.exceptions.is_empty();
        out.push(if exceptions { VALUES_DECIMAL_EXCEPT } else { VALUES_DECIMAL });
        out.push(exponent);
        if exceptions {
            put_count(out, scratch.exceptions.len());
            for &(index, bits) in &scratch.exceptions {
                put_count(out, index);
                out.extend_from_slice(&bits.to_le_bytes());
            }
        }
        pack_best(out, &mut scratch.numbers);
        return;
    }
    let numbers = &mut scratch.numbers;
    numbers.clear();
    numbers.extend(samples.iter().map(|sample| to_ordered(sample.value)));
    let differing = numbers.iter().fold(0, |differing, number| differing | (number ^ numbers[0]));
    // Not all are equal, so some bit differs and the shift is below 64.
    let shift = differing.trailing_zeros().min(63);
    let low = numbers[0] & ((1i64 << shift) - 1);
    numbers.iter_mut().for_each(|number| *number >>= shift);
    out.push(VALUES_BITS);
    out.push(shift as u8);
    put_varint(out, low as u64);
    pack_best(out, numbers);
}

/// The values as whole numbers of 10⁻ᵉ in `scratch.numbers`, with exceptions aside; `None` if too few are decimal.
fn to_decimals(samples: &[Sample], scratch: &mut Scratch) -> Option<u8> {
    let allowed = samples.len() / EXCEPTION_SHARE;
    let Scratch { numbers, exceptions } = scratch;
    exceptions.clear();
    let mut exponent = 0;
    for (index, sample) in samples.iter().enumerate() {
        match decimal_exponent(sample.value, exponent) {
            Some(found) => exponent = found,
            None if exceptions.len() < allowed.max(1) => exceptions.push((index, sample.value.to_bits())),
            None => return None,
        }
    }
    if exceptions.len() == samples.len() {
        return None;
    }
    numbers.clear();
    let mut last = 0;
    let mut planned = exceptions.iter().map(|&(index, _)| index).peekable();
    for (index, sample) in samples.iter().enumerate() {
        if planned.next_if_eq(&index).is_none() {
            // A value that was exact at a lower exponent can be too large for the one that a later value needed.
            last = to_whole(sample.value, exponent)?;
        }
        numbers.push(last);
    }
    Some(exponent)
}

/// The least exponent from `least` on at which `value` is decimal.
fn decimal_exponent(value: f64, least: u8) -> Option<u8> {
    (least..=EXPONENT_MAX).find(|&exponent| to_whole(value, exponent).is_some())
}

#[inline]
fn to_whole(value: f64, exponent: u8) -> Option<i64> {
    let scaled = value * POWERS[usize::from(exponent)];
    if scaled.is_nan() || scaled.abs() >= WHOLE_MAX {
        return None;
    }
    // Rounds half away from zero; a cast is one instruction where `round` is a call.
    let whole = (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i64;
    (from_whole(whole, exponent).to_bits() == value.to_bits()).then_some(whole)
}

#[inline]
fn from_whole(whole: i64, exponent: u8) -> f64 {
    whole as f64 / POWERS[usize::from(exponent)]
}

/// An integer that orders as the numbers do (negative ones by their complement); its own inverse is [`from_ordered`].
#[inline]
fn to_ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

#[inline]
fn from_ordered(ordered: i64) -> f64 {
    f64::from_bits((ordered ^ ((ordered >> 63) as u64 >> 1) as i64) as u64)
}

/// Appends the samples of a chunk to `times` and `values`. What was appended before an error is to be thrown away.
pub fn decode(
    chunk: &[u8],
    times: &mut Vec<i64>,
    values: &mut Vec<f64>,
    scratch: &mut Scratch,
) -> Result<(), Damaged> {
    let mut cursor = Cursor::new(chunk, "chunk");
    let count = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
    if !(1..=CHUNK_SAMPLES_MAX).contains(&count) {
        return Err(cursor.damaged());
    }
    decode_times(&mut cursor, count, times)?;
    decode_values(&mut cursor, count, values, scratch)?;
    if cursor.is_empty() { Ok(()) } else { Err(cursor.damaged()) }
}

/// How many samples a chunk says that it holds; 0 if it is damaged.
pub fn count(chunk: &[u8]) -> u64 {
    Cursor::new(chunk, "chunk").varint().ok().filter(|&count| count <= CHUNK_SAMPLES_MAX as u64).unwrap_or(0)
}

fn decode_times(cursor: &mut Cursor<'_>, count: usize, times: &mut Vec<i64>) -> Result<(), Damaged> {
    let start = cursor.zigzag()?;
    match cursor.u8()? {
        TIMES_REGULAR => {
            let step = cursor.varint()? as i64;
            times.extend((0..count as i64).map(|index| start.wrapping_add(step.wrapping_mul(index))));
        }
        TIMES_PACKED => {
            let at = times.len();
            times.push(start);
            unpack(cursor, count - 1, times)?;
            let mut time = 0i64;
            for delta in &mut times[at..] {
                time = time.wrapping_add(*delta);
                *delta = time;
            }
        }
        _ => return Err(cursor.damaged()),
    }
    Ok(())
}

fn decode_values(
    cursor: &mut Cursor<'_>,
    count: usize,
    values: &mut Vec<f64>,
    scratch: &mut Scratch,
) -> Result<(), Damaged> {
    let Scratch { numbers, .. } = scratch;
    numbers.clear();
    match cursor.u8()? {
        VALUES_CONSTANT => values.extend(std::iter::repeat_n(cursor.f64()?, count)),
        mode @ (VALUES_DECIMAL | VALUES_DECIMAL_EXCEPT) => {
            let exponent = cursor.u8()?;
            if exponent > EXPONENT_MAX {
                return Err(cursor.damaged());
            }
            let exceptions = if mode == VALUES_DECIMAL_EXCEPT { cursor.count(9)? } else { 0 };
            let mut planned = cursor.clone();
            for _ in 0..exceptions {
                cursor.varint()?;
                cursor.u64()?;
            }
            unpack_best(cursor, count, numbers)?;
            let at = values.len();
            if exponent == 0 {
                values.extend(numbers.iter().map(|&whole| whole as f64));
            } else {
                values.extend(numbers.iter().map(|&whole| from_whole(whole, exponent)));
            }
            for _ in 0..exceptions {
                let index = usize::try_from(planned.varint()?).unwrap_or(usize::MAX);
                let value = planned.f64()?;
                let place = values.get_mut(at..).and_then(|values| values.get_mut(index));
                *place.ok_or(planned.damaged())? = value;
            }
        }
        VALUES_BITS => {
            let shift = cursor.u8()?;
            let low = cursor.varint()? as i64;
            if shift > 63 {
                return Err(cursor.damaged());
            }
            unpack_best(cursor, count, numbers)?;
            values.extend(numbers.iter().map(|&number| from_ordered(number << shift | low)));
        }
        _ => return Err(cursor.damaged()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;

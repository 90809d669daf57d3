//! Telephone numbers. A number without a `+` looks like many others, so only the ways in which people of Taiwan, China
//! and North America write theirs are taken for one.

use crate::find::{ends_number, is_word};

/// Digits of an international number (ITU-T E.164), the country's included.
const DIGITS_MIN: usize = 8;
const DIGITS_MAX: usize = 15;

/// The number that begins at `start` with a run of `length` digits, or just before it with `+` or `(`.
pub(crate) fn at(bytes: &[u8], free_from: usize, start: usize, length: usize) -> Option<(usize, usize)> {
    let before = |back: usize| start.checked_sub(back).filter(|&at| at >= free_from).map(|at| bytes[at]);
    if before(1) == Some(b'+') && !before(2).is_some_and(is_word) {
        return international(bytes, start).map(|end| (start - 1, end));
    }
    if before(1) == Some(b'(') {
        let end = layout(
            bytes,
            start,
            &[b"ddd) ddd-dddd", b"ddd)ddd-dddd", b"0d) dddd-dddd", b"0d)dddd-dddd", b"0d) ddd-dddd"],
        )?;
        return Some((start - 1, end));
    }
    // What the layouts below begin with.
    let may_be = match length {
        2..=4 => matches!(bytes.get(start + length), Some(b'-' | b' ')),
        10 | 11 => true,
        _ => false,
    };
    if !may_be || matches!(before(1), Some(b'-' | b'/' | b'.')) {
        return None;
    }
    let end = layout(
        bytes,
        start,
        &[
            // Taiwan: mobile, then landline.
            b"09dd-ddd-ddd",
            b"09dd ddd ddd",
            b"09dd-dddddd",
            b"09dddddddd",
            b"0d-dddd-dddd",
            b"0d-ddddddd",
            b"0d-dddddddd",
            // North America.
            b"ddd-ddd-dddd",
            // China: mobile.
            b"1dddddddddd",
            b"1dd-dddd-dddd",
            b"1dd dddd dddd",
        ],
    )?;
    // The second digit of a Chinese mobile number is 3 to 9.
    let is_china = bytes[start] == b'1';
    (!is_china || bytes[start + 1] >= b'3').then_some((start, end))
}

/// Groups of digits with single separators between. What comes after the longest number that there can be is another's.
fn international(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes[start] == b'0' {
        return None;
    }
    let mut digits = 0;
    // The end of the last whole group within the limit, and of the last digit.
    let mut group_end = None;
    let mut end = start;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_digit() {
            digits += 1;
            end = at + 1;
        } else {
            if end == at && (DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
                group_end = Some(end);
            }
            let goes_on = matches!(byte, b' ' | b'-' | b'.' | b'(' | b')') && at <= end + 1;
            if !goes_on || digits > DIGITS_MAX {
                break;
            }
        }
        at += 1;
    }
    let is_whole =
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits) && !bytes.get(end).is_some_and(|&byte| is_word(byte));
    if is_whole { Some(end) } else { group_end }
}

/// The end of the first layout that fits: `d` is a digit, everything else itself.
fn layout(bytes: &[u8], start: usize, layouts: &[&[u8]]) -> Option<usize> {
    layouts.iter().find_map(|layout| {
        let end = start + layout.len();
        let text = bytes.get(start..end)?;
        let fits = text
            .iter()
            .zip(*layout)
            .all(|(&byte, &wanted)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted });
        (fits && ends_number(bytes, end)).then_some(end)
    })
}

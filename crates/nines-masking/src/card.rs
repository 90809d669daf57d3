//! Payment cards: a number of a known network that passes Luhn's check.

/// Digits of a card number, at least and at most, of the networks below.
const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// How cards print their numbers, by the lengths of the groups.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

/// The end of a card number that begins at `start` with a run of `length` digits: all of them, or groups with one blank
/// or dash between, always the same.
pub(crate) fn end(text: &[u8], start: usize, length: usize) -> Option<usize> {
    if length >= DIGITS_MIN {
        return is_card(&text[start..start + length]).then_some(start + length);
    }
    let separator = text.get(start + length).copied().filter(|byte| matches!(byte, b' ' | b'-'))?;
    if length != 4 {
        return None;
    }
    GROUPS.iter().find_map(|groups| {
        let end = start + groups.iter().sum::<usize>() + groups.len() - 1;
        let mut rest = text.get(start..end)?;
        for (index, &group) in groups.iter().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(&[separator])?;
            }
            let (digits, after) = rest.split_at_checked(group)?;
            digits.iter().all(u8::is_ascii_digit).then_some(())?;
            rest = after;
        }
        let is_whole = !text.get(end).is_some_and(u8::is_ascii_digit);
        (is_whole && is_card(&text[start..end])).then_some(end)
    })
}

/// Whether the digits of a text, whatever stands between, are a card number.
fn is_card(text: &[u8]) -> bool {
    let mut digits = [0_u8; DIGITS_MAX];
    let mut count = 0;
    for byte in text.iter().filter(|byte| byte.is_ascii_digit()) {
        if count == DIGITS_MAX {
            return false;
        }
        digits[count] = byte - b'0';
        count += 1;
    }
    is_number(&digits[..count])
}

/// Whether digits (each 0 to 9) are a card number.
pub(crate) fn is_number(digits: &[u8]) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && is_network(digits) && luhn(digits)
}

/// The ranges in use: Visa, Mastercard, American Express, Discover, UnionPay, JCB, Diners, Maestro. Without this, one of ten
/// numbers of the right length would pass. Lengths that are allowed but not issued are left out: block and row ids of
/// 64 bits have nineteen digits.
fn is_network(digits: &[u8]) -> bool {
    let prefix =
        |length: usize| digits[..length].iter().fold(0_u32, |number, &digit| number * 10 + u32::from(digit));
    let length = digits.len();
    match prefix(2) {
        40..=49 => matches!(length, 13 | 16),
        51..=55 => length == 16,
        22..=27 => length == 16 && (2221..=2720).contains(&prefix(4)),
        34 | 37 => length == 15,
        60 => prefix(4) == 6011 && length == 16,
        64 => prefix(3) >= 644 && length == 16,
        62 => (16..=19).contains(&length),
        35 => (3528..=3589).contains(&prefix(4)) && length == 16,
        30 => prefix(3) <= 305 && length == 14,
        36 | 38 | 39 => length == 14,
        50 | 56 | 57 | 58 | 63 | 65 | 67 => length == 16,
        _ => false,
    }
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let value = u32::from(digit) << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    fn end(text: &[u8], start: usize) -> Option<usize> {
        super::end(text, start, text.iter().take_while(|byte| byte.is_ascii_digit()).count())
    }

    /// Numbers that the networks publish for tests.
    const CARDS: [&str; 9] = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "6200000000000005",
    ];

    #[test]
    fn card_numbers_are_found_whole() {
        for card in CARDS {
            assert_eq!(end(card.as_bytes(), 0), Some(card.len()), "{card}");
            assert_eq!(end(format!("{card} x").as_bytes(), 0), Some(card.len()), "{card}");
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for number in [
            "4111111111111112",
            "1514038530000",
            "1700000000000000000",
            "41111111",
            "4111 11 11 1111 1111",
            "9999999999999995",
        ] {
            assert_eq!(end(number.as_bytes(), 0), None, "{number}");
        }
    }
}

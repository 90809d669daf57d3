//! National ids whose form or checksum can be verified.

/// Taiwan: a letter, then nine digits whose first is 1 or 2 (citizens) or 8 or 9 (residents, since 2021).
/// Checksum: the letter's number and the digits weighted 1 9 8 7 6 5 4 3 2 1 1 are a multiple of ten.
/// Source: Ministry of the Interior, rules for national id numbers.
pub(crate) fn is_tw(text: &[u8]) -> bool {
    let [letter, digits @ ..] = text else { return false };
    if digits.len() != 9
        || !digits.iter().all(u8::is_ascii_digit)
        || !matches!(digits[0], b'1' | b'2' | b'8' | b'9')
    {
        return false;
    }
    // The letters in the order of their numbers, from 10.
    let Some(number) = b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|candidate| candidate == letter) else {
        return false;
    };
    let number = number as u32 + 10;
    let digit = |index: usize| u32::from(digits[index] - b'0');
    let sum: u32 = number / 10
        + number % 10 * 9
        + (0..8).map(|index| digit(index) * (8 - index as u32)).sum::<u32>()
        + digit(8);
    sum.is_multiple_of(10)
}

/// China: six digits of a region, the date of birth, three digits, and a check character (GB 11643-1999, ISO 7064 MOD 11-2).
pub(crate) fn is_cn(text: &[u8]) -> bool {
    let Ok(text) = <&[u8; 18]>::try_from(text) else { return false };
    if !text[..17].iter().all(u8::is_ascii_digit) || !(b'1'..=b'8').contains(&text[0]) {
        return false;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0_u32, |number, &byte| number * 10 + u32::from(byte - b'0'))
    };
    if !(1900..=2099).contains(&number(6, 10))
        || !(1..=12).contains(&number(10, 12))
        || !(1..=31).contains(&number(12, 14))
    {
        return false;
    }
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = WEIGHTS.iter().zip(text).map(|(weight, &byte)| weight * u32::from(byte - b'0')).sum();
    b"10X98765432"[(sum % 11) as usize] == text[17].to_ascii_uppercase()
}

/// United States: `AAA-GG-SSSS` with numbers that were given out.
pub(crate) fn is_ssn(text: &[u8]) -> bool {
    let &[a, b, c, b'-', d, e, b'-', f, g, h, i] = text else { return false };
    let digits = [a, b, c, d, e, f, g, h, i];
    let area = [a, b, c];
    digits.iter().all(u8::is_ascii_digit)
        && area != *b"000"
        && area != *b"666"
        && a != b'9'
        && [d, e] != *b"00"
        && [f, g, h, i] != *b"0000"
}

#[cfg(test)]
mod tests {
    use super::{is_cn, is_ssn, is_tw};

    #[test]
    fn ids_of_taiwan() {
        // The specimens of public documents.
        for id in ["A123456789", "F131104093", "A800000014"] {
            assert!(is_tw(id.as_bytes()), "{id}");
        }
        for id in ["A123456788", "A323456789", "a123456789", "A12345678", "1123456789"] {
            assert!(!is_tw(id.as_bytes()), "{id}");
        }
    }

    #[test]
    fn ids_of_china() {
        // The specimen of GB 11643-1999.
        for id in ["11010519491231002X", "440524188001010014"] {
            assert_eq!(is_cn(id.as_bytes()), id.starts_with("110"), "{id}: 1880 is before our century");
        }
        assert!(is_cn(b"11010519491231002x"));
        assert!(!is_cn(b"110105194912310021"));
        assert!(!is_cn(b"110105194913310029"));
    }

    #[test]
    fn social_security_numbers() {
        assert!(is_ssn(b"123-45-6789"));
        for number in ["000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "123456789"]
        {
            assert!(!is_ssn(number.as_bytes()), "{number}");
        }
    }
}

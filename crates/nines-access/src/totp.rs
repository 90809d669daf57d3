//! One-time codes by time (RFC 6238: HMAC-SHA-1, six digits, 30 s), which is what authenticator apps agree on.

use nines_base::{Random, percent_encoded};
use nines_model::Timestamp;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// RFC 4226 asks for 128 bits and recommends 160.
const SECRET_BYTES: usize = 20;
const STEP_SECS: i64 = 30;
const DIGITS: u32 = 6;
/// Steps before and after now that are good too: clocks of phones, and people who type slowly.
const SKEW_STEPS: i64 = 1;

pub(crate) fn random_secret(random: &Random) -> [u8; SECRET_BYTES] {
    random.bytes()
}

/// The step whose code this is, if it is near now and after `last`: a code is good once.
pub(crate) fn matching_step(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let digits: String = code.chars().filter(|char| !char.is_whitespace()).collect();
    if digits.len() != DIGITS as usize || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let wanted: u32 = digits.parse().ok()?;
    let step = now.as_nanos().div_euclid(STEP_SECS * 1_000_000_000);
    // All are computed, whichever it is.
    let near =
        (step - SKEW_STEPS..=step + SKEW_STEPS).filter(|step| code_at(secret, *step, DIGITS) == wanted);
    near.filter(|step| *step > last).max()
}

/// RFC 4226, section 5.3.
fn code_at(secret: &[u8], step: i64, digits: u32) -> u32 {
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let bytes = [tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    u32::from_be_bytes(bytes) % 10_u32.pow(digits)
}

/// RFC 4648's alphabet without padding, as apps want to have it typed.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    const RFC_4648: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let other = crate::secret::base32(bytes);
    let place = |byte: u8| CROCKFORD.iter().position(|known| *known == byte).unwrap_or(0);
    other.bytes().map(|byte| char::from(RFC_4648[place(byte)])).collect()
}

/// `None` for text that is not in that alphabet.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// What the picture says to an app ("Key URI Format" of Google Authenticator).
pub(crate) fn uri(issuer: &str, account: &str, secret: &[u8]) -> String {
    let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the rows of SHA-1 (eight digits).
    #[test]
    fn the_published_codes_are_reproduced() {
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000_i64, 65_353_130),
        ] {
            assert_eq!(code_at(SECRET, seconds / STEP_SECS, 8), code, "{seconds}");
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(from_base32("MZXW6YTBOI").as_deref(), Some(&b"foobar"[..]));
    }

    #[test]
    fn a_code_is_good_for_its_neighbours_and_once() {
        let at = Timestamp::from_secs;
        assert_eq!(matching_step(SECRET, "287 082", at(59), 0), Some(1));
        assert_eq!(matching_step(SECRET, "287082", at(89), 0), Some(1));
        assert_eq!(matching_step(SECRET, "287082", at(91), 0), None, "too old");
        assert_eq!(matching_step(SECRET, "287082", at(59), 1), None, "used");
        for bad in ["", "28708", "2870822", "28708a", "２８７０８２"] {
            assert_eq!(matching_step(SECRET, bad, at(59), 0), None, "{bad}");
        }
        let text = uri("Nines", "mei lin", SECRET);
        assert_eq!(
            text,
            "otpauth://totp/Nines:mei%20lin?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Nines"
        );
    }
}

//! Passwords: Argon2id with OWASP's first choice of cost (19 MiB, two passes, one lane).

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
pub(crate) const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// The PHC string form: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. Takes some tens of milliseconds of a core.
pub(crate) fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> String {
    let (salt_text, hash) = (STANDARD_NO_PAD.encode(salt), computed(password, salt));
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt_text}${}", STANDARD_NO_PAD.encode(hash))
}

/// Whether this is the password. Takes as long if there is none, and then it is not.
pub(crate) fn verify(stored: Option<&str>, password: &str) -> bool {
    let Some((salt, expected)) = stored.and_then(parts) else {
        computed(password, &[0; SALT_BYTES]);
        return false;
    };
    let found = computed(password, &salt);
    let difference = found.iter().zip(&expected).fold(0, |all, (mine, theirs)| all | (mine ^ theirs));
    std::hint::black_box(difference) == 0
}

/// Salt and hash of a string that [`hash`] made.
fn parts(stored: &str) -> Option<([u8; SALT_BYTES], [u8; HASH_BYTES])> {
    let prefix = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    let (salt, hash) = stored.strip_prefix(&prefix)?.split_once('$')?;
    let salt = STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?;
    Some((salt, STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?))
}

fn computed(password: &str, salt: &[u8; SALT_BYTES]) -> [u8; HASH_BYTES] {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).expect("these are in range");
    let mut out = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .expect("a password is far shorter than the limit, and the salt long enough");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let stored = hash("correct horse battery", &[7; SALT_BYTES]);
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{stored}");
        assert!(verify(Some(&stored), "correct horse battery"));
        for wrong in ["correct horse batterz", ""] {
            assert!(!verify(Some(&stored), wrong));
        }
        assert!(!verify(None, "") && !verify(Some("$argon2id$"), ""));
    }
}

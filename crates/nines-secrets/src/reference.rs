//! Names, and how configuration points at a secret.

use std::fmt;

use crate::{SecretError, SecretText};

/// What a reference begins with.
const SCHEME: &str = "secret://";
/// Characters of a name: it has to fit a line of a document.
pub const NAME_CHARS_MAX: usize = 100;

/// Lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(String);

/// `secret://name`, which is its newest version, or `secret://name@3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    pub name: SecretName,
    pub version: Option<u32>,
}

/// Whoever is given configuration with references in it asks this. The answer is from memory.
pub trait SecretResolver: Send + Sync + 'static {
    /// The values that are good now, the one in use first: a signature may still have to be made with the one before.
    /// Never empty.
    ///
    /// # Errors
    /// There is no such secret, or its master key cannot be reached.
    fn resolve_all(&self, reference: &SecretRef) -> Result<Vec<SecretText>, SecretError>;

    /// The value in use.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretText, SecretError> {
        let mut values = self.resolve_all(reference)?;
        if values.is_empty() {
            return Err(SecretError::NotFound { name: reference.to_string() });
        }
        Ok(values.swap_remove(0))
    }

    /// What a field of configuration stands for: a reference's value, or the text itself.
    fn resolve_text(&self, text: &str) -> Result<SecretText, SecretError> {
        match SecretRef::parse(text)? {
            Some(reference) => self.resolve(&reference),
            None => Ok(SecretText::new(text)),
        }
    }
}

impl SecretName {
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins_well && text.len() <= NAME_CHARS_MAX && text.bytes().all(is_good) {
            return Ok(Self(text.to_owned()));
        }
        // What was typed is not repeated: people paste values into the wrong field.
        Err(SecretError::BadName)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SecretRef {
    /// `None` for text that is no reference.
    pub fn parse(text: &str) -> Result<Option<Self>, SecretError> {
        let Some(rest) = text.trim().strip_prefix(SCHEME) else { return Ok(None) };
        let (name, version) = match rest.split_once('@') {
            None => (rest, None),
            Some((name, version)) => {
                let number = version.parse().ok().filter(|number| *number > 0);
                (name, Some(number.ok_or(SecretError::BadVersion)?))
            }
        };
        Ok(Some(Self { name: SecretName::parse(name)?, version }))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.name)?;
        self.version.map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_round_trip_and_other_text_is_itself() {
        for text in ["secret://slack-token", "secret://a.b_c@12"] {
            assert_eq!(SecretRef::parse(text).unwrap().unwrap().to_string(), text);
        }
        for text in ["", "xoxb-1", "https://secret://x", "secret:/x"] {
            assert_eq!(SecretRef::parse(text).unwrap(), None, "{text}");
        }
        for text in ["secret://", "secret://A", "secret://-a", "secret://a/b", "secret://a@0", "secret://a@x"]
        {
            assert!(SecretRef::parse(text).is_err(), "{text}");
        }
        assert!(SecretName::parse(&"a".repeat(NAME_CHARS_MAX + 1)).is_err());
    }
}

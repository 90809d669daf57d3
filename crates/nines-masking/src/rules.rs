//! Rules as people write them.

use std::fmt;

use nines_base::ErrorKind;

/// Rules in force at once. Each regular expression costs a pass over the text.
pub const RULES_MAX: usize = 64;
/// A regular expression is no longer than this, and takes at most a hundred times as much memory.
pub const PATTERN_BYTES_MAX: usize = 2048;

/// What is found without being described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BuiltIn {
    /// Card numbers of the large networks that pass Luhn's check.
    PaymentCard,
    /// Bearer tokens, JSON web tokens, private keys, keys of cloud providers and code hosts.
    Token,
    /// Values under names such as `password` or `api_key`, and passwords in URLs.
    Secret,
    Email,
    /// International numbers with `+`, and those of Taiwan, China and North America as they are written there.
    Phone,
    /// Taiwan: national id and resident certificate, checksum verified.
    NationalIdTw,
    /// China: 18 digits, date and checksum verified.
    NationalIdCn,
    /// United States: social security number with dashes.
    SsnUs,
}

impl BuiltIn {
    pub const ALL: [Self; 8] = [
        Self::PaymentCard,
        Self::Token,
        Self::Secret,
        Self::Email,
        Self::Phone,
        Self::NationalIdTw,
        Self::NationalIdCn,
        Self::SsnUs,
    ];
    /// In force where nothing was configured: what no telemetry has a reason to hold. The others are often what
    /// somebody searches by, so they are chosen by name.
    pub const DEFAULT: [Self; 3] = [Self::PaymentCard, Self::Token, Self::Secret];

    /// As it is written in documents and in what is left in its place.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentCard => "payment_card",
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::NationalIdTw => "national_id_tw",
            Self::NationalIdCn => "national_id_cn",
            Self::SsnUs => "ssn_us",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|built_in| built_in.as_str() == text)
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// `[name]` in its place.
    #[default]
    Mask,
    /// `[name:0123456789abcdef]` in its place: the first 64 bits of an HMAC-SHA-256 under the node's key.
    Hash,
    /// The whole field goes.
    Drop,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Mask, Self::Hash, Self::Drop];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Drop => "drop",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    BuiltIn(BuiltIn),
    /// A regular expression in the syntax of the `regex` crate; the whole match is masked.
    Pattern(String),
    /// Every value of the fields.
    Everything,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Shown in place of what was found, and in counts.
    pub name: String,
    pub what: What,
    pub action: Action,
    /// Names with `*` for any run of characters. Empty means every field.
    pub fields: Vec<String>,
}

/// What a node masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub rules: Vec<Rule>,
}

impl Rules {
    /// Nothing at all.
    pub const NONE: Self = Self { rules: Vec::new() };
}

impl Default for Rules {
    /// [`BuiltIn::DEFAULT`], masked in every field.
    fn default() -> Self {
        Self { rules: BuiltIn::DEFAULT.into_iter().map(Rule::from).collect() }
    }
}

impl From<BuiltIn> for Rule {
    fn from(built_in: BuiltIn) -> Self {
        Self {
            name: built_in.as_str().to_owned(),
            what: What::BuiltIn(built_in),
            action: Action::Mask,
            fields: Vec::new(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum MaskingError {
    #[error(
        "{count} masking rules are more than the {RULES_MAX} that may be in force: join patterns with `|`"
    )]
    TooMany { count: usize },
    #[error("masking rule `{rule}`: the pattern is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong { rule: String },
    #[error("masking rule `{rule}`: the pattern cannot be read: {reason}")]
    Pattern { rule: String, reason: String },
    #[error("masking rule `{rule}`: the pattern matches the empty text: it would be everywhere")]
    Empty { rule: String },
    #[error("masking rule `{rule}` means every value but names no field: list its `fields`")]
    Everything { rule: String },
}

impl MaskingError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }

    /// The rule that is wrong.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::TooMany { .. } => None,
            Self::TooLong { rule }
            | Self::Pattern { rule, .. }
            | Self::Empty { rule }
            | Self::Everything { rule } => Some(rule),
        }
    }
}

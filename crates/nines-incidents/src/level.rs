//! Class and level: who handles an incident first, and how grave it is.

use std::fmt;

/// Text that is none of the words a field accepts, with the nearest one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not {what}: use {expected}{}", hint(.nearest))]
pub struct UnknownWord {
    pub text: String,
    pub what: &'static str,
    pub expected: String,
    pub nearest: Option<&'static str>,
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// Finds `text` among `words` (any case), else says which is nearest.
pub(crate) fn parse_word<T: Copy>(
    text: &str,
    what: &'static str,
    words: impl Iterator<Item = (T, &'static str)> + Clone,
) -> Result<T, UnknownWord> {
    if let Some((value, _)) = words.clone().find(|(_, word)| word.eq_ignore_ascii_case(text.trim())) {
        return Ok(value);
    }
    // Two edits catch a typo in words of this length without guessing wildly.
    let nearest = words
        .clone()
        .map(|(_, word)| (strsim::damerau_levenshtein(word, &text.trim().to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 2 && word.len() > 2)
        .min()
        .map(|(_, word)| word);
    let expected = words.map(|(_, word)| word).collect::<Vec<_>>().join(", ");
    Err(UnknownWord { text: text.chars().take(64).collect(), what, expected, nearest })
}

/// Where an incident comes from, and so who takes it first. Independent of the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Customer complaint: business operations first, public relations near.
    S1,
    /// Engineering, found by monitoring.
    S2,
    /// Internal engineering: a routine change that went wrong.
    S3,
    /// Internal operations work, self-driven or unplanned.
    P4,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::S1, Self::S2, Self::S3, Self::P4];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::P4 => "P4",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an incident class", Self::ALL.into_iter().map(|class| (class, class.as_str())))
    }
}

/// How grave it is. `P0 < P1 < P2` in order of this type: the smaller is the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    P0,
    P1,
    P2,
}

/// The sort of channel in which an incident of a level is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The emergency channel: P0.
    Emergency,
    /// The general incident channel: P1.
    General,
    /// The ticket system: P2.
    Ticket,
}

impl Level {
    pub const ALL: [Self; 3] = [Self::P0, Self::P1, Self::P2];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an incident level", Self::ALL.into_iter().map(|level| (level, level.as_str())))
    }

    /// Where updates of this level are posted.
    pub fn channel(self) -> Channel {
        match self {
            Self::P0 => Channel::Emergency,
            Self::P1 => Channel::General,
            Self::P2 => Channel::Ticket,
        }
    }

    /// P1 and P2 go through the ticket system too; P0 does not wait for one.
    pub fn opens_ticket(self) -> bool {
        self != Self::P0
    }

    pub fn is_graver_than(self, other: Self) -> bool {
        self < other
    }
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::General => "general",
            Self::Ticket => "ticket",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_unknown_ones_name_the_choices() {
        for level in Level::ALL {
            assert_eq!(Level::parse(&level.as_str().to_lowercase()), Ok(level));
        }
        for class in Class::ALL {
            assert_eq!(Class::parse(class.as_str()), Ok(class));
        }
        // Class and level do not mix: P4 is a class, S1 is not a level.
        let error = Level::parse("P4").unwrap_err();
        assert_eq!(error.to_string(), "`P4` is not an incident level: use P0, P1, P2");
        assert!(Level::P0.is_graver_than(Level::P1) && !Level::P1.is_graver_than(Level::P1));
    }
}

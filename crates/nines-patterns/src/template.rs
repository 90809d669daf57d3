//! A pattern's text: constant words, and a name for what stands in each variable place.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::hash;
use crate::token::{self, Token, VARIABLE};

/// What the values of a variable look like. Only for people: two lines that differ in it have the same pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    Num,
    Hex,
    Ip,
    Host,
    Path,
    Url,
    Time,
    Uuid,
    Id,
    Email,
    Bool,
    Size,
    Duration,
    /// Words, or values of several kinds.
    Any,
}

impl Slot {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Num => "<num>",
            Self::Hex => "<hex>",
            Self::Ip => "<ip>",
            Self::Host => "<host>",
            Self::Path => "<path>",
            Self::Url => "<url>",
            Self::Time => "<time>",
            Self::Uuid => "<uuid>",
            Self::Id => "<id>",
            Self::Email => "<email>",
            Self::Bool => "<bool>",
            Self::Size => "<size>",
            Self::Duration => "<duration>",
            Self::Any => "<*>",
        }
    }

    /// What a value looks like.
    pub(crate) fn of(value: &str) -> Self {
        let bytes = value.as_bytes();
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let unsigned = value.trim_start_matches(['-', '+', '<', '>', '~']);
        let number_end =
            unsigned.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')).count();
        let unit = unsigned[number_end..].trim();
        if digits == 0 && matches!(value.to_ascii_lowercase().as_str(), "true" | "false") {
            return Self::Bool;
        }
        if value.contains("://") {
            return Self::Url;
        }
        if is_ip(unsigned) || is_ip(value.trim_start_matches('/')) {
            return Self::Ip;
        }
        if value.starts_with(['/', '~', '.']) || value.contains('\\') || value.matches('/').count() >= 3 {
            return Self::Path;
        }
        if number_end > 0 {
            match unit {
                "" | "%" => return Self::Num,
                "B" | "KB" | "kB" | "MB" | "GB" | "TB" | "PB" | "KiB" | "MiB" | "GiB" | "TiB" | "byte"
                | "bytes" | "K" | "k" | "M" | "G" => return Self::Size,
                "ns" | "us" | "µs" | "ms" | "s" | "sec" | "secs" | "second" | "seconds" | "min" | "mins"
                | "minute" | "minutes" | "h" | "hour" | "hours" | "day" | "days" => return Self::Duration,
                _ => {}
            }
        }
        if value.contains('@') && letters > 0 && !value.contains('$') {
            return Self::Email;
        }
        if bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-') {
            return Self::Uuid;
        }
        let prefixed = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
        if prefixed.is_some() || (bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit)) {
            return Self::Hex;
        }
        let has_calendar =
            value.split([' ', ',', '-']).any(|word| crate::lexicon::is_calendar(word.as_bytes()));
        let colons = bytes.iter().filter(|&&byte| byte == b':').count();
        if has_calendar || (colons >= 2 && digits >= 4 && letters <= 3) || (digits >= 6 && is_date(value)) {
            return Self::Time;
        }
        if digits == 0 && value.contains('.') {
            return Self::Host;
        }
        if letters == 0 && !value.contains(' ') { Self::Num } else { Self::Id }
    }

    /// A slot for the values of both.
    fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }
}

fn is_ip(value: &str) -> bool {
    let address = value.split([':', '/', ' ']).next().unwrap_or_default();
    let mut count = 0;
    for part in address.split('.') {
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return value.parse::<std::net::Ipv6Addr>().is_ok();
        }
        count += 1;
    }
    count == 4
}

fn is_date(value: &str) -> bool {
    let mut groups = value.split(['-', '/', '.']);
    let (Some(first), Some(second), Some(third)) = (groups.next(), groups.next(), groups.next()) else {
        return false;
    };
    let digits = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits(first, &[2, 4])
        && digits(second, &[2])
        && third.len() >= 2
        && third.as_bytes()[..2].iter().all(u8::is_ascii_digit)
}

/// One token of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// As [`Token::hash`].
    pub hash: u64,
    /// What stands between the token before and this one: blanks (as one), full stops.
    pub lead: SmolStr,
    pub text: PartText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartText {
    Constant(SmolStr),
    Variable {
        slot: Slot,
        /// A word with digits that has been the same in every line so far (`jk2_init`): shown as it is.
        so_far: Option<SmolStr>,
    },
}

impl Part {
    pub fn is_variable(&self) -> bool {
        self.hash == VARIABLE
    }

    pub fn is_word(&self) -> bool {
        self.hash >= token::WORDS_FROM
    }

    /// The text of a constant.
    pub fn constant(&self) -> Option<&str> {
        match &self.text {
            PartText::Constant(text) => Some(text),
            PartText::Variable { .. } => None,
        }
    }
}

/// The text of a pattern. `Display` writes it as people read it:
/// `Connection from <ip> closed after <duration>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(crate) parts: Box<[Part]>,
    /// What stands after the last token.
    pub(crate) tail: SmolStr,
}

/// Longest text kept of one constant or remembered value; longer ones are cut with an ellipsis.
const TEXT_BYTES_MAX: usize = 120;
/// A remembered value longer than this is not a name (`tryToReload1514044800223`).
const NAME_BYTES_MAX: usize = 24;

impl Template {
    /// The template of a line that was scanned into `tokens`.
    pub(crate) fn new(line: &str, tokens: &[Token]) -> Self {
        let mut parts = Vec::with_capacity(tokens.len());
        let mut last_end = tokens.first().map_or(0, |token| token.start as usize);
        for token in tokens {
            let text = slice(line, token.start as usize, token.end as usize);
            let part_text = if token.is_variable() {
                let so_far = is_name_like(text).then(|| SmolStr::new(text));
                PartText::Variable { slot: Slot::of(text), so_far }
            } else {
                PartText::Constant(shorten(text))
            };
            let lead = lead_of(slice(line, last_end, token.start as usize));
            parts.push(Part { hash: token.hash, lead, text: part_text });
            last_end = token.end as usize;
        }
        let stop = slice(line, last_end, line.len().min(last_end + 1));
        let tail = if stop == "." { SmolStr::new_static(".") } else { SmolStr::default() };
        Self { parts: parts.into(), tail }
    }

    /// The hash that lines of exactly this shape have.
    pub(crate) fn shape(&self) -> u64 {
        hash::sequence(self.parts.iter().map(|part| part.hash))
    }

    /// This template with variables at `places`, which `others` (of the same layout) have too.
    pub(crate) fn generalised<'a>(
        &self,
        places: u128,
        others: impl Iterator<Item = &'a Self> + Clone,
    ) -> Self {
        let mut parts = self.parts.clone();
        for (index, part) in parts.iter_mut().enumerate() {
            if places & (1 << index) != 0 {
                *part = Part {
                    hash: VARIABLE,
                    lead: part.lead.clone(),
                    text: PartText::Variable { slot: Slot::Any, so_far: None },
                };
            } else if let PartText::Variable { slot, so_far } = &mut part.text {
                for other in others.clone() {
                    let PartText::Variable { slot: other_slot, so_far: other_so_far } =
                        &other.parts[index].text
                    else {
                        continue;
                    };
                    *slot = slot.join(*other_slot);
                    if so_far != other_so_far {
                        *so_far = None;
                    }
                }
            }
        }
        Self { parts, tail: self.tail.clone() }
    }

    /// Takes note of the values of another line with this pattern. Returns whether there is still a name that might vary.
    pub(crate) fn note(&mut self, line: &str, tokens: &[Token]) -> bool {
        let mut open = false;
        for (part, token) in self.parts.iter_mut().zip(tokens) {
            if let PartText::Variable { slot, so_far: so_far @ Some(_) } = &mut part.text {
                let text = slice(line, token.start as usize, token.end as usize);
                if so_far.as_deref() == Some(text) {
                    open = true;
                } else {
                    *slot = slot.join(Slot::of(text));
                    *so_far = None;
                }
            }
        }
        open
    }

    /// The text with every variable as `<*>`, as published ground truths write it.
    pub fn to_star_text(&self) -> String {
        self.render(|_, so_far| so_far.cloned().unwrap_or_else(|| SmolStr::new_static("<*>")))
    }

    /// The constant texts between variables that have a word in them, in order: what a search for lines of this
    /// pattern looks for.
    pub fn phrases(&self) -> Vec<String> {
        let mut phrases = vec![String::new()];
        for part in &self.parts {
            match (&part.text, phrases.last_mut()) {
                (PartText::Constant(text), Some(phrase)) => {
                    if !phrase.is_empty() {
                        phrase.push_str(&part.lead);
                    }
                    phrase.push_str(text);
                }
                _ => phrases.push(String::new()),
            }
        }
        phrases.retain(|phrase| phrase.chars().filter(|character| character.is_alphabetic()).count() >= 2);
        phrases
    }

    fn render(&self, name: impl Fn(Slot, Option<&SmolStr>) -> SmolStr) -> String {
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(&part.lead);
            match &part.text {
                PartText::Constant(text) => out.push_str(text),
                PartText::Variable { slot, so_far } => out.push_str(&name(*slot, so_far.as_ref())),
            }
        }
        out.push_str(&self.tail);
        out
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .render(|slot, so_far| so_far.cloned().unwrap_or_else(|| SmolStr::new_static(slot.as_str()))),
        )
    }
}

fn slice(line: &str, start: usize, end: usize) -> &str {
    // Token borders are between ASCII and other text, or where the line was cut.
    line.get(start..end).unwrap_or_default()
}

fn shorten(text: &str) -> SmolStr {
    if text.len() <= TEXT_BYTES_MAX {
        return SmolStr::new(text);
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    SmolStr::new(format!("{}…", &text[..end]))
}

/// A gap as people want to see it: one blank for many, full stops as they are.
fn lead_of(gap: &str) -> SmolStr {
    let mut out = String::new();
    for character in gap.chars() {
        if character == '.' {
            out.push('.');
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    SmolStr::new(out)
}

/// A word that happens to hold digits rather than a value: more letters than digits, of a name's length.
fn is_name_like(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    plain
        && text.len() <= NAME_BYTES_MAX
        && digits <= 3
        && letters > digits
        && text.as_bytes()[0].is_ascii_alphabetic()
}

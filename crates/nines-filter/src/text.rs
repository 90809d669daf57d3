use nines_model::{SmolStr, field};
use regex::bytes::{Regex, RegexBuilder};

/// Where words and phrases are looked for.
pub const TEXT_FIELDS: [&str; 10] = [
    field::BODY,
    field::NAME,
    field::STATUS_MESSAGE,
    field::EVENT_NAME,
    field::SERVICE_NAME,
    "exception.type",
    "exception.message",
    "error.message",
    "url.path",
    "http.route",
];

/// A word longer than this is refused. Looking for overlapping occurrences costs up to length × text, and no word
/// that a person types comes near.
pub(crate) const MAX_WORD_BYTES: usize = 256;

/// A word or phrase, ready to be looked for. See the crate documentation for what counts as found.
#[derive(Debug, Clone)]
pub struct TextSearch {
    text: SmolStr,
    prefix: bool,
    needle: Regex,
    starts_in_word: bool,
    ends_in_word: bool,
    id_field: Option<&'static str>,
}

impl TextSearch {
    /// `text` must be neither empty nor longer than 256 bytes; `prefix` lets the last word go on.
    pub fn new(text: &str, prefix: bool) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_WORD_BYTES {
            return None;
        }
        let needle = RegexBuilder::new(&regex::escape(text))
            .case_insensitive(true)
            // ASCII words fold by ASCII rules only: `k` is not the Kelvin sign, and searching is faster.
            .unicode(!text.is_ascii())
            .build()
            .expect("an escaped word of bounded length is a small regular expression");
        let bounded = |character: char| is_word(character) && !is_cjk(character);
        Some(Self {
            starts_in_word: text.chars().next().is_some_and(bounded),
            ends_in_word: !prefix && text.chars().next_back().is_some_and(bounded),
            id_field: if prefix { None } else { id_field(text) },
            text: SmolStr::new(text),
            prefix,
            needle,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_prefix(&self) -> bool {
        self.prefix
    }

    /// The id field that this word is also compared with, if it has the shape of an id: see [`TextSearch::is_id`].
    pub fn id_field(&self) -> Option<&'static str> {
        self.id_field
    }

    /// Whether `value`, read from [`TextSearch::id_field`], is the id that was typed, in any case.
    pub fn is_id(&self, value: &str) -> bool {
        value.eq_ignore_ascii_case(&self.text)
    }

    pub fn is_found_in(&self, haystack: &str) -> bool {
        let bytes = haystack.as_bytes();
        let mut from = 0;
        while let Some(found) = self.needle.find_at(bytes, from) {
            if self.is_bounded(haystack, found.start(), found.end()) {
                return true;
            }
            let step = haystack[found.start()..].chars().next().map_or(1, char::len_utf8);
            from = found.start() + step;
        }
        false
    }

    fn is_bounded(&self, haystack: &str, start: usize, end: usize) -> bool {
        let joins = |neighbour: Option<char>| neighbour.is_some_and(|next| is_word(next) && !is_cjk(next));
        !(self.starts_in_word && joins(haystack[..start].chars().next_back())
            || self.ends_in_word && joins(haystack[end..].chars().next()))
    }
}

impl PartialEq for TextSearch {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.prefix == other.prefix
    }
}

fn id_field(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match text.len() {
        32 => Some(field::TRACE_ID),
        16 => Some(field::SPAN_ID),
        _ => None,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Scripts written without blanks: kana, CJK ideographs and their extensions, Hangul, and full-width forms.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{A4CF}' | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, prefix: bool, haystack: &str, expected: bool) {
        let search = TextSearch::new(word, prefix).unwrap();
        assert_eq!(search.is_found_in(haystack), expected, "{word:?} (prefix {prefix}) in {haystack:?}");
    }

    #[test]
    fn words_are_found_at_word_boundaries_in_any_case() {
        check("time", false, "Time-out", true);
        check("time", false, "timeout", false);
        check("time", true, "timeout", true);
        check("time", true, "runtime", false);
        check("time", false, "timeout, then TIME", true);
        check("user", false, "user_id", false);
        check("connection reset", false, "ERROR Connection Reset by peer", true);
        check("connection reset", false, "connection  reset", false);
        check("-v", false, "run -v", true);
        check("aa-aa", false, "aaa-aa-aa", true);
        check("größe", false, "Die GRÖSSE", false);
        check("größe", false, "Die GRÖßE", true);
        check("k", false, "300 \u{212A}", false);
    }

    #[test]
    fn text_without_blanks_needs_no_boundary() {
        check("卡", false, "直播卡顿", true);
        check("直播", false, "看直播很卡", true);
        check("cdn", false, "切换CDN失败", true);
        check("直播a", false, "直播ab", false);
    }

    #[test]
    fn ids_are_recognised_by_their_shape() {
        assert_eq!(
            TextSearch::new("4bf92f3577b34da6a3ce929d0e0e4736", false).unwrap().id_field(),
            Some("trace_id")
        );
        assert_eq!(TextSearch::new("00f067aa0ba902b7", false).unwrap().id_field(), Some("span_id"));
        assert_eq!(TextSearch::new("00f067aa0ba902b", false).unwrap().id_field(), None);
    }
}

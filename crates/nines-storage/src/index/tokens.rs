//! Words of a text as numbers.
//!
//! A **token** stands for a word or for two neighbouring characters of a script without blanks, by the rules by which
//! the filter language finds words (`nines_filter::TextSearch`): letters, digits and `_` make words; Chinese, Japanese
//! and Korean characters are no part of a word, and neighbours among them are taken two by two. Words of ASCII letters are
//! compared in any case. Words with other letters have no token, because "any case" means more there than a table of
//! bytes can say: whoever looks for one has to look at the rows.

/// A token: FNV-1a (64 bits) of the lower-case word, mixed by SplitMix64's finaliser. Part of the format.
pub type Token = u64;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What a byte is: part of a word (then in lower case), a separator (0), or part of a longer character.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            word @ (b'0'..=b'9' | b'a'..=b'z' | b'_') => word,
            upper @ b'A'..=b'Z' => upper + 32,
            128.. => LONG,
            _ => 0,
        };
        byte += 1;
    }
    class
};
const LONG: u8 = 255;

/// Calls `see` with each token of a text, as often as it occurs.
pub fn each_token(text: &str, mut see: impl FnMut(Token)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let mut hash = FNV_OFFSET;
        let start = at;
        while at < bytes.len() {
            let class = CLASS[usize::from(bytes[at])];
            if class == 0 || class == LONG {
                break;
            }
            hash = (hash ^ u64::from(class)).wrapping_mul(FNV_PRIME);
            at += 1;
        }
        if at < bytes.len() && bytes[at] >= 128 {
            at = see_long(text, start, at, hash, &mut see);
            continue;
        }
        if at > start {
            see(mix(hash));
        }
        at += 1;
    }
}

/// Goes on at a character beyond ASCII at `at`, before which the ASCII part of a word began at `start`. Returns where
/// plain text goes on.
#[cold]
fn see_long(text: &str, start: usize, at: usize, hash: u64, see: &mut impl FnMut(Token)) -> usize {
    let mut is_plain = true;
    let mut word_from = start;
    let mut before: Option<char> = None;
    for (offset, character) in text[at..].char_indices() {
        let here = at + offset;
        if is_cjk(character) {
            if is_plain && word_from < here {
                see(mix(if before.is_none() && word_from == start {
                    hash
                } else {
                    fold(&text[word_from..here])
                }));
            }
            if let Some(before) = before {
                see_pair(before, character, see);
            }
            before = Some(character);
            is_plain = true;
            word_from = here + character.len_utf8();
        } else if character.is_alphanumeric() || character == '_' {
            before = None;
            is_plain &= character.is_ascii();
        } else {
            if is_plain && word_from < here {
                see(mix(fold(&text[word_from..here])));
            }
            return here + character.len_utf8();
        }
    }
    if is_plain && word_from < text.len() {
        see(mix(fold(&text[word_from..])));
    }
    text.len()
}

fn see_pair(first: char, second: char, see: &mut impl FnMut(Token)) {
    // Full-width letters have two cases; nothing is said about them.
    if has_case(first) || has_case(second) {
        return;
    }
    let mut hash = FNV_OFFSET;
    for character in [first, second] {
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    see(mix(hash));
}

fn fold(word: &str) -> u64 {
    word.bytes()
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FNV_PRIME))
}

fn has_case(character: char) -> bool {
    character.is_lowercase() || character.is_uppercase()
}

/// The tokens that every text has in which `phrase` is found. `starts_open` and `ends_open` say that its first or last
/// word may be part of a longer one. No tokens means that nothing can be ruled out.
pub fn required_tokens(phrase: &str, starts_open: bool, ends_open: bool) -> Vec<Token> {
    let is_word = |character: char| (character.is_alphanumeric() || character == '_') && !is_cjk(character);
    let mut inner = phrase;
    if starts_open {
        inner = inner.trim_start_matches(is_word);
    }
    if ends_open {
        inner = inner.trim_end_matches(is_word);
    }
    let mut tokens = Vec::new();
    each_token(inner, |token| tokens.push(token));
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// SplitMix64's finaliser (Steele et al. 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// As in the filter language: kana, CJK ideographs and their extensions, Hangul, and full-width forms.
fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{A4CF}' | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &[&str]) {
        let mut found = Vec::new();
        each_token(text, |token| found.push(token));
        let expected: Vec<Token> = words.iter().map(|word| mix(fold(word))).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn words_and_pairs_of_characters_are_tokens() {
        check("", &[]);
        check("Connection reset, by 10.2.3.4!", &["connection", "reset", "by", "10", "2", "3", "4"]);
        check("user_id=7", &["user_id", "7"]);
        check("切换CDN失败了", &["切换", "cdn", "失败", "败了"]);
        check("a 卡 b", &["a", "b"]);
        check("größe über x", &["x"]);
        check("x größe", &["x"]);
        check("naïve_9 ok–fine", &["ok", "fine"]);
        check("é", &[]);
        check("ok卡顿é", &["ok", "卡顿"]);
        check("é卡顿ok", &["卡顿", "ok"]);
        check("ＡＢ卡顿", &["卡顿"]);
    }

    #[test]
    fn a_phrase_requires_the_words_that_it_bounds() {
        let tokens = |words: &[&str]| {
            let mut tokens: Vec<Token> = words.iter().map(|word| mix(fold(word))).collect();
            tokens.sort_unstable();
            tokens
        };
        assert_eq!(
            required_tokens("Authentication failure", false, false),
            tokens(&["authentication", "failure"])
        );
        assert_eq!(required_tokens("time", false, true), tokens(&[]));
        assert_eq!(required_tokens("by time", false, true), tokens(&["by"]));
        assert_eq!(required_tokens("ab cd ef", true, true), tokens(&["cd"]));
        assert_eq!(required_tokens("直播卡", false, false), tokens(&["直播", "播卡"]));
    }
}

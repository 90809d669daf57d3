//! When is a constant word a variable after all? When enough lines that are otherwise equal disagree in it.
//!
//! Patterns of one *layout* (same punctuation in the same places, same number of tokens, same first word) are
//! compared token by token. The places where they differ become variables if
//! - in each of them enough different words were seen ([`WORDS_MIN`], fewer where the context says that a name
//!   comes, many more if all of them are CAPITALS, because those are states of a closed set), or one pattern has a variable there already;
//! - the words that stay constant are at least twice as many, so that unrelated sentences never become one.

use crate::hash;
use crate::lexicon;
use crate::template::Template;

/// So many different words in one place make it a variable.
const WORDS_MIN: usize = 5;
/// The same after `=` or within quotes, where values stand.
const WORDS_MIN_VALUE: usize = 4;
/// The same after a word such as `user`.
const WORDS_MIN_NAME: usize = 3;
/// The same if all words are in capitals.
const WORDS_MIN_CAPITALS: usize = 16;
/// At most so many places become variables at once.
const PLACES_MAX: u32 = 3;
/// Constant words that must stay, per place that becomes a variable.
const CONSTANTS_PER_PLACE: usize = 2;

/// Where two templates of one layout differ, as bits; `None` if in too many places.
pub(crate) fn difference(left: &Template, right: &Template) -> Option<u128> {
    if left.parts.len() != right.parts.len() {
        return None;
    }
    let mut places = 0_u128;
    for (index, (left, right)) in left.parts.iter().zip(&*right.parts).enumerate() {
        if left.hash != right.hash {
            places |= 1 << index;
        }
    }
    (places.count_ones() <= PLACES_MAX).then_some(places)
}

/// The layout of a template: equal for those that may be compared.
pub(crate) fn layout(template: &Template) -> u64 {
    let mut first = None;
    let shape = template.parts.iter().map(|part| if part.is_word() || part.is_variable() { u64::MAX } else { part.hash });
    let shape = hash::sequence(shape);
    for part in &template.parts {
        if part.is_word() || part.is_variable() {
            first = Some(part.hash);
            break;
        }
    }
    hash::sequence([shape, first.unwrap_or_default()].into_iter())
}

/// The places of `template` to make variable, given what differs in its `neighbours` (template and
/// [`difference`]), and the neighbours that are then equal to it. `None` if there is not enough evidence.
pub(crate) fn decide(template: &Template, neighbours: &[(&Template, u128)]) -> Option<u128> {
    let mut candidates: Vec<u128> = neighbours.iter().map(|&(_, places)| places).collect();
    candidates.sort_unstable_by_key(|&places| (places.count_ones(), places));
    candidates.dedup();
    candidates.into_iter().find(|&places| is_proved(template, neighbours, places))
}

fn is_proved(template: &Template, neighbours: &[(&Template, u128)], places: u128) -> bool {
    let constants = template
        .parts
        .iter()
        .enumerate()
        .filter(|(index, part)| part.is_word() && places & (1 << index) == 0)
        .count();
    let wanted = CONSTANTS_PER_PLACE * places.count_ones() as usize;
    if constants < wanted {
        return false;
    }
    let members: Vec<&Template> = neighbours.iter().filter(|(_, other)| other & !places == 0).map(|&(member, _)| member).collect();
    (0..template.parts.len()).filter(|index| places & (1 << index) != 0).all(|index| {
        let mut hashes: Vec<u64> = members.iter().map(|member| member.parts[index].hash).collect();
        hashes.push(template.parts[index].hash);
        if hashes.contains(&crate::token::VARIABLE) {
            return true;
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes.len() >= words_wanted(template, &members, index)
    })
}

fn words_wanted(template: &Template, members: &[&Template], index: usize) -> usize {
    let words = members.iter().copied().chain([template]).filter_map(|member| member.parts[index].constant());
    if words.clone().all(is_capitals) {
        return WORDS_MIN_CAPITALS;
    }
    let before = index.checked_sub(1).and_then(|before| template.parts[before].constant()).unwrap_or_default();
    let name_at = if matches!(before, "=" | ":" | "\"" | "'") { index.checked_sub(2) } else { index.checked_sub(1) };
    let name = name_at.and_then(|at| template.parts[at].constant()).unwrap_or_default();
    if lexicon::announces_a_name(name) && before != "=" {
        WORDS_MIN_NAME
    } else if matches!(before, "=" | "\"" | "'") {
        WORDS_MIN_VALUE
    } else {
        WORDS_MIN
    }
}

fn is_capitals(word: &str) -> bool {
    word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

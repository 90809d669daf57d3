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
/// Several places at once are weaker evidence: so many more patterns than words wanted, for each further place.
const MEMBERS_MORE_PER_PLACE: usize = 2;
/// Constant words that must stay, per place that becomes a variable; one will do if what differs are names.
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

/// The layout of a template: equal for those that may be compared. The first plain word is part of it, so that
/// `sshd started` and `crond started` stay two, while what looks like a name may be a variable in the first place too.
pub(crate) fn layout(template: &Template) -> u64 {
    let shape = template
        .parts
        .iter()
        .map(|part| if part.is_word() || part.is_variable() { u64::MAX } else { part.hash });
    let shape = hash::sequence(shape);
    let plain =
        (0..template.parts.len()).find(|&index| template.parts[index].is_word() && !is_name(template, index));
    hash::sequence([shape, plain.map_or(0, |index| template.parts[index].hash)].into_iter())
}

/// Whether the word is spelt as names are (`nginx.service`, `my-topic`), or stands first and in brackets or quotes.
fn is_name(template: &Template, index: usize) -> bool {
    let Some(word) = template.parts[index].constant() else { return false };
    let inner = word.trim_matches(|character: char| !character.is_alphanumeric());
    let is_spelt_so = inner.contains(['.', '_', '-', '/', '$', '@'])
        && inner.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_first =
        index == 1 && matches!(template.parts[0].constant(), Some("(" | "[" | "\"" | "'" | "<" | "{"));
    is_spelt_so || is_first
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
    let is_place = |index: &usize| places & (1 << index) != 0;
    let constants = (0..template.parts.len())
        .filter(|index| template.parts[*index].is_word() && !is_place(index))
        .count();
    let members: Vec<&Template> =
        neighbours.iter().filter(|(_, other)| other & !places == 0).map(|&(member, _)| member).collect();
    let more = MEMBERS_MORE_PER_PLACE * (places.count_ones() as usize - 1);
    let mut constants_wanted = 0;
    for index in (0..template.parts.len()).filter(is_place) {
        let all = || members.iter().copied().chain([template]);
        let mut hashes: Vec<u64> = all().map(|member| member.parts[index].hash).collect();
        let are_names = all().all(|member| member.parts[index].is_variable() || is_name(member, index));
        constants_wanted += if are_names { 1 } else { CONSTANTS_PER_PLACE };
        if hashes.contains(&crate::token::VARIABLE) {
            continue;
        }
        hashes.sort_unstable();
        hashes.dedup();
        let Some(wanted) = words_wanted(template, &members, index, are_names) else { return false };
        if hashes.len() < wanted || members.len() + 1 < wanted + more {
            return false;
        }
    }
    constants >= constants_wanted
}

/// So many different words prove that the place is a variable; `None` if nothing does.
fn words_wanted(template: &Template, members: &[&Template], index: usize, are_names: bool) -> Option<usize> {
    let mut words =
        members.iter().copied().chain([template]).filter_map(|member| member.parts[index].constant());
    if words.clone().all(is_capitals) {
        return Some(WORDS_MIN_CAPITALS);
    }
    let constant = |back: usize| index.checked_sub(back).and_then(|at| template.parts[at].constant());
    let before = constant(1).unwrap_or_default();
    let is_quoted = matches!(before, "\"" | "'");
    // `name="value"`, `"name": "value"`, `name=value`, `name value`
    let name = (1..=5)
        .filter_map(constant)
        .find(|text| !matches!(*text, "\"" | "'" | "=" | ":"))
        .unwrap_or_default();
    let is_value = is_quoted || before == "=";
    if is_value && lexicon::announces_text(name)
        || is_quoted && words.any(|word| word.contains(' ')) && name.is_empty()
    {
        return None;
    }
    Some(if lexicon::announces_a_name(name) && !is_value {
        WORDS_MIN_NAME
    } else if is_value || are_names {
        WORDS_MIN_VALUE
    } else {
        WORDS_MIN
    })
}

fn is_capitals(word: &str) -> bool {
    word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

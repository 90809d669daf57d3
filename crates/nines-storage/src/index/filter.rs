use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};

use super::INDEXED_TEXT;
use super::tokens::{Token, each_token};
use nines_model::field;

/// Bits that a token sets.
pub(super) const PROBES: u64 = 4;
/// Words of 64 bits while a filter is gathered: 512 KiB, which with four bits a token is half full at 700 000 different
/// tokens, five a row.
const WORDS_MAX: usize = 1 << 16;
/// A filter is folded in two as long as it stays this full at most: then a token that is not there is taken for one that
/// is in one of sixteen cases at worst, and in one of some hundred as a rule.
const FULL_MAX: f64 = 0.5;

/// Gathers the tokens of one row group.
pub(crate) struct FilterBuilder {
    words: Vec<u64>,
    /// Nothing can be said of this row group: some text is where its words are not looked for.
    unknown: bool,
    /// The last text of each column: those of few values need not be read again.
    last: HashMap<&'static str, String>,
}

impl FilterBuilder {
    pub fn new() -> Self {
        Self { words: vec![0; WORDS_MAX], unknown: false, last: HashMap::new() }
    }

    /// Adds the texts of some rows of the row group.
    pub fn add(&mut self, batch: &RecordBatch) {
        // What did not fit its column may be text too, and is escaped there.
        let overflow = batch.column_by_name(field::OVERFLOW);
        self.unknown |= overflow.is_some_and(|column| column.null_count() < column.len());
        for name in INDEXED_TEXT {
            match batch.column_by_name(name).map(|column| column.as_string_view_opt()) {
                None => {}
                Some(Some(texts)) => self.add_texts(name, texts),
                // A column of another type: its values are not text, but nobody promises that they never are.
                Some(None) => self.unknown = true,
            }
        }
    }

    fn add_texts(&mut self, name: &'static str, texts: &StringViewArray) {
        let Self { words, last, .. } = self;
        let last = last.entry(name).or_default();
        let mut previous: Option<&str> = Some(last);
        for text in texts.iter().flatten() {
            if previous == Some(text) {
                continue;
            }
            each_token(text, |token| insert(words, token));
            previous = Some(text);
        }
        if let Some(text) = previous {
            *last = text.to_owned();
        }
    }

    /// The filter of the row group, as small as it may be, or `None` if nothing can be said. Starts the next one.
    pub fn finish(&mut self) -> Option<Vec<u64>> {
        self.last.clear();
        let unknown = std::mem::take(&mut self.unknown);
        let mut words = std::mem::replace(&mut self.words, vec![0; WORDS_MAX]);
        while words.len() > 1 {
            let (low, high) = words.split_at(words.len() / 2);
            let folded: Vec<u64> = low.iter().zip(high).map(|(low, high)| low | high).collect();
            let ones: u64 = folded.iter().map(|word| u64::from(word.count_ones())).sum();
            if ones as f64 > FULL_MAX * (folded.len() * 64) as f64 {
                break;
            }
            words = folded;
        }
        (!unknown).then_some(words)
    }
}

/// The bits of a token in a filter of a power of two of bits. Folding a filter in two keeps them in place.
fn bits(token: Token, words: usize) -> impl Iterator<Item = u64> {
    let mask = words as u64 * 64 - 1;
    let step = (token >> 32) | 1;
    (0..PROBES).map(move |probe| token.wrapping_add(probe.wrapping_mul(step)) & mask)
}

fn insert(words: &mut [u64], token: Token) {
    for bit in bits(token, words.len()) {
        words[(bit / 64) as usize] |= 1 << (bit % 64);
    }
}

pub(super) fn contains(words: &[u64], token: Token) -> bool {
    bits(token, words.len()).all(|bit| words[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
}

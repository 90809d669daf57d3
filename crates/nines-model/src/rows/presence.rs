use std::ops::Range;

use super::RowSet;

/// Which rows have a value in a column. The values lie packed, in order of row.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// `len` rows in a row, from `start`.
    Run { start: u32, len: u32 },
    /// Few rows, ascending.
    List(Vec<u32>),
    /// Many rows. `ranks` has, for each word of the set, how many rows are in the words before it.
    Mask { set: RowSet, ranks: Vec<u32> },
}

/// A list takes 32 bits a value and a mask 1 bit a row, and half as much again for the ranks.
const ROWS_PER_LISTED_VALUE: usize = 16;

impl Presence {
    pub(super) const NOWHERE: Self = Self::Run { start: 0, len: 0 };

    /// From the rows, ascending, of a batch of `rows` rows.
    pub fn of(rows: usize, present: Vec<u32>) -> Self {
        match (present.first(), present.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize + 1 == present.len() => {
                Self::Run { start: first, len: present.len() as u32 }
            }
            (None, _) | (_, None) => Self::NOWHERE,
            _ if present.len() * ROWS_PER_LISTED_VALUE < rows => Self::List(present),
            _ => {
                let mut set = RowSet::none(rows);
                for row in present {
                    set.insert(row as usize);
                }
                Self::of_set(set)
            }
        }
    }

    pub fn of_set(set: RowSet) -> Self {
        let mut before = 0;
        let ranks = set
            .words()
            .iter()
            .map(|word| {
                let rank = before;
                before += word.count_ones();
                rank
            })
            .collect();
        Self::Mask { set, ranks }
    }

    /// The place of a row's value among the packed ones.
    pub fn index_of(&self, row: usize) -> Option<usize> {
        match self {
            Self::Run { start, len } => {
                row.checked_sub(*start as usize).filter(|index| *index < *len as usize)
            }
            Self::List(list) => u32::try_from(row).ok().and_then(|row| list.binary_search(&row).ok()),
            Self::Mask { set, ranks } => set.contains(row).then(|| {
                let below = set.words()[row / 64] & ((1 << (row % 64)) - 1);
                (ranks[row / 64] + below.count_ones()) as usize
            }),
        }
    }

    /// How many rows have a value.
    pub fn len(&self) -> usize {
        match self {
            Self::Run { len, .. } => *len as usize,
            Self::List(list) => list.len(),
            Self::Mask { set, .. } => set.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the last row with a value.
    pub fn end(&self) -> usize {
        match self {
            Self::Run { start, len } => *start as usize + *len as usize,
            Self::List(list) => list.last().map_or(0, |row| *row as usize + 1),
            Self::Mask { set, .. } => set.rows(),
        }
    }

    /// How many rows before `row` have a value: the place of the first value at or after it.
    pub fn rank(&self, row: usize) -> usize {
        match self {
            Self::Run { start, len } => row.saturating_sub(*start as usize).min(*len as usize),
            Self::List(list) => list.partition_point(|listed| (*listed as usize) < row),
            Self::Mask { set, ranks } => match ranks.get(row / 64) {
                Some(rank) => {
                    let below = set.words()[row / 64] & ((1 << (row % 64)) - 1);
                    (rank + below.count_ones()) as usize
                }
                None => set.len(),
            },
        }
    }

    /// The rows with a value, ascending.
    pub fn rows(&self) -> PresentRows<'_> {
        self.rows_within(0..usize::MAX)
    }

    /// Those of them that lie in a range. The first one's value is at [`Presence::rank`] of the range's start.
    pub fn rows_within(&self, range: Range<usize>) -> PresentRows<'_> {
        match self {
            Self::Run { start, len } => {
                let (start, end) = (*start as usize, *start as usize + *len as usize);
                PresentRows::Run(start.max(range.start)..end.min(range.end))
            }
            Self::List(list) => {
                let to = list.partition_point(|row| (*row as usize) < range.end);
                PresentRows::List(list[self.rank(range.start).min(to)..to].iter())
            }
            Self::Mask { set, .. } => {
                let first = (range.start / 64).min(set.words().len());
                let (word, words) = match set.words()[first..].split_first() {
                    Some((word, words)) => (word & (u64::MAX << (range.start % 64)), words),
                    None => (0, &[][..]),
                };
                PresentRows::Mask { words, word, base: first * 64, end: range.end }
            }
        }
    }
}

/// See [`Presence::rows`].
#[derive(Debug, Clone)]
pub enum PresentRows<'a> {
    Run(Range<usize>),
    List(std::slice::Iter<'a, u32>),
    /// `word` is what is left of the word whose first row is `base`; `words` are those after it.
    Mask {
        words: &'a [u64],
        word: u64,
        base: usize,
        end: usize,
    },
}

impl Iterator for PresentRows<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Run(range) => range.next(),
            Self::List(list) => list.next().map(|row| *row as usize),
            Self::Mask { words, word, base, end } => {
                while *word == 0 {
                    let (first, rest) = words.split_first()?;
                    *word = *first;
                    *words = rest;
                    *base += 64;
                }
                let row = *base + word.trailing_zeros() as usize;
                *word &= *word - 1;
                (row < *end).then_some(row)
            }
        }
    }
}

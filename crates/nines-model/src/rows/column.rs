use std::ops::Range;

use super::presence::{Presence, PresentRows};
use super::{Rewrite, RowSet};
use crate::value::{Name, ValueRef, ValueType};

/// The own values of one name and one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub(super) name: Name,
    pub(super) presence: Presence,
    pub(super) values: Values,
}

/// The values that are present, in order of row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Str(TextColumn),
    Json(TextColumn),
    Bytes(BytesColumn),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
}

/// Texts, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextColumn {
    text: String,
    /// Where each text ends; it begins where the one before it ends.
    ends: Vec<u32>,
}

/// Byte strings, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BytesColumn {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Column {
    /// # Errors
    /// What is wrong, if there is not one value for each row that has one.
    pub fn new(name: Name, presence: Presence, values: Values) -> Result<Self, &'static str> {
        if presence.len() == values.len() {
            Ok(Self { name, presence, values })
        } else {
            Err("a column has not as many values as rows")
        }
    }

    pub fn name(&self) -> &Name {
        &self.name
    }

    pub fn kind(&self) -> ValueType {
        self.values.kind()
    }

    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    pub fn values(&self) -> &Values {
        &self.values
    }

    /// How many rows have a value here.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the last row with a value.
    pub fn end(&self) -> usize {
        self.presence.end()
    }

    /// The value of a row.
    pub fn get(&self, row: usize) -> Option<ValueRef<'_>> {
        self.presence.index_of(row).map(|index| self.values.get(index))
    }

    /// Every value with its row, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, ValueRef<'_>)> {
        self.iter_within(0..usize::MAX)
    }

    /// The values of the rows in a range.
    pub fn iter_within(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, ValueRef<'_>)> {
        let first = self.presence.rank(rows.start);
        self.presence.rows_within(rows).zip(first..).map(|(row, index)| (row, self.values.get(index)))
    }

    /// See [`super::Rows::rewrite`]. `rows` is how many the batch has. Nothing is copied until something changes.
    pub(super) fn rewrite(
        &mut self,
        rows: usize,
        rewrite: &mut impl FnMut(&Name, ValueRef<'_>) -> Rewrite,
    ) -> bool {
        let mut changed: Option<(Values, Vec<u32>)> = None;
        for (index, row) in self.rows().enumerate() {
            let value = self.values.get(index);
            let outcome = rewrite(&self.name, value);
            if changed.is_none() && outcome != Rewrite::Keep {
                let mut before = Values::new(self.kind());
                (0..index).for_each(|index| before.push(self.values.get(index)));
                changed = Some((before, self.rows().take(index).map(|row| row as u32).collect()));
            }
            let Some((values, present)) = &mut changed else { continue };
            match outcome {
                Rewrite::Keep => values.push(value),
                Rewrite::Replace(new) => values.push(ValueRef::from(&new)),
                Rewrite::Drop => continue,
            }
            present.push(row as u32);
        }
        let Some((values, present)) = changed else { return false };
        self.values = values;
        self.presence = Presence::of(rows, present);
        true
    }

    /// See [`super::Rows::fill_int`]. None of `within` has a value here, and this is a column of numbers.
    pub(super) fn fill_int(&mut self, rows: usize, within: &RowSet, number: i64) {
        let Values::Int(old) = &self.values else { return };
        let mut all: Vec<(u32, i64)> =
            self.rows().zip(old).map(|(row, value)| (row as u32, *value)).collect();
        all.extend(within.iter().map(|row| (row as u32, number)));
        all.sort_unstable_by_key(|(row, _)| *row);
        let (present, values) = all.into_iter().unzip();
        self.values = Values::Int(values);
        self.presence = Presence::of(rows, present);
    }

    /// The rows that have a value here, ascending.
    pub fn rows(&self) -> PresentRows<'_> {
        self.presence.rows()
    }
}

impl Values {
    pub(super) fn new(kind: ValueType) -> Self {
        match kind {
            ValueType::Str => Self::Str(TextColumn::default()),
            ValueType::Json => Self::Json(TextColumn::default()),
            ValueType::Bytes => Self::Bytes(BytesColumn::default()),
            ValueType::Int | ValueType::Time => Self::Int(Vec::new()),
            ValueType::Float => Self::Float(Vec::new()),
            ValueType::Bool => Self::Bool(Vec::new()),
        }
    }

    pub fn kind(&self) -> ValueType {
        match self {
            Self::Str(_) => ValueType::Str,
            Self::Json(_) => ValueType::Json,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Int(_) => ValueType::Int,
            Self::Float(_) => ValueType::Float,
            Self::Bool(_) => ValueType::Bool,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Str(texts) | Self::Json(texts) => texts.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(numbers) => numbers.len(),
            Self::Float(numbers) => numbers.len(),
            Self::Bool(flags) => flags.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// # Panics
    /// If there are not so many values.
    pub fn get(&self, index: usize) -> ValueRef<'_> {
        match self {
            Self::Str(texts) => ValueRef::Str(texts.get(index)),
            Self::Json(texts) => ValueRef::Json(texts.get(index)),
            Self::Bytes(bytes) => ValueRef::Bytes(bytes.get(index)),
            Self::Int(numbers) => ValueRef::Int(numbers[index]),
            Self::Float(numbers) => ValueRef::Float(numbers[index]),
            Self::Bool(flags) => ValueRef::Bool(flags[index]),
        }
    }

    /// Adds a value of this column's type.
    pub(super) fn push(&mut self, value: ValueRef<'_>) {
        match (self, value) {
            (Self::Str(texts), ValueRef::Str(text)) | (Self::Json(texts), ValueRef::Json(text)) => {
                texts.push(text)
            }
            (Self::Bytes(column), ValueRef::Bytes(bytes)) => column.push(bytes),
            (Self::Int(numbers), ValueRef::Int(number)) => numbers.push(number),
            (Self::Float(numbers), ValueRef::Float(number)) => numbers.push(number),
            (Self::Bool(flags), ValueRef::Bool(flag)) => flags.push(flag),
            _ => panic!("a column holds values of one type"),
        }
    }

    /// Takes the last value out again.
    pub(super) fn pop(&mut self) {
        match self {
            Self::Str(texts) | Self::Json(texts) => texts.pop(),
            Self::Bytes(bytes) => bytes.pop(),
            Self::Int(numbers) => drop(numbers.pop()),
            Self::Float(numbers) => drop(numbers.pop()),
            Self::Bool(flags) => drop(flags.pop()),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Str(texts) | Self::Json(texts) => texts.text.len() + texts.ends.len() * 4,
            Self::Bytes(bytes) => bytes.bytes.len() + bytes.ends.len() * 4,
            Self::Int(numbers) => numbers.len() * 8,
            Self::Float(numbers) => numbers.len() * 8,
            Self::Bool(flags) => flags.len(),
        }
    }
}

/// Where an item that is added to `length` bytes ends.
fn end_of(length: usize) -> u32 {
    u32::try_from(length).expect("a request is bounded far below 4 GiB")
}

impl TextColumn {
    /// # Errors
    /// What is wrong, if the ends do not ascend, lie within a character, or leave text over.
    pub fn new(text: String, ends: Vec<u32>) -> Result<Self, &'static str> {
        let mut start = 0;
        for &end in &ends {
            if end < start || !text.is_char_boundary(end as usize) {
                return Err("a text ends where no text can");
            }
            start = end;
        }
        if start as usize == text.len() { Ok(Self { text, ends }) } else { Err("text is left over") }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// # Panics
    /// If there are not so many texts.
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text[start..self.ends[index] as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.iter_from(0)
    }

    /// The texts from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &str> {
        let mut start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.ends[index..].iter().map(move |&end| {
            let text = &self.text[start..end as usize];
            start = end as usize;
            text
        })
    }

    /// All texts, one after another.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where each text ends in [`TextColumn::text`].
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(end_of(self.text.len()));
    }

    fn pop(&mut self) {
        self.ends.pop();
        self.text.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }
}

impl BytesColumn {
    /// # Errors
    /// What is wrong, if the ends do not ascend or leave bytes over.
    pub fn new(bytes: Vec<u8>, ends: Vec<u32>) -> Result<Self, &'static str> {
        let ascending = ends.windows(2).all(|pair| pair[0] <= pair[1]);
        if ascending && ends.last().map_or(0, |end| *end as usize) == bytes.len() {
            Ok(Self { bytes, ends })
        } else {
            Err("bytes end where they cannot")
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// # Panics
    /// If there are not so many.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// All bytes, one after another.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each ends in [`BytesColumn::bytes`].
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(end_of(self.bytes.len()));
    }

    fn pop(&mut self) {
        self.ends.pop();
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }
}

//! A field of a batch as codes: each row's text is a small number, so that counting is adding to an array.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType};

use nines_filter::ValueRef;
use nines_model::{Timestamp, field};

use crate::overflow::OverflowFields;

/// The code of a row without the field.
pub(crate) const ABSENT: u32 = u32::MAX;
/// The code of a row whose text found no place in the [`Dictionary`].
pub(crate) const UNKNOWN: u32 = u32::MAX - 1;

/// Texts with their codes, given in order of appearance; grows up to a bound.
#[derive(Debug)]
pub(crate) struct Dictionary {
    codes: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
    texts_max: usize,
    overflowed: bool,
}

impl Dictionary {
    pub fn new(texts_max: usize) -> Self {
        Self { codes: HashMap::new(), texts: Vec::new(), texts_max, overflowed: false }
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }

    /// There were more texts than the bound.
    pub fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        if self.texts.len() >= self.texts_max {
            self.overflowed = true;
            return UNKNOWN;
        }
        let code = self.texts.len() as u32;
        self.codes.insert(text.into(), code);
        self.texts.push(text.into());
        code
    }
}

/// One code per row for the field `name`: of its column, or where that is null of its value in the overflow objects.
pub(crate) fn encode(
    name: &str,
    column: Option<&ArrayRef>,
    overflow: Option<&ArrayRef>,
    rows: usize,
    dictionary: &mut Dictionary,
) -> Vec<u32> {
    let mut codes = match column {
        Some(column) => encode_column(column, dictionary),
        None => vec![ABSENT; rows],
    };
    if let Some(objects) = overflow
        && name != field::TIMESTAMP
    {
        let objects = Texts::of(objects);
        for (row, code) in codes.iter_mut().enumerate() {
            if *code == ABSENT
                && let Some(object) = objects.text(row)
                && let Some(text) = text_in(&object, name)
            {
                *code = dictionary.code(&text);
            }
        }
    }
    codes
}

/// The text of a field of an overflow object.
pub(crate) fn text_in(object: &str, name: &str) -> Option<String> {
    OverflowFields::parse(object)?.with_value(name, |value| match value {
        ValueRef::Str(text) | ValueRef::Json(text) => text.to_owned(),
        ValueRef::Int(number) => number.to_string(),
        ValueRef::Float(number) => number.to_string(),
        ValueRef::Bool(flag) => flag.to_string(),
        ValueRef::Bytes(_) => String::new(),
    })
}

fn encode_column(column: &ArrayRef, dictionary: &mut Dictionary) -> Vec<u32> {
    if let Some(coded) = column.as_dictionary_opt::<Int32Type>() {
        // Translated when first met: a batch may use few of a dictionary's entries.
        const UNSEEN: u32 = u32::MAX - 2;
        let texts = Texts::of(coded.values());
        let mut known = vec![UNSEEN; coded.values().len()];
        let translate = |code: Option<i32>| {
            let Some(code) = code else { return ABSENT };
            let known = &mut known[code as usize];
            if *known == UNSEEN {
                *known = texts.text(code as usize).map_or(ABSENT, |text| dictionary.code(&text));
            }
            *known
        };
        return match coded.nulls() {
            None => coded.keys().values().iter().copied().map(Some).map(translate).collect(),
            Some(_) => coded.keys().iter().map(translate).collect(),
        };
    }
    let texts = Texts::of(column);
    let mut last: Option<(String, u32)> = None;
    (0..column.len())
        .map(|row| match texts.text(row) {
            None => ABSENT,
            // Rows are sorted and come in streams: often the text is that of the row before.
            Some(text) => match &last {
                Some((before, code)) if *before == text => *code,
                _ => {
                    let code = dictionary.code(&text);
                    last = Some((text.into_owned(), code));
                    code
                }
            },
        })
        .collect()
}

/// The values of an array as people read them.
pub(crate) enum Texts<'a> {
    View(&'a arrow::array::StringViewArray),
    Plain(&'a arrow::array::StringArray),
    Int(&'a arrow::array::Int64Array),
    Float(&'a arrow::array::Float64Array),
    Bool(&'a arrow::array::BooleanArray),
    Time(&'a arrow::array::TimestampNanosecondArray),
    Coded(&'a arrow::array::Int32Array, Box<Texts<'a>>),
    /// Bytes have no text.
    None,
}

impl<'a> Texts<'a> {
    pub fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8View => Self::View(array.as_string_view()),
            DataType::Utf8 => Self::Plain(array.as_string()),
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Self::Time(array.as_primitive::<TimestampNanosecondType>())
            }
            DataType::Dictionary(..) => match array.as_dictionary_opt::<Int32Type>() {
                Some(coded) => Self::Coded(coded.keys(), Box::new(Self::of(coded.values()))),
                None => Self::None,
            },
            _ => Self::None,
        }
    }

    /// `None` where the value is null.
    pub fn text(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::View(texts) => texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row))),
            Self::Plain(texts) => texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row))),
            Self::Int(ints) => ints.is_valid(row).then(|| Cow::Owned(ints.value(row).to_string())),
            Self::Float(floats) => floats.is_valid(row).then(|| Cow::Owned(floats.value(row).to_string())),
            Self::Bool(flags) => flags.is_valid(row).then(|| Cow::Owned(flags.value(row).to_string())),
            Self::Time(times) => {
                times.is_valid(row).then(|| Cow::Owned(Timestamp::from_nanos(times.value(row)).to_string()))
            }
            Self::Coded(codes, texts) => {
                codes.is_valid(row).then(|| texts.text(codes.value(row) as usize)).flatten()
            }
            Self::None => None,
        }
    }
}

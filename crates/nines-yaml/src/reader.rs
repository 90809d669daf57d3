//! Takes typed values out of a [`Node`] tree, collecting every mistake on the way. A getter that fails records why
//! and answers `None`; the caller goes on, so that one pass finds them all.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{DocumentError, DocumentWarning, suggest};
use crate::node::{Entry, Mark, Node, Raw};

/// Where each value of a document stood, by path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks(BTreeMap<String, Mark>);

impl Marks {
    /// The place of `path`, or of the nearest thing around it that has one.
    pub fn find(&self, path: &str) -> Mark {
        let mut path = path;
        loop {
            if let Some(mark) = self.0.get(path) {
                return *mark;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.0.get("").copied().unwrap_or_default(),
            }
        }
    }
}

/// What one file's reading has found so far.
pub struct Reader<'a> {
    pub file: Option<Arc<str>>,
    pub source: &'a str,
    pub errors: Vec<DocumentError>,
    pub warnings: Vec<DocumentWarning>,
    /// Of the document being read.
    pub marks: Marks,
}

impl<'a> Reader<'a> {
    pub fn new(file: Option<&str>, source: &'a str) -> Self {
        Self {
            file: file.map(Arc::from),
            source,
            errors: Vec::new(),
            warnings: Vec::new(),
            marks: Marks::default(),
        }
    }

    pub fn error(&mut self, mark: Mark, path: &str, message: impl Into<String>, hint: Option<String>) {
        self.errors.push(DocumentError {
            file: self.file.clone(),
            line: mark.line,
            column: mark.column,
            path: path.to_owned(),
            message: message.into(),
            hint,
        });
    }

    pub fn warn(&mut self, mark: Mark, path: &str, message: impl Into<String>) {
        self.warnings.push(DocumentWarning {
            file: self.file.clone(),
            line: mark.line,
            column: mark.column,
            path: path.to_owned(),
            message: message.into(),
        });
    }

    pub fn mark(&mut self, path: &str, mark: Mark) {
        self.marks.0.insert(path.to_owned(), mark);
    }

    fn wrong_type(&mut self, node: &Node, path: &str, expected: &str) {
        let message = match node.value {
            Raw::Null => format!("is empty, {expected} is needed"),
            ref value => format!("must be {expected}, not {}", value.describe()),
        };
        self.error(node.mark, path, message, None);
    }

    /// A string. Numbers and booleans are taken by their text with a warning, as people forget quotes.
    pub fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Raw::Str(text) => Some(text.clone()),
            Raw::Bool(_) | Raw::Int(_) | Raw::Float(_) => {
                let text = self.source.get(node.source.clone()).unwrap_or_default().trim().to_owned();
                self.warn(node.mark, path, format!("read as the text \"{text}\"; quote it to say so"));
                Some(text)
            }
            _ => {
                self.wrong_type(node, path, "a string");
                None
            }
        }
    }

    pub fn number(&mut self, node: &Node, path: &str) -> Option<f64> {
        match &node.value {
            Raw::Int(number) => Some(*number as f64),
            Raw::Float(number) if number.is_finite() => Some(*number),
            Raw::Str(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                self.warn(node.mark, path, "a number in quotes; read as the number");
                text.trim().parse().ok()
            }
            _ => {
                self.wrong_type(node, path, "a number");
                None
            }
        }
    }

    pub fn boolean(&mut self, node: &Node, path: &str) -> Option<bool> {
        match &node.value {
            Raw::Bool(flag) => Some(*flag),
            _ => {
                self.wrong_type(node, path, "true or false");
                None
            }
        }
    }

    /// The items with their paths. A list that is written down but empty (`alertPolicies:`) is no items, with a
    /// warning, since published examples do it.
    pub fn items<'n>(&mut self, node: &'n Node, path: &str) -> Vec<(String, &'n Node)> {
        match &node.value {
            Raw::Seq(items) => {
                items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
            }
            Raw::Null => {
                self.warn(node.mark, path, "is written down but empty; read as no entries");
                Vec::new()
            }
            _ => {
                self.wrong_type(node, path, "a list");
                Vec::new()
            }
        }
    }

    pub fn fields<'n>(&mut self, node: &'n Node, path: &str) -> Option<Fields<'n>> {
        self.marks.0.insert(path.to_owned(), node.mark);
        match &node.value {
            Raw::Map(entries) => {
                Some(Fields { path: path.to_owned(), mark: node.mark, entries, known: Vec::new() })
            }
            _ => {
                self.wrong_type(node, path, "a map");
                None
            }
        }
    }

    /// A word out of a fixed set. Case is forgiven with a warning.
    pub fn choice<T: Copy>(&mut self, node: &Node, path: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, path)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        if let Some((word, value)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
            self.warn(node.mark, path, format!("`{text}` is read as `{word}`"));
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.error(node.mark, path, format!("`{text}` is not known"), suggest(&text, &words));
        None
    }
}

/// The entries of one map. Each getter names a key that may stand there; [`Fields::finish`] reports the others.
pub struct Fields<'n> {
    pub path: String,
    pub mark: Mark,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub fn path_of(&self, key: &str) -> String {
        let plain = !key.contains(['.', '/', ' ', '[']);
        match (self.path.is_empty(), plain) {
            (true, _) => key.to_owned(),
            (false, true) => format!("{}.{key}", self.path),
            (false, false) => format!("{}[\"{key}\"]", self.path),
        }
    }

    /// The value under `key`, whatever it is; an empty one counts.
    pub fn get(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        reader.marks.0.insert(self.path_of(key), entry.value.mark);
        Some(&entry.value)
    }

    /// As [`Fields::get`], but an absent key is an error of the map.
    pub fn required(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
        let found = self.get(reader, key);
        // A key nearly so named is reported once, as unknown, with this one as its suggestion.
        let misspelt = self.entries.iter().any(|entry| {
            crate::error::nearest(&entry.key, [key]).is_some()
                && entry.key != key
                && !self.known.contains(&&*entry.key)
        });
        if found.is_none() && !misspelt {
            let message = if self.path.is_empty() {
                format!("the document has no `{key}`")
            } else {
                format!("`{key}` is missing")
            };
            reader.error(self.mark, &self.path, message, None);
        }
        found
    }

    pub fn text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
        let node = self.get(reader, key).filter(|node| !matches!(node.value, Raw::Null))?;
        reader.text(node, &self.path_of(key))
    }

    pub fn required_text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
        let node = self.required(reader, key)?;
        let text = reader.text(node, &self.path_of(key))?;
        if text.trim().is_empty() {
            reader.error(node.mark, &self.path_of(key), "is empty, a string is needed", None);
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<bool> {
        let node = self.get(reader, key)?;
        reader.boolean(node, &self.path_of(key))
    }

    pub fn number(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<f64> {
        let node = self.get(reader, key)?;
        reader.number(node, &self.path_of(key))
    }

    pub fn items(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Vec<(String, &'n Node)> {
        let path = self.path_of(key);
        match self.get(reader, key) {
            Some(node) => reader.items(node, &path),
            None => Vec::new(),
        }
    }

    pub fn texts(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Vec<String> {
        let items = self.items(reader, key);
        items
            .into_iter()
            .filter_map(|(path, node)| {
                reader.marks.0.insert(path.clone(), node.mark);
                reader.text(node, &path)
            })
            .collect()
    }

    pub fn fields(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Fields<'n>> {
        let node = self.get(reader, key)?;
        reader.fields(node, &self.path_of(key))
    }

    pub fn required_fields(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Fields<'n>> {
        let node = self.required(reader, key)?;
        reader.fields(node, &self.path_of(key))
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    pub fn mark_of(&self, key: &str) -> Mark {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.mark, |entry| entry.value.mark)
    }

    pub fn key_mark_of(&self, key: &str) -> Mark {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.mark, |entry| entry.key_mark)
    }

    pub fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    /// Reports keys written twice, in a map whose keys are free.
    pub fn finish_free(self, reader: &mut Reader<'_>) {
        self.report_duplicates(reader);
    }

    /// Reports the keys that nobody asked for, and those written twice.
    pub fn finish(mut self, reader: &mut Reader<'_>) {
        self.known.sort_unstable();
        self.known.dedup();
        for entry in self.entries {
            if !self.known.contains(&entry.key.as_str()) {
                let hint = suggest(&entry.key, &self.known);
                reader.error(
                    entry.key_mark,
                    &self.path_of(&entry.key),
                    format!("unknown key `{}`", entry.key),
                    hint,
                );
            }
        }
        self.report_duplicates(reader);
    }

    fn report_duplicates(&self, reader: &mut Reader<'_>) {
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(first) = self.entries[..index].iter().find(|other| other.key == entry.key) {
                let message =
                    format!("key `{}` is written twice, first on line {}", entry.key, first.key_mark.line);
                reader.error(
                    entry.key_mark,
                    &self.path_of(&entry.key),
                    message,
                    Some("keep one of them".to_owned()),
                );
            }
        }
    }
}

use std::fmt;

use nines_base::ErrorKind;

/// Why a text is not a filter, and where. `Display` is one line; [`FilterError::render`] points into the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    pub message: String,
    /// Byte offset of the mistake, on a character boundary, at most the length of the text.
    pub offset: usize,
    /// Bytes that are wrong; 0 at the end of the text.
    pub len: usize,
    /// What to write instead.
    pub hint: Option<String>,
}

impl FilterError {
    pub(crate) fn new(message: impl Into<String>, offset: usize, len: usize) -> Self {
        Self { message: message.into(), offset, len, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }

    /// The line of `source` with the mistake, carets under it, and the message:
    /// ```text
    /// status == 500
    ///        ^^ `==` is not an operator: did you mean `=`?
    /// ```
    pub fn render(&self, source: &str) -> String {
        let offset = self.offset.min(source.len());
        let line_start = source[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
        let line = source[line_start..line_end].replace('\t', " ");
        let indent = width(&source[line_start..offset]);
        let carets = width(&source[offset..(offset + self.len).min(line_end).max(offset)]).max(1);
        format!("{line}\n{:indent$}{} {self}", "", "^".repeat(carets))
    }
}

/// Columns on a terminal: wide characters of Chinese, Japanese and Korean take two.
fn width(text: &str) -> usize {
    text.chars().map(|character| if crate::text::is_cjk(character) { 2 } else { 1 }).sum()
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn carets_point_at_the_mistake() {
        let source = "服務: a and status == 500";
        let error = crate::Filter::parse(source).unwrap_err();
        let rendered = error.render(source);
        let lines: Vec<_> = rendered.lines().collect();
        assert_eq!(lines[0], source);
        // Two wide characters stand before the mistake.
        assert_eq!(lines[1], "                   ^^ `==` is not an operator: did you mean `=`?");
    }
}

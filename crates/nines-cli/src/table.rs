//! Columns that line up, also with wide characters and with colours.

use unicode_width::UnicodeWidthStr;

use crate::output::style;

#[derive(Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

/// Between columns.
const GAP: &str = "  ";

impl Table {
    pub fn new<T: Into<String>>(headers: impl IntoIterator<Item = T>) -> Self {
        Self { headers: headers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// These columns are numbers: aligned to the right.
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| one_line(&cell.into())).collect());
    }

    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.chain([&self.headers[column]]).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let headers: Vec<String> = self.headers.iter().map(|header| style::bold(header)).collect();
        let mut text = self.line(&headers, &widths);
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, width_max)) in cells.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width_max.saturating_sub(width(cell)));
            line.push_str(if column == 0 { "" } else { GAP });
            let (before, after) = if self.right.contains(&column) {
                (padding, String::new())
            } else {
                (String::new(), padding)
            };
            line.push_str(&before);
            line.push_str(cell);
            line.push_str(&after);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// A cell must not break its line, let data write control codes to the terminal, or turn the direction of what follows
/// (CVE-2021-42574). Our own colours are kept.
pub fn one_line(text: &str) -> String {
    escaped(text, is_unprintable)
}

/// The same for text of several lines, which keeps its line breaks and tabs. Everything that is written to standard output
/// goes through here, so that a command that forgets [`one_line`] is no way in.
pub fn printable(text: &str) -> String {
    escaped(text, |c| !matches!(c, '\n' | '\t') && is_unprintable(c))
}

/// JSON that is safe to look at: what could steer a terminal occurs inside strings alone, where `\u` says the same.
pub fn printable_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => safe.push(c),
            c if is_unprintable(c) => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

fn escaped(text: &str, is_unprintable: impl Fn(char) -> bool + Copy) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_unprintable) {
        line.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = colour_length(rest) {
            line.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let control = rest.chars().next().unwrap_or(' ');
        line.extend(control.escape_default());
        rest = &rest[control.len_utf8()..];
    }
    line.push_str(rest);
    line
}

/// Control characters, line and paragraph separators, and marks of direction.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Codes that this program writes itself: plain, bold, dim, and six colours. Others could hide or cover text.
const COLOURS: [&str; 11] = ["", "0", "1", "2", "31", "32", "33", "34", "35", "36", "39"];

/// Length of the colour code (`ESC [ digits m`) that `text` begins with.
fn colour_length(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\x1b[")?;
    let length = codes.find('m')?;
    COLOURS.contains(&&codes[..length]).then_some(2 + length + 1)
}

fn width(cell: &str) -> usize {
    let mut total = 0;
    let mut rest = cell;
    while let Some(at) = rest.find('\x1b') {
        total += rest[..at].width();
        rest = &rest[at + colour_length(&rest[at..]).unwrap_or(1)..];
    }
    total + rest.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_characters_and_colours() {
        let mut table = Table::new(["name", "count"]).right(&[1]);
        table.row(["結帳", "7"]);
        table.row(["\x1b[31mcheckout\x1b[0m", "1200"]);
        assert_eq!(table.render(), "name      count\n結帳          7\n\x1b[31mcheckout\x1b[0m   1200\n");
    }

    #[test]
    fn data_cannot_move_the_cursor_or_break_a_line() {
        assert_eq!(one_line("a\nb\x1b[2Jc\x1b]0;t\x07"), "a\\nb\\u{1b}[2Jc\\u{1b}]0;t\\u{7}");
        assert_eq!(printable("a\n\tb\u{9b}2Jc\x1b[31mr\x1b[0m"), "a\n\tb\\u{9b}2Jc\x1b[31mr\x1b[0m");
        let json = serde_json::to_string("a\u{9b}\u{202e}\x1b名").unwrap();
        assert_eq!(printable_json(&json), r#""a\u009b\u202e\u001b名""#);
        assert_eq!(one_line("pay\u{202e}gpj.exe\x1b[8mhidden"), "pay\\u{202e}gpj.exe\\u{1b}[8mhidden");
    }
}

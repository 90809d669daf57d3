//! Fields with spaces between them, some in quotes or brackets.

/// The fields of a line. `"…"` and `[…]` hold spaces and are given without their marks; `\"` does not end a quote.
pub(super) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub fn of(line: &'a str) -> Self {
        Self { rest: line }
    }

    /// What has not been taken yet.
    pub fn rest(&self) -> &'a str {
        self.rest.trim_ascii_start()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_ascii_start();
        let (field, after) = match rest.as_bytes().first()? {
            b'"' => {
                let inside = &rest[1..];
                let end = quote_end(inside)?;
                (&inside[..end], &inside[end + 1..])
            }
            b'[' => {
                let inside = &rest[1..];
                let end = inside.find(']')?;
                (&inside[..end], &inside[end + 1..])
            }
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
        };
        self.rest = after;
        Some(field)
    }
}

fn quote_end(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text.as_bytes()[from..])?;
        if text.as_bytes()[at] == b'"' {
            return Some(at);
        }
        from = (at + 2).min(text.len());
    }
}

/// The field unless it says that there is nothing.
pub(super) fn present(field: &str) -> Option<&str> {
    (!matches!(field, "" | "-")).then_some(field)
}

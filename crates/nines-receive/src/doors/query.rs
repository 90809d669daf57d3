//! The query of a URL.

/// `a=b&c=d` as pairs, percent-decoded; `+` is a space. What is not UTF-8 is replaced.
pub(crate) fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// The first value under a name.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
}

/// Percent-decoded text, `+` as a space.
fn decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Percent-decoded text; a `%` that begins no code stands for itself.
pub(crate) fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let pairs = pairs(Some("a=1&b=x%20y+z&c&d=%zz%e9"));
        for (name, expected) in [("a", "1"), ("b", "x y z"), ("c", ""), ("d", "%zz\u{fffd}")] {
            assert_eq!(value(&pairs, name), Some(expected), "{name}");
        }
        assert_eq!(value(&pairs, "e"), None);
    }
}

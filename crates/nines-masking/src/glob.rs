//! Names of fields with `*`.

/// Whether `name` is what `pattern` means: `*` is any run of characters, everything else is itself.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at_pattern, mut at_name) = (0, 0);
    // Where to go on if what follows the last star does not fit here.
    let mut again: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                again = Some((at_pattern + 1, at_name));
                at_pattern += 1;
            }
            Some(byte) if *byte == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => {
                let Some((after_star, from)) = again else { return false };
                again = Some((after_star, from + 1));
                at_pattern = after_star;
                at_name = from + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in [
            ("*", "body"),
            ("*", ""),
            ("user.*", "user.email"),
            ("*.email", "user.email"),
            ("a*b*c", "a1b2bc"),
            ("body", "body"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("user.*", "users"), ("body", "bod"), ("bod", "body"), ("a*b*c", "a1c2b"), ("", "x")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}

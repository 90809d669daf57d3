/// The known name that is most like `name`, if one is like it at all: case and the signs between words are ignored
/// first, then two edits are forgiven in a short name and a third of its length in a long one, then a name that ends
/// or begins with it is taken (`region` finds `cloud.region`).
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(name);
    if wanted.is_empty() {
        return None;
    }
    let allowed = (wanted.chars().count() / 3).max(2).min(wanted.chars().count().saturating_sub(1));
    known
        .into_iter()
        .filter_map(|candidate| {
            let folded = fold(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &folded);
            let contained = wanted.len() >= 3 && (folded.ends_with(&wanted) || folded.starts_with(&wanted));
            if distance <= allowed {
                Some((distance, candidate))
            } else if contained {
                Some((allowed + 1 + folded.len(), candidate))
            } else {
                None
            }
        })
        .min()
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    // Long enough for every real name, short enough that the quadratic distance is cheap.
    const MAX_CHARS: usize = 64;
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(MAX_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["service.name", "cloud.region", "http.response.status_code", "trace_id", "body"];
        for (typed, expected) in [
            ("servce.name", Some("service.name")),
            ("service_name", Some("service.name")),
            ("Region", Some("cloud.region")),
            ("status_code", Some("http.response.status_code")),
            ("traceId", Some("trace_id")),
            ("bdoy", Some("body")),
            ("quux", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}

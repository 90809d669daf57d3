//! A configuration as it may be shown: with `<secret>` where its secrets are, as Prometheus shows its own.

use nines_yaml::{Node, Raw};

const SHOWN: &str = "<secret>";

/// Keys whose values are secrets wherever they stand in Prometheus' configuration.
const SECRET_KEYS: [&str; 12] = [
    "password",
    "credentials",
    "bearer_token",
    "client_secret",
    "client_certificate_key",
    "secret_key",
    "secrets",
    "key",
    "token",
    "api_key",
    "access_key",
    "application_credential_secret",
];

/// The text with its secrets replaced, the rest byte for byte as it was. `None`: it is no YAML, or a secret cannot be
/// found in the text (an alias, a block of lines); then nothing of it may be shown.
pub fn redacted(text: &str) -> Option<String> {
    let documents = nines_yaml::parse(text).ok()?;
    let mut places = Vec::new();
    for document in &documents {
        find(document, &mut places)?;
    }
    places.sort_unstable_by_key(|place: &std::ops::Range<usize>| place.start);
    places.dedup();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        out.push_str(text.get(done..place.start)?);
        out.push_str(SHOWN);
        done = place.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

fn find(node: &Node, places: &mut Vec<std::ops::Range<usize>>) -> Option<()> {
    match &node.value {
        Raw::Seq(items) => items.iter().try_for_each(|item| find(item, places)),
        Raw::Map(entries) => entries.iter().try_for_each(|entry| {
            if SECRET_KEYS.contains(&entry.key.as_str()) {
                hide(&entry.value, places)
            } else {
                find(&entry.value, places)
            }
        }),
        _ => Some(()),
    }
}

/// Every scalar below.
fn hide(node: &Node, places: &mut Vec<std::ops::Range<usize>>) -> Option<()> {
    match &node.value {
        Raw::Null => Some(()),
        Raw::Seq(items) => items.iter().try_for_each(|item| hide(item, places)),
        Raw::Map(entries) => entries.iter().try_for_each(|entry| hide(&entry.value, places)),
        _ if node.source.is_empty() => None,
        _ => {
            places.push(node.source.clone());
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        let text = "scrape_configs:\n- job_name: a # mine\n  basic_auth: {username: u, password: \"p:w\"}\n  static_configs: [{targets: ['h:1']}]\n- job_name: b\n  authorization:\n    credentials: abc\n  http_headers:\n    X-Key: {secrets: [one, two]}\n";
        let shown = redacted(text).unwrap();
        assert_eq!(
            shown,
            "scrape_configs:\n- job_name: a # mine\n  basic_auth: {username: u, password: <secret>}\n  static_configs: [{targets: ['h:1']}]\n- job_name: b\n  authorization:\n    credentials: <secret>\n  http_headers:\n    X-Key: {secrets: [<secret>, <secret>]}\n"
        );
        assert_eq!(redacted(": : ["), None);
        // What spreads over lines has to go, too.
        let block = redacted("a:\n  password: |\n    hidden\nb: 1\n");
        assert!(block.is_none_or(|text| !text.contains("hidden")));
    }
}

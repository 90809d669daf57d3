//! `MailIntegration`.

use nines_incidents::Level;
use nines_slo::Meta;
use nines_slo::documents::{Fields, Reader};

use crate::intake::{ADDRESS_BYTES_MAX, ADDRESS_CHARS_SAFE, MailIntegration, Pattern};

/// Senders of one integration.
const SENDERS_MAX: usize = 100;

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<MailIntegration> {
    let errors = reader.errors.len();
    let address = spec.required_text(reader, "address").map(|text| text.trim().to_lowercase());
    let (mark, path) = (spec.mark_of("address"), spec.path_of("address"));
    if let Some(address) = &address {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if address.is_empty() || address.len() > ADDRESS_BYTES_MAX || !address.chars().all(fits) {
            let hint = Some("write what stands before the @: letters, digits, -, _ and .".to_owned());
            reader.error(
                mark,
                &path,
                format!("must have 1 to {ADDRESS_BYTES_MAX} characters of an address"),
                hint,
            );
        } else if address.starts_with("nin_") {
            reader.error(mark, &path, "begins as keys of this node do", None);
        } else if address.len() < ADDRESS_CHARS_SAFE {
            let text = format!(
                "whoever guesses the address can send alerts: put random letters behind it, {ADDRESS_CHARS_SAFE} in all"
            );
            reader.warn(mark, &path, text);
        }
    }
    let service = spec.text(reader, "service");
    let words: Vec<(&str, Level)> = Level::ALL.iter().map(|level| (level.as_str(), *level)).collect();
    let path = spec.path_of("level");
    let level = spec.get(reader, "level").and_then(|node| reader.choice(node, &path, &words));
    let senders: Vec<String> =
        spec.texts(reader, "senders").into_iter().map(|text| text.trim().to_lowercase()).collect();
    if senders.len() > SENDERS_MAX {
        let (mark, path) = (spec.mark_of("senders"), spec.path_of("senders"));
        reader.error(mark, &path, format!("has more than {SENDERS_MAX} senders"), None);
    }
    let mut pattern = |key| {
        let text = spec.text(reader, key)?;
        Pattern::new(&text)
            .map_err(|why| {
                let (mark, path) = (spec.mark_of(key), spec.path_of(key));
                reader.error(mark, &path, format!("is no regular expression: {why}"), None);
            })
            .ok()
    };
    let (dedup, resolved) = (pattern("dedup"), pattern("resolved"));
    spec.finish(reader);
    if reader.errors.len() > errors {
        return None;
    }
    Some(MailIntegration { name: meta.name, address: address?, service, level, senders, dedup, resolved })
}

//! What the shop declares: its team, its services and its promises.

/// The promises, as OpenSLO.
pub const SLOS: &str = include_str!("documents/slos.yaml");

const TEAM: &str = include_str!("documents/team.yaml");

/// All documents, paging `webhook_url` signed with `webhook_secret`. Neither may hold a quote or a backslash.
pub fn documents(webhook_url: &str, webhook_secret: &str) -> String {
    let team = TEAM.replace("{{webhook_url}}", webhook_url).replace("{{webhook_secret}}", webhook_secret);
    format!("{team}---\n{SLOS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_understood_and_belongs_together() {
        let text = documents("http://127.0.0.1:1/pages", "whsec_c2VjcmV0");
        let parsed =
            nines_slo::parse(Some("shop.yaml"), &text).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let count = parsed.documents.len();
        let mut registry = nines_slo::Registry::default();
        registry.apply(parsed.documents).unwrap_or_else(|errors| panic!("{errors:#?}"));
        assert_eq!(registry.len(), count);
        assert_eq!(registry.slos().count(), 7);
        for story in crate::Story::ALL {
            assert!(
                registry.slos().any(|slo| slo.meta.name == story.slo()),
                "{} is not declared",
                story.slo()
            );
        }
    }
}

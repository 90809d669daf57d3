//! Masking as configured: the rules in force, made from the `MaskingRules` documents, and the key of their hashes.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use nines_base::Random;
use nines_ingest::Scrubber;
use nines_masking::{Action, BuiltIn, HashKey, Masker, MaskingError, Rule, Rules, What};
use nines_model::Batch;
use nines_slo::{Document, DocumentError, DocumentKind, MaskingAction, MaskingRules, MaskingWhat, Registry};

use crate::first_run::write_private;

/// The key of hashes, 64 hexadecimal digits, readable by the node's user only. Whoever loses it cannot join old hashes with
/// new ones; whoever has it can try texts until a hash fits.
const KEY_FILE: &str = "masking.key";

/// The rules in force; every batch asks it.
#[derive(Debug)]
pub struct MaskingSwitch {
    key: HashKey,
    /// With the rules that it was made of.
    current: ArcSwap<(Rules, Masker)>,
}

impl MaskingSwitch {
    /// Starts with the default rules; [`MaskingSwitch::follow`] comes before the first request.
    pub fn open(data: &Path, random: &Random) -> anyhow::Result<Self> {
        let key = read_or_make_key(&data.join(KEY_FILE), random)?;
        let masker = Masker::new(Rules::default(), key.clone()).context("the built-in masking rules")?;
        Ok(Self { key, current: ArcSwap::from_pointee((Rules::default(), masker)) })
    }

    /// # Errors
    /// The document with the rule that cannot work.
    pub fn check(&self, registry: &Registry) -> Result<(), DocumentError> {
        Masker::new(rules_of(registry), self.key.clone()).map(drop).map_err(|error| fault(registry, &error))
    }

    /// Masks by the documents from now on. Stored documents were checked when they were applied; if a newer version refuses
    /// them all the same, what was in force stays, because masking less than asked for is worse.
    pub fn follow(&self, registry: &Registry) {
        let rules = rules_of(registry);
        if self.current.load().0 == rules {
            return;
        }
        match Masker::new(rules.clone(), self.key.clone()) {
            Ok(masker) => self.current.store(Arc::new((rules, masker))),
            Err(error) => {
                tracing::error!(%error, "masking rules cannot be used, the ones before stay in force")
            }
        }
    }
}

impl Scrubber for MaskingSwitch {
    fn scrub(&self, batch: &mut Batch) {
        self.current.load().1.mask_batch(batch);
    }
}

fn read_or_make_key(path: &Path, random: &Random) -> anyhow::Result<HashKey> {
    let failed = || format!("cannot use {}: it holds 64 hexadecimal digits", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => parse_key(text.trim()).map(HashKey::new).with_context(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key: [u8; 32] = random.bytes();
            let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            write_private(path, &text)?;
            Ok(HashKey::new(key))
        }
        Err(error) => Err(error).with_context(failed),
    }
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

fn documents(registry: &Registry) -> impl Iterator<Item = &MaskingRules> {
    registry.iter().filter_map(|document| match &**document {
        Document::MaskingRules(rules) => Some(rules),
        _ => None,
    })
}

/// The rules of all documents, by their names, then the defaults that no document speaks of, unless one turns them off.
fn rules_of(registry: &Registry) -> Rules {
    let mut rules: Vec<Rule> = documents(registry)
        .flat_map(|document| &document.rules)
        .map(|rule| Rule {
            name: rule.name.clone(),
            what: match &rule.what {
                MaskingWhat::BuiltIn(name) => match BuiltIn::parse(name) {
                    Some(what) => What::BuiltIn(what),
                    // The document was read against the same list; see the test.
                    None => What::Pattern(name.clone()),
                },
                MaskingWhat::Pattern(pattern) => What::Pattern(pattern.clone()),
                MaskingWhat::Everything => What::Everything,
            },
            action: match rule.action {
                MaskingAction::Mask => Action::Mask,
                MaskingAction::Hash => Action::Hash,
                MaskingAction::Drop => Action::Drop,
            },
            fields: rule.fields.clone(),
        })
        .collect();
    if documents(registry).all(|document| document.defaults) {
        for built_in in BuiltIn::DEFAULT {
            if !rules.iter().any(|rule| rule.what == What::BuiltIn(built_in) && rule.fields.is_empty()) {
                rules.push(Rule::from(built_in));
            }
        }
    }
    Rules { rules }
}

fn fault(registry: &Registry, error: &MaskingError) -> DocumentError {
    let holds = |document: &&MaskingRules| {
        error.rule().is_some_and(|name| document.rules.iter().any(|rule| rule.name == name))
    };
    let name = documents(registry).find(holds).map(|document| document.meta.name.clone()).unwrap_or_default();
    DocumentError {
        file: None,
        line: 0,
        column: 0,
        path: format!("{} {name}: spec.rules", DocumentKind::MaskingRules),
        message: error.to_string(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use nines_masking::BuiltIn;
    use nines_slo::{MASKING_BUILT_INS, Registry, parse};

    use super::rules_of;

    fn rules(documents: &str) -> Vec<(String, &'static str)> {
        let mut registry = Registry::default();
        if !documents.is_empty() {
            registry.apply(parse(None, documents).unwrap().documents).unwrap();
        }
        rules_of(&registry).rules.into_iter().map(|rule| (rule.name, rule.action.as_str())).collect()
    }

    #[test]
    fn documents_and_masker_know_the_same_built_ins() {
        assert_eq!(MASKING_BUILT_INS, BuiltIn::ALL.map(BuiltIn::as_str));
    }

    #[test]
    fn documents_add_to_the_defaults_or_turn_them_off() {
        let own = |name: &str| (name.to_owned(), "mask");
        assert_eq!(rules(""), [own("payment_card"), own("token"), own("secret")]);
        let document = "apiVersion: nines/v1\nkind: MaskingRules\nmetadata: {name: a}\nspec:\n";
        let text = format!(
            "{document}  rules:\n  - {{find: secret, action: drop}}\n  - {{find: email, action: hash}}\n"
        );
        let expected =
            [("secret".to_owned(), "drop"), ("email".to_owned(), "hash"), own("payment_card"), own("token")];
        assert_eq!(rules(&text), expected);
        assert_eq!(rules(&format!("{document}  defaults: false\n  rules: []\n")), []);
    }
}

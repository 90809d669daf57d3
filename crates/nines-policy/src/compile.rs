//! From texts to a set that can be asked, with every mistake at its place.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    ActionConstraint, Effect as CedarEffect, EntityUid, Policy, PolicyId, PolicySet, ResourceConstraint,
    Schema, ValidationMode, Validator,
};
use jiff::tz::TimeZone;
use miette::Diagnostic;

use crate::error::{Fault, PolicyError};
use crate::vocabulary::{AppliesTo, Vocabulary};
use crate::{schema, zones};

/// The longest document: what people still read before they approve it.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Policies of all documents together. Each is looked at for every question; a thousand are some 300 µs.
pub const POLICIES_MAX: usize = 500;
/// Mistakes that are told of one document.
const FAULTS_MAX: usize = 50;
/// The permit that stands for the table of rights.
const TABLE: &str = "permit(principal, action, resource);";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Permit,
    Forbid,
}

/// One policy of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// `document/id`, the id as `@id("…")` gives it, else its number in the document from 1.
    pub id: String,
    pub effect: Effect,
    /// As `@reason("…")` gives it.
    pub reason: Option<String>,
    /// Where it begins, from 1.
    pub line: u32,
}

/// Documents that were read and validated.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) policies: Vec<PolicyInfo>,
    pub(crate) reasons: HashMap<String, Option<String>>,
    /// The policies alone: for actions that a permit speaks of.
    pub(crate) alone: PolicySet,
    /// With the permit of the table: for all others.
    pub(crate) with_table: PolicySet,
    pub(crate) governed: HashSet<(String, AppliesTo, &'static str)>,
    pub(crate) zones: Vec<(String, TimeZone)>,
    /// Services that are named.
    pub(crate) services: BTreeSet<String>,
    /// Whether an answer may differ from service to service.
    pub(crate) tells_services_apart: bool,
    /// Documents that could not be read when the node began.
    pub(crate) unreadable: Vec<String>,
}

/// One policy's text and where it begins.
struct Statement<'a> {
    offset: usize,
    text: &'a str,
}

impl Compiled {
    pub fn empty() -> Self {
        Self {
            policies: Vec::new(),
            reasons: HashMap::new(),
            alone: PolicySet::new(),
            with_table: PolicySet::new(),
            governed: HashSet::new(),
            zones: Vec::new(),
            services: BTreeSet::new(),
            tells_services_apart: false,
            unreadable: Vec::new(),
        }
    }

    /// Documents that were validated when they were applied, maybe by another version. Those that cannot be read any more
    /// are left out, and whatever changes something is refused in their name.
    pub fn load(vocabulary: &Vocabulary, documents: &[(&str, &str)]) -> Self {
        let is_good = |document: &(&str, &str)| Self::new(vocabulary, &[*document]).is_ok();
        let (good, bad): (Vec<_>, Vec<_>) = documents.iter().copied().partition(is_good);
        let mut compiled = Self::new(vocabulary, &good).unwrap_or_else(|_| Self::empty());
        compiled.unreadable = bad.into_iter().map(|(name, _)| name.to_owned()).collect();
        compiled
    }

    /// The documents that [`Compiled::load`] left out.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// The services that policies name.
    pub fn services(&self) -> &BTreeSet<String> {
        &self.services
    }

    /// Reads documents, each a name and a text, against a vocabulary.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with all mistakes of the first document that has any.
    pub fn new(vocabulary: &Vocabulary, documents: &[(&str, &str)]) -> Result<Self, PolicyError> {
        let mut compiled = Self::empty();
        let mut zones = BTreeSet::new();
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (index, (name, text)) in documents.iter().enumerate() {
            let mut faults = Vec::new();
            if text.len() > DOCUMENT_BYTES_MAX {
                faults.push(Fault::at(
                    name,
                    text,
                    DOCUMENT_BYTES_MAX,
                    format!("the document has more than {DOCUMENT_BYTES_MAX} bytes"),
                ));
                return Err(invalid(name, faults));
            }
            let (named, wrong) = zones::of(name, text);
            zones.extend(named);
            faults.extend(wrong);
            compiled.read(name, text, index, &mut places, &mut faults);
            if compiled.policies.len() > POLICIES_MAX {
                faults.push(Fault::at(name, text, 0, format!("there are more than {POLICIES_MAX} policies")));
            }
            if zones.len() > zones::ZONES_MAX {
                faults.push(Fault::at(
                    name,
                    text,
                    0,
                    format!("there are more than {} time zones", zones::ZONES_MAX),
                ));
            }
            if !faults.is_empty() {
                return Err(invalid(name, faults));
            }
        }
        if compiled.policies.is_empty() {
            return Ok(compiled);
        }
        let zones: Vec<String> = zones.into_iter().collect();
        let text = schema::text(vocabulary, &zones);
        let (schema, _) = Schema::from_cedarschema_str(&text).map_err(|error| {
            let fault = Fault::at("schema", &text, offset_of(&error), error.to_string());
            invalid("schema", vec![fault.hint("this is a defect of the node, not of the policies")])
        })?;
        compiled.validate(schema, documents, &places)?;
        compiled.govern(vocabulary);
        compiled.zones = zones
            .into_iter()
            .filter_map(|name| Some((TimeZone::get(&name).ok()?, name)))
            .map(|(zone, name)| (name, zone))
            .collect();
        let texts = || documents.iter().map(|(_, text)| *text);
        compiled.services = texts().flat_map(services_in).collect();
        compiled.tells_services_apart = texts().any(|text| text.contains("Service") || text.contains("Team"));
        compiled.with_table = compiled.alone.clone();
        let table = Policy::parse(Some(PolicyId::new("table")), TABLE).expect("a constant policy");
        compiled.with_table.add(table).expect("ids of policies have a slash in them");
        Ok(compiled)
    }

    /// The schema that documents are validated against, as text, with a clock for each zone of `text`.
    pub fn schema_text(vocabulary: &Vocabulary, text: &str) -> String {
        schema::text(vocabulary, &zones::of("", text).0)
    }

    pub fn policies(&self) -> &[PolicyInfo] {
        &self.policies
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.unreadable.is_empty()
    }

    fn read(
        &mut self,
        name: &str,
        text: &str,
        document: usize,
        places: &mut BTreeMap<String, (usize, usize)>,
        faults: &mut Vec<Fault>,
    ) {
        for (number, statement) in statements(text).into_iter().enumerate() {
            let policy = match Policy::parse(None, statement.text) {
                Ok(policy) => policy,
                Err(errors) => {
                    faults.extend(errors.iter().map(|error| fault(name, text, statement.offset, error)));
                    continue;
                }
            };
            let short = policy.annotation("id").map_or_else(|| (number + 1).to_string(), str::to_owned);
            let id = format!("{name}/{short}");
            if places.contains_key(&id) {
                faults.push(
                    Fault::at(name, text, statement.offset, format!("there are two policies `{short}`"))
                        .hint("give each its own @id(\"…\")"),
                );
                continue;
            }
            places.insert(id.clone(), (document, statement.offset));
            let reason = policy.annotation("reason").filter(|reason| !reason.is_empty()).map(str::to_owned);
            let effect = match policy.effect() {
                CedarEffect::Permit => Effect::Permit,
                CedarEffect::Forbid => Effect::Forbid,
            };
            let line = Fault::at(name, text, statement.offset, "").line;
            self.reasons.insert(id.clone(), reason.clone());
            self.policies.push(PolicyInfo { id: id.clone(), effect, reason, line });
            if let Err(error) = self.alone.add(policy.new_id(PolicyId::new(&id))) {
                faults.push(Fault::at(name, text, statement.offset, error.to_string()));
            }
        }
    }

    fn validate(
        &self,
        schema: Schema,
        documents: &[(&str, &str)],
        places: &BTreeMap<String, (usize, usize)>,
    ) -> Result<(), PolicyError> {
        let found = Validator::new(schema).validate(&self.alone, ValidationMode::Strict);
        let mut faults: BTreeMap<usize, Vec<Fault>> = BTreeMap::new();
        for error in found.validation_errors() {
            let id: &str = error.policy_id().as_ref();
            let (document, offset) = places.get(id).copied().unwrap_or_default();
            let (name, text) = documents[document];
            faults.entry(document).or_default().push(fault(name, text, offset, error));
        }
        match faults.into_iter().next() {
            None => Ok(()),
            Some((document, faults)) => Err(invalid(documents[document].0, faults)),
        }
    }

    /// Which actions on what are kept to those whom a permit names.
    fn govern(&mut self, vocabulary: &Vocabulary) {
        for policy in self.alone.policies().filter(|policy| policy.effect() == CedarEffect::Permit) {
            let named: Option<Vec<EntityUid>> = match policy.action_constraint() {
                ActionConstraint::Any => None,
                ActionConstraint::In(uids) => Some(uids),
                ActionConstraint::Eq(uid) => Some(vec![uid]),
            };
            let kinds = kinds_of(&policy.resource_constraint());
            for word in vocabulary.actions() {
                let is_named = |uid: &EntityUid| {
                    let id: &str = uid.id().as_ref();
                    id == word.name || word.groups.iter().any(|group| group == id)
                };
                if named.as_ref().is_none_or(|named| named.iter().any(is_named)) {
                    self.governed
                        .extend(kinds.iter().map(|kind| (word.name.clone(), word.applies_to, *kind)));
                }
            }
        }
    }
}

/// The types of resources that a constraint may hold for.
fn kinds_of(constraint: &ResourceConstraint) -> Vec<&'static str> {
    const ALL: [&str; 4] = ["Node", "Service", "Incident", "Target"];
    let within = |uid: &EntityUid| match uid.type_name().to_string().as_str() {
        "Team" => vec!["Service", "Incident"],
        "Service" => vec!["Service", "Incident", "Target"],
        "Environment" => vec!["Target"],
        _ => ALL.to_vec(),
    };
    let only = |name: String| ALL.into_iter().filter(|kind| *kind == name).collect::<Vec<_>>();
    match constraint {
        ResourceConstraint::Any => ALL.to_vec(),
        ResourceConstraint::Eq(uid) => only(uid.type_name().to_string()),
        ResourceConstraint::In(uid) => within(uid),
        ResourceConstraint::Is(name) | ResourceConstraint::IsIn(name, _) => only(name.to_string()),
    }
}

fn invalid(name: &str, mut faults: Vec<Fault>) -> PolicyError {
    faults.sort_by_key(|fault| (fault.line, fault.column));
    faults.dedup();
    faults.truncate(FAULTS_MAX);
    PolicyError::Invalid { name: name.to_owned(), faults }
}

/// The first place that an error points to, in bytes.
fn offset_of(error: &dyn Diagnostic) -> usize {
    error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset())
}

fn fault(name: &str, text: &str, base: usize, error: &dyn Diagnostic) -> Fault {
    // Cedar names the policy by an id that people never wrote; the place says it better.
    let message = error.to_string();
    let message = message
        .split_once("`, ")
        .filter(|(head, _)| head.starts_with("for policy"))
        .map_or(message.as_str(), |(_, rest)| rest);
    let fault = Fault::at(name, text, base + offset_of(error), message.trim_end_matches('.'));
    match error.help() {
        Some(help) => fault.hint(help.to_string()),
        None => fault,
    }
}

/// The policies of a text: each ends with a semicolon outside of strings and comments.
fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let (mut start, mut in_text, mut in_comment, mut escaped) = (None, false, false, false);
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => in_comment = false,
            _ if in_comment => {}
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'/' if bytes.get(at + 1) == Some(&b'/') => in_comment = true,
            b';' => {
                let from = start.take().unwrap_or(at);
                found.push(Statement { offset: from, text: &text[from..=at] });
                continue;
            }
            _ => {}
        }
        if start.is_none() && !in_comment && !byte.is_ascii_whitespace() {
            start = Some(at);
        }
    }
    // What has no end is told by the parser.
    found.extend(start.map(|from| Statement { offset: from, text: &text[from..] }));
    found
}

/// The services that a text names; those in comments too, which costs a question and hides nothing.
fn services_in(text: &str) -> Vec<String> {
    const OPENING: &str = "Service::\"";
    let ends = text.match_indices(OPENING).map(|(at, _)| &text[at + OPENING.len()..]);
    ends.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

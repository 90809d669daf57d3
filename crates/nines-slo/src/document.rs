//! Promises and their surroundings as files: OpenSLO v1 as published, OpenSLO v1alpha SLOs as older tools wrote them,
//! and a small set of kinds of our own under `nines/v1`.
//!
//! [`parse`] reads a text of one or many YAML documents into typed [`Document`]s. It reports every mistake it can find
//! in one go, each with line, column, path and a hint; what it can only read by guessing right it accepts with a
//! [`DocumentWarning`]. It promises nothing about references between documents: that is
//! [`Registry::apply`](crate::Registry::apply).
//!
//! Accepted beyond the letter of OpenSLO v1, each with a warning: a calendar window of `1m` (taken as one month), `op`
//! on an objective of a ratio, lists that are written down but empty, numbers where a string belongs, and words in the
//! wrong case. Metric sources of other systems load but are not measured, and say so.

mod alert;
mod masking;
mod own;
mod period;
mod provider;
mod read_alpha;
mod read_metric;
mod read_other;
mod read_slo;
mod slo;
mod telemetry;
mod write;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use alert::{AlertCondition, AlertNotificationTarget, AlertPolicy};
pub use masking::{MASKING_BUILT_INS, MaskingAction, MaskingRule, MaskingRules, MaskingWhat};
pub(crate) use nines_yaml::nearest;
pub use nines_yaml::{
    DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, DOCUMENTS_MAX, DocumentError,
    DocumentWarning, Entry, Fields, Mark, Marks, Node, Raw, Reader, suggest,
};
pub use own::{Channel, ChannelTarget, DataSource, Secret, Service, Team};
pub(crate) use period::parse_latency;
pub use period::{Period, PeriodUnit, Ratio};
pub use provider::ProviderTarget;
pub(crate) use read_metric::{duration_unit, threshold_mistakes};
pub use slo::{
    Budgeting, Metric, NinesSource, Objective, Op, RatioParts, Ref, Settings, Sli, Slo, Source, Threshold,
    Window,
};
pub use telemetry::{TELEMETRY_DATASETS, TelemetryLimit, TelemetryLimits, TelemetryScope};
pub use yaml::Yaml;

pub const OPENSLO_V1: &str = "openslo/v1";
pub const OPENSLO_V1ALPHA: &str = "openslo/v1alpha";
pub const NINES_V1: &str = "nines/v1";

/// One object of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    DataSource(DataSource),
    Service(Service),
    Sli(Sli),
    Slo(Slo),
    AlertPolicy(AlertPolicy),
    AlertCondition(AlertCondition),
    AlertNotificationTarget(AlertNotificationTarget),
    Channel(Channel),
    Team(Team),
    MaskingRules(MaskingRules),
    TelemetryLimits(TelemetryLimits),
}

/// Declaration order is the order in which a set is printed: what is referred to comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    DataSource,
    MaskingRules,
    Team,
    TelemetryLimits,
    Channel,
    Service,
    Sli,
    AlertNotificationTarget,
    AlertCondition,
    AlertPolicy,
    Slo,
}

/// What identifies an object: two documents with the same key are versions of the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey {
    pub kind: DocumentKind,
    pub name: String,
}

/// `metadata`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta {
    /// A DNS label: lower-case letters, digits and `-`, at most 63 characters.
    pub name: String,
    pub display_name: Option<String>,
    pub labels: BTreeMap<String, Vec<String>>,
    pub annotations: BTreeMap<String, String>,
}

/// A document and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub document: Document,
    pub file: Option<Arc<str>>,
    pub marks: Marks,
}

/// All documents of a text, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedFile {
    pub documents: Vec<Parsed>,
    pub warnings: Vec<DocumentWarning>,
}

/// Kinds under [`NINES_V1`] that another crate reads, in the same files and with the same messages.
pub trait ForeignKinds {
    /// As written under `kind:`.
    fn kinds(&self) -> &'static [&'static str];

    /// Reads one document. Mistakes go to the reader; the rest of the file is read all the same.
    fn read(&mut self, reader: &mut Reader<'_>, kind: &str, meta: Meta, spec: Fields<'_>);
}

struct NoForeignKinds;

impl ForeignKinds for NoForeignKinds {
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn read(&mut self, _: &mut Reader<'_>, _: &str, _: Meta, _: Fields<'_>) {}
}

/// Reads all documents of `text`. `file` is only repeated in messages.
///
/// # Errors
/// Every mistake found, in the order of the text. A mistake in the YAML itself hides what comes after it.
pub fn parse(file: Option<&str>, text: &str) -> Result<ParsedFile, Vec<DocumentError>> {
    parse_with(file, text, &mut NoForeignKinds)
}

/// As [`parse`], for files in which documents of other crates stand too. Those are not in the answer: `foreign` keeps
/// what it read.
pub fn parse_with(
    file: Option<&str>,
    text: &str,
    foreign: &mut dyn ForeignKinds,
) -> Result<ParsedFile, Vec<DocumentError>> {
    let mut reader = Reader::new(file, text);
    let mut documents = Vec::new();
    match nines_yaml::parse(text) {
        Ok(nodes) => {
            for node in &nodes {
                if let Some(document) = read(&mut reader, node, foreign) {
                    let marks = std::mem::take(&mut reader.marks);
                    documents.push(Parsed { document, file: reader.file.clone(), marks });
                }
            }
            if nodes.is_empty() {
                let hint = Some("a document has apiVersion, kind, metadata and spec".to_owned());
                reader.error(Mark { line: 1, column: 1 }, "", "the file has no documents", hint);
            }
        }
        Err(error) => reader.error(error.mark, "", error.message, error.hint),
    }
    if reader.errors.is_empty() {
        Ok(ParsedFile { documents, warnings: reader.warnings })
    } else {
        reader.errors.sort_by_key(|error| (error.line, error.column));
        Err(reader.errors)
    }
}

fn read(reader: &mut Reader<'_>, node: &Node, foreign: &mut dyn ForeignKinds) -> Option<Document> {
    reader.marks = Marks::default();
    let mut root = reader.fields(node, "")?;
    if let Some(hint) = import_hint(node) {
        reader.error(node.mark, "", "is a document of another SLO generator", Some(hint));
        return None;
    }
    let version = root.required_text(reader, "apiVersion");
    let kind = root.required_text(reader, "kind");
    let (version, kind) = (version?, kind?);
    let kinds: &[(&str, DocumentKind)] = match version.as_str() {
        OPENSLO_V1 => &[
            ("DataSource", DocumentKind::DataSource),
            ("SLO", DocumentKind::Slo),
            ("SLI", DocumentKind::Sli),
            ("AlertPolicy", DocumentKind::AlertPolicy),
            ("AlertCondition", DocumentKind::AlertCondition),
            ("AlertNotificationTarget", DocumentKind::AlertNotificationTarget),
            ("Service", DocumentKind::Service),
        ],
        OPENSLO_V1ALPHA => &[("SLO", DocumentKind::Slo), ("Service", DocumentKind::Service)],
        NINES_V1 => &[
            ("Channel", DocumentKind::Channel),
            ("TelemetryLimits", DocumentKind::TelemetryLimits),
            ("MaskingRules", DocumentKind::MaskingRules),
            ("Team", DocumentKind::Team),
            ("Service", DocumentKind::Service),
        ],
        _ => {
            let hint = suggest(&version, &[OPENSLO_V1, OPENSLO_V1ALPHA, NINES_V1]);
            reader.error(root.mark_of("apiVersion"), "apiVersion", format!("`{version}` is not known"), hint);
            return None;
        }
    };
    if version == NINES_V1 && foreign.kinds().contains(&kind.as_str()) {
        let meta = read_other::meta(reader, &mut root, true);
        let spec = root.required_fields(reader, "spec");
        root.finish(reader);
        foreign.read(reader, &kind, meta, spec?);
        return None;
    }
    let Some((_, found)) = kinds.iter().find(|(word, _)| *word == kind) else {
        reader.error(
            root.mark_of("kind"),
            "kind",
            format!("`{kind}` is not a kind of {version}"),
            kind_hint(&kind, &version, kinds, foreign.kinds()),
        );
        return None;
    };
    read_kind(reader, root, *found, version == OPENSLO_V1ALPHA, version == NINES_V1)
}

/// For documents that are translated, not applied.
fn import_hint(node: &Node) -> Option<String> {
    let Raw::Map(entries) = &node.value else { return None };
    let starts = |key: &str, starts: &[&str]| {
        let entry = entries.iter().find(|entry| entry.key == key);
        matches!(entry.map(|entry| &entry.value.value),
            Some(Raw::Str(text)) if starts.iter().any(|start| text.starts_with(start)))
    };
    let is_theirs =
        starts("version", &["prometheus/v"]) || starts("apiVersion", &["pyrra.dev/", "sloth.slok.dev/"]);
    is_theirs.then(|| format!("translate it first: {}", crate::import::COMMAND))
}

/// The nearest kind, also when it belongs to another version.
fn kind_hint(kind: &str, version: &str, kinds: &[(&str, DocumentKind)], foreign: &[&str]) -> Option<String> {
    let mut words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
    if version == NINES_V1 {
        words.extend(foreign);
    }
    let elsewhere = match kind {
        "Channel" | "Team" | "MaskingRules" | "TelemetryLimits" => Some(NINES_V1),
        "DataSource" | "SLO" | "SLI" | "AlertPolicy" | "AlertCondition" | "AlertNotificationTarget" => {
            Some(OPENSLO_V1)
        }
        _ => None,
    };
    match elsewhere {
        Some(other) if other != version => Some(format!("{kind} belongs to `apiVersion: {other}`")),
        _ => suggest(kind, &words),
    }
}

fn read_kind(
    reader: &mut Reader<'_>,
    mut root: Fields<'_>,
    kind: DocumentKind,
    alpha: bool,
    ours: bool,
) -> Option<Document> {
    let meta = read_other::meta(reader, &mut root, true);
    let spec = if kind == DocumentKind::Service && !root.has("spec") {
        root.get(reader, "spec");
        None
    } else {
        let spec = root.required_fields(reader, "spec");
        if spec.is_none() {
            root.finish(reader);
            return None;
        }
        spec
    };
    root.finish(reader);
    match (kind, spec) {
        (DocumentKind::Service, spec) => read_other::service(reader, meta, spec, ours).map(Document::Service),
        (DocumentKind::Slo, Some(spec)) if alpha => read_alpha::slo(reader, meta, spec).map(Document::Slo),
        (DocumentKind::Slo, Some(spec)) => read_slo::slo(reader, meta, spec).map(Document::Slo),
        (DocumentKind::Sli, Some(spec)) => read_metric::sli(reader, meta, spec).map(Document::Sli),
        (DocumentKind::DataSource, Some(spec)) => {
            read_other::data_source(reader, meta, spec).map(Document::DataSource)
        }
        (DocumentKind::AlertPolicy, Some(spec)) => {
            read_other::alert_policy(reader, meta, spec).map(Document::AlertPolicy)
        }
        (DocumentKind::AlertCondition, Some(spec)) => {
            read_other::alert_condition(reader, meta, spec).map(Document::AlertCondition)
        }
        (DocumentKind::AlertNotificationTarget, Some(spec)) => {
            read_other::notification_target(reader, meta, spec).map(Document::AlertNotificationTarget)
        }
        (DocumentKind::Channel, Some(spec)) => read_other::channel(reader, meta, spec).map(Document::Channel),
        (DocumentKind::MaskingRules, Some(spec)) => {
            masking::read(reader, meta, spec).map(Document::MaskingRules)
        }
        (DocumentKind::TelemetryLimits, Some(spec)) => {
            telemetry::read(reader, meta, spec).map(Document::TelemetryLimits)
        }
        (DocumentKind::Team, Some(spec)) => read_other::team(reader, meta, spec).map(Document::Team),
        (_, None) => None,
    }
}

impl DocumentKind {
    pub const ALL: [Self; 11] = [
        Self::DataSource,
        Self::MaskingRules,
        Self::Team,
        Self::TelemetryLimits,
        Self::Channel,
        Self::Service,
        Self::Sli,
        Self::AlertNotificationTarget,
        Self::AlertCondition,
        Self::AlertPolicy,
        Self::Slo,
    ];

    /// As written under `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataSource => "DataSource",
            Self::Team => "Team",
            Self::MaskingRules => "MaskingRules",
            Self::TelemetryLimits => "TelemetryLimits",
            Self::Channel => "Channel",
            Self::Service => "Service",
            Self::Sli => "SLI",
            Self::AlertNotificationTarget => "AlertNotificationTarget",
            Self::AlertCondition => "AlertCondition",
            Self::AlertPolicy => "AlertPolicy",
            Self::Slo => "SLO",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Document {
    pub fn kind(&self) -> DocumentKind {
        match self {
            Self::DataSource(_) => DocumentKind::DataSource,
            Self::Service(_) => DocumentKind::Service,
            Self::Sli(_) => DocumentKind::Sli,
            Self::Slo(_) => DocumentKind::Slo,
            Self::AlertPolicy(_) => DocumentKind::AlertPolicy,
            Self::AlertCondition(_) => DocumentKind::AlertCondition,
            Self::AlertNotificationTarget(_) => DocumentKind::AlertNotificationTarget,
            Self::Channel(_) => DocumentKind::Channel,
            Self::Team(_) => DocumentKind::Team,
            Self::MaskingRules(_) => DocumentKind::MaskingRules,
            Self::TelemetryLimits(_) => DocumentKind::TelemetryLimits,
        }
    }

    pub fn meta(&self) -> &Meta {
        match self {
            Self::DataSource(object) => &object.meta,
            Self::Service(object) => &object.meta,
            Self::Sli(object) => &object.meta,
            Self::Slo(object) => &object.meta,
            Self::AlertPolicy(object) => &object.meta,
            Self::AlertCondition(object) => &object.meta,
            Self::AlertNotificationTarget(object) => &object.meta,
            Self::Channel(object) => &object.meta,
            Self::Team(object) => &object.meta,
            Self::MaskingRules(object) => &object.meta,
            Self::TelemetryLimits(object) => &object.meta,
        }
    }

    pub fn key(&self) -> DocumentKey {
        DocumentKey { kind: self.kind(), name: self.meta().name.clone() }
    }

    /// Canonical text: the same object always prints the same, and the text parses to an equal object. Holds secrets;
    /// this is the form to store.
    pub fn to_yaml(&self) -> String {
        write::document(self, write::Secrets::Reveal).render()
    }

    /// As [`Document::to_yaml`], with `********` for secrets: the form to show.
    pub fn to_yaml_redacted(&self) -> String {
        write::document(self, write::Secrets::Redact).render()
    }
}

impl Meta {
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What people read.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }
}

impl<T> Ref<T> {
    pub fn inline(&self) -> Option<&T> {
        match self {
            Self::Inline(object) => Some(object),
            Self::Named(_) => None,
        }
    }
}

//! `kind: Standard`: a rule as data.

use nines_yaml::{DocumentError, Marks, Node, Raw, Reader};

use crate::condition::{self, Condition};

const API_VERSION: &str = "nines/v1";
const NAME_BYTES_MAX: usize = 100;
/// A standard that needs a page to be explained is a chapter of a handbook, which `link` may lead to.
const TEXT_BYTES_MAX: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Standard {
    pub name: String,
    /// What people read.
    pub title: String,
    /// Kinds, or beginnings of them that end in `*`: `aws.iam.*`.
    pub applies_to: Vec<String>,
    /// Only resources of which this holds are judged. Unknown counts as yes: what cannot be excluded is looked at.
    pub when: Option<Condition>,
    pub require: Condition,
    pub severity: Severity,
    pub why: String,
    pub mend: String,
    pub link: Option<String>,
    /// Applied, and judges nobody: how one of the built-in ones is put aside.
    pub is_disabled: bool,
}

impl Standard {
    pub fn is_for(&self, kind: &str) -> bool {
        self.applies_to.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => wanted == kind,
        })
    }
}

/// Reads all standards of a text.
///
/// # Errors
/// All mistakes of the text, in order.
pub fn parse(file: Option<&str>, text: &str) -> Result<Vec<Standard>, Vec<DocumentError>> {
    let mut reader = Reader::new(file, text);
    let nodes = match nines_yaml::parse(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            reader.error(error.mark, "", error.message, error.hint);
            return Err(reader.errors);
        }
    };
    let mut standards: Vec<Standard> = Vec::new();
    for node in nodes.iter().filter(|node| !matches!(node.value, Raw::Null)) {
        reader.marks = Marks::default();
        let Some(standard) = document(&mut reader, node) else { continue };
        if standards.iter().any(|other| other.name == standard.name) {
            let message = format!("there are two standards `{}`", standard.name);
            reader.error(node.mark, "metadata.name", message, None);
        }
        standards.push(standard);
    }
    if reader.errors.is_empty() {
        return Ok(standards);
    }
    reader.errors.sort_by_key(|error| (error.line, error.column));
    Err(reader.errors)
}

fn document(reader: &mut Reader<'_>, node: &Node) -> Option<Standard> {
    let mut fields = reader.fields(node, "")?;
    if let Some(version) = fields.required(reader, "apiVersion") {
        reader.choice(version, "apiVersion", &[(API_VERSION, ())]);
    }
    if let Some(kind) = fields.required(reader, "kind") {
        reader.choice(kind, "kind", &[("Standard", ())]);
    }
    let mut name = None;
    let mut title = None;
    if let Some(mut metadata) = fields.required_fields(reader, "metadata") {
        name = metadata.required_text(reader, "name");
        if let Some(text) = name.as_ref().filter(|text| !is_word(text)) {
            let hint = format!("letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX}");
            let message = format!("`{text}` is not a name");
            reader.error(metadata.mark_of("name"), "metadata.name", message, Some(hint));
        }
        title = metadata.text(reader, "displayName");
        metadata.finish(reader);
    }
    let mut spec = fields.required_fields(reader, "spec")?;
    fields.finish(reader);
    let applies_to = spec.texts(reader, "appliesTo");
    if applies_to.is_empty() {
        let hint = "such as [aws.s3.bucket] or [aws.iam.*]".to_owned();
        reader.error(spec.mark_of("appliesTo"), "spec.appliesTo", "names no kind", Some(hint));
    }
    let when = spec.get(reader, "when").map(|node| condition::read(reader, node, "spec.when"));
    let require =
        spec.required(reader, "require").and_then(|node| condition::read(reader, node, "spec.require"));
    let severities = [
        ("low", Severity::Low),
        ("medium", Severity::Medium),
        ("high", Severity::High),
        ("critical", Severity::Critical),
    ];
    let severity =
        spec.required(reader, "severity").and_then(|node| reader.choice(node, "spec.severity", &severities));
    let why = spec.required_text(reader, "why");
    let mend = spec.required_text(reader, "mend");
    let link = spec.text(reader, "link");
    let is_disabled = spec.boolean(reader, "disabled").unwrap_or(false);
    for (key, text) in [("why", &why), ("mend", &mend), ("link", &link)] {
        if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            let message = format!("is longer than {TEXT_BYTES_MAX} bytes");
            reader.error(spec.mark_of(key), &spec.path_of(key), message, None);
        }
    }
    if link.as_ref().is_some_and(|link| !link.starts_with("https://") && !link.starts_with("http://")) {
        let hint = Some("begin it with https://".to_owned());
        reader.error(spec.mark_of("link"), "spec.link", "is no address of a page", hint);
    }
    spec.finish(reader);
    let name = name?;
    Some(Standard {
        title: title.unwrap_or_else(|| name.clone()),
        name,
        applies_to,
        // One that is written and cannot be read must not widen the standard; the text is refused anyway.
        when: match when {
            Some(condition) => Some(condition?),
            None => None,
        },
        require: require?,
        severity: severity?,
        why: why?.trim().to_owned(),
        mend: mend?.trim().to_owned(),
        link,
        is_disabled,
    })
}

fn is_word(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

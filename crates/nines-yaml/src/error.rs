use std::fmt;
use std::sync::Arc;

use nines_base::ErrorKind;

/// One mistake in a document, at the place where it was made.
///
/// `Display` prints `file:line:column: path: message; hint`, without the parts that are unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Located(self.file.as_deref(), self.line, self.column, &self.path, &self.message, self.hint.as_deref()))]
pub struct DocumentError {
    /// As the caller named it; never opened here.
    pub file: Option<Arc<str>>,
    /// From 1, in lines of the whole file. 0 when a document was not made from text.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Where in the object: `spec.objectives[0].target`. Empty for a mistake in the YAML itself.
    pub path: String,
    /// Lower case, no final period, the object named.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl DocumentError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Something that was read leniently: the document loads, and this says what it was taken to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentWarning {
    pub file: Option<Arc<str>>,
    pub line: u32,
    pub column: u32,
    pub path: String,
    pub message: String,
}

impl fmt::Display for DocumentWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Located(self.file.as_deref(), self.line, self.column, &self.path, &self.message, None).fmt(f)
    }
}

struct Located<'a>(Option<&'a str>, u32, u32, &'a str, &'a str, Option<&'a str>);

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(file, line, column, path, message, hint) = self;
        if let Some(file) = file {
            write!(f, "{file}:")?;
        }
        if *line > 0 {
            write!(f, "{line}:{column}: ")?;
        } else if file.is_some() {
            f.write_str(" ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        match hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// `did you mean "x"?` when a candidate is near enough to be meant, else `None`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Jaro-Winkler of 0.8 lets two typing errors in a short word through and keeps unrelated words out.
    const NEAR: f64 = 0.8;
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The hint for a wrong word: the nearest valid one, else all of them.
pub fn suggest(word: &str, candidates: &[&str]) -> Option<String> {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if candidates.is_empty() => None,
        None => Some(format!("one of {}", candidates.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_only_what_is_known() {
        let mut error = DocumentError {
            file: Some("slo.yaml".into()),
            line: 3,
            column: 7,
            path: "spec.service".to_owned(),
            message: "must be a string, not a list".to_owned(),
            hint: Some("write `service: checkout`".to_owned()),
        };
        assert_eq!(
            error.to_string(),
            "slo.yaml:3:7: spec.service: must be a string, not a list; write `service: checkout`"
        );
        error.file = None;
        error.hint = None;
        assert_eq!(error.to_string(), "3:7: spec.service: must be a string, not a list");
        error.line = 0;
        assert_eq!(error.to_string(), "spec.service: must be a string, not a list");
    }

    #[test]
    fn suggestions_are_near_or_complete() {
        assert_eq!(suggest("objectivs", &["objectives", "service"]).unwrap(), "did you mean `objectives`?");
        assert_eq!(suggest("zzz", &["objectives", "service"]).unwrap(), "one of objectives, service");
    }
}

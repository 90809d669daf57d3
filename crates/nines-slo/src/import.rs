//! SLO documents of other generators, translated: [Sloth](https://sloth.dev)'s and [Pyrra](https://github.com/pyrra-dev/pyrra)'s.
//!
//! Both generate Prometheus rules from such documents. Here the promise itself is declared, so a translation is an OpenSLO
//! document over the same series, with our own table of burn rates. Nothing is guessed in silence: every promise has a
//! line that says whether it is translated, approximated (and how), or left out (and what to do).

mod pyrra;
mod sloth;

use crate::document::{DocumentError, Yaml, parse};
use crate::indicator::Measure;
use crate::metric::{MetricForm, PARTS};
use crate::registry::Registry;

/// The command that translates, for whoever applies such a file by mistake.
pub(crate) const COMMAND: &str = "nines slo import FILE";

/// What became of one promise of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Translated,
    Approximated,
    LeftOut,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `sloth` or `pyrra`.
    pub source: &'static str,
    /// As the source names it.
    pub name: String,
    /// Name of the SLO document that came of it.
    pub slo: Option<String>,
    pub outcome: Outcome,
    /// What is not the same here, and what to do about it; empty where all is.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// OpenSLO documents that load as they are.
    pub yaml: String,
    pub lines: Vec<Line>,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Translated => "translated",
            Self::Approximated => "approximated",
            Self::LeftOut => "left_out",
        }
    }
}

/// A promise on its way: what both formats say.
#[derive(Debug, Default)]
struct Draft {
    name: String,
    title: String,
    service: String,
    description: Option<String>,
    /// A percentage, as text.
    target: String,
    window: String,
    metric: Option<Yaml>,
    /// Of a threshold.
    objective: Vec<(String, Yaml)>,
    labels: Vec<(String, String)>,
    runbook: Option<String>,
    notes: Vec<String>,
    /// Why it is left out.
    missing: Option<String>,
}

/// Translates every document of `text`.
///
/// # Errors
/// The text is no YAML, or holds no document of either.
pub fn import(file: Option<&str>, text: &str) -> Result<Imported, Vec<DocumentError>> {
    let fail = |line, column, message: String, hint: Option<&str>| {
        vec![DocumentError {
            file: file.map(Into::into),
            line,
            column,
            path: String::new(),
            message,
            hint: hint.map(str::to_owned),
        }]
    };
    let nodes = nines_yaml::parse(text)
        .map_err(|error| fail(error.mark.line, error.mark.column, error.message, error.hint.as_deref()))?;
    let mut imported = Imported::default();
    for node in &nodes {
        let document = Yaml::from(node);
        let drafts: Vec<(&'static str, Draft)> = if sloth::is_its(&document) {
            sloth::drafts(&document).into_iter().map(|draft| ("sloth", draft)).collect()
        } else if pyrra::is_its(&document) {
            vec![("pyrra", pyrra::draft(&document))]
        } else if document == Yaml::Null {
            Vec::new()
        } else {
            let hint = "Sloth's have `version: prometheus/v1`, Pyrra's `kind: ServiceLevelObjective`; OpenSLO documents are applied as they are, with nines apply";
            let message = "is a document of neither Sloth nor Pyrra".to_owned();
            return Err(fail(node.mark.line, node.mark.column, message, Some(hint)));
        };
        for (source, draft) in drafts {
            imported.add(source, draft);
        }
    }
    if imported.lines.is_empty() {
        return Err(fail(1, 1, "the file has no promises".to_owned(), None));
    }
    Ok(imported)
}

impl Imported {
    fn add(&mut self, source: &'static str, mut draft: Draft) {
        let mut line = Line {
            source,
            name: draft.title.clone(),
            slo: None,
            outcome: Outcome::LeftOut,
            notes: Vec::new(),
        };
        let mut base = draft.name.clone();
        let is_taken = |name: &str| self.lines.iter().any(|line| line.slo.as_deref() == Some(name));
        let mut number = 1;
        while is_taken(&draft.name) {
            number += 1;
            base.truncate(58);
            draft.name = format!("{base}-{number}");
        }
        if let Some(missing) = &draft.missing {
            line.notes.push(missing.clone());
            self.lines.push(line);
            return;
        }
        let yaml = draft.document().render();
        match loads(&yaml) {
            Err(error) => {
                line.notes.push(error);
                line.notes.push("write the query in PromQL and import it again".to_owned());
            }
            Ok(note) => {
                draft.notes.extend(note);
                let is_same = draft.notes.is_empty();
                line.outcome = if is_same { Outcome::Translated } else { Outcome::Approximated };
                line.notes = draft.notes;
                line.slo = Some(draft.name);
                if !self.yaml.is_empty() {
                    self.yaml.push_str("---\n");
                }
                self.yaml.push_str(&yaml);
            }
        }
        self.lines.push(line);
    }
}

/// Whether what was written is a promise that is measured; and what is to be said about how.
fn loads(yaml: &str) -> Result<Option<String>, String> {
    let said = |errors: Vec<DocumentError>| {
        errors.first().map_or_else(String::new, |error| match &error.hint {
            Some(hint) => format!("{}: {hint}", error.message),
            None => error.message.clone(),
        })
    };
    let file = parse(None, yaml).map_err(said)?;
    let mut registry = Registry::default();
    registry.apply(file.documents).map_err(said)?;
    let promise = registry.promises().into_iter().next().ok_or("nothing came of it")?;
    match promise.indicator {
        Ok(Measure::Series(indicator)) => Ok(match indicator.form {
            MetricForm::Share { .. } => Some(format!(
                "the query is no sum of counters, so it is asked every {} s and each answer weighs the same ({PARTS} parts), however much traffic there was",
                indicator.interval.as_secs()
            )),
            _ => None,
        }),
        Ok(Measure::Events(_)) => Ok(None),
        Err(reason) => Err(reason.to_string()),
    }
}

impl Draft {
    fn document(&self) -> Yaml {
        let text = |text: &str| Yaml::Str(text.to_owned());
        let map = |entries: Vec<(&str, Yaml)>| {
            Yaml::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let mut metadata = vec![("name", text(&self.name)), ("displayName", text(&self.title))];
        if !self.labels.is_empty() {
            let label = |(name, value): &(String, String)| (name.clone(), text(value));
            metadata.push(("labels", Yaml::Map(self.labels.iter().map(label).collect())));
        }
        if let Some(runbook) = &self.runbook {
            metadata.push(("annotations", map(vec![("nines/runbook", text(runbook))])));
        }
        let mut objective = self.objective.clone();
        objective.push(("targetPercent".to_owned(), number(&self.target)));
        let mut spec = Vec::new();
        if let Some(description) = &self.description {
            spec.push(("description", text(description)));
        }
        spec.push(("service", text(&self.service)));
        spec.push((
            "indicator",
            map(vec![
                ("metadata", map(vec![("name", text(&self.name))])),
                ("spec", self.metric.clone().unwrap_or(Yaml::Null)),
            ]),
        ));
        let window = map(vec![("duration", text(&self.window)), ("isRolling", Yaml::Bool(true))]);
        spec.push(("timeWindow", Yaml::Seq(vec![window])));
        spec.push(("budgetingMethod", text("Occurrences")));
        spec.push(("objectives", Yaml::Seq(vec![Yaml::Map(objective)])));
        map(vec![
            ("apiVersion", text(crate::document::OPENSLO_V1)),
            ("kind", text("SLO")),
            ("metadata", map(metadata)),
            ("spec", map(spec)),
        ])
    }
}

/// `99` and `99.9` as numbers; what is neither stays as it is and is refused where targets are read.
fn number(text: &str) -> Yaml {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => Yaml::Int(whole),
        (_, Ok(number)) => Yaml::Float(number),
        _ => Yaml::Str(text.to_owned()),
    }
}

/// `{metricSource: {type: Prometheus, spec: {query}}}`.
fn source(query: &str) -> Yaml {
    let entry = |key: &str, value: Yaml| (key.to_owned(), value);
    let spec = Yaml::Map(vec![entry("query", Yaml::Str(query.to_owned()))]);
    let inner = vec![entry("type", Yaml::Str("Prometheus".to_owned())), entry("spec", spec)];
    Yaml::Map(vec![entry("metricSource", Yaml::Map(inner))])
}

fn ratio(part: &str, query: &str, total: &str) -> Yaml {
    let entries = vec![
        ("counter".to_owned(), Yaml::Bool(true)),
        (part.to_owned(), source(query)),
        ("total".to_owned(), source(total)),
    ];
    Yaml::Map(vec![("ratioMetric".to_owned(), Yaml::Map(entries))])
}

/// The value under the first of `keys` that is there: both formats are also written in camel case.
fn get<'a>(map: &'a Yaml, keys: &[&str]) -> Option<&'a Yaml> {
    keys.iter().find_map(|key| map.get(key)).filter(|value| **value != Yaml::Null)
}

fn text(map: &Yaml, keys: &[&str]) -> Option<String> {
    match get(map, keys)? {
        Yaml::Str(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Yaml::Int(number) => Some(number.to_string()),
        Yaml::Float(number) => Some(number.to_string()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn pairs(map: Option<&Yaml>) -> Vec<(String, String)> {
    let Some(Yaml::Map(entries)) = map else { return Vec::new() };
    let pair = |(name, value): &(String, Yaml)| match value {
        Yaml::Str(text) => Some((name.clone(), text.clone())),
        Yaml::Int(number) => Some((name.clone(), number.to_string())),
        Yaml::Bool(flag) => Some((name.clone(), flag.to_string())),
        _ => None,
    };
    entries.iter().filter_map(pair).collect()
}

fn items(list: Option<&Yaml>) -> &[Yaml] {
    match list {
        Some(Yaml::Seq(items)) => items,
        _ => &[],
    }
}

/// A DNS label, as names of documents are.
fn name_of(parts: &[&str]) -> String {
    let joined = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-");
    let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
    let mut name = String::new();
    for char in joined.chars().map(plain) {
        if char != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(char);
        }
    }
    name.truncate(63);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "slo".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests;

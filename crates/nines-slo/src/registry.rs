//! The set of objects that holds now, and the only way to change it: all documents of an apply, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use nines_base::ErrorKind;

use crate::document::{
    AlertCondition, AlertNotificationTarget, AlertPolicy, Document, DocumentError, DocumentKey, DocumentKind,
    DocumentWarning, Metric, Parsed, Ref, Sli, Slo, Source, TelemetryScope, nearest, threshold_mistakes,
};

/// Objects in one registry. A thousand services with ten objects each.
pub const OBJECTS_MAX: usize = 10_000;

/// Every object by kind and name, with its references resolved. Cloning shares the objects.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    objects: BTreeMap<DocumentKey, Arc<Document>>,
}

/// What an apply did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    pub created: Vec<DocumentKey>,
    pub changed: Vec<DocumentKey>,
    pub unchanged: Vec<DocumentKey>,
    /// References that are only informative (an owner, a dependency) and name nothing yet.
    pub warnings: Vec<DocumentWarning>,
}

/// Why an object cannot be removed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RemoveError {
    #[error("{0} does not exist")]
    NotFound(DocumentKey),
    #[error("{key} is used by {user}; change or remove that first")]
    InUse { key: DocumentKey, user: DocumentKey },
}

impl RemoveError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::InUse { .. } => ErrorKind::Conflict,
        }
    }
}

/// A reference from one object to another.
struct Reference {
    path: String,
    kind: DocumentKind,
    name: String,
    /// A broken one only warns.
    informative: bool,
}

impl Registry {
    /// Adds and replaces objects, checking that what they refer to exists in the set or among `documents`. Nothing
    /// changes unless everything is right.
    ///
    /// # Errors
    /// Every broken or contradictory reference, and names that occur twice in `documents`.
    pub fn apply(&mut self, documents: Vec<Parsed>) -> Result<Applied, Vec<DocumentError>> {
        let mut errors = Vec::new();
        let mut applied = Applied::default();
        let mut next = self.objects.clone();
        let mut first: BTreeMap<DocumentKey, &Parsed> = BTreeMap::new();
        for parsed in &documents {
            let key = parsed.document.key();
            if let Some(earlier) = first.insert(key.clone(), parsed) {
                let at = earlier.marks.find("metadata.name");
                let file = earlier.file.as_deref().map(|file| format!(" of {file}")).unwrap_or_default();
                let message = format!("{key} is already defined on line {}{file}", at.line);
                let hint = Some("rename one of them".to_owned());
                errors.push(error(parsed, "metadata.name", message, hint));
            }
            let list = match self.objects.get(&key) {
                None => &mut applied.created,
                Some(old) if **old == parsed.document => &mut applied.unchanged,
                Some(_) => &mut applied.changed,
            };
            list.push(key.clone());
            next.insert(key, Arc::new(parsed.document.clone()));
        }
        if next.len() > OBJECTS_MAX
            && let Some(parsed) = documents.last()
        {
            let message = format!("there would be {} objects, more than {OBJECTS_MAX}", next.len());
            errors.push(error(parsed, "", message, None));
        }
        let candidate = Self { objects: next };
        for parsed in &documents {
            candidate.check(parsed, &mut errors, &mut applied.warnings);
        }
        // Objects that stay may refer to an indicator that has changed its form under them.
        let changed_slis: Vec<&str> = applied
            .changed
            .iter()
            .filter(|key| key.kind == DocumentKind::Sli)
            .map(|key| key.name.as_str())
            .collect();
        for parsed in
            documents.iter().filter(|parsed| changed_slis.contains(&parsed.document.meta().name.as_str()))
        {
            candidate.check_users(parsed, &mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        *self = candidate;
        Ok(applied)
    }

    /// # Errors
    /// [`RemoveError`], and nothing changes.
    pub fn remove(&mut self, key: &DocumentKey) -> Result<Arc<Document>, RemoveError> {
        if !self.objects.contains_key(key) {
            return Err(RemoveError::NotFound(key.clone()));
        }
        for (user, document) in &self.objects {
            let uses = references(document).into_iter().any(|reference| {
                !reference.informative && reference.kind == key.kind && reference.name == key.name
            });
            if uses {
                return Err(RemoveError::InUse { key: key.clone(), user: user.clone() });
            }
        }
        self.objects.remove(key).ok_or_else(|| RemoveError::NotFound(key.clone()))
    }

    pub fn get(&self, kind: DocumentKind, name: &str) -> Option<&Arc<Document>> {
        self.objects.get(&DocumentKey { kind, name: name.to_owned() })
    }

    /// By kind in the order of [`DocumentKind`], then by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.objects.values()
    }

    pub fn slos(&self) -> impl Iterator<Item = &Slo> {
        self.objects.values().filter_map(|document| match &**document {
            Document::Slo(slo) => Some(slo),
            _ => None,
        })
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Every object as canonical YAML in one text, secrets redacted if asked. With secrets it parses back to this set.
    pub fn to_yaml(&self, redacted: bool) -> String {
        let documents: Vec<String> = self
            .objects
            .values()
            .map(|document| if redacted { document.to_yaml_redacted() } else { document.to_yaml() })
            .collect();
        documents.join("---\n")
    }

    /// The indicator of an SLO's objective, wherever it is written.
    pub fn indicator<'a>(&'a self, slo: &'a Slo, objective: usize) -> Option<&'a Sli> {
        let objective = slo.objectives.get(objective)?;
        match objective.indicator.as_ref().or(slo.indicator.as_ref())? {
            Ref::Inline(sli) => Some(sli),
            Ref::Named(name) => match self.get(DocumentKind::Sli, name).map(|document| &**document) {
                Some(Document::Sli(sli)) => Some(sli),
                _ => None,
            },
        }
    }

    /// What an SLI measures, with the types of the data sources that it names.
    pub(crate) fn resolved(&self, sli: &Sli) -> Metric {
        let mut metric = sli.metric.clone();
        for source in metric.sources_mut() {
            if let Source::Foreign { source_type: source_type @ None, data_source: Some(name), .. } = source
                && let Some(Document::DataSource(named)) =
                    self.get(DocumentKind::DataSource, name).map(|document| &**document)
            {
                *source_type = Some(named.source_type.clone());
            }
        }
        metric
    }

    /// The alert policies of an SLO with their conditions and targets.
    pub fn policies<'a>(&'a self, slo: &'a Slo) -> Vec<ResolvedPolicy<'a>> {
        let mut resolved = Vec::new();
        for policy in &slo.alert_policies {
            let policy = match policy {
                Ref::Inline(policy) => Some(&**policy),
                Ref::Named(name) => {
                    match self.get(DocumentKind::AlertPolicy, name).map(|document| &**document) {
                        Some(Document::AlertPolicy(policy)) => Some(policy),
                        _ => None,
                    }
                }
            };
            let Some(policy) = policy else { continue };
            let condition = match &policy.condition {
                Ref::Inline(condition) => Some(&**condition),
                Ref::Named(name) => {
                    match self.get(DocumentKind::AlertCondition, name).map(|document| &**document) {
                        Some(Document::AlertCondition(condition)) => Some(condition),
                        _ => None,
                    }
                }
            };
            let targets = policy.targets.iter().filter_map(|target| match target {
                Ref::Inline(target) => Some(&**target),
                Ref::Named(name) => {
                    match self.get(DocumentKind::AlertNotificationTarget, name).map(|document| &**document) {
                        Some(Document::AlertNotificationTarget(target)) => Some(target),
                        _ => None,
                    }
                }
            });
            if let Some(condition) = condition {
                resolved.push(ResolvedPolicy { policy, condition, targets: targets.collect() });
            }
        }
        resolved
    }

    fn check(&self, parsed: &Parsed, errors: &mut Vec<DocumentError>, warnings: &mut Vec<DocumentWarning>) {
        for reference in references(&parsed.document) {
            if self.get(reference.kind, &reference.name).is_some() {
                continue;
            }
            let message = format!("there is no {} named `{}`", reference.kind, reference.name);
            if reference.informative {
                let mark = parsed.marks.find(&reference.path);
                warnings.push(DocumentWarning {
                    file: parsed.file.clone(),
                    line: mark.line,
                    column: mark.column,
                    path: reference.path,
                    message,
                });
                continue;
            }
            let names =
                self.objects.keys().filter(|key| key.kind == reference.kind).map(|key| key.name.as_str());
            let hint = match nearest(&reference.name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "apply it first, or in the same call".to_owned(),
            };
            errors.push(error(parsed, &reference.path, message, Some(hint)));
        }
        if let Document::Slo(slo) = &parsed.document {
            for (path, message, hint) in self.indicator_mistakes(slo) {
                errors.push(error(parsed, &path, message, hint));
            }
        }
    }

    /// Objectives against indicators that are named; those written out were checked when they were read.
    fn indicator_mistakes(&self, slo: &Slo) -> Vec<(String, &'static str, Option<String>)> {
        let mut mistakes = Vec::new();
        for (index, objective) in slo.objectives.iter().enumerate() {
            let named = objective.indicator.as_ref().or(slo.indicator.as_ref());
            if let (Some(Ref::Named(_)), Some(sli)) = (named, self.indicator(slo, index)) {
                let (errors, _) = threshold_mistakes(&sli.metric, objective);
                let path = format!("spec.objectives[{index}]");
                mistakes.extend(errors.into_iter().map(|(message, hint)| (path.clone(), message, hint)));
            }
        }
        mistakes
    }

    fn check_users(&self, parsed: &Parsed, errors: &mut Vec<DocumentError>) {
        let Document::Sli(sli) = &parsed.document else { return };
        let path = match sli.metric {
            Metric::Ratio { .. } => "spec.ratioMetric",
            Metric::Threshold(_) => "spec.thresholdMetric",
        };
        for slo in self.slos() {
            let uses = references_of_slo(slo)
                .iter()
                .any(|reference| reference.kind == DocumentKind::Sli && reference.name == sli.meta.name);
            if uses && let Some((_, message, _)) = self.indicator_mistakes(slo).first() {
                let message = format!("SLO {} uses this: {message}", slo.meta.name);
                errors.push(error(parsed, path, message, Some("apply the SLO in the same call".to_owned())));
            }
        }
    }
}

/// An alert policy with what it refers to.
#[derive(Debug, Clone)]
pub struct ResolvedPolicy<'a> {
    pub policy: &'a AlertPolicy,
    pub condition: &'a AlertCondition,
    pub targets: Vec<&'a AlertNotificationTarget>,
}

fn error(parsed: &Parsed, path: &str, message: impl Into<String>, hint: Option<String>) -> DocumentError {
    let mark = parsed.marks.find(path);
    DocumentError {
        file: parsed.file.clone(),
        line: mark.line,
        column: mark.column,
        path: path.to_owned(),
        message: message.into(),
        hint,
    }
}

fn references(document: &Document) -> Vec<Reference> {
    match document {
        Document::Slo(slo) => references_of_slo(slo),
        Document::Sli(sli) => references_of_sli(sli, "spec"),
        Document::AlertPolicy(policy) => references_of_policy(policy, "spec"),
        Document::Team(team) => {
            let channels = team.channels.iter().enumerate();
            channels
                .map(|(index, name)| strong(format!("spec.channels[{index}]"), DocumentKind::Channel, name))
                .collect()
        }
        Document::Service(service) => {
            let owner =
                service.owner.iter().map(|name| weak("spec.owner".to_owned(), DocumentKind::Team, name));
            let dependencies = service.dependencies.iter().enumerate();
            let dependencies = dependencies.map(|(index, name)| {
                weak(format!("spec.dependencies[{index}]"), DocumentKind::Service, name)
            });
            owner.chain(dependencies).collect()
        }
        Document::Channel(channel) => {
            let fallback = channel.fallback.iter();
            fallback.map(|name| strong("spec.fallback".to_owned(), DocumentKind::Channel, name)).collect()
        }
        Document::TelemetryLimits(limits) => {
            let named = limits.limits.iter().enumerate().filter_map(|(index, limit)| match &limit.scope {
                TelemetryScope::Team(name) => {
                    Some(strong(format!("spec.limits[{index}].team"), DocumentKind::Team, name))
                }
                _ => None,
            });
            named.collect()
        }
        Document::DataSource(_)
        | Document::AlertCondition(_)
        | Document::AlertNotificationTarget(_)
        | Document::MaskingRules(_) => Vec::new(),
    }
}

fn references_of_slo(slo: &Slo) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut indicator = |reference: Option<&Ref<Sli>>, holder: &str| match reference {
        Some(Ref::Named(name)) => {
            found.push(strong(format!("{holder}.indicatorRef"), DocumentKind::Sli, name))
        }
        Some(Ref::Inline(sli)) => found.extend(references_of_sli(sli, &format!("{holder}.indicator.spec"))),
        None => {}
    };
    indicator(slo.indicator.as_ref(), "spec");
    for (index, objective) in slo.objectives.iter().enumerate() {
        indicator(objective.indicator.as_ref(), &format!("spec.objectives[{index}]"));
    }
    for (index, policy) in slo.alert_policies.iter().enumerate() {
        let path = format!("spec.alertPolicies[{index}]");
        match policy {
            Ref::Named(name) => found.push(strong(path, DocumentKind::AlertPolicy, name)),
            Ref::Inline(policy) => found.extend(references_of_policy(policy, &format!("{path}.spec"))),
        }
    }
    let annotation = |key: &str| format!("metadata.annotations[\"{key}\"]");
    for name in &slo.settings.channels {
        found.push(strong(annotation("nines/channels"), DocumentKind::Channel, name));
    }
    if let Some(owner) = &slo.settings.owner {
        found.push(weak(annotation("nines/owner"), DocumentKind::Team, owner));
    }
    found
}

fn references_of_sli(sli: &Sli, holder: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for (part, source) in sli.metric.sources() {
        if let Source::Foreign { data_source: Some(name), .. } = source {
            let path = format!("{holder}.{part}.metricSource.metricSourceRef");
            found.push(strong(path, DocumentKind::DataSource, name));
        }
    }
    found
}

fn references_of_policy(policy: &AlertPolicy, holder: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    if let Ref::Named(name) = &policy.condition {
        found.push(strong(
            format!("{holder}.conditions[0].conditionRef"),
            DocumentKind::AlertCondition,
            name,
        ));
    }
    for (index, target) in policy.targets.iter().enumerate() {
        if let Ref::Named(name) = target {
            let path = format!("{holder}.notificationTargets[{index}].targetRef");
            found.push(strong(path, DocumentKind::AlertNotificationTarget, name));
        }
    }
    found
}

fn strong(path: String, kind: DocumentKind, name: &str) -> Reference {
    Reference { path, kind, name: name.to_owned(), informative: false }
}

fn weak(path: String, kind: DocumentKind, name: &str) -> Reference {
    Reference { path, kind, name: name.to_owned(), informative: true }
}

//! Prometheus' files among the documents that people apply.
//!
//! A text may hold documents of all sorts. Those of Prometheus have no `kind`, so they are known by the keys at their
//! margin; a custom resource of the Prometheus operator has one. They are taken out of the text, line for line, so that
//! whoever reads the rest names the right lines; then all is checked before anything is stored.
//!
//! A file goes by its name: that of `nines apply -f`, or what a line `# nines-file: NAME` before or in it says. A custom
//! resource goes by its own.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nines_api::ReplayResponse;
use nines_base::SharedClock;
use nines_http::{
    AppliedDocument, ApplyError, FILE_MARK, PromiseView, Promises, RULES_KIND, Rehearsal, ReplayError,
    SCRAPE_KIND,
};
use nines_rules::Evaluator;
use nines_rules::document::{CUSTOM_RESOURCE, RuleFile, RuleGroup};
use nines_scrape::Scraper;
use nines_scrape::config::ScrapeFile;
use nines_slo::{DocumentError, DocumentWarning};
use nines_state::objects::{Applied as Stored, NewObject, Objects, ObjectsError};
use tokio::sync::Mutex;

use super::Applied;

/// Keys at the margin of Prometheus' configuration.
const CONFIGURATION_KEYS: [&str; 4] = ["scrape_configs:", "global:", "rule_files:", "scrape_config_files:"];
/// And of its rule files.
const RULES_KEY: &str = "groups:";
/// What the command line calls a text that has no file.
const STANDARD_INPUT: &str = "stdin";
/// What stands in place of a secret when a configuration is shown.
const HIDDEN: &str = "<secret>";

/// Documents as somebody else keeps them, and Prometheus' files beside them.
pub struct PrometheusFiles {
    pub(super) promises: Arc<dyn Promises>,
    pub(super) objects: Objects,
    pub(super) clock: SharedClock,
    pub(super) scraper: Arc<Scraper>,
    pub(super) evaluator: Arc<Evaluator>,
    pub(super) applied: Arc<Applied>,
    /// Below it are the files that configurations may name.
    pub(super) base: PathBuf,
    /// One apply at a time: what is checked is what is stored.
    pub(super) applying: Mutex<()>,
}

/// A file as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: &'static str,
    /// What the text or the caller calls it.
    name: String,
    /// Lines of the whole text before its first.
    lines_before: u32,
    text: String,
}

/// A file that was read.
enum Read {
    Rules(RuleFile),
    Scrapes(Box<ScrapeFile>),
}

impl PrometheusFiles {
    /// Puts what is stored into effect. A document that this version cannot read is logged and left out.
    pub(super) async fn load(&self) -> Result<(), ObjectsError> {
        let (mut scrapes, mut groups) = (Vec::new(), Vec::new());
        for object in self.objects.list().await? {
            if !is_ours(&object.kind) {
                continue;
            }
            let kind = if object.kind == RULES_KIND { RULES_KIND } else { SCRAPE_KIND };
            match self.read(kind, &object.name, &object.yaml) {
                Ok(Read::Rules(file)) => groups.extend(file.groups),
                Ok(Read::Scrapes(file)) => scrapes.push((object.name, *file)),
                Err(faults) => {
                    let fault = faults.first().map(ToString::to_string);
                    tracing::error!(kind, name = object.name, fault, "stored document cannot be read");
                }
            }
        }
        let interval = scrapes.iter().rev().find_map(|(_, file)| file.evaluation_interval);
        let groups = groups.into_iter().map(|group: Arc<RuleGroup>| match (group.interval, interval) {
            (None, Some(interval)) => Arc::new(RuleGroup { interval: Some(interval), ..(*group).clone() }),
            _ => group,
        });
        let groups: Vec<Arc<RuleGroup>> = groups.collect();
        let labels = scrapes.iter().flat_map(|(_, file)| file.external_labels.iter());
        self.applied.external_labels.store(Arc::new(labels.collect()));
        // It waits for the group that is being evaluated.
        let evaluator = Arc::clone(&self.evaluator);
        if let Err(error) = tokio::task::spawn_blocking(move || evaluator.apply(groups)).await {
            tracing::error!(%error, "rules could not be put into effect");
        }
        self.scraper.apply(scrapes.iter().flat_map(|(_, file)| file.jobs.iter().cloned()).collect());
        self.applied.scrapes.store(Arc::new(scrapes));
        self.applied.changed.notify_one();
        Ok(())
    }

    fn read(&self, kind: &'static str, name: &str, text: &str) -> Result<Read, Vec<DocumentError>> {
        if kind == RULES_KIND {
            return nines_rules::document::parse(name, text).map(Read::Rules);
        }
        let mut file = nines_scrape::config::parse(Some(name), text)?;
        let mut faults = Vec::new();
        for job in &mut file.jobs {
            let shown = job.name.clone();
            let mut check = |path: &Path| {
                self.below_base(path).unwrap_or_else(|| {
                    faults.push(self.outside(&shown, path));
                    path.to_owned()
                })
            };
            for path in job.secret_files_mut() {
                *path = check(path);
            }
            for pattern in job.files.iter_mut().flat_map(|files| files.patterns.iter_mut()) {
                *pattern = check(Path::new(pattern)).to_string_lossy().into_owned();
            }
        }
        if text.contains(HIDDEN) {
            let hint = "write it out, or name a file that holds it";
            faults.push(fault(
                format!("a secret is hidden (`{HIDDEN}`): this is what `nines get` shows"),
                hint,
            ));
        }
        if faults.is_empty() { Ok(Read::Scrapes(Box::new(file))) } else { Err(faults) }
    }

    /// The path, if it leads nowhere but below the base. Links there are the administrator's.
    fn below_base(&self, path: &Path) -> Option<PathBuf> {
        let whole = self.base.join(path);
        let is_plain = whole.components().all(|part| !matches!(part, Component::ParentDir));
        (is_plain && whole.starts_with(&self.base)).then_some(whole)
    }

    fn outside(&self, job: &str, path: &Path) -> DocumentError {
        let message = format!("job `{job}` names the file {}, which this node does not read", path.display());
        let base = self.base.display();
        fault(message, &format!("put it below {base}, or start the node with --scrape-files FOLDER"))
    }

    /// Each file with its meaning, or the faults of all of them.
    fn checked(
        &self,
        file: Option<&str>,
        found: Vec<Found>,
    ) -> Result<Vec<(Found, Read)>, Vec<DocumentError>> {
        let (mut all, mut faults): (Vec<(Found, Read)>, Vec<DocumentError>) = Default::default();
        for mut one in found {
            match self.read(one.kind, &one.name, &one.text) {
                Ok(read) => {
                    if let Read::Rules(RuleFile { name: Some(name), .. }) = &read {
                        one.name.clone_from(name);
                    }
                    if all.iter().any(|(known, _)| (known.kind, &known.name) == (one.kind, &one.name)) {
                        let message = format!("there are two files `{}` of {}", one.name, one.kind);
                        faults.push(placed(fault(message, "rename one, or apply them apart"), file, &one));
                        continue;
                    }
                    all.push((one, read));
                }
                Err(more) => faults.extend(more.into_iter().map(|fault| placed(fault, file, &one))),
            }
        }
        // A rule file in effect goes by the name that its groups are shown with.
        for (one, read) in &mut all {
            if let Read::Rules(rules) = read
                && rules.name.is_some()
            {
                match nines_rules::document::parse(&one.name, &one.text) {
                    Ok(again) => *rules = again,
                    Err(more) => faults.extend(more),
                }
            }
        }
        faults.extend(self.clashes(&all).into_iter().map(|(fault, one)| placed(fault, file, one)));
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// Jobs that have the name of another one, which the API could not tell apart.
    fn clashes<'f>(&self, all: &'f [(Found, Read)]) -> Vec<(DocumentError, &'f Found)> {
        let applied = self.applied.scrapes.load();
        let is_replaced = |name: &str| all.iter().any(|(one, _)| one.kind == SCRAPE_KIND && one.name == name);
        let mut known: Vec<(&str, &str)> = applied
            .iter()
            .filter(|(name, _)| !is_replaced(name))
            .flat_map(|(name, file)| file.jobs.iter().map(move |job| (job.name.as_str(), name.as_str())))
            .collect();
        let mut clashes = Vec::new();
        for (one, read) in all {
            let Read::Scrapes(file) = read else { continue };
            for job in &file.jobs {
                if let Some((_, other)) = known.iter().find(|(name, _)| *name == job.name) {
                    let message = format!("`{other}` has a job `{}`, too", job.name);
                    let hint = format!("rename it, or remove that one: nines delete {SCRAPE_KIND} {other}");
                    clashes.push((fault(message, &hint), one));
                }
            }
            known.extend(file.jobs.iter().map(|job| (job.name.as_str(), one.name.as_str())));
        }
        clashes
    }

    async fn outcome(&self, one: &Found) -> Result<&'static str, ApplyError> {
        match self.objects.get(one.kind, &one.name).await {
            Ok(known) if known.yaml == one.text => Ok("unchanged"),
            Ok(_) => Ok("changed"),
            Err(ObjectsError::NotFound { .. }) => Ok("created"),
            Err(error) => Err(store_error(error)),
        }
    }
}

#[async_trait]
impl Promises for PrometheusFiles {
    fn all(&self) -> Vec<PromiseView> {
        self.promises.all()
    }

    async fn apply(
        &self,
        file: Option<&str>,
        yaml: &str,
        by: &str,
        dry_run: bool,
    ) -> Result<(Vec<AppliedDocument>, Vec<DocumentWarning>), ApplyError> {
        let (rest, found) = taken_out(yaml, file);
        if found.is_empty() {
            return self.promises.apply(file, yaml, by, dry_run).await;
        }
        let _turn = self.applying.lock().await;
        let has_rest = rest.lines().any(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("---")
        });
        let (mut applied, mut warnings, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        if has_rest {
            match self.promises.apply(file, &rest, by, true).await {
                Ok(told) => (applied, warnings) = told,
                Err(ApplyError::Faults(more)) => faults.extend(more),
                Err(error) => return Err(error),
            }
        }
        let files = match self.checked(file, found) {
            Ok(files) if faults.is_empty() => files,
            Ok(_) => return Err(ApplyError::Faults(faults)),
            Err(more) => {
                faults.extend(more);
                faults.sort_by_key(|fault| (fault.line, fault.column));
                return Err(ApplyError::Faults(faults));
            }
        };
        if !dry_run && has_rest {
            (applied, warnings) = self.promises.apply(file, &rest, by, false).await?;
        }
        let mut outcomes = Vec::with_capacity(files.len());
        for (one, read) in &files {
            outcomes.push(self.outcome(one).await?);
            warnings.extend(warnings_of(read).into_iter().map(|mut warning| {
                warning.file = file.map(Arc::from);
                warning.line += one.lines_before;
                warning
            }));
        }
        let mut revisions = vec![0; files.len()];
        if !dry_run {
            let object = |(one, _): &(Found, Read)| NewObject {
                kind: one.kind.to_owned(),
                name: one.name.clone(),
                yaml: one.text.clone(),
            };
            let objects: Vec<NewObject> = files.iter().map(object).collect();
            let stored = self.objects.apply(&objects, by, self.clock.now()).await.map_err(store_error)?;
            self.load().await.map_err(store_error)?;
            for (revision, stored) in revisions.iter_mut().zip(stored) {
                let (Stored::Created { revision: new }
                | Stored::Updated { revision: new }
                | Stored::Unchanged { revision: new }) = stored;
                *revision = new;
            }
        }
        for (((one, _), outcome), revision) in files.into_iter().zip(outcomes).zip(revisions) {
            applied.push(AppliedDocument { kind: one.kind, name: one.name, outcome, revision });
        }
        Ok((applied, warnings))
    }

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError> {
        let ours = [SCRAPE_KIND, RULES_KIND].into_iter().find(|ours| ours.eq_ignore_ascii_case(kind));
        let Some(kind) = ours else { return self.promises.remove(kind, name, by).await };
        let _turn = self.applying.lock().await;
        match self.objects.delete(kind, name, by, self.clock.now()).await {
            Err(ObjectsError::NotFound { .. }) => {
                return Err(ApplyError::NotFound { kind, name: name.to_owned() });
            }
            outcome => outcome.map_err(store_error)?,
        }
        self.load().await.map_err(store_error)
    }

    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError> {
        self.promises.replay(rehearsal).await
    }
}

fn is_ours(kind: &str) -> bool {
    [SCRAPE_KIND, RULES_KIND].contains(&kind)
}

fn store_error(error: ObjectsError) -> ApplyError {
    ApplyError::Store(Box::new(error))
}

fn fault(message: String, hint: &str) -> DocumentError {
    DocumentError {
        file: None,
        line: 1,
        column: 1,
        path: String::new(),
        message,
        hint: Some(hint.to_owned()),
    }
}

/// In lines of the whole text.
fn placed(mut fault: DocumentError, file: Option<&str>, one: &Found) -> DocumentError {
    fault.file = file.map(Arc::from);
    fault.line += one.lines_before;
    fault
}

fn warnings_of(read: &Read) -> Vec<DocumentWarning> {
    match read {
        Read::Rules(rules) => rules.warnings.clone(),
        Read::Scrapes(file) => {
            let mut warnings = file.warnings.clone();
            if !file.rule_files.is_empty() {
                warnings.push(DocumentWarning {
                    file: None,
                    line: 1,
                    column: 1,
                    path: "rule_files".to_owned(),
                    message: "rule files are not opened: apply them by themselves, nines apply -f FILE"
                        .to_owned(),
                });
            }
            warnings
        }
    }
}

/// The text with an empty line for each line of a file of Prometheus, and those files.
fn taken_out(yaml: &str, file: Option<&str>) -> (String, Vec<Found>) {
    let (mut rest, mut found) = (String::with_capacity(yaml.len()), Vec::new());
    let mut document: Vec<&str> = Vec::new();
    let (mut mark, mut lines) = (None, 0);
    let mut close = |document: &mut Vec<&str>, mark: Option<&str>, lines: usize, rest: &mut String| {
        match kind_of(document) {
            None => document.iter().for_each(|line| rest.push_str(line)),
            Some(kind) => {
                let mark = mark.or_else(|| document.iter().find_map(|line| marked(line)));
                let lines_before = u32::try_from(lines - document.len()).unwrap_or(u32::MAX);
                let name = mark.or(file).filter(|name| *name != STANDARD_INPUT);
                let name = name.map_or_else(|| default_name(kind).to_owned(), base_name);
                found.push(Found { kind, name, lines_before, text: document.concat() });
                document.iter().for_each(|_| rest.push('\n'));
            }
        }
        document.clear();
    };
    for line in yaml.split_inclusive('\n') {
        if line.strip_prefix("---").is_some_and(|more| more.trim_end().is_empty() || more.starts_with(' ')) {
            close(&mut document, mark, lines, &mut rest);
            mark = line.strip_prefix("---").and_then(marked);
            rest.push_str(line);
        } else {
            document.push(line);
        }
        lines += 1;
    }
    close(&mut document, mark, lines, &mut rest);
    (rest, found)
}

fn marked(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix(FILE_MARK)?.trim()).filter(|name| !name.is_empty())
}

fn base_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn default_name(kind: &str) -> &'static str {
    if kind == RULES_KIND { "rules.yml" } else { "prometheus.yml" }
}

fn kind_of(document: &[&str]) -> Option<&'static str> {
    let kind = document.iter().find_map(|line| line.strip_prefix("kind:"));
    if let Some(kind) = kind {
        let kind = kind.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        return (kind == CUSTOM_RESOURCE).then_some(RULES_KIND);
    }
    let has = |key: &str| document.iter().any(|line| line.starts_with(key));
    if has(RULES_KEY) {
        return Some(RULES_KIND);
    }
    CONFIGURATION_KEYS.into_iter().any(has).then_some(SCRAPE_KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_prometheus_are_taken_out_and_every_line_stays_where_it_was() {
        let text = "kind: SLO\n--- # nines-file: a/rules.yml\ngroups:\n- name: x\n---\n# nines-file: p.yml\nglobal: {}\n---\nkind: PrometheusRule # k\nspec:\n  groups: []\n";
        let (rest, found) = taken_out(text, Some("folder/all.yml"));
        assert_eq!(rest, "kind: SLO\n--- # nines-file: a/rules.yml\n\n\n---\n\n\n---\n\n\n\n");
        let names: Vec<_> = found.iter().map(|one| (one.kind, &*one.name, one.lines_before)).collect();
        assert_eq!(
            names,
            [(RULES_KIND, "rules.yml", 2), (SCRAPE_KIND, "p.yml", 5), (RULES_KIND, "all.yml", 8)]
        );
        assert_eq!(taken_out("spec:\n  groups: []\n", None).1, []);
        assert_eq!(taken_out("groups: []\n", None).1[0].name, "rules.yml");
    }
}

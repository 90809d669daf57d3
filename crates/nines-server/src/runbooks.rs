//! Runbooks among the documents that people apply.
//!
//! A file may hold promises and runbooks together. The runbooks are taken out of the text, line for line, so that whoever reads
//! the rest names the right lines; then both are checked before either is stored: all or none, as far as faults go.

use std::sync::Arc;

use async_trait::async_trait;
use nines_actions::runbook::Runbook;
use nines_api::ReplayResponse;
use nines_base::SharedClock;
use nines_http::{
    AppliedDocument, ApplyError, PromiseView, Promises, RUNBOOK_KIND, Rehearsal, ReplayError, Runbooks,
};
use nines_slo::{DocumentError, DocumentWarning};
use nines_state::objects::{Applied, NewObject, Objects};
use tokio::sync::Mutex;

/// Promises as somebody else keeps them, and runbooks beside them.
pub struct Declared {
    promises: Arc<dyn Promises>,
    objects: Objects,
    runbooks: Arc<Runbooks>,
    clock: SharedClock,
    /// One apply at a time: what is checked is what is stored.
    applying: Mutex<()>,
}

/// A document as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The line before its first, from 0.
    pub lines_before: u32,
    pub text: String,
}

impl Declared {
    /// Reads the stored runbooks. One that this version cannot read is logged and left out.
    pub async fn open(
        promises: Arc<dyn Promises>,
        objects: Objects,
        runbooks: Arc<Runbooks>,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let declared = Self { promises, objects, runbooks, clock, applying: Mutex::default() };
        declared.load().await?;
        Ok(declared)
    }

    async fn load(&self) -> Result<(), nines_state::objects::ObjectsError> {
        let mut books = Vec::new();
        for object in self.objects.list().await?.into_iter().filter(|object| object.kind == RUNBOOK_KIND) {
            match Runbook::parse(&object.yaml) {
                Ok(book) => books.push(book),
                Err(error) => tracing::error!(name = object.name, %error, "stored runbook cannot be read"),
            }
        }
        self.runbooks.replace(books);
        Ok(())
    }

    /// Each runbook with its text, or the faults of all of them.
    fn checked(file: Option<&str>, found: &[Found]) -> Result<Vec<(Runbook, String)>, Vec<DocumentError>> {
        let mut books: Vec<(Runbook, String)> = Vec::new();
        let mut faults = Vec::new();
        for one in found {
            let fault = |line: u32, column: u32, message: String| DocumentError {
                file: file.map(Arc::from),
                line: one.lines_before + line,
                column,
                path: String::new(),
                message,
                hint: None,
            };
            match Runbook::parse(&one.text) {
                Ok(book) if books.iter().any(|(known, _)| known.name == book.name) => {
                    faults.push(fault(1, 1, format!("there are two runbooks `{}`", book.name)));
                }
                Ok(book) => books.push((book, one.text.clone())),
                Err(error) => faults.push(fault(error.mark.line, error.mark.column, error.message)),
            }
        }
        if faults.is_empty() { Ok(books) } else { Err(faults) }
    }
}

#[async_trait]
impl Promises for Declared {
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
        let (rest, found) = taken_out(yaml, &[RUNBOOK_KIND]);
        if found.is_empty() {
            return self.promises.apply(file, yaml, by, dry_run).await;
        }
        let _turn = self.applying.lock().await;
        let books = Self::checked(file, &found);
        let has_rest = rest.lines().any(|line| !line.trim().is_empty() && !line.starts_with("---"));
        let (mut applied, mut warnings) = (Vec::new(), Vec::new());
        let mut faults = Vec::new();
        if has_rest {
            match self.promises.apply(file, &rest, by, true).await {
                Ok(told) => (applied, warnings) = told,
                Err(ApplyError::Faults(more)) => faults.extend(more),
                Err(error) => return Err(error),
            }
        }
        let books = match books {
            Ok(books) if faults.is_empty() => books,
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
        let known = self.runbooks.all();
        let stored = if dry_run {
            None
        } else {
            let objects: Vec<_> = books
                .iter()
                .map(|(book, text)| NewObject {
                    kind: RUNBOOK_KIND.to_owned(),
                    name: book.name.clone(),
                    yaml: text.clone(),
                })
                .collect();
            let stored = self.objects.apply(&objects, by, self.clock.now()).await;
            let stored = stored.map_err(|error| ApplyError::Store(Box::new(error)))?;
            self.load().await.map_err(|error| ApplyError::Store(Box::new(error)))?;
            Some(stored)
        };
        for (index, (book, _)) in books.iter().enumerate() {
            let (outcome, revision) = match stored.as_ref().and_then(|stored| stored.get(index)) {
                Some(Applied::Created { revision }) => ("created", *revision),
                Some(Applied::Updated { revision }) => ("changed", *revision),
                Some(Applied::Unchanged { revision }) => ("unchanged", *revision),
                // A dry run does not compare texts.
                None if known.contains_key(&book.name) => ("changed", 0),
                None => ("created", 0),
            };
            let name = book.name.clone();
            applied.push(AppliedDocument { kind: RUNBOOK_KIND, name, outcome, revision });
        }
        Ok((applied, warnings))
    }

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError> {
        if !kind.eq_ignore_ascii_case(RUNBOOK_KIND) {
            return self.promises.remove(kind, name, by).await;
        }
        let _turn = self.applying.lock().await;
        if !self.runbooks.all().contains_key(name) {
            return Err(ApplyError::NotFound { kind: RUNBOOK_KIND, name: name.to_owned() });
        }
        let deleted = self.objects.delete(RUNBOOK_KIND, name, by, self.clock.now()).await;
        deleted.map_err(|error| ApplyError::Store(Box::new(error)))?;
        self.load().await.map_err(|error| ApplyError::Store(Box::new(error)))
    }

    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError> {
        self.promises.replay(rehearsal).await
    }
}

/// The text with an empty line for each line of a document of `kinds`, and those documents. A line that begins with `---` separates
/// documents wherever it stands, in a block of text too (YAML 1.2, section 9.1.4), and a key of a document begins its line.
pub(crate) fn taken_out(yaml: &str, kinds: &[&str]) -> (String, Vec<Found>) {
    let mut rest = String::with_capacity(yaml.len());
    let mut found = Vec::new();
    let mut document: Vec<&str> = Vec::new();
    let mut line_number = 0;
    let lines: Vec<&str> = yaml.split_inclusive('\n').collect();
    let mut close = |document: &mut Vec<&str>, before: usize, rest: &mut String| {
        if document.iter().any(|line| is_of(line, kinds)) {
            let lines_before = u32::try_from(before).unwrap_or(u32::MAX);
            found.push(Found { lines_before, text: document.concat() });
            document.iter().for_each(|_| rest.push('\n'));
        } else {
            document.iter().for_each(|line| rest.push_str(line));
        }
        document.clear();
    };
    for line in lines {
        if line.strip_prefix("---").is_some_and(|more| more.trim_end().is_empty() || more.starts_with(' ')) {
            let before = line_number - document.len();
            close(&mut document, before, &mut rest);
            rest.push_str(line);
        } else {
            document.push(line);
        }
        line_number += 1;
    }
    let before = line_number - document.len();
    close(&mut document, before, &mut rest);
    (rest, found)
}

fn is_of(line: &str, kinds: &[&str]) -> bool {
    let Some(value) = line.strip_prefix("kind:") else { return false };
    let value = value.split(" #").next().unwrap_or_default().trim();
    kinds.contains(&value.trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runbooks_are_taken_out_and_every_line_stays_where_it_was() {
        let text = "apiVersion: a\nkind: SLO\n---\nkind: \"Runbook\" # mine\nspec:\n  kind: Runbook\n--- \nx: |\n  kind: Runbook\n";
        let (rest, found) = taken_out(text, &[RUNBOOK_KIND]);
        assert_eq!(rest, "apiVersion: a\nkind: SLO\n---\n\n\n\n--- \nx: |\n  kind: Runbook\n");
        assert_eq!(
            found,
            [Found {
                lines_before: 3,
                text: "kind: \"Runbook\" # mine\nspec:\n  kind: Runbook\n".to_owned()
            }]
        );
        assert_eq!(taken_out("a: 1\n", &[RUNBOOK_KIND]).1, []);
    }

    #[test]
    fn faults_name_the_line_of_the_whole_file() {
        let text =
            "kind: SLO\n---\napiVersion: nines/v1\nkind: Runbook\nmetadata: {name: x}\nspec:\n  stepz: []\n";
        let (_, found) = taken_out(text, &[RUNBOOK_KIND]);
        let faults = Declared::checked(Some("a.yaml"), &found).map(drop).unwrap_err();
        assert_eq!((faults[0].line, faults[0].column), (7, 3), "{faults:?}");
    }
}

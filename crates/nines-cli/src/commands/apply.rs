//! Several files are sent as one set, so that all of them are applied or none, and the faults that come back are put
//! to the files again by their line.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use nines_api::{ApplyResponse, Fault};
use nines_client::{ApplyOptions, ClientError};

use super::Session;
use crate::exit::Code;
use crate::output::style;
use crate::report::fault_lines;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    long_about = "Apply YAML documents, all or none.\n\nOpenSLO v1 kinds as published, ours under nines/v1, and Prometheus' files as they are: scrape configurations, rules. A fault is printed as file:line:column with the nearest valid name, and nothing is changed.",
    after_help = "Examples:\n  nines apply -f slos/checkout.yaml\n  nines apply -f slos/ --dry-run\n  nines apply -f prometheus.yml -f rules.yml\n  nines get --output yaml | nines apply -f - --url https://other.example"
)]
pub struct Arguments {
    /// A file, a directory (its .yaml and .yml files, also in folders below), or - for standard input; may be repeated
    #[arg(short = 'f', long = "file", required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Check everything and say what would change, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// Give new services no promises; by itself a new service without any gets those of the template
    #[arg(long)]
    no_defaults: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let bundle = Bundle::read(&arguments.files)?;
    let options = ApplyOptions { dry_run: arguments.dry_run, without_defaults: arguments.no_defaults };
    let answer = session.client.apply(bundle.text.clone(), bundle.only_name(), options).await;
    let answer = match bundle.faults(answer)? {
        Ok(answer) => answer,
        Err(code) => return Ok(code),
    };
    for warning in &answer.warnings {
        let mut warning = warning.clone();
        bundle.place(&mut warning);
        eprint!("{} {}", style::yellow("warning:"), fault_lines(&warning));
    }
    session.output.print(&answer, table)?;
    for applied in &answer.results {
        if let Some(reason) = &applied.reason {
            eprintln!("{} is given by itself: {reason}", applied.name);
        }
    }
    if answer.dry_run {
        eprintln!("dry run: nothing was changed");
    }
    Ok(Code::Ok)
}

fn table(answer: &ApplyResponse) -> Table {
    let mut table = Table::new(["kind", "name", "outcome", "revision"]).right(&[3]);
    for applied in &answer.results {
        let outcome = match applied.outcome.as_str() {
            "created" => style::green("created"),
            "changed" => style::yellow("changed"),
            other => style::dim(other),
        };
        table.row([applied.kind.clone(), applied.name.clone(), outcome, applied.revision.to_string()]);
    }
    table
}

/// What stands before each of several files. It takes one line. Prometheus' files have no name in them, so it says theirs.
fn separator(name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ");
    format!("--- # nines-file: {name}\n")
}

/// How deep folders are followed.
const DEPTH_MAX: usize = 8;

/// Files joined to one set of documents.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    pub text: String,
    /// Name and first line (counted from 1) of each file, ascending.
    files: Vec<(String, u32)>,
    lines: u32,
}

impl Bundle {
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut bundle = Self::default();
        let mut all: Vec<(String, String)> = Vec::new();
        for path in paths {
            if path.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
                all.push(("stdin".to_owned(), text));
                continue;
            }
            let mut files = Vec::new();
            collect(path, 0, &mut files)?;
            if files.is_empty() {
                bail!("no .yaml or .yml file in {}", path.display());
            }
            for file in files {
                let text = std::fs::read_to_string(&file);
                let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                all.push((file.display().to_string(), text));
            }
        }
        let are_several = all.len() > 1;
        all.iter().for_each(|(name, text)| bundle.add(name, text, are_several));
        Ok(bundle)
    }

    fn add(&mut self, name: &str, text: &str, is_one_of_several: bool) {
        if is_one_of_several {
            self.text.push_str(&separator(name));
            self.lines += 1;
        }
        self.files.push((name.to_owned(), self.lines + 1));
        self.text.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.text.push('\n');
        }
        self.lines += u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    }

    pub fn only_name(&self) -> Option<&str> {
        match self.files.as_slice() {
            [(name, _)] => Some(name),
            _ => None,
        }
    }

    /// Prints the faults of an answer where they stand in the files; the inner error is the command's end then.
    pub fn faults<T>(&self, answer: Result<T, ClientError>) -> anyhow::Result<Result<T, Code>> {
        let mut problem = match answer {
            Err(ClientError::Problem(problem)) if !problem.faults.is_empty() => problem,
            answer => return Ok(Ok(answer?)),
        };
        for fault in &mut problem.faults {
            self.place(fault);
            eprint!("{}", fault_lines(fault));
        }
        let count = problem.faults.len();
        let faults = if count == 1 { "fault" } else { "faults" };
        eprintln!("{} {count} {faults}; nothing was changed", style::red("error:"));
        Ok(Err(Code::Failed))
    }

    /// Gives a fault in the bundle its file and its line there.
    fn place(&self, fault: &mut Fault) {
        let Some((name, first)) = self.files.iter().rev().find(|(_, first)| *first <= fault.line.max(1))
        else {
            return;
        };
        fault.file = Some(name.clone());
        fault.line = fault.line.max(1) - first + 1;
    }
}

/// Files in the order of their names, a folder's own files and folders mixed.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("cannot read {}", path.display());
    if !std::fs::metadata(path).with_context(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > DEPTH_MAX {
        bail!("{} lies more than {DEPTH_MAX} folders deep", path.display());
    }
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).with_context(failed)? {
        entries.push(entry.with_context(failed)?.path());
    }
    entries.sort();
    for entry in entries {
        let is_yaml = entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml || entry.is_dir() {
            collect(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: u32) -> Fault {
        Fault { file: None, line, column: 3, path: String::new(), message: String::new(), hint: None }
    }

    #[test]
    fn faults_go_back_to_their_files() {
        let mut bundle = Bundle::default();
        bundle.add("a.yaml", "a: 1\nb: 2\n", true);
        bundle.add("b.yaml", "c: 3", true);
        bundle.add("c.yaml", "d: 4\n", true);
        assert_eq!(
            bundle.text,
            "--- # nines-file: a.yaml\na: 1\nb: 2\n--- # nines-file: b.yaml\nc: 3\n--- # nines-file: c.yaml\nd: 4\n"
        );
        for (line, file, expected) in
            [(2, "a.yaml", 1), (3, "a.yaml", 2), (5, "b.yaml", 1), (7, "c.yaml", 1), (10, "c.yaml", 4)]
        {
            let mut fault = fault(line);
            bundle.place(&mut fault);
            assert_eq!((fault.file.as_deref(), fault.line), (Some(file), expected), "line {line}");
        }
    }

    #[test]
    fn every_line_of_a_bundle_is_a_line_of_a_file() {
        let mut bundle = Bundle::default();
        for (name, text) in [("a", "x\n\n\n"), ("b", ""), ("c", "y\r\nz")] {
            bundle.add(name, text, true);
        }
        assert_eq!(bundle.text.lines().count(), usize::try_from(bundle.lines).unwrap());
    }

    #[test]
    fn a_folder_gives_its_yaml_files_in_order() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["b.yml", "a.yaml", "notes.txt", "sub/c.yaml"] {
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).open(dir.path().join(name));
            file.unwrap().write_all(b"x: 1\n").unwrap();
        }
        let bundle = Bundle::read(&[dir.path().to_owned()]).unwrap();
        let names: Vec<&str> =
            bundle.files.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["a.yaml", "b.yml", "c.yaml"]);
    }
}

//! `nines rules`: what `promtool check rules` and `promtool test rules` do, without a node.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use nines_rules::document::{RuleKind, parse};
use nines_rules::testing;
use serde_json::json;

use crate::exit::Code;
use crate::output::{Format, style};
use crate::report::fault_lines;

#[derive(Debug, Args)]
#[command(
    long_about = "Prometheus rule files: check them, run their unit tests.\n\nThe files are Prometheus' own, as `promtool` takes them. Put them into effect with `nines apply -f`.",
    after_help = "Examples:\n  nines rules check rules/*.yml\n  nines rules test tests/checkout_test.yml"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong with rule files, or how many rules they hold
    Check {
        /// Rule files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run unit tests of rules, as `promtool test rules` does
    Test {
        /// Files of tests
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub fn run(arguments: Arguments, output: Format) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Check { files } => check(&files, output),
        Command::Test { files } => test(&files, output),
    }
}

fn check(files: &[PathBuf], output: Format) -> anyhow::Result<Code> {
    let (mut answers, mut lines, mut faults) = (Vec::new(), String::new(), 0);
    for path in files {
        let name = path.display().to_string();
        match parse(&name, &read(path)?) {
            Ok(file) => {
                for warning in &file.warnings {
                    eprintln!("{} {name}:{}: {}", style::yellow("warning:"), warning.line, warning.message);
                }
                let rules = || file.groups.iter().flat_map(|group| &group.rules);
                let alerts = rules().filter(|rule| matches!(rule.kind, RuleKind::Alerting(_))).count();
                let (groups, rules) = (file.groups.len(), rules().count());
                answers.push(json!({ "file": name, "groups": groups, "rules": rules, "alerts": alerts }));
                lines.push_str(&format!("{name}: {groups} groups, {rules} rules, {alerts} of them alerts\n"));
            }
            Err(found) => {
                faults += found.len();
                print_faults(&found);
            }
        }
    }
    output.print_text(&json!({ "files": answers, "faults": faults }), |_| lines)?;
    Ok(if faults == 0 { Code::Ok } else { Code::Failed })
}

fn test(files: &[PathBuf], output: Format) -> anyhow::Result<Code> {
    let (mut answers, mut lines, mut failed) = (Vec::new(), String::new(), 0);
    for path in files {
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new("."));
        let report = match testing::run(&name, &read(path)?, &mut |pattern| named(folder, pattern)) {
            Ok(report) => report,
            Err(faults) => {
                print_faults(&faults);
                failed += faults.len();
                continue;
            }
        };
        failed += report.failures.len();
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        for failure in &failures {
            lines.push_str(&format!("{} {name}: {failure}\n", style::red("failed:")));
        }
        lines.push_str(&format!(
            "{name}: {} tests, {} checks, {} failed\n",
            report.tests,
            report.checks,
            failures.len()
        ));
        answers.push(
            json!({ "file": name, "tests": report.tests, "checks": report.checks, "failures": failures }),
        );
    }
    output.print_text(&json!({ "files": answers, "failed": failed }), |_| lines)?;
    Ok(if failed == 0 { Code::Ok } else { Code::Failed })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn print_faults(faults: &[testing::DocumentError]) {
    for fault in faults {
        let fault = nines_api::Fault {
            file: fault.file.as_deref().map(str::to_owned),
            line: fault.line,
            column: fault.column,
            path: fault.path.clone(),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        };
        eprint!("{}", fault_lines(&fault));
    }
}

/// The files that a pattern names, from the folder of the test; `*` stands for anything in its last part.
fn named(folder: &Path, pattern: &str) -> Result<Vec<(String, String)>, String> {
    let whole = folder.join(pattern);
    let last = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut paths = Vec::new();
    if let Some((head, tail)) = last.split_once('*') {
        let parent = whole.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)) {
                paths.push(entry.path());
            }
        }
        paths.sort();
    } else {
        paths.push(whole);
    }
    if paths.is_empty() {
        return Err(format!("no file matches `{pattern}`"));
    }
    let file = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    paths.into_iter().map(file).collect()
}

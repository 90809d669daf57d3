//! `nines promql`: PromQL without a node.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use nines_promql::conformance;
use serde_json::json;

use crate::exit::Code;
use crate::output::{Format, style};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines promql conformance ~/prometheus/promql/promqltest/testdata\n  nines promql format 'sum by (job) (rate(http_requests_total[5m]))'"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run upstream's .test scripts, unchanged, and print how many evaluations pass
    Conformance {
        /// A folder with .test files
        dir: PathBuf,
    },
    /// Print an expression in canonical form, or point at the mistake in it
    Format {
        /// The expression
        query: String,
    },
}

pub fn run(arguments: Arguments, output: Format) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Conformance { dir } => {
            let report =
                conformance::run_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
            anyhow::ensure!(report.files > 0, "{} has no .test files", dir.display());
            let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
            let answer = json!({
                "files": report.files, "cases": report.cases, "passed": report.passed, "failures": failures,
            });
            output.print_text(&answer, |_| {
                let mut text: String =
                    failures.iter().map(|failure| format!("{} {failure}\n", style::red("failed:"))).collect();
                text.push_str(&format!("{} of {}\n", report.passed, report.cases));
                text
            })?;
            Ok(if failures.is_empty() { Code::Ok } else { Code::Failed })
        }
        Command::Format { query } => {
            let canonical = nines_promql::parse(&query)?.to_string();
            output.print_text(&json!({ "query": canonical }), |_| format!("{canonical}\n"))?;
            Ok(Code::Ok)
        }
    }
}

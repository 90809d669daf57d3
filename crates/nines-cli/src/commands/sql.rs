use std::io::Read;

use anyhow::{Context, bail};
use clap::Args;
use nines_api::{SavedRequest, SqlRequest, SqlResponse};
use serde_json::Value;

use super::{Session, pointing_into, print_stats};
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    long_about = "Ask in SQL over hot and cold data together.\n\nTables: logs, spans, metrics, probes, beacons, changes. Columns have OpenTelemetry names, in double quotes where they hold a dot. Rows go to standard output; run time, rows and bytes scanned to standard error.",
    after_help = "Examples:\n  nines sql 'select \"service.name\", count(*) from logs group by 1'\n  nines sql 'select timestamp, body from logs where severity_number >= 17 order by timestamp desc' --limit 20\n  nines sql - < question.sql --output json\n  nines sql 'select count(*) from logs' --save 'how many logs'\n  nines sql --saved 'how many logs'"
)]
pub struct Arguments {
    /// The query; `-` reads it from standard input
    #[arg(required_unless_present = "saved", default_value = "", hide_default_value = true)]
    query: String,
    /// At most this many rows [default: 1000, at most 10000]
    #[arg(long)]
    limit: Option<u32>,
    /// Give up after this many seconds [default: 30, at most 300]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Keep the query under this name, for everybody, in place of one that has it
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// The team that a kept query is for [default: everybody]
    #[arg(long, value_name = "TEAM", requires = "save")]
    team: Option<String>,
    /// Run the query that was kept under this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["save", "query"])]
    saved: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let query = match (&arguments.saved, arguments.query.as_str()) {
        (Some(name), _) => {
            let kept = session.client.saved_one(name).await?.question;
            if kept.kind != "sql" {
                bail!("`{name}` is a search, not SQL: run it with `nines search --saved '{name}'`");
            }
            kept.text
        }
        (None, "-") => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the query from standard input")?;
            text
        }
        (None, _) => arguments.query,
    };
    let request = SqlRequest { query, limit: arguments.limit, timeout_secs: arguments.timeout };
    let answer = pointing_into(&request.query, session.client.sql(&request).await)?;
    if let Some(name) = arguments.save {
        // Only what has run is kept.
        let kept = SavedRequest {
            name,
            kind: "sql".to_owned(),
            team: arguments.team,
            description: String::new(),
            dataset: None,
            text: request.query.clone(),
            from: None,
            to: None,
            columns: Vec::new(),
            split_by: None,
        };
        let saved = session.client.save(&kept).await?;
        eprintln!("{} kept as `{}`", style::green("ok:"), saved.question.name);
    }
    session.output.print(&answer, table)?;
    print_stats(&answer.stats);
    Ok(Code::Ok)
}

fn table(answer: &SqlResponse) -> Table {
    let numbers: Vec<usize> = answer
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| matches!(column.kind.as_str(), "int" | "float"))
        .map(|(index, _)| index)
        .collect();
    let mut table = Table::new(answer.columns.iter().map(|column| column.name.as_str())).right(&numbers);
    for row in &answer.rows {
        table.row(row.iter().map(cell));
    }
    table
}

/// Text without quotes, nothing for null, JSON for the rest.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_become_lines() {
        let answer: SqlResponse = serde_json::from_value(json!({
            "columns": [{"name": "service.name", "kind": "string"}, {"name": "n", "kind": "int"}],
            "rows": [["checkout", 12], [null, 3]],
            "stats": serde_json::to_value(nines_api::QueryStats::default()).unwrap(),
        }))
        .unwrap();
        assert_eq!(table(&answer).render(), "service.name   n\ncheckout      12\n               3\n");
    }
}

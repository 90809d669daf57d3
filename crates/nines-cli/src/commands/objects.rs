use clap::Args;
use nines_api::ObjectsResponse;
use nines_client::ObjectsQuery;

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::Format;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines get\n  nines get SLO\n  nines get SLO checkout-availability --output yaml"
)]
pub struct GetArguments {
    /// SLO, SLI, Service, Team, Channel, … [default: all]
    kind: Option<String>,
    /// Only the one of this name
    name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nines delete SLO checkout-availability")]
pub struct DeleteArguments {
    /// SLO, SLI, Service, Team, Channel, …
    kind: String,
    /// Name of the document
    name: String,
}

pub async fn get(arguments: GetArguments, session: &Session) -> anyhow::Result<Code> {
    let mut answer = session.client.objects(&ObjectsQuery { kind: arguments.kind.clone() }).await?;
    if let Some(name) = &arguments.name {
        answer.objects.retain(|object| object.name == *name);
        if answer.objects.is_empty() {
            eprintln!("no {} named `{name}`", arguments.kind.as_deref().unwrap_or("document"));
            return Ok(Code::NotFound);
        }
    }
    if session.output == Format::Yaml {
        // The documents as they were written, ready for `apply`.
        let documents: Vec<&str> = answer.objects.iter().map(|object| object.yaml.trim_end()).collect();
        crate::output::write(&(documents.join("\n---\n") + "\n"))?;
    } else {
        session.output.print(&answer, table)?;
    }
    Ok(Code::Ok)
}

pub async fn delete(arguments: DeleteArguments, session: &Session) -> anyhow::Result<Code> {
    session.client.delete_object(&arguments.kind, &arguments.name).await?;
    eprintln!("removed {} {}", arguments.kind, arguments.name);
    Ok(Code::Ok)
}

fn table(answer: &ObjectsResponse) -> Table {
    let mut table = Table::new(["kind", "name", "revision", "applied", "by"]).right(&[2]);
    for object in &answer.objects {
        table.row([
            object.kind.clone(),
            object.name.clone(),
            object.revision.to_string(),
            short_time(&object.applied_at),
            object.applied_by.clone(),
        ]);
    }
    table
}

use clap::{Args, Subcommand};
use nines_api::{Member, MemberRequest, TeamsResponse};

use super::Session;
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines account invite mei --role member      she signs in; her teams say what she may do\n  nines team add shop mei --role responder\n  nines team list\n  nines team remove shop mei"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Teams, their services and their members
    List,
    /// Give somebody a role in a team, in place of the one that they had there
    Add {
        /// Name of the team, as documents declare it
        team: String,
        /// Name of the account
        person: String,
        /// viewer, responder, editor or admin
        #[arg(long)]
        role: String,
    },
    /// Take somebody out of a team
    Remove {
        /// Name of the team
        team: String,
        /// Name of the account
        person: String,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::List => session.output.print(&session.client.teams().await?, list)?,
        Command::Add { team, person, role } => {
            let member = session.client.put_member(&team, &person, &MemberRequest { role }).await?;
            let told = |member: &Member| format!("{} is {} in {team}\n", member.name, member.role);
            session.output.print_text(&member, told)?;
        }
        Command::Remove { team, person } => {
            session.client.remove_member(&team, &person).await?;
            eprintln!("{person} is in {team} no more");
        }
    }
    Ok(Code::Ok)
}

fn list(answer: &TeamsResponse) -> Table {
    let mut table = Table::new(["team", "services", "members"]);
    for team in &answer.teams {
        let members: Vec<String> =
            team.members.iter().map(|member| format!("{} ({})", member.name, member.role)).collect();
        let name = match team.is_declared {
            true => team.name.clone(),
            false => style::red(&format!("{} (not declared)", team.name)),
        };
        table.row([name, team.services.join(" "), members.join(", ")]);
    }
    table
}

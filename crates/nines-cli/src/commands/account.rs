use clap::{Args, Subcommand};
use nines_api::{AccountsResponse, InviteRequest, Invited};

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines account invite mei --role responder      prints a link that signs her in, once\n  nines account list\n  nines account disable 0199…"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account; the link that opens it is shown this once
    Invite {
        /// As it appears on timelines and in the audit log
        name: String,
        /// viewer, responder, editor, admin or owner
        #[arg(long)]
        role: String,
    },
    /// Everybody who can sign in
    List,
    /// Take everything away from an account, at once and for ever
    Disable {
        /// Id of the account, from `nines account list`
        id: String,
    },
    /// Take the second factor away from somebody who lost it, and end their sessions
    ResetSecondFactor {
        /// Id of the account, from `nines account list`
        id: String,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Invite { name, role } => {
            let invited = session.client.invite(&InviteRequest { name, role }).await?;
            session.output.print_text(&invited, |invited: &Invited| format!("{}\n", invited.link))?;
            eprintln!("the link signs {} in, once, within a day", invited.account.name);
        }
        Command::List => session.output.print(&session.client.accounts().await?, list)?,
        Command::Disable { id } => {
            session.client.disable_account(&id).await?;
            eprintln!("disabled {id}");
        }
        Command::ResetSecondFactor { id } => {
            session.client.reset_second_factor(&id).await?;
            eprintln!("{id} signs in without a code now, and may enrol a new one");
        }
    }
    Ok(Code::Ok)
}

fn list(answer: &AccountsResponse) -> Table {
    let mut table = Table::new(["id", "name", "role", "made", "state"]);
    for account in &answer.accounts {
        let state = if account.disabled { style::red("disabled") } else { "active".to_owned() };
        table.row([
            account.id.clone(),
            account.name.clone(),
            account.role.clone(),
            short_time(&account.created_at),
            state,
        ]);
    }
    table
}

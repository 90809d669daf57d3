//! What can be typed: the options that every command has, and the list of commands.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::connection::Connection;
use crate::output::Format;

#[derive(Debug, Parser)]
#[command(
    name = "nines",
    about = "Nines: SRE as a service in one binary",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    #[command(flatten)]
    pub connection: Connection,

    /// How answers are printed: table, json or yaml
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Node and output"
    )]
    pub output: Format,

    #[command(subcommand)]
    pub command: Command,
}

// Not doc comments: those would take the place of the longer text that each command brings along.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(about = "Run a node until Ctrl-C")]
    Serve(Box<commands::serve::Arguments>),
    #[command(about = "Break a real shop in one of four ways and watch it being noticed, paged and mended")]
    Demo(commands::demo::Arguments),
    #[command(about = "Sign in, through a browser or with a key")]
    Login(commands::login::Arguments),
    #[command(about = "Send files, each line once")]
    Import(commands::import::Arguments),
    #[command(about = "Collect on a machine: follow files, read the host")]
    Agent(commands::agent::Arguments),
    #[command(about = "Uptime: what stands, a check tried once, a runner elsewhere")]
    Probe(commands::probe::Arguments),
    #[command(about = "Ask in SQL over hot and cold data together")]
    Sql(commands::sql::Arguments),
    #[command(about = "Find rows with a filter")]
    Search(commands::search::Arguments),
    #[command(about = "Ask metrics in PromQL; format a query, run upstream's scripts")]
    Promql(commands::promql::Arguments),
    #[command(about = "Prometheus rule files: check them, run their unit tests")]
    Rules(commands::rules::Arguments),
    #[command(about = "Promises, how much of their budget is left and what burns it")]
    Slo(commands::slo::Arguments),
    #[command(about = "Dashboards: list, show, export, import from Grafana and Perses")]
    Dashboards(commands::dashboards::Arguments),
    #[command(about = "Put a stored window through today's rules: what would have paged")]
    Replay(commands::replay::Arguments),
    #[command(about = "Alerts: send, list and silence them")]
    Alert(commands::alert::Arguments),
    #[command(about = "Who is on call; shifts, gaps, taking and swapping them")]
    Oncall(commands::oncall::Arguments),
    #[command(about = "Report an incident and run it by the clock")]
    Incident(commands::incident::Arguments),
    #[command(about = "Learn from incidents: figures, postmortems, the weekly meeting, takeovers")]
    Review(commands::review::Arguments),
    #[command(about = "Operations: what can be done, plan it, do it, approve it, stop everything")]
    Ops(commands::ops::Arguments),
    #[command(about = "The audit log: read, export, check its chain")]
    Audit(commands::audit::Arguments),
    #[command(about = "Apply YAML documents, all or none")]
    Apply(commands::apply::Arguments),
    #[command(about = "Print applied documents")]
    Get(commands::objects::GetArguments),
    #[command(about = "Remove an applied document")]
    Delete(commands::objects::DeleteArguments),
    #[command(about = "Record a deploy, a flag or a configuration change")]
    Change(commands::change::Arguments),
    #[command(about = "Make, list and revoke keys")]
    Key(commands::key::Arguments),
    #[command(about = "People who can sign in: invite, list, disable")]
    Account(commands::account::Arguments),
    #[command(about = "Who may do what in which team: list, add, remove")]
    Team(commands::team::Arguments),
    #[command(about = "Secrets that documents refer to: set, rotate, list, remove")]
    Secret(commands::secret::Arguments),
    #[command(about = "Settings: where each comes from, and what a file would change")]
    Config(commands::config::Arguments),
    #[command(about = "How much telemetry is kept and may come; what waits to be deleted")]
    Limits(commands::limits::Arguments),
    #[command(about = "Policies of the organisation in Cedar: apply, show, test on the past, remove")]
    Policy(commands::policy::Arguments),
    #[command(about = "What there is, and whether it keeps to the standards")]
    Inventory(commands::inventory::Arguments),
    #[command(about = "How clients behave, and who is blocked: status, explain, rehearse, set, release")]
    Credit(commands::credit::Arguments),
    #[command(about = "Hosts, pods, containers: what reports, what is absent, who is high or low")]
    Infra(commands::infra::Arguments),
    #[command(about = "What has a limit, and when it is reached")]
    Saturation(commands::infra::SaturationArguments),
    #[command(about = "What the node takes in, refuses, keeps and owes")]
    Status(commands::status::Arguments),
    #[command(about = "Check a node and say what is wrong with it")]
    Doctor(commands::doctor::Arguments),
    #[command(about = "Read a whole data directory and say what is damaged")]
    Verify(commands::backup::VerifyArguments),
    #[command(about = "Copy a data directory, in use or not, into a repository of backups")]
    Backup(commands::backup::BackupArguments),
    #[command(about = "Put a backup into a new data directory")]
    Restore(commands::backup::RestoreArguments),
    #[command(about = "Print the version")]
    Version(commands::version::Arguments),
    #[command(about = "Print a completion script for a shell")]
    Completions(commands::completions::Arguments),
}

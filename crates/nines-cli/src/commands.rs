//! One module per command: what it takes, one call, what it prints.

pub mod account;
pub mod agent;
pub mod alert;
pub mod apply;
pub mod audit;
pub mod backup;
pub mod change;
pub mod collect;
pub mod completions;
pub mod config;
pub mod credit;
pub mod dashboards;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod incident;
pub mod infra;
pub mod inventory;
pub mod key;
pub mod limits;
pub mod login;
pub mod objects;
pub mod oncall;
pub mod ops;
pub mod policy;
pub mod probe;
pub mod promql;
pub mod replay;
pub mod review;
pub mod rules;
pub mod search;
pub mod secret;
pub mod serve;
pub mod slo;
pub mod sql;
pub mod status;
pub mod team;
pub mod version;

use nines_client::Client;

use crate::arguments::{Arguments, Command};
use crate::exit::Code;
use crate::output::Format;

/// What every command that talks to a node is given.
pub struct Session {
    pub client: Client,
    pub output: Format,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Code> {
    let output = arguments.output;
    let session = || anyhow::Ok(Session { client: arguments.connection.client()?, output });
    match arguments.command {
        Command::Serve(arguments) => serve::run(*arguments).await,
        Command::Demo(demo) => demo::run(demo, &arguments.connection, output).await,
        Command::Login(login) => login::run(login, &arguments.connection).await,
        Command::Import(import) => import::run(import, &session()?).await,
        Command::Agent(agent) => agent::run(agent, &session()?).await,
        Command::Probe(probe) => probe::run(probe, &arguments.connection, output).await,
        Command::Sql(sql) => sql::run(sql, &session()?).await,
        Command::Search(search) => search::run(search, &session()?).await,
        Command::Promql(promql) => promql::run(promql, output, session).await,
        Command::Rules(rules) => rules::run(rules, output),
        Command::Slo(slo) => slo::run(slo, &session()?).await,
        Command::Replay(replay) => replay::run(replay, &session()?).await,
        Command::Alert(alert) => alert::run(alert, &session()?).await,
        Command::Oncall(oncall) => oncall::run(oncall, &session()?).await,
        Command::Incident(incident) => incident::run(incident, &session()?).await,
        Command::Review(review) => review::run(review, &session()?).await,
        Command::Ops(ops) => ops::run(ops, &session()?).await,
        Command::Credit(credit) => credit::run(credit, &session()?).await,
        Command::Inventory(inventory) => inventory::run(inventory, &session()?).await,
        Command::Config(config) => config::run(config, output, session).await,
        Command::Policy(policy) => policy::run(policy, output, session).await,
        Command::Infra(infra) => infra::run(infra, &session()?).await,
        Command::Saturation(saturation) => infra::saturation(saturation, &session()?).await,
        Command::Audit(audit) => audit::run(audit, &session()?).await,
        Command::Apply(apply) => apply::run(apply, &session()?).await,
        Command::Get(get) => objects::get(get, &session()?).await,
        Command::Delete(delete) => objects::delete(delete, &session()?).await,
        Command::Dashboards(dashboards) => dashboards::run(dashboards, &session()?).await,
        Command::Change(change) => change::run(change, &session()?).await,
        Command::Key(key) => key::run(key, &session()?).await,
        Command::Account(account) => account::run(account, &session()?).await,
        Command::Team(team) => team::run(team, &session()?).await,
        Command::Limits(limits) => limits::run(limits, &session()?).await,
        Command::Secret(secret) => secret::run(secret, &session()?).await,
        Command::Status(status) => status::run(status, &session()?).await,
        Command::Doctor(_) => doctor::run(&session()?).await,
        Command::Verify(verify) => backup::verify(verify, output).await,
        Command::Backup(backup) => backup::backup(backup, output).await,
        Command::Restore(restore) => backup::restore(&restore, output).await,
        Command::Version(_) => version::run(output),
        Command::Completions(completions) => completions::run(completions),
    }
}

/// The error of a call about `text` (SQL or a filter), after showing where in it the fault is.
fn pointing_into<T>(text: &str, result: Result<T, nines_client::ClientError>) -> anyhow::Result<T> {
    if let Err(error) = &result
        && let Some(offset) = error.offset()
    {
        eprint!("{}", crate::report::caret(text, offset));
    }
    Ok(result?)
}

/// Run time and cost, on standard error.
fn print_stats(stats: &nines_api::QueryStats) {
    use crate::output::style;

    let more = if stats.truncated { "+" } else { "" };
    let rows = if stats.rows_returned == 1 && !stats.truncated { "row" } else { "rows" };
    let line = format!(
        "{}{more} {rows} · {:.1} ms · scanned {} rows, {} · {} segments read, {} skipped",
        stats.rows_returned,
        stats.run_time_ms,
        stats.rows_scanned,
        nines_base::ByteSize(stats.bytes_scanned),
        stats.segments_scanned,
        stats.segments_pruned,
    );
    eprintln!("{}", style::dim(&line));
    for part in &stats.partial {
        eprintln!("{} the answer is not whole: {part}", style::yellow("warning:"));
    }
}

/// `2026-11-21T08:30:00.123456Z` as `11-21 08:30:00.123`; anything else as it is.
fn short_time(time: &str) -> String {
    use nines_model::Timestamp;

    match Timestamp::parse_rfc3339(time) {
        Ok(at) => at.to_jiff().strftime("%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => time.to_owned(),
    }
}

/// Seconds as people say them: `41 s`, `12 min`, `3 h 20 min`, `5 d`.
fn duration(secs: f64) -> String {
    let whole = secs.max(0.0) as u64;
    match whole {
        0..=9 => format!("{:.1} s", secs.max(0.0)),
        10..=119 => format!("{whole} s"),
        120..=7199 => format!("{} min", whole / 60),
        7200..=172_799 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d", whole / 86_400),
    }
}

fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    // A promise of 99.99 % must not be shown as 100 %: as many digits as tell it from whole.
    let digits = [1, 2, 3].into_iter().find(|digits| {
        let rounded = format!("{percent:.digits$}");
        percent == 100.0 || !rounded.starts_with("100")
    });
    let text = format!("{percent:.*}", digits.unwrap_or(4));
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_whole_is_not_shown_as_whole() {
        for (fraction, expected) in
            [(1.0, "100.0 %"), (0.999, "99.9 %"), (0.99996, "99.996 %"), (0.041, "4.1 %"), (-0.5, "-50.0 %")]
        {
            assert_eq!(percent(fraction), expected);
        }
    }

    #[test]
    fn durations_are_said_in_two_units_at_most() {
        for (secs, expected) in
            [(0.42, "0.4 s"), (41.9, "41 s"), (720.0, "12 min"), (12_000.0, "3 h 20 min"), (5e5, "5 d")]
        {
            assert_eq!(duration(secs), expected);
        }
    }

    #[test]
    fn times_are_short_and_foreign_text_is_left_alone() {
        assert_eq!(short_time("2026-11-21T08:30:00.123456789Z"), "11-21 08:30:00.123");
        assert_eq!(short_time("soon"), "soon");
    }
}

//! The first screen of help: commands in groups, by what one wants to do, and examples last.

use std::fmt::Write;

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::exit;

/// Every command is in exactly one group.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Start", &["serve", "demo", "login", "import", "agent"]),
    (
        "Ask",
        &[
            "search",
            "sql",
            "promql",
            "rules",
            "slo",
            "dashboards",
            "infra",
            "saturation",
            "replay",
            "alert",
            "probe",
            "status",
        ],
    ),
    (
        "Operate",
        &[
            "oncall",
            "incident",
            "review",
            "ops",
            "apply",
            "get",
            "delete",
            "change",
            "key",
            "account",
            "team",
            "policy",
            "secret",
            "audit",
            "inventory",
            "credit",
        ],
    ),
    ("Look after", &["config", "limits", "backup", "restore", "verify", "doctor", "version", "completions"]),
];

const EXAMPLES: &str = "\
Examples:
  nines demo                                          a shop, a fault, a page: in your terminal
  nines serve                                         a node on http://127.0.0.1:9999, OTLP on 4317 and 4318
  nines search 'service.name: checkout and http.response.status_code >= 500' --dataset spans";

/// The whole command line, with the grouped first screen.
pub fn command() -> clap::Command {
    let command = Arguments::command();
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n{}\nOptions and environment:\n{{options}}\n\n{EXAMPLES}\n\nExit codes: {}\n\n`nines COMMAND --help` tells more about one.\n",
        groups(&command),
        exit::HELP,
    );
    command.help_template(template)
}

fn groups(command: &clap::Command) -> String {
    let width = command.get_subcommands().map(|each| each.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = write!(text, "\n{title}:\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = command();
        let mut commands: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        commands.sort_unstable();
        assert_eq!(grouped, commands);
    }

    #[test]
    fn the_first_screen_is_as_agreed_and_fits_a_terminal() {
        let text = command().term_width(110).render_help().to_string();
        assert!(text.lines().count() <= 68, "{} lines are more than a screen", text.lines().count());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_command_explains_itself() {
        let mut all = String::new();
        explain(&command().term_width(110), "nines", &mut all);
        insta::assert_snapshot!(all);
    }

    /// Short help of every command below `command`, without the options that all share.
    fn explain(command: &clap::Command, path: &str, all: &mut String) {
        for each in command.get_subcommands() {
            let path = format!("{path} {}", each.get_name());
            let text = each.clone().term_width(110).bin_name(path.clone()).render_long_help().to_string();
            let _ = write!(all, "== {path}\n{text}\n");
            explain(each, &path, all);
        }
    }
}

//! Answers on standard output, in the form that was asked for.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::table::{Table, printable, printable_json};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Yaml,
}

impl Format {
    /// Prints `answer` whole as JSON or YAML, or what `table` makes of it.
    pub fn print<T: Serialize>(self, answer: &T, table: impl FnOnce(&T) -> Table) -> anyhow::Result<()> {
        self.print_text(answer, |answer| table(answer).render())
    }

    /// Like [`Format::print`], for what is no table.
    pub fn print_text<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = match self {
            Self::Table => printable(&text(answer)),
            Self::Json => printable_json(&serde_json::to_string_pretty(answer)?) + "\n",
            Self::Yaml => serde_saphyr::to_string(answer)?,
        };
        write(&text)
    }
}

/// A reader that has gone away (`| head`) is no error.
pub fn write(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Colours, where they are wanted: <https://no-color.org>, <https://bixense.com/clicolors>.
pub mod style {
    use std::io::IsTerminal;
    use std::sync::LazyLock;

    static COLOUR: LazyLock<bool> = LazyLock::new(|| {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return false;
        }
        set("CLICOLOR_FORCE") || (std::io::stdout().is_terminal() && std::io::stderr().is_terminal())
    });

    fn wrap(code: &str, text: &str) -> String {
        if *COLOUR { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn red(text: &str) -> String {
        wrap("31", text)
    }

    pub fn green(text: &str) -> String {
        wrap("32", text)
    }

    pub fn yellow(text: &str) -> String {
        wrap("33", text)
    }

    pub fn cyan(text: &str) -> String {
        wrap("36", text)
    }

    pub fn bold(text: &str) -> String {
        wrap("1", text)
    }

    pub fn dim(text: &str) -> String {
        wrap("2", text)
    }
}

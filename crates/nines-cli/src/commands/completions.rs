use clap::Args;
use clap_complete::Shell;

use crate::exit::Code;
use crate::output;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines completions bash > /etc/bash_completion.d/nines\n  nines completions fish | source"
)]
pub struct Arguments {
    /// Whose language
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: Arguments) -> anyhow::Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::help::command(), "nines", &mut script);
    output::write(&String::from_utf8_lossy(&script))?;
    Ok(Code::Ok)
}

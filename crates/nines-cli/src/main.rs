//! The `nines` command: starts a node, and talks to one.
//!
//! Data goes to standard output, talk to standard error, so that a pipe sees only answers. Exit codes are those of
//! [`exit::Code`].

mod arguments;
mod commands;
mod connection;
mod exit;
mod help;
mod instant;
mod output;
mod report;
mod table;

use std::process::ExitCode;

use clap::FromArgMatches;
use nines_allocator as _;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let matches = help::command().get_matches();
    let mut arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if let (Command::Serve(serve), Some((_, given))) = (&mut arguments.command, matches.subcommand()) {
        serve.note_origins(given);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            report::print(&anyhow::Error::new(error).context("cannot start the runtime"));
            return exit::Code::Failed.into();
        }
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code.into(),
        Err(error) => {
            report::print(&error);
            exit::Code::of(&error).into()
        }
    }
}

/// Threads that wait for connections and pass on what comes: half of the cores. Whatever computes for longer (decoding,
/// questions, rules, hashing) has threads of its own, and each worker beyond those that are busy costs: it is woken to look
/// for work that another one does already. On two cores one worker takes a seventh more single events for the same time
/// of the processor than two do.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

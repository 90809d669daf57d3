use clap::Args;
use serde::Serialize;

use crate::exit::Code;
use crate::output::Format;

#[derive(Debug, Args)]
pub struct Arguments {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    os: &'static str,
    arch: &'static str,
}

pub fn run(output: Format) -> anyhow::Result<Code> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
    };
    output.print_text(&version, |it| format!("nines {} ({} {})\n", it.version, it.os, it.arch))?;
    Ok(Code::Ok)
}

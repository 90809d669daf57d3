//! What happens to a run, told line by line until it is over or waits for somebody.

use std::time::Duration;

use nines_api::{ActionRun, RunEvent};

use super::super::{Session, short_time};
use crate::exit::Code;
use crate::output::{self, Format, style};
use crate::table::one_line;

/// Between looks. A step takes seconds.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Tells what happens after event `after`; the exit code says how it ended.
pub async fn until_over(session: &Session, id: &str, mut after: u64) -> anyhow::Result<Code> {
    let is_table = session.output == Format::Table;
    loop {
        // Looked at first: what it did at last is then among the events.
        let run = session.client.run(id).await?;
        let events = session.client.run_history(id, after).await?.events;
        for event in &events {
            after = event.sequence;
            let line = line(event);
            if is_table { output::write(&line)? } else { eprint!("{line}") }
        }
        let rests = matches!(run.state.as_str(), "waiting_for_approval" | "ready" | "waiting_for_human");
        if (run.is_over || rests) && events.is_empty() {
            session.output.print_text(&run, ended)?;
            return Ok(code(&run));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn code(run: &ActionRun) -> Code {
    match run.state.as_str() {
        "done" => Code::Ok,
        "waiting_for_approval" | "waiting_for_human" | "ready" => Code::Waiting,
        _ => Code::Failed,
    }
}

fn ended(run: &ActionRun) -> String {
    let mut text = format!("{}  {}\n", run.id, super::state(&run.state));
    if run.state == "waiting_for_human" {
        let why = run.reason.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "{}\nanswer it: nines ops answer {} done|retry|compensate\n",
            one_line(why),
            run.id
        ));
    } else if run.state == "done" && run.incident.is_some() {
        text.push_str("whether it helped is known two minutes after its end: nines ops show ");
        text.push_str(&run.id);
        text.push('\n');
    }
    text
}

pub fn line(event: &RunEvent) -> String {
    let text = one_line(&event.text);
    let text = match event.kind.as_str() {
        "step_done" | "approved" => style::green(&text),
        "step_failed" => style::red(&text),
        "compensating" | "step_compensated" | "waiting_for_human" | "unknown" | "cancel_requested" => {
            style::yellow(&text)
        }
        "calling" => style::cyan(&text),
        _ => text,
    };
    format!("{} {text}\n", style::dim(&short_time(&event.at)))
}

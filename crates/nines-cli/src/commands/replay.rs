use anyhow::Context;
use clap::Args;
use nines_api::{ReplayRequest, ReplayResponse, ReplayedSlo};

use super::{Session, percent, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;

#[derive(Debug, Args)]
#[command(
    long_about = "Put a stored window through today's promises and rules, and list the pages they would have made.\n\nWith --file, documents are tried on top of what is applied, and nothing of them is kept: would this rule have caught last Tuesday, and how many pages would it have made since?",
    after_help = "Examples:\n  nines replay --start 24h\n  nines replay checkout-availability --start 2026-11-17T08:00:00Z --end 2026-11-17T12:00:00Z\n  nines replay --file stricter.yaml --start 28d --output json"
)]
pub struct Arguments {
    /// Name of the promise [default: those of --file, else all]
    slo: Option<String>,
    /// From this time: RFC 3339, or how long ago
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    start: String,
    /// Before this time: RFC 3339, or how long ago [default: now]
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,
    /// YAML documents to try, not to apply
    #[arg(long, short, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let documents = match &arguments.file {
        Some(path) => {
            Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
        }
        None => None,
    };
    let request = ReplayRequest { slo: arguments.slo, documents, start: arguments.start, end: arguments.end };
    let answer = session.client.replay(&request).await?;
    session.output.print_text(&answer, text)?;
    for part in &answer.stats.partial {
        eprintln!("{} the answer is not whole: {part}", style::yellow("warning:"));
    }
    Ok(Code::Ok)
}

fn text(answer: &ReplayResponse) -> String {
    let mut text = format!("{} to {}\n", short_time(&answer.start), short_time(&answer.end));
    if answer.step_secs > 1 {
        text.push_str(&format!(
            "rules were evaluated every {} s: a shorter fault is averaged over it\n",
            answer.step_secs
        ));
    }
    for slo in &answer.slos {
        text.push('\n');
        text.push_str(&promise(slo));
    }
    let alerts: usize = answer.slos.iter().map(|slo| slo.alerts.len()).sum();
    let plural =
        |count: u64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    text.push_str(&format!("\n{}, {}\n", plural(alerts as u64, "alert"), plural(answer.pages, "page")));
    text
}

fn promise(slo: &ReplayedSlo) -> String {
    let mut text = style::bold(&slo.name);
    if let Some(reason) = &slo.reason {
        return format!("{text}  {}\n", style::dim(&format!("not replayed: {reason}")));
    }
    if slo.total > 0 {
        text.push_str(&format!("  {} of {} good", slo.good, slo.total));
    }
    if let (Some(before), Some(after)) = (slo.budget_before, slo.budget_after) {
        text.push_str(&format!(", budget {} to {}", percent(before), percent(after)));
    }
    text.push('\n');
    if slo.alerts.is_empty() {
        text.push_str(&format!("  {}\n", style::green("nothing would have fired")));
    }
    for alert in &slo.alerts {
        text.push_str(&format!("  {} {}\n", style::red(&alert.severity), alert.title));
        for step in &alert.transitions {
            let told = if step.targets.is_empty() { "nobody".to_owned() } else { step.targets.join(", ") };
            text.push_str(&format!(
                "    {}  {:<9} to {told}  {}\n",
                short_time(&step.at),
                step.kind,
                style::dim(&step.reason)
            ));
        }
    }
    if slo.truncated {
        text.push_str("  and more\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_replay_tells_each_page_and_who_got_it() {
        let answer: ReplayResponse = serde_json::from_value(json!({
            "start": "2026-11-21T08:00:00Z", "end": "2026-11-21T09:00:00Z", "step_secs": 1, "pages": 2,
            "slos": [
                {"name": "checkout", "display_name": "", "good": 90, "total": 100, "budget_before": 1.0,
                 "budget_after": 0.5, "truncated": false, "pages": 2, "alerts": [{
                    "detected_at": "2026-11-21T08:10:00Z", "started_at": "2026-11-21T08:09:58Z", "severity": "page",
                    "title": "checkout fails", "transitions": [
                        {"at": "2026-11-21T08:10:00Z", "kind": "fired", "severity": "page", "reason": "burn 20×", "targets": ["hook", "mail"]}
                    ]}]},
                {"name": "cart", "display_name": "", "good": 5, "total": 5, "truncated": false, "pages": 0, "alerts": []},
            ],
            "stats": serde_json::to_value(nines_api::QueryStats::default()).unwrap(),
        }))
        .unwrap();
        assert_eq!(
            text(&answer),
            "11-21 08:00:00.000 to 11-21 09:00:00.000\n\n\
             checkout  90 of 100 good, budget 100.0 % to 50.0 %\n  page checkout fails\n    \
             11-21 08:10:00.000  fired     to hook, mail  burn 20×\n\n\
             cart  5 of 5 good\n  nothing would have fired\n\n1 alert, 2 pages\n"
        );
    }
}

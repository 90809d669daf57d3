//! A postmortem as a document that can be kept anywhere.

use std::fmt::Write;

use crate::draft::words;
use crate::{Measure, Postmortem, Section, State};

/// Columns of the little chart of each promise.
const CHART_COLUMNS: usize = 40;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// CommonMark. What came from outside (titles, timeline, charts) is escaped: it shows as it was and makes no markup. What
/// people wrote in sections is Markdown, but for raw HTML and for links that lead to anything but the web.
pub fn markdown(postmortem: &Postmortem) -> String {
    let facts = &postmortem.facts;
    let mut text = String::new();
    let _ = writeln!(text, "# {}: {}\n", postmortem.incident, plain(&facts.title));
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "- **{name}**: {value}");
    };
    let drill = if facts.is_drill { " (drill)" } else { "" };
    fact("Level", format!("{}, class {}{drill}", facts.level, facts.class));
    fact("Services", facts.services.iter().map(|service| plain(service)).collect::<Vec<_>>().join(", "));
    fact("Owner", postmortem.owner.as_deref().map_or("nobody yet".to_owned(), plain));
    let state = match (&postmortem.closed, postmortem.due) {
        (Some((at, by)), _) => format!("closed {at} by {}", plain(by)),
        (None, Some(due)) => format!("draft, due {due}"),
        (None, None) => "draft".to_owned(),
    };
    fact("State", state);
    fact("Responders", facts.people.iter().map(|person| plain(person)).collect::<Vec<_>>().join(", "));
    let marks = &facts.marks;
    let durations = marks.durations();
    fact("Fault began", marks.fault_start.to_string());
    fact("Detected", format!("{} (after {})", marks.detected, words(durations.to_detect)));
    if let (Some(at), Some(after)) = (marks.acked, durations.to_acknowledge) {
        fact("Acknowledged", format!("{at} (after {})", words(after)));
    }
    if let (Some(at), Some(after)) = (marks.mitigated, durations.to_mitigate) {
        fact("Mitigated", format!("{at} (after {})", words(after)));
    }
    if let (Some(at), Some(after)) = (marks.resolved, durations.to_resolve) {
        fact("Resolved", format!("{at} (after {})", words(after)));
    }
    if let Some(lost) = postmortem.data_lost {
        fact("Data lost (recovery point)", words(lost));
    }
    fact(
        "Updates in time",
        format!("{} of {}", facts.updates_kept, facts.updates_kept + facts.updates_missed),
    );
    for section in Section::ALL {
        if let Some(written) = postmortem.sections.get(&section) {
            let _ = write!(text, "\n## {}\n\n{}\n", section.title(), defused(written.trim_end()));
        }
    }
    measures(&mut text, &postmortem.measures);
    charts(&mut text, postmortem);
    text.push_str("\n## Timeline (UTC)\n\n");
    for line in &facts.timeline {
        let link = line.link.as_deref().filter(|link| is_web(link));
        let link = link.map(|link| format!(" <{link}>")).unwrap_or_default();
        let _ = writeln!(text, "- `{}` **{}** {}{link}", line.at, plain(&line.actor), plain(&line.text));
    }
    if facts.timeline_left_out > 0 {
        let _ = writeln!(text, "- {} entries in the middle are left out", facts.timeline_left_out);
    }
    if postmortem.state == State::Draft {
        let _ = write!(text, "\n*This is a draft.*\n");
    }
    text
}

fn measures(text: &mut String, measures: &[Measure]) {
    if measures.is_empty() {
        return;
    }
    text.push_str(
        "\n## Measures\n\n| what | kind | owner | due | ticket | done |\n|---|---|---|---|---|---|\n",
    );
    for measure in measures {
        let cell = |value: Option<&str>| value.map(plain).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&measure.text),
            measure.kind.as_str().replace('_', "-"),
            cell(measure.owner.as_deref()),
            measure.due.map(|due| due.to_string()).unwrap_or_default(),
            cell(measure.ticket.as_deref()),
            measure.done.as_ref().map(|(at, by)| format!("{at} {}", plain(by))).unwrap_or_default(),
        );
    }
}

/// One line of bars for each promise: the share of bad events of each step, the worst one full.
fn charts(text: &mut String, postmortem: &Postmortem) {
    let charts = &postmortem.facts.charts;
    if charts.is_empty() {
        return;
    }
    text.push_str("\n## Promises over the incident\n\n");
    for chart in charts {
        let width = chart.total.len().div_ceil(CHART_COLUMNS).max(1);
        let shares: Vec<Option<f64>> = chart
            .total
            .chunks(width)
            .zip(chart.good.chunks(width))
            .map(|(total, good)| {
                let (total, good) = (total.iter().sum::<u64>(), good.iter().sum::<u64>());
                (total > 0).then(|| total.saturating_sub(good) as f64 / total as f64)
            })
            .collect();
        let worst = shares.iter().flatten().copied().fold(0.0, f64::max);
        let bars: String = shares
            .iter()
            .map(|share| match share {
                None => '·',
                Some(share) if worst > 0.0 => BARS[((share / worst) * 7.0).round() as usize],
                Some(_) => BARS[0],
            })
            .collect();
        let spent = chart.budget_spent.map(|spent| format!(", {:.1} % of the error budget", spent * 100.0));
        let _ = writeln!(
            text,
            "- `{bars}` {}: {} bad of {}, worst step {:.1} %{}",
            plain(&chart.slo),
            chart.bad(),
            chart.total.iter().sum::<u64>(),
            worst * 100.0,
            spent.unwrap_or_default()
        );
    }
}

/// Markdown without raw HTML, and with links and pictures of the web only.
fn defused(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let mut parts = text.split("](");
    let mut defused = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_safe = ["https://", "http://", "#", "/"].iter().any(|start| part.starts_with(start));
        defused.push_str(if is_safe { "](" } else { "]\\(" });
        defused.push_str(part);
    }
    // A reference definition is a link as well.
    defused.replace("]:", "]\\:")
}

/// Only what a browser should follow from a document.
fn is_web(link: &str) -> bool {
    (link.starts_with("https://") || link.starts_with("http://"))
        && !link.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
}

/// Text that makes no markup: each character that CommonMark or HTML could read otherwise is escaped, and it is one line.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            // Autolinks of GFM.
            ':' => escaped.push_str("&#58;"),
            c => escaped.push(c),
        }
    }
    escaped
}

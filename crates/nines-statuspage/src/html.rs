//! A status page as HTML: no script, one style sheet whose hash the policy names, readable at any width and in print.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::{Condition, Day, Notice, View};

/// The only style of the page.
pub const STYLE: &str = include_str!("style.css");

/// For `style-src` of the page's policy.
pub fn style_source() -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE.as_bytes())))
}

/// The whole document. `feed` is the address of the Atom feed, if there is one.
pub fn html(view: &View, feed: Option<&str>) -> String {
    let mut page = String::new();
    let title = escape(&view.title);
    let link = feed
        .map(|feed| {
            format!("<link rel=\"alternate\" type=\"application/atom+xml\" href=\"{}\">", escape(feed))
        })
        .unwrap_or_default();
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta http-equiv=\"refresh\" content=\"60\">\
         <title>{title}: {}</title>{link}<style>{STYLE}</style></head><body><main>\
         <header><h1>{title}</h1>",
        view.overall.words()
    );
    if !view.description.is_empty() {
        let _ = write!(page, "<p>{}</p>", escape(&view.description));
    }
    let _ = write!(
        page,
        "</header><section class=\"overall {}\"><span class=\"mark\" aria-hidden=\"true\"></span><div><h2>{}</h2>\
         <p>as of <time datetime=\"{at}\">{}</time> UTC</p></div></section>",
        view.overall.as_str(),
        overall(view.overall),
        clock(&view.at.to_string()),
        at = view.at,
    );
    for window in &view.maintenance {
        let _ = write!(
            page,
            "<section class=\"notice maintenance\"><h2>Maintenance: {}</h2><p>{}</p><p class=\"when\">until {} UTC</p></section>",
            escape(&window.name),
            escape(&window.reason),
            clock(&window.until.to_string()),
        );
    }
    for open in &view.open {
        notice(&mut page, open);
    }
    components(&mut page, view);
    page.push_str("<section><h2>Past incidents</h2>");
    if view.past.is_empty() {
        page.push_str("<p class=\"quiet\">Nothing to report.</p>");
    }
    for past in &view.past {
        notice(&mut page, past);
    }
    page.push_str("</section><footer>");
    if let Some(feed) = feed {
        let _ = write!(page, "<a href=\"{}\">Atom feed</a> ", escape(feed));
    }
    page.push_str("</footer></main></body></html>\n");
    page
}

fn overall(condition: Condition) -> &'static str {
    match condition {
        Condition::Unknown => "We have no data yet",
        Condition::Operational => "All components are operational",
        Condition::Maintenance => "Maintenance is under way",
        Condition::Degraded => "Some components are degraded",
        Condition::Partial => "Some components are down in part",
        Condition::Major => "There is a major outage",
    }
}

fn components(page: &mut String, view: &View) {
    page.push_str("<section><h2>Components</h2><ul class=\"components\">");
    for component in &view.components {
        let uptime = component.uptime.map(|share| format!("{:.3} %", share * 100.0)).unwrap_or_default();
        let _ = write!(
            page,
            "<li class=\"{}\"><div class=\"line\"><b>{}</b><span class=\"state\">{}</span></div>\
             <div class=\"days\" role=\"img\" aria-label=\"{} days, {}\">",
            component.condition.as_str(),
            escape(&component.name),
            component.condition.words(),
            component.days.len(),
            if uptime.is_empty() { "no data".to_owned() } else { format!("{uptime} without an outage") },
        );
        for day in &component.days {
            let _ = write!(page, "<i class=\"{}\" title=\"{}\"></i>", day.worst.as_str(), day_words(day));
        }
        let _ = write!(
            page,
            "</div><div class=\"line small\"><span>{} days ago</span><span>{uptime}</span><span>today</span></div></li>",
            component.days.len()
        );
    }
    page.push_str("</ul></section>");
}

fn day_words(day: &Day) -> String {
    let date = &day.start.to_string()[..10];
    match day.down.as_secs() / 60 {
        0 => format!("{date}: {}", day.worst.words()),
        minutes => format!("{date}: {}, {minutes} min", day.worst.words()),
    }
}

fn notice(page: &mut String, notice: &Notice) {
    let ended = notice.ended_at.map(|at| format!(" to {}", clock(&at.to_string()))).unwrap_or_default();
    let _ = write!(
        page,
        "<section class=\"notice {}\" id=\"{}\"><h2>{}</h2><p class=\"when\">{}{ended} UTC</p>",
        if notice.ended_at.is_some() { "over" } else { notice.condition.as_str() },
        escape(&notice.id),
        escape(&notice.title()),
        clock(&notice.started_at.to_string()),
    );
    if notice.statements.is_empty() {
        page.push_str("<p>We are looking into it.</p>");
    }
    for (at, text) in &notice.statements {
        let _ = write!(
            page,
            "<article><time datetime=\"{at}\">{}</time><p>{}</p></article>",
            clock(&at.to_string()),
            escape(text).replace('\n', "<br>")
        );
    }
    page.push_str("</section>");
}

/// `2026-11-22 08:30` of RFC 3339.
fn clock(text: &str) -> String {
    text.get(..16).unwrap_or(text).replace('T', " ")
}

/// For text and attributes of HTML and XML alike; characters that XML cannot hold become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            // Marks that turn the direction of what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

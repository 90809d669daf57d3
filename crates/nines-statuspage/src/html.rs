//! A status page as HTML: no script, one style sheet whose hash the policy names, readable at any width and in print.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use nines_incidents::Language;

use crate::{Day, Notice, View, Words};

/// The only style of the page.
pub const STYLE: &str = include_str!("style.css");

/// For `style-src` of the page's policy.
pub fn style_source() -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE.as_bytes())))
}

/// What is around the view.
#[derive(Debug, Clone, Default)]
pub struct Frame<'a> {
    pub language: Language,
    /// The address of the Atom feed, if there is one.
    pub feed: Option<&'a str>,
    /// Where news can be asked for, if it can.
    pub form: Option<Form<'a>>,
    /// The secret of a private page, for its own links.
    pub key: Option<&'a str>,
}

/// The form for subscribers.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    pub action: &'a str,
    /// Whether mails can be sent.
    pub email: bool,
}

/// The whole document.
pub fn html(view: &View, frame: &Frame<'_>) -> String {
    let words = Words::of(frame.language);
    let link = frame.feed.map(|feed| {
        format!("<link rel=\"alternate\" type=\"application/atom+xml\" href=\"{}\">", escape(feed))
    });
    let refresh = "<meta http-equiv=\"refresh\" content=\"60\">";
    let head = format!("{refresh}{}", link.unwrap_or_default());
    let title = format!("{}: {}", view.title, words.condition(view.overall));
    let mut page = begin(words, &title, &head);
    let _ = write!(page, "<header><h1>{}</h1>", escape(&view.title));
    if !view.description.is_empty() {
        let _ = write!(page, "<p>{}</p>", escape(&view.description));
    }
    let _ = write!(
        page,
        "</header><section class=\"overall {}\"><span class=\"mark\" aria-hidden=\"true\"></span><div><h2>{}</h2>\
         <p>{} <time datetime=\"{at}\">{}</time> UTC</p></div></section>",
        view.overall.as_str(),
        words.overall(view.overall),
        words.as_of,
        clock(&view.at.to_string()),
        at = view.at,
    );
    let windows = view.maintenance.iter().map(|window| (words.maintenance, window));
    for (what, window) in windows.chain(view.planned.iter().map(|window| (words.planned, window))) {
        let _ = write!(
            page,
            "<section class=\"notice maintenance\"><h2>{what}: {}</h2><p>{}</p><p class=\"small\">{}</p>\
             <p class=\"when\">{} – {} UTC</p></section>",
            escape(&window.name),
            escape(&window.reason),
            escape(&window.components.join(", ")),
            clock(&window.from.to_string()),
            clock(&window.until.to_string()),
        );
    }
    for open in &view.open {
        notice(&mut page, open, words);
    }
    components(&mut page, view, words);
    let _ = write!(page, "<section><h2>{}</h2>", words.past);
    if view.past.is_empty() {
        let _ = write!(page, "<p class=\"quiet\">{}</p>", words.nothing);
    }
    for past in &view.past {
        notice(&mut page, past, words);
    }
    page.push_str("</section>");
    if let Some(form) = &frame.form {
        subscribe(&mut page, view, form, frame.key, words);
    }
    page.push_str("<footer>");
    if let Some(feed) = frame.feed {
        let _ = write!(page, "<a href=\"{}\">{}</a> ", escape(feed), words.feed);
    }
    let key = frame.key.map(|key| format!("&amp;key={}", escape(key))).unwrap_or_default();
    for (language, name) in
        [(Language::En, "English"), (Language::ZhTw, "繁體中文"), (Language::ZhCn, "简体中文")]
    {
        if language != frame.language {
            let tag = language.as_str();
            let _ = write!(page, "<a href=\"?lang={tag}{key}\" lang=\"{tag}\">{name}</a> ");
        }
    }
    end(page)
}

/// A small page of one sentence, perhaps with a button that answers it.
pub fn leaf(
    title: &str,
    language: Language,
    sentence: &str,
    button: Option<(&str, &str)>,
    back: &str,
) -> String {
    let words = Words::of(language);
    let mut page = begin(words, title, "<meta name=\"robots\" content=\"noindex\">");
    let _ = write!(
        page,
        "<header><h1>{}</h1></header><section class=\"panel\"><p>{}</p>",
        escape(title),
        escape(sentence)
    );
    if let Some((action, label)) = button {
        let _ = write!(
            page,
            "<form method=\"post\"><button name=\"do\" value=\"{}\">{}</button></form>",
            escape(action),
            escape(label)
        );
    }
    let _ = write!(page, "</section><footer><a href=\"{}\">{}</a>", escape(back), words.back);
    end(page)
}

fn begin(words: &Words, title: &str, head: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>{head}<style>{STYLE}</style></head><body><main>",
        words.language.as_str(),
        escape(title)
    )
}

fn end(page: String) -> String {
    page + "</footer></main></body></html>\n"
}

fn subscribe(page: &mut String, view: &View, form: &Form<'_>, key: Option<&str>, words: &Words) {
    let _ = write!(
        page,
        "<section><h2>{}</h2><details class=\"panel\"><summary>{}</summary><form method=\"post\" action=\"{}\">",
        words.subscribe,
        words.subscribe_why,
        escape(form.action)
    );
    for (name, value) in [("key", key.unwrap_or_default()), ("lang", words.language.as_str())] {
        let _ = write!(page, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    let (kind, label) = if form.email { ("email", words.email) } else { ("url", words.webhook) };
    let _ = write!(
        page,
        "<label>{label}<input type=\"{kind}\" name=\"{kind}\" maxlength=\"254\" autocomplete=\"{kind}\"></label>"
    );
    if form.email {
        let _ = write!(
            page,
            "<label>{}<input type=\"url\" name=\"url\" maxlength=\"2048\"></label>",
            words.webhook
        );
    }
    let _ = write!(page, "<fieldset><legend>{}</legend>", words.only);
    for component in &view.components {
        let name = escape(&component.name);
        let _ = write!(
            page,
            "<label class=\"tick\"><input type=\"checkbox\" name=\"component\" value=\"{name}\">{name}</label>"
        );
    }
    let _ = write!(page, "</fieldset><button>{}</button></form></details></section>", words.subscribe);
}

fn components(page: &mut String, view: &View, words: &Words) {
    let _ = write!(page, "<section><h2>{}</h2><ul class=\"components\">", words.components);
    for component in &view.components {
        let uptime = component.uptime.map(|share| format!("{:.3} %", share * 100.0)).unwrap_or_default();
        let told = match uptime.is_empty() {
            true => words.no_data.to_owned(),
            false => format!("{uptime} {}", words.without_outage),
        };
        let _ = write!(
            page,
            "<li class=\"{}\"><div class=\"line\"><b>{}</b><span class=\"state\">{}</span></div>\
             <div class=\"days\" role=\"img\" aria-label=\"{} {}, {told}\">",
            component.condition.as_str(),
            escape(&component.name),
            words.condition(component.condition),
            component.days.len(),
            words.days_ago,
        );
        for day in &component.days {
            let _ =
                write!(page, "<i class=\"{}\" title=\"{}\"></i>", day.worst.as_str(), day_words(day, words));
        }
        let _ = write!(
            page,
            "</div><div class=\"line small\"><span>{} {}</span><span>{uptime}</span><span>{}</span></div></li>",
            component.days.len(),
            words.days_ago,
            words.today
        );
    }
    page.push_str("</ul></section>");
}

fn day_words(day: &Day, words: &Words) -> String {
    let date = &day.start.to_string()[..10];
    match day.down.as_secs() / 60 {
        0 => format!("{date}: {}", words.condition(day.worst)),
        minutes => format!("{date}: {}, {minutes} min", words.condition(day.worst)),
    }
}

fn notice(page: &mut String, notice: &Notice, words: &Words) {
    let ended = notice.ended_at.map(|at| format!(" – {}", clock(&at.to_string()))).unwrap_or_default();
    let _ = write!(
        page,
        "<section class=\"notice {}\" id=\"{}\"><h2>{}</h2><p class=\"when\">{}{ended} UTC</p>",
        if notice.ended_at.is_some() { "over" } else { notice.condition.as_str() },
        escape(&notice.id),
        escape(&format!("{}: {}", words.condition(notice.condition), notice.components.join(", "))),
        clock(&notice.started_at.to_string()),
    );
    if notice.statements.is_empty() {
        let _ = write!(page, "<p>{}</p>", words.looking);
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

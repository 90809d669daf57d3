//! The same as feeds: Atom (RFC 4287) and RSS 2.0, one entry for each incident, renewed with each statement.

use std::fmt::Write;

use crate::html::escape;
use crate::{Notice, View};

fn notices(view: &View) -> impl Iterator<Item = &Notice> {
    view.open.iter().chain(&view.past)
}

fn changed(notice: &Notice) -> nines_model::Timestamp {
    let stated = notice.statements.first().map(|(at, _)| *at);
    [stated, notice.ended_at].into_iter().flatten().max().unwrap_or(notice.started_at)
}

fn told(notice: &Notice) -> String {
    let mut lines: Vec<String> = notice.statements.iter().map(|(at, text)| format!("{at}: {text}")).collect();
    if let Some(at) = notice.ended_at {
        lines.insert(0, format!("{at}: it is over"));
    }
    lines.join("\n\n")
}

/// `address` is that of the page, without a query.
pub fn atom(view: &View, address: &str) -> String {
    let mut feed = String::new();
    let address = escape(address);
    let updated = notices(view).map(changed).max().unwrap_or(view.at);
    let _ = write!(
        feed,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>{address}</id>\
         <title>{}</title><updated>{updated}</updated><link href=\"{address}\"/><author><name>{0}</name></author>",
        escape(&view.title)
    );
    for notice in notices(view) {
        let _ = write!(
            feed,
            "<entry><id>{address}#{id}</id><title>{}</title><published>{}</published><updated>{}</updated>\
             <link href=\"{address}#{id}\"/><content type=\"text\">{}</content></entry>",
            escape(&notice.title()),
            notice.started_at,
            changed(notice),
            escape(&told(notice)),
            id = escape(&notice.id),
        );
    }
    feed.push_str("</feed>\n");
    feed
}

pub fn rss(view: &View, address: &str) -> String {
    let mut feed = String::new();
    let address = escape(address);
    let _ = write!(
        feed,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\"><channel><title>{}</title><link>{address}</link>\
         <description>{}</description>",
        escape(&view.title),
        escape(view.overall.words())
    );
    for notice in notices(view) {
        let _ = write!(
            feed,
            "<item><guid isPermaLink=\"true\">{address}#{id}</guid><link>{address}#{id}</link><title>{}</title>\
             <description>{}</description></item>",
            escape(&notice.title()),
            escape(&told(notice)),
            id = escape(&notice.id),
        );
    }
    feed.push_str("</channel></rss>\n");
    feed
}

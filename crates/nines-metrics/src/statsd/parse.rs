//! Lines of StatsD and DogStatsD. Sources: statsd/statsd `docs/metric_types.md`; Datadog's description of the DogStatsD
//! datagram (protocol 1.3: tags, several values, container ids, times).

/// Longest line that is read. Senders keep a datagram below 8 KiB.
pub const LINE_BYTES_MAX: usize = 8 * 1024;
/// Tags of one line.
pub const TAGS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Counter,
    Gauge,
    /// `ms`: a duration in milliseconds.
    Timer,
    /// `h` and `d`: anything that is distributed.
    Distribution,
    Set,
}

/// One line with measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured<'a> {
    pub name: &'a str,
    pub kind: Kind,
    /// As written, not empty: numbers, but for sets.
    pub values: Vec<&'a str>,
    /// Above 0, at most 1.
    pub rate: f64,
    /// Name and value; a tag without a value has an empty one.
    pub tags: Vec<(&'a str, &'a str)>,
}

/// `_e{…}`, or a service check `_sc|…`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Happened<'a> {
    pub title: String,
    pub text: String,
    /// Unix seconds, if the sender says.
    pub at_secs: Option<i64>,
    pub host: Option<&'a str>,
    /// `error`, `warning`, `info`, `success`; of checks likewise.
    pub alert_type: &'a str,
    pub is_check: bool,
    pub tags: Vec<(&'a str, &'a str)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    Measured(Measured<'a>),
    Happened(Happened<'a>),
}

/// `None`: the line is no StatsD.
pub fn line(text: &str) -> Option<Line<'_>> {
    if text.len() > LINE_BYTES_MAX {
        return None;
    }
    if let Some(rest) = text.strip_prefix("_e{") {
        return event(rest).map(Line::Happened);
    }
    if let Some(rest) = text.strip_prefix("_sc|") {
        return check(rest).map(Line::Happened);
    }
    measured(text).map(Line::Measured)
}

fn measured(text: &str) -> Option<Measured<'_>> {
    let mut parts = text.split('|');
    // Values of sets may hold colons no more than others: what is behind the first is values.
    let (name, values) = parts.next()?.split_once(':')?;
    let kind = match parts.next()? {
        "c" | "m" => Kind::Counter,
        "g" => Kind::Gauge,
        "ms" => Kind::Timer,
        "h" | "d" => Kind::Distribution,
        "s" => Kind::Set,
        _ => return None,
    };
    let values: Vec<&str> = if kind == Kind::Set { vec![values] } else { values.split(':').collect() };
    let is_number = |value: &&str| value.parse::<f64>().is_ok_and(f64::is_finite);
    let are_values = if kind == Kind::Set { !values[0].is_empty() } else { values.iter().all(is_number) };
    if name.is_empty() || !are_values {
        return None;
    }
    let (mut rate, mut own_tags) = (1.0, Vec::new());
    for part in parts {
        match part.as_bytes().first()? {
            b'@' => rate = part[1..].parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0)?,
            b'#' => own_tags = tags(&part[1..])?,
            // The container, the time, and what later versions add.
            _ => {}
        }
    }
    Some(Measured { name, kind, values, rate, tags: own_tags })
}

fn tags(text: &str) -> Option<Vec<(&str, &str)>> {
    let tag =
        |tag: &'_ str| -> (usize, usize) { tag.find(':').map_or((tag.len(), tag.len()), |at| (at, at + 1)) };
    let mut all = Vec::new();
    for one in text.split(',').filter(|one| !one.is_empty()) {
        if all.len() == TAGS_MAX {
            return None;
        }
        let (end, start) = tag(one);
        all.push((&one[..end], &one[start..]));
    }
    Some(all)
}

/// `21,36}:title|text|d:…`: both lengths are in bytes.
fn event(rest: &str) -> Option<Happened<'_>> {
    let (lengths, rest) = rest.split_once("}:")?;
    let (title, text) = lengths.split_once(',')?;
    let (title_bytes, text_bytes): (usize, usize) = (title.parse().ok()?, text.parse().ok()?);
    let title = rest.get(..title_bytes)?;
    let rest = rest.get(title_bytes..)?.strip_prefix('|')?;
    let text = rest.get(..text_bytes)?;
    let rest = rest.get(text_bytes..)?;
    let mut event = Happened {
        title: title.replace("\\n", "\n"),
        text: text.replace("\\n", "\n"),
        alert_type: "info",
        ..Happened::default()
    };
    fields(rest, &mut event)?;
    Some(event)
}

/// `name|status|d:…|m:message`
fn check(rest: &str) -> Option<Happened<'_>> {
    let (name, rest) = rest.split_once('|')?;
    let (status, rest) = rest.split_at(rest.find('|').unwrap_or(rest.len()));
    let (alert_type, word) = match status {
        "0" => ("success", "ok"),
        "1" => ("warning", "warning"),
        "2" => ("error", "critical"),
        "3" => ("warning", "unknown"),
        _ => return None,
    };
    let mut check =
        Happened { title: format!("{name}: {word}"), alert_type, is_check: true, ..Happened::default() };
    fields(rest, &mut check)?;
    Some(check)
}

fn fields<'a>(rest: &'a str, into: &mut Happened<'a>) -> Option<()> {
    for part in rest.split('|').filter(|part| !part.is_empty()) {
        if let Some(text) = part.strip_prefix('#') {
            into.tags = tags(text)?;
        } else if let Some((key, value)) = part.split_once(':') {
            match key {
                "d" => into.at_secs = Some(value.parse().ok()?),
                "h" => into.host = Some(value),
                "t" => into.alert_type = value,
                "m" => into.text = value.replace("\\n", "\n"),
                _ => {}
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Measured<'_> {
        match line(text) {
            Some(Line::Measured(measured)) => measured,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let plain = of("page.views:1|c");
        assert_eq!(
            (plain.name, plain.kind, plain.values, plain.rate),
            ("page.views", Kind::Counter, vec!["1"], 1.0)
        );
        let rich = of("song.length:240:234|h|@0.5|#env:prod,canary,url:a:b|c:ci-1|T1656581409");
        assert_eq!((rich.kind, rich.values, rich.rate), (Kind::Distribution, vec!["240", "234"], 0.5));
        assert_eq!(rich.tags, [("env", "prod"), ("canary", ""), ("url", "a:b")]);
        assert_eq!(of("fuel:-3|g").values, ["-3"]);
        assert_eq!(of("users:a:b|s").values, ["a:b"]);
        for wrong in
            ["", "x", "x:1", ":1|c", "x:|c", "x:a|c", "x:1|q", "x:1|c|@0", "x:1|c|@2", "x:NaN|g", "_e{1,1}:a"]
        {
            assert_eq!(line(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn events_and_checks_are_read() {
        let Some(Line::Happened(event)) =
            line("_e{6,9}:Deploy|by\\nalice|d:1700000000|h:web-1|t:warning|#env:prod")
        else {
            panic!("no event");
        };
        assert_eq!((&*event.title, &*event.text), ("Deploy", "by\nalice"));
        assert_eq!(
            (event.at_secs, event.host, event.alert_type),
            (Some(1_700_000_000), Some("web-1"), "warning")
        );
        let Some(Line::Happened(check)) = line("_sc|redis|2|#env:dev|m:no answer") else {
            panic!("no check")
        };
        assert_eq!(
            (&*check.title, &*check.text, check.alert_type),
            ("redis: critical", "no answer", "error")
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", tail in "[_esc{},:|#@0-9a-z]{0,60}") {
            line(&text);
            line(&format!("_e{{{tail}"));
            line(&format!("a:1|c{tail}"));
        }
    }
}

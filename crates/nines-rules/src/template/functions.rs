//! What templates can call: Go's built-in functions and Prometheus' own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compare::compare;
use super::number::{humanize, humanize_1024, humanize_duration, significant};
use super::print::{plain, sprint, sprintf, text};
use super::{OUTPUT_BYTES_MAX, Surroundings, Value};

/// All names, sorted.
pub const FUNCTIONS: [&str; 48] = [
    "and",
    "args",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "js",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "now",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "tmpl",
    "urlQueryEscape",
    "urlquery",
    "value",
];

/// Calls a function, all but `and` and `or`, which look at their arguments one after the other.
pub(super) fn call(name: &str, arguments: &[Value], around: &mut Surroundings<'_>) -> Result<Value, String> {
    let count = |wanted: usize| {
        if arguments.len() == wanted {
            return Ok(());
        }
        Err(format!("`{name}` takes {wanted} arguments, not {}", arguments.len()))
    };
    let string = |position: usize| match arguments.get(position) {
        Some(Value::Text(text)) => Ok(text.clone()),
        Some(other) => Err(format!("`{name}` needs a text, not a {}", other.type_name())),
        None => Err(format!("`{name}` needs more arguments")),
    };
    let number = || {
        count(1)?;
        to_float(&arguments[0])
    };
    Ok(match name {
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, arguments)?,
        "not" => {
            count(1)?;
            Value::Bool(!arguments[0].is_true())
        }
        "len" => {
            count(1)?;
            Value::Int(length(&arguments[0])?)
        }
        "index" => index(arguments)?,
        "slice" => slice(arguments)?,
        "print" => Value::text(sprint(arguments)),
        "println" => {
            let parts: Vec<String> = arguments.iter().map(text).collect();
            Value::text(format!("{}\n", parts.join(" ")))
        }
        "printf" => Value::text(sprintf(&string(0)?, &arguments[1..])),
        "html" => Value::text(escape_html(&sprint(arguments))),
        "js" => Value::text(escape_js(&sprint(arguments))),
        "urlquery" => Value::text(escape_query(&sprint(arguments))),
        "urlQueryEscape" => {
            count(1)?;
            Value::text(escape_query(&string(0)?))
        }
        "query" => {
            count(1)?;
            let found = (around.query)(&string(0)?)?;
            Value::List(Arc::new(found.iter().map(Value::of_sample).collect()))
        }
        "first" => {
            count(1)?;
            list(name, &arguments[0])?.first().cloned().ok_or("first() called on vector with no elements")?
        }
        "label" => {
            count(2)?;
            let labels = arguments[1].field("Labels")?;
            labels.field(&string(0)?)?
        }
        "value" => {
            count(1)?;
            arguments[0].field("Value")?
        }
        "strvalue" => {
            count(1)?;
            arguments[0].field("Labels")?.field("__value__")?
        }
        "sortByLabel" => {
            count(2)?;
            sort_by_label(&string(0)?, list(name, &arguments[1])?)?
        }
        "args" => {
            let named = arguments.iter().enumerate().map(|(at, value)| (format!("arg{at}"), value.clone()));
            Value::Map(Arc::new(named.collect::<BTreeMap<_, _>>()))
        }
        "reReplaceAll" => {
            count(3)?;
            let regex = regex(&string(0)?)?;
            Value::text(regex.replace_all(&string(2)?, &*string(1)?))
        }
        "match" => {
            count(2)?;
            Value::Bool(regex(&string(0)?)?.is_match(&string(1)?))
        }
        "title" => {
            count(1)?;
            Value::text(title(&string(0)?))
        }
        "toUpper" => {
            count(1)?;
            Value::text(string(0)?.to_uppercase())
        }
        "toLower" => {
            count(1)?;
            Value::text(string(0)?.to_lowercase())
        }
        "safeHtml" => {
            count(1)?;
            Value::Text(string(0)?)
        }
        "graphLink" | "tableLink" => {
            count(1)?;
            let tab = i32::from(name == "tableLink");
            Value::text(format!("/graph?g0.expr={}&g0.tab={tab}", escape_query(&string(0)?)))
        }
        "stripPort" => {
            count(1)?;
            Value::text(strip_port(&string(0)?))
        }
        "stripDomain" => {
            count(1)?;
            Value::text(strip_domain(&string(0)?))
        }
        "humanize" => Value::text(humanize(number()?)),
        "humanize1024" => Value::text(humanize_1024(number()?)),
        "humanizeDuration" => Value::text(humanize_duration(number()?)),
        "humanizePercentage" => Value::text(format!("{}%", significant(number()? * 100.0, 4))),
        "humanizeTimestamp" => {
            let seconds = number()?;
            if seconds.is_finite() {
                let mut out = String::new();
                plain(&time_of(seconds)?, &mut out);
                Value::text(out)
            } else {
                Value::text(significant(seconds, 4))
            }
        }
        "toTime" => time_of(number()?)?,
        "toDuration" => {
            let nanos = number()? * 1e9;
            if nanos.is_nan() || nanos.abs() > 9.2e18 {
                return Err("this is no duration".to_owned());
            }
            Value::Duration(nanos as i64)
        }
        "parseDuration" => {
            count(1)?;
            let written = string(0)?;
            let millis = nines_promql::parse_duration(&written);
            let millis =
                millis.ok_or_else(|| format!("`{written}` is no duration: write `5m` or `1h30m`"))?;
            Value::Float(millis as f64 / 1000.0)
        }
        "now" => {
            count(0)?;
            Value::Float(around.now_ms as f64 / 1000.0)
        }
        "externalURL" => {
            count(0)?;
            Value::text(around.external_url)
        }
        "pathPrefix" => {
            count(0)?;
            let after = around.external_url.split_once("://").map_or("", |(_, rest)| rest);
            Value::text(
                after.find('/').map_or("", |at| after[at..].split(['?', '#']).next().unwrap_or_default()),
            )
        }
        "tmpl" => return Err("`tmpl` is for consoles: write `template` with the name in quotes".to_owned()),
        other => return Err(format!("function `{other}` is not defined")),
    })
}

/// As upstream's `convertToFloat`.
fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Duration(nanos) => Ok(*nanos as f64 / 1e9),
        Value::Text(text) => match text.to_ascii_lowercase().trim_start_matches(['+', '-']) {
            "infinity" | "inf" | "nan" => Ok(text.parse().unwrap_or(f64::NAN)),
            _ => text.parse().map_err(|_| format!("`{text}` is no number")),
        },
        other => Err(format!("a {} is no number", other.type_name())),
    }
}

fn time_of(seconds: f64) -> Result<Value, String> {
    // As upstream: what nanoseconds in 64 bits can say, which ends in the year 2262.
    if seconds.is_nan() || seconds.abs() > 9_223_372_036.0 {
        return Err("this is no time: it lies beyond the years 1678 to 2262".to_owned());
    }
    // Over nanoseconds, as upstream goes: the rounding shows.
    Ok(Value::Time((seconds * 1e9) as i64 / 1_000_000))
}

fn regex(pattern: &str) -> Result<regex::Regex, String> {
    /// Compiled: far more than any pattern in a rule takes, far less than memory.
    const REGEX_BYTES_MAX: usize = 1 << 20;
    let built = regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| {
        let reason = error.to_string();
        format!("`{pattern}` is no regular expression: {}", reason.lines().last().unwrap_or_default().trim())
    })
}

fn list<'v>(name: &str, value: &'v Value) -> Result<&'v [Value], String> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(format!("`{name}` needs what a query gives, not a {}", other.type_name())),
    }
}

fn length(value: &Value) -> Result<i64, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("a {} has no length", other.type_name())),
    };
    Ok(length as i64)
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let [value, keys @ ..] = arguments else { return Err("`index` needs arguments".to_owned()) };
    let mut value = value.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Map(_), Value::Text(name)) => value.field(name)?,
            (Value::List(list), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| list.get(at));
                found
                    .cloned()
                    .ok_or_else(|| format!("index {at} is out of range: there are {}", list.len()))?
            }
            (Value::Text(text), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                Value::Int(i64::from(*found.ok_or_else(|| format!("index {at} is out of range"))?))
            }
            (value, key) => {
                return Err(format!("a {} has no index of type {}", value.type_name(), key.type_name()));
            }
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let [value, bounds @ ..] = arguments else { return Err("`slice` needs arguments".to_owned()) };
    let length = length(value)?;
    let bound = |position: usize, default: i64| match bounds.get(position) {
        None => Ok(default),
        Some(Value::Int(at)) if (0..=length).contains(at) => Ok(*at),
        Some(_) => Err("a bound of `slice` is out of range".to_owned()),
    };
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to {
        return Err("the bounds of `slice` are in the wrong order".to_owned());
    }
    let range = from as usize..to as usize;
    match value {
        Value::Text(text) => Ok(Value::text(text.get(range).ok_or("`slice` would cut through a character")?)),
        Value::List(list) => Ok(Value::List(Arc::new(list[range].to_vec()))),
        other => Err(format!("a {} cannot be sliced", other.type_name())),
    }
}

fn sort_by_label(label: &str, list: &[Value]) -> Result<Value, String> {
    let mut keyed = Vec::with_capacity(list.len());
    for sample in list {
        keyed.push((text(&sample.field("Labels")?.field(label)?), sample.clone()));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::List(Arc::new(keyed.into_iter().map(|(_, sample)| sample).collect())))
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        let separates = if before.is_ascii() {
            !(before.is_ascii_alphanumeric() || before == '_')
        } else {
            !before.is_alphanumeric() && before.is_whitespace()
        };
        if separates {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
        before = character;
    }
    out
}

/// `host:port`, or `[v6]:port`; anything else has no port.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inside) => Some((inside.strip_suffix(']')?, port)),
        None if host.contains([':', '[', ']']) => None,
        None => Some((host, port)),
    }
}

fn strip_port(text: &str) -> String {
    split_port(text).map_or(text, |(host, _)| host).to_owned()
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_port(text).map_or((text, None), |(host, port)| (host, Some(port)));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or(host);
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(character);
            }
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}

/// As Go's `url.QueryEscape`.
pub(crate) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            kept if kept.is_ascii_alphanumeric() || b"-_.~".contains(&kept) => out.push(char::from(kept)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        if out.len() > OUTPUT_BYTES_MAX {
            break;
        }
    }
    out
}

//! Names of metrics, units and labels by the rules of Prometheus' default translation, `UnderscoreEscapingWithSuffixes`.
//!
//! Source: prometheus/otlptranslator, `metric_namer.go`, `unit_namer.go` and `label_namer.go`, as Prometheus 3.14
//! configures them (`label_name_underscore_sanitization` and `label_name_preserve_multiple_underscores` both on).

/// What of a metric decides over its suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    /// `_total`
    Counter,
    /// `_ratio`, if the unit is 1.
    Gauge,
    Other,
}

/// `http.server.request.duration` in `s` is `http_server_request_duration_seconds`. `None` if nothing of the name is left.
pub fn metric_name(name: &str, unit: &str, suffix: Suffix) -> Option<String> {
    let is_separator = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    let mut tokens: Vec<&str> = name.split(is_separator).filter(|token| !token.is_empty()).collect();
    let (main, per) = unit_words(unit);
    let main = if tokens.contains(&main.as_str()) { "" } else { main.trim_end_matches('_') };
    let per = per.trim_end_matches('_');
    let per = if per == "per" || tokens.contains(&per) { "" } else { per };
    tokens.extend([main, per].into_iter().filter(|word| !word.is_empty()));
    let last = match suffix {
        Suffix::Counter => Some("total"),
        Suffix::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| *token != last);
        tokens.push(last);
    }
    let joined = tokens.join("_");
    let first = joined.chars().next()?;
    Some(if first.is_ascii_digit() { format!("_{joined}") } else { joined })
}

/// The unit in words: `By/s` is `bytes_per_second`.
pub fn unit_name(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let both = [main, per].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    both.trim_matches('_').to_owned()
}

/// `http.method` is `http_method`. `None` if nothing of the name is left.
pub fn label_name(name: &str) -> Option<String> {
    let valid = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let plain: String = name.chars().map(valid).collect();
    let first = plain.chars().next()?;
    if plain != name && plain.chars().all(|c| c == '_') {
        return None;
    }
    Some(if first.is_ascii_digit() {
        format!("key_{plain}")
    } else if first == '_' && !plain.starts_with("__") {
        format!("key{plain}")
    } else {
        plain
    })
}

/// The words for the unit and for what it is per, the latter with `per_` before it. Units in braces are comments.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && !text.contains(['{', '}'])).then(|| text.to_owned())
    };
    let main = word(main).map(|main| clean(main_unit(&main))).unwrap_or_default();
    let per = word(per).map(|per| clean(&format!("per_{}", per_unit(&per)))).unwrap_or_default();
    (main, per)
}

fn clean(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for c in unit.chars() {
        let c = if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
        if c != '_' || !(out.is_empty() || out.ends_with('_')) {
            out.push(c);
        }
    }
    out
}

fn main_unit(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "1" => "",
        "%" => "percent",
        other => other,
    }
}

fn per_unit(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_follow_upstreams_examples() {
        for (name, unit, suffix, expected) in [
            ("http.server.request.duration", "s", Suffix::Other, "http_server_request_duration_seconds"),
            ("system.filesystem.usage", "By", Suffix::Other, "system_filesystem_usage_bytes"),
            ("system.network.io", "By", Suffix::Counter, "system_network_io_bytes_total"),
            ("system.cpu.utilization", "1", Suffix::Gauge, "system_cpu_utilization_ratio"),
            ("requests.count", "1", Suffix::Counter, "requests_count_total"),
            ("broken.metric.speed", "km/h", Suffix::Gauge, "broken_metric_speed_km_per_hour"),
            ("active.requests", "{request}", Suffix::Other, "active_requests"),
            ("total_bytes.total", "By", Suffix::Counter, "bytes_total"),
            ("2xx responses", "", Suffix::Other, "_2xx_responses"),
            ("a__b..c", "", Suffix::Other, "a_b_c"),
            ("temperature", "%", Suffix::Gauge, "temperature_percent"),
        ] {
            assert_eq!(metric_name(name, unit, suffix).as_deref(), Some(expected), "{name} {unit}");
        }
        assert_eq!(metric_name("…", "", Suffix::Other), None);
        assert_eq!(unit_name("By/s"), "bytes_per_second");
    }

    #[test]
    fn label_names_follow_upstreams_examples() {
        for (name, expected) in [
            ("http.method", Some("http_method")),
            ("123invalid", Some("key_123invalid")),
            ("_private", Some("key_private")),
            ("__reserved__", Some("__reserved__")),
            ("a..b", Some("a__b")),
            ("…", None),
            ("", None),
        ] {
            assert_eq!(label_name(name).as_deref(), expected, "{name}");
        }
    }
}

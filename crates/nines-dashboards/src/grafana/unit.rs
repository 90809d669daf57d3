//! Units by the ids of Grafana (`packages/grafana-data/src/valueFormats/categories.ts`).

/// Ours, and `""` for a plain number. `None`: there is none like it here.
pub fn unit(id: &str) -> Option<&'static str> {
    Some(match id {
        "" | "none" | "short" | "sishort" | "string" | "locale" | "string2" => "",
        "percent" | "%" | "suffix:%" => "percent",
        "percentunit" => "ratio",
        "s" | "dtdurations" | "clocks" => "seconds",
        "ms" | "dtdurationms" | "clockms" => "milliseconds",
        "µs" => "microseconds",
        "ns" => "nanoseconds",
        "bytes" | "decbytes" => "bytes",
        "kbytes" => "kibibytes",
        "mbytes" => "mebibytes",
        "deckbytes" => "kilobytes",
        "decmbytes" => "megabytes",
        "bits" | "decbits" => "bits",
        "Bps" | "binBps" => "bytesPerSecond",
        "bps" | "binbps" => "bitsPerSecond",
        "reqps" | "rps" => "requestsPerSecond",
        "ops" | "iops" | "wps" => "operationsPerSecond",
        "cps" | "pps" | "eps" | "mps" | "recps" | "rowsps" => "perSecond",
        "cpm" | "opm" | "rpm" | "wpm" | "epm" | "mpm" | "reqpm" => "perMinute",
        "celsius" => "celsius",
        "hertz" | "rothz" => "hertz",
        "volt" => "volts",
        "amp" => "amperes",
        "watt" => "watts",
        "rotrpm" => "rotationsPerMinute",
        "currencyUSD" => "usDollars",
        // Words for one and zero: see `panel::set_unit`.
        "bool" | "bool_yes_no" | "bool_on_off" => "",
        "dateTimeAsIso"
        | "dateTimeAsUS"
        | "dateTimeFromNow"
        | "dateTimeAsLocal"
        | "dateTimeAsSystem"
        | "dateTimeAsIsoNoDateIfToday" => "timestamp",
        _ => return None,
    })
}

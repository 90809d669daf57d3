//! The few words that mean the same in every program's log: units, the calendar, literals, ends of host names,
//! severities. Nothing here is the vocabulary of a particular system.

/// Follows a number and belongs to it: sizes, durations, the half of the day, time zones.
pub(crate) fn is_unit(word: &[u8]) -> bool {
    if word.len() > 7 {
        return false;
    }
    matches!(
        word,
        b"B" | b"KB"
            | b"kB"
            | b"MB"
            | b"GB"
            | b"TB"
            | b"PB"
            | b"KiB"
            | b"MiB"
            | b"GiB"
            | b"TiB"
            | b"byte"
            | b"bytes"
            | b"ns"
            | b"us"
            | b"ms"
            | b"s"
            | b"sec"
            | b"secs"
            | b"second"
            | b"seconds"
            | b"min"
            | b"mins"
            | b"minute"
            | b"minutes"
            | b"h"
            | b"hour"
            | b"hours"
            | b"day"
            | b"days"
            | b"%"
            | b"AM"
            | b"PM"
            | b"am"
            | b"pm"
            | b"UTC"
            | b"GMT"
            | b"EST"
            | b"EDT"
            | b"CST"
            | b"CDT"
            | b"MST"
            | b"MDT"
            | b"PST"
            | b"PDT"
            | b"CET"
            | b"CEST"
            | b"BST"
            | b"IST"
            | b"JST"
            | b"KST"
    )
}

/// A month or a day of the week, as dates spell them.
pub(crate) fn is_calendar(word: &[u8]) -> bool {
    is_month(word)
        || matches!(
            word,
            b"Mon"
                | b"Tue"
                | b"Wed"
                | b"Thu"
                | b"Fri"
                | b"Sat"
                | b"Sun"
                | b"Monday"
                | b"Tuesday"
                | b"Wednesday"
                | b"Thursday"
                | b"Friday"
                | b"Saturday"
                | b"Sunday"
        )
}

pub(crate) fn is_month(word: &[u8]) -> bool {
    matches!(
        word,
        b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
            | b"January"
            | b"February"
            | b"March"
            | b"April"
            | b"June"
            | b"July"
            | b"August"
            | b"September"
            | b"October"
            | b"November"
            | b"December"
    )
}

/// A value that is spelt in letters.
pub(crate) fn is_literal(word: &[u8]) -> bool {
    if word.len() > 5 {
        return false;
    }
    matches!(
        word,
        b"true"
            | b"false"
            | b"True"
            | b"False"
            | b"TRUE"
            | b"FALSE"
            | b"null"
            | b"NULL"
            | b"None"
            | b"nil"
            | b"NaN"
    )
}

/// A name with dots that ends as host names do. Class and package names begin with such a word, they do not end so.
pub(crate) fn is_host(word: &[u8]) -> bool {
    let mut labels = word.rsplit(|&byte| byte == b'.');
    let Some(last) = labels.next() else { return false };
    let ends_so = matches!(
        last,
        b"com"
            | b"net"
            | b"org"
            | b"edu"
            | b"gov"
            | b"mil"
            | b"int"
            | b"info"
            | b"biz"
            | b"io"
            | b"dev"
            | b"app"
            | b"local"
            | b"localdomain"
            | b"internal"
            | b"lan"
            | b"arpa"
            | b"uk"
            | b"de"
            | b"fr"
            | b"it"
            | b"nl"
            | b"es"
            | b"pl"
            | b"ru"
            | b"cn"
            | b"tw"
            | b"jp"
            | b"kr"
            | b"hk"
            | b"br"
            | b"in"
            | b"au"
            | b"ca"
            | b"eu"
            | b"us"
            | b"ch"
            | b"se"
            | b"sg"
    );
    let mut count = 0;
    for label in labels {
        if label.is_empty() {
            return false;
        }
        count += 1;
    }
    ends_so && count > 0
}

/// A severity in capitals, as most loggers write it.
pub(crate) fn is_level_loud(word: &[u8]) -> bool {
    matches!(
        word,
        b"TRACE"
            | b"DEBUG"
            | b"INFO"
            | b"NOTICE"
            | b"WARN"
            | b"WARNING"
            | b"ERROR"
            | b"ERR"
            | b"SEVERE"
            | b"FATAL"
            | b"CRITICAL"
            | b"CRIT"
            | b"ALERT"
            | b"EMERG"
            | b"EMERGENCY"
            | b"PANIC"
            | b"VERBOSE"
            | b"FINE"
            | b"FINER"
            | b"FINEST"
            | b"CONFIG"
    )
}

/// A severity in any spelling; only believed in a place where a severity may stand.
pub(crate) fn is_level(word: &[u8]) -> bool {
    if is_level_loud(word) {
        return true;
    }
    if word.len() > 11
        || !word.first().is_some_and(|first| b"TDINWESFCAPV".contains(&first.to_ascii_uppercase()))
    {
        return false;
    }
    let mut upper = [0; 11];
    let upper = &mut upper[..word.len()];
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    is_level_loud(upper) || matches!(&*upper, b"INFORMATION" | b"DBG" | b"INF" | b"WRN" | b"FTL" | b"TRC")
}

/// What stands under these names is text for people, a statement of its own.
pub(crate) fn announces_text(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "msg"
            | "message"
            | "error"
            | "err"
            | "reason"
            | "event"
            | "exception"
            | "cause"
            | "detail"
            | "details"
            | "description"
            | "title"
            | "text"
            | "log"
    )
}

/// The word after these names somebody or something: fewer different words prove that they are a variable.
pub(crate) fn announces_a_name(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "user" | "username" | "login" | "account" | "host" | "hostname" | "client" | "named" | "called"
    )
}

//! Stack traces of many languages as frames, and which of them are the team's own code.
//!
//! Lines are recognised one by one by their shape; what is no frame is passed over. Formats after the runtimes' own
//! documentation: Python `traceback`, Java `Throwable.printStackTrace`, V8's and Firefox' `Error.stack`, .NET `Exception.StackTrace`,
//! Go's panics, Rust's `Backtrace`, Ruby's `full_message`, PHP's `getTraceAsString`.

use nines_model::SmolStr;

/// A stack deeper than this is a recursion, and its innermost frames say all.
const FRAMES_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// With its module or class; empty where the runtime tells none.
    pub function: SmolStr,
    pub file: Option<SmolStr>,
    pub line: Option<u32>,
    /// Not of the runtime, the standard library or a dependency, as far as the path or the name tells.
    pub in_app: bool,
}

/// The frames of a stack trace, the innermost first, at most 64.
pub fn frames(stack: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    // Go and Rust write the function on one line and its place on the next.
    let mut function_above: Option<&str> = None;
    let mut python = false;
    for line in stack.lines() {
        let line = line.trim();
        if let Some(frame) = python_frame(line) {
            python = true;
            frames.push(frame);
        } else if let Some((place, function)) = place_line(line).zip(function_above.take()) {
            frames.push(frame(function, Some(place)));
        } else if let Some(frame) = one_line_frame(line) {
            frames.push(frame);
        } else {
            function_above = function_line(line);
        }
    }
    // Python tells the innermost frame last.
    if python {
        frames.reverse();
    }
    frames.truncate(FRAMES_MAX);
    frames
}

fn frame(function: &str, place: Option<(&str, u32)>) -> Frame {
    let file = place.map(|(file, _)| file);
    Frame {
        function: function.into(),
        file: file.map(SmolStr::new),
        line: place.map(|(_, line)| line),
        in_app: is_in_app(function, file),
    }
}

/// `File "/app/titles.py", line 52, in decode`
fn python_frame(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(frame(function.trim(), Some((file, number.trim().parse().ok()?))))
}

fn one_line_frame(line: &str) -> Option<Frame> {
    dotnet_or_java_or_v8(line)
        .or_else(|| php(line))
        .or_else(|| ruby(line))
        .or_else(|| firefox(line))
        .or_else(|| plain(line))
}

/// `at com.shop.Titles.decode(Titles.java:52)`, `at decode (/app/titles.js:52:11)`, `at /app/titles.js:52:11`,
/// `at Shop.Titles.Decode(String s) in /src/Titles.cs:line 52`
fn dotnet_or_java_or_v8(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix("at ")?;
    if let Some((function, place)) = rest.rsplit_once(" in ")
        && let Some((file, number)) = place.rsplit_once(":line ")
    {
        let function = function.split('(').next().unwrap_or(function);
        return Some(frame(function, Some((file, number.parse().ok()?))));
    }
    if let Some(inner) = rest.strip_suffix(')')
        && let Some((function, place)) = inner.split_once('(')
    {
        let function = function.trim().trim_start_matches("async ").trim_start_matches("new ");
        // Java's module in front: `java.base/java.lang.Thread.run`.
        let function = function.rsplit_once('/').map_or(function, |(_, name)| name);
        return Some(frame(function, place_of(place)));
    }
    place_of(rest).map(|place| frame("", Some(place)))
}

/// `#0 /app/Titles.php(52): Shop\Titles->decode()`
fn php(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix('#')?;
    let (_, rest) = rest.split_once(' ')?;
    let (place, function) = rest.split_once("): ")?;
    let (file, number) = place.rsplit_once('(')?;
    Some(frame(function.split('(').next()?, Some((file, number.parse().ok()?))))
}

/// ``/app/titles.rb:52:in `decode'``, with or without `from `; since Ruby 3.4 with a straight quote.
fn ruby(line: &str) -> Option<Frame> {
    let line = line.strip_prefix("from ").unwrap_or(line);
    let (place, function) = line.split_once(":in ")?;
    let function = function.trim_start_matches(['`', '\'']);
    let function = function.split('\'').next().unwrap_or(function);
    Some(frame(function, Some(place_of(place)?)))
}

/// `decode@https://shop.example/titles.js:52:11`
fn firefox(line: &str) -> Option<Frame> {
    let (function, place) = line.split_once('@')?;
    if function.contains(' ') {
        return None;
    }
    Some(frame(function, Some(place_of(place)?)))
}

/// `titles::decode at src/titles.rs:52`, with anything in parentheses behind it.
fn plain(line: &str) -> Option<Frame> {
    let (function, place) = line.split_once(" at ")?;
    if function.contains(' ') {
        return None;
    }
    Some(frame(function, Some(place_of(place.split(' ').next()?)?)))
}

/// A line that is nothing but a function: Go's `main.decode(0xc000, 0x5)`, Rust's `12: shop::titles::decode`.
fn function_line(line: &str) -> Option<&str> {
    if let Some((number, function)) = line.split_once(": ")
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some(function);
    }
    let function = line.strip_prefix("created by ").unwrap_or(line);
    let function = function.split(" in goroutine ").next().unwrap_or(function);
    let end = if function.ends_with(')') { function.rfind('(')? } else { function.len() };
    let name = &function[..end];
    (!name.is_empty() && name.contains(['.', ':', '/']) && !name.contains(' ')).then_some(name)
}

/// A line that is nothing but a place: Go's `/app/main.go:52 +0x1d`, Rust's `at ./src/titles.rs:52:9`.
fn place_line(line: &str) -> Option<(&str, u32)> {
    let line = line.strip_prefix("at ").unwrap_or(line);
    let line = line.split(" +0x").next()?;
    if line.contains(['(', ' ']) { None } else { place_of(line) }
}

/// `file:line` or `file:line:column`.
fn place_of(text: &str) -> Option<(&str, u32)> {
    let (head, last) = text.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    match head.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => Some((file, line)),
        None => (!head.is_empty()).then_some((head, last)),
    }
}

/// Parts of paths under which only other people's code lies.
const FOREIGN_PATHS: [&str; 22] = [
    "/site-packages/",
    "/dist-packages/",
    "/lib/python",
    "<frozen ",
    "/node_modules/",
    "node:",
    "internal/process/",
    "/vendor/",
    "/usr/lib/",
    "/usr/local/lib/",
    "/usr/local/go/src/",
    "/go/pkg/mod/",
    "/rustc/",
    "/.cargo/registry/",
    "/library/std/",
    "/library/core/",
    "/library/alloc/",
    "/gems/",
    "/ruby/",
    "/webpack/",
    "<anonymous>",
    "[native code]",
];

/// Beginnings of names that only runtimes and the usual frameworks have.
const FOREIGN_NAMES: [&str; 40] = [
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "akka.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.eclipse.",
    "io.netty.",
    "reactor.",
    "io.opentelemetry.",
    "com.fasterxml.",
    "com.zaxxer.",
    "com.google.",
    "System.",
    "Microsoft.",
    "Newtonsoft.",
    "Npgsql.",
    "runtime.",
    "net/http.",
    "google.golang.org/",
    "golang.org/x/",
    "std::",
    "core::",
    "alloc::",
    "<core::",
    "<alloc::",
    "<std::",
    "tokio::",
    "hyper::",
    "tower::",
    "axum::",
    "__rust_",
    "rust_begin_unwind",
];

fn is_in_app(function: &str, file: Option<&str>) -> bool {
    let foreign_file = file.is_some_and(|file| FOREIGN_PATHS.iter().any(|part| file.contains(part)));
    let foreign_name = FOREIGN_NAMES.iter().any(|start| function.starts_with(start))
        || matches!(function, "panic" | "main.main.func1" | "__libc_start_main" | "_start");
    !foreign_file && !foreign_name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stack: &str, expected: &[(&str, &str, u32, bool)]) {
        let frames = frames(stack);
        let told: Vec<_> = frames
            .iter()
            .map(|frame| {
                (&*frame.function, frame.file.as_deref().unwrap_or(""), frame.line.unwrap_or(0), frame.in_app)
            })
            .collect();
        assert_eq!(told, expected, "{stack}");
    }

    #[test]
    fn python() {
        check(
            "Traceback (most recent call last):\n  File \"/app/handlers.py\", line 29, in recommend\n    page = rank(titles)\n  \
             File \"/usr/lib/python3.12/codecs.py\", line 322, in decode\n    (result, consumed) = self._buffer_decode(data)\n\
             UnicodeDecodeError: 'utf-8' codec can't decode byte 0xa4 in position 0: invalid start byte",
            &[
                ("decode", "/usr/lib/python3.12/codecs.py", 322, false),
                ("recommend", "/app/handlers.py", 29, true),
            ],
        );
    }

    #[test]
    fn java() {
        check(
            "java.lang.IllegalStateException: no rate\n\tat com.shop.Rates.of(Rates.java:52)\n\t\
             at java.base/java.lang.Thread.run(Thread.java:840)\n\tat com.shop.Main.main(Unknown Source)\n\t... 12 more\n\
             Caused by: java.io.IOException: closed",
            &[
                ("com.shop.Rates.of", "Rates.java", 52, true),
                ("java.lang.Thread.run", "Thread.java", 840, false),
                ("com.shop.Main.main", "", 0, true),
            ],
        );
    }

    #[test]
    fn javascript() {
        check(
            "TypeError: x is undefined\n    at decode (/app/src/titles.js:52:11)\n    at async Server.<anonymous> (/app/node_modules/koa/a.js:1:2)\n    \
             at /app/src/main.js:7:3\n    at node:internal/process/task_queues:95:5",
            &[
                ("decode", "/app/src/titles.js", 52, true),
                ("Server.<anonymous>", "/app/node_modules/koa/a.js", 1, false),
                ("", "/app/src/main.js", 7, true),
                ("", "node:internal/process/task_queues", 95, false),
            ],
        );
        check("decode@https://shop.example/t.js:52:11", &[("decode", "https://shop.example/t.js", 52, true)]);
    }

    #[test]
    fn dotnet_go_rust_ruby_php_and_plain() {
        check(
            "System.Exception: x\n   at Shop.Titles.Decode(String s) in /src/Titles.cs:line 52\n   at System.Text.Encoding.GetString(Byte[] b)",
            &[
                ("Shop.Titles.Decode", "/src/Titles.cs", 52, true),
                ("System.Text.Encoding.GetString", "", 0, false),
            ],
        );
        check(
            "panic: boom\n\ngoroutine 1 [running]:\nmain.decode(0xc000012345, 0x5)\n\t/app/main.go:52 +0x1d\n\
             net/http.HandlerFunc.ServeHTTP(...)\n\t/usr/local/go/src/net/http/server.go:2166 +0x29",
            &[
                ("main.decode", "/app/main.go", 52, true),
                ("net/http.HandlerFunc.ServeHTTP", "/usr/local/go/src/net/http/server.go", 2166, false),
            ],
        );
        check(
            "   0: core::result::unwrap_failed\n             at /rustc/abc/library/core/src/result.rs:1654:5\n   1: shop::titles::decode\n             at ./src/titles.rs:52:9",
            &[
                ("core::result::unwrap_failed", "/rustc/abc/library/core/src/result.rs", 1654, false),
                ("shop::titles::decode", "./src/titles.rs", 52, true),
            ],
        );
        check(
            "/app/titles.rb:52:in `decode'\n\tfrom /usr/lib/ruby/3.2/x.rb:1:in 'run'",
            &[("decode", "/app/titles.rb", 52, true), ("run", "/usr/lib/ruby/3.2/x.rb", 1, false)],
        );
        check(
            "#0 /app/Titles.php(52): Shop\\Titles->decode()\n#1 {main}",
            &[("Shop\\Titles->decode", "/app/Titles.php", 52, true)],
        );
        check(
            "recommendation::titles::decode at src/titles.rs:52 (commit 9f3c2ab)\nrecommendation::rank::page at src/rank.rs:143",
            &[
                ("recommendation::titles::decode", "src/titles.rs", 52, true),
                ("recommendation::rank::page", "src/rank.rs", 143, true),
            ],
        );
    }

    #[test]
    fn nonsense_has_no_frames() {
        for text in ["", ":::", "at ", "#", "at (", "File \"", "it failed at noon: sorry", "a@b", "1: "] {
            assert_eq!(frames(text), [], "{text}");
        }
        assert!(frames(&"at f (/a.js:1:1)\n".repeat(500)).len() <= FRAMES_MAX);
    }
}

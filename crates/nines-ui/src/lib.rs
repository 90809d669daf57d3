//! The built web application as bytes.
//!
//! `ui/dist` is embedded when the crate is compiled, with the compressed twins that the web build wrote. Nothing is
//! compressed, read or computed at run time. Does no IO and knows nothing of HTTP beyond names of headers' values.
//!
//! A path with an extension names a file; every other path belongs to the application's own router and gets
//! `index.html`. When the application was not built, every such path gets a small page that says how to build it.

/// A file as it goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    pub bytes: &'static [u8],
    pub content_type: &'static str,
    /// Value of `content-encoding`; absent for plain bytes. Answers vary by `accept-encoding`.
    pub encoding: Option<&'static str>,
    /// Strong and quoted, ready for `etag`; differs between encodings of one file.
    pub etag: &'static str,
    /// The name holds a hash of the content: `public, max-age=31536000, immutable`. Everything else: `no-cache`.
    pub immutable: bool,
}

/// Whether the application was built before this crate was.
pub const BUILT: bool = !FILES.is_empty();

/// The asset at `path` (with or without its leading slash, without query), in the best encoding that `accept_encoding`
/// allows. `None` only for a path with an extension that names no file.
///
/// ```
/// let page = nines_ui::asset("/incident/INC-2026-0042", "gzip, br").expect("paths of the application get its page");
/// assert_eq!(page.content_type, "text/html; charset=utf-8");
/// assert!(nines_ui::asset("/assets/no-such-file.js", "").is_none());
/// ```
#[must_use]
pub fn asset(path: &str, accept_encoding: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    if let Some(file) = find(path) {
        return Some(file.asset(accept_encoding));
    }
    // What looks like a file is one: a script that is missing must not be answered with a page. Names of promises and
    // services may hold dots, so the paths of the application are recognised first.
    let of_application = ["slo/", "incident/", "trace/"].iter().any(|prefix| path.starts_with(prefix));
    let last = path.rsplit('/').next().unwrap_or(path);
    if last.contains('.') && !of_application {
        return None;
    }
    Some(find("index.html").map_or(UNBUILT, |file| file.asset(accept_encoding)))
}

/// Served for every page while there is no application.
const UNBUILT: Asset = Asset {
    bytes: include_bytes!("unbuilt.html"),
    content_type: "text/html; charset=utf-8",
    encoding: None,
    etag: "\"unbuilt\"",
    immutable: false,
};

/// One strong validator for each form of a file: plain, Brotli, gzip.
macro_rules! etags {
    ($hash:literal) => {
        [concat!("\"", $hash, "\""), concat!("\"", $hash, "-br\""), concat!("\"", $hash, "-gz\"")]
    };
}

/// Sorted by path.
static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

struct File {
    path: &'static str,
    etags: [&'static str; 3],
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

fn find(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &FILES[at])
}

impl File {
    fn asset(&self, accept_encoding: &str) -> Asset {
        let [plain_etag, brotli_etag, gzip_etag] = self.etags;
        let (encoding, bytes, etag) = match (self.brotli, self.gzip) {
            (Some(bytes), _) if accepts(accept_encoding, "br") => (Some("br"), bytes, brotli_etag),
            (_, Some(bytes)) if accepts(accept_encoding, "gzip") => (Some("gzip"), bytes, gzip_etag),
            _ => (None, self.plain, plain_etag),
        };
        Asset {
            bytes,
            content_type: content_type(self.path),
            encoding,
            etag,
            immutable: self.path.starts_with("assets/"),
        }
    }
}

/// Whether an `accept-encoding` header allows a coding (RFC 9110, section 12.5.3); a weight of zero forbids it.
fn accepts(header: &str, coding: &str) -> bool {
    let weight = |wanted: &str| {
        header.split(',').find_map(|item| {
            let mut parts = item.split(';');
            let name = parts.next()?.trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse::<f32>().ok());
            name.eq_ignore_ascii_case(wanted).then_some(weight.unwrap_or(1.0))
        })
    };
    weight(coding).or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;

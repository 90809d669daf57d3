use super::*;

#[test]
fn an_accept_encoding_header_is_read_as_the_rfc_says() {
    for (header, brotli, gzip) in [
        ("", false, false),
        ("gzip, deflate, br, zstd", true, true),
        ("gzip;q=1.0, br;q=0", false, true),
        ("br;q=0.5", true, false),
        ("*", true, true),
        ("*;q=0", false, false),
        ("br;q=0, *", false, true),
        ("identity", false, false),
        ("BR", true, false),
    ] {
        assert_eq!(accepts(header, "br"), brotli, "br in {header:?}");
        assert_eq!(accepts(header, "gzip"), gzip, "gzip in {header:?}");
    }
}

#[test]
fn every_path_of_the_application_gets_its_page_and_a_missing_file_gets_none() {
    for path in [
        "",
        "/",
        "/search",
        "/slo/checkout.v2",
        "/incident/INC-2026-0001",
        "/trace/0af7651916cd43dd8448eb211c80319c",
    ] {
        let page = asset(path, "").expect("a page");
        assert_eq!(page.content_type, "text/html; charset=utf-8", "{path}");
        assert!(!page.immutable, "{path} must be asked for again");
    }
    for path in ["/assets/gone-12345678.js", "/robots.txt", "/favicon.ico"] {
        assert_eq!(asset(path, "br"), None, "{path}");
    }
}

#[test]
fn embedded_files_are_sorted_and_their_compressed_twins_are_smaller() {
    assert!(FILES.is_sorted_by(|a, b| a.path < b.path));
    for file in FILES {
        let plain = file.asset("");
        assert_eq!(plain.encoding, None);
        assert_eq!(plain.immutable, file.path.starts_with("assets/"));
        for header in ["br", "gzip"] {
            let asset = file.asset(header);
            if asset.encoding.is_some() {
                assert_eq!(asset.encoding, Some(header));
                assert_ne!(asset.etag, plain.etag);
                assert!(asset.bytes.len() < plain.bytes.len(), "{} as {header}", file.path);
                assert_ne!(asset.content_type, "application/octet-stream", "{}", file.path);
            }
        }
    }
    if BUILT {
        assert!(find("index.html").is_some());
        assert!(FILES.iter().any(|file| file.brotli.is_some()), "the web build writes compressed twins");
    } else {
        println!("skipped: ui/dist is not built");
        assert_eq!(asset("/", "br"), Some(UNBUILT));
    }
}

//! What else one might like. Titles come from suppliers, some of them in Big5; release 5.2.0 reads all as UTF-8.

use std::time::Duration;

use axum::http::StatusCode;

use super::call::{Call, Failure};
use super::topology::BAD_RECOMMENDATION;

pub(super) const ROUTE: &str = "/recommendations";

/// As suppliers send them: the second says 台北 in Big5, the third 茶 in UTF-8.
const TITLES: [&[u8]; 3] = [b"Tea pot", b"Tea set \xa5\x78\xa5\x5f", b"\xe8\x8c\xb6"];
const BIG5_TITLE: usize = 1;

/// Of the pages made in Singapore, this share shows the Big5 title.
const BIG5_SHARE: f64 = 0.9;

pub(super) async fn recommend(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(8)).await;
    let title = if call.pod.random.unit() < BIG5_SHARE { BIG5_TITLE } else { 0 };
    if call.pod.identity.release == BAD_RECOMMENDATION
        && let Err(error) = read_title(TITLES[title])
    {
        let stack = format!(
            "recommendation::titles::decode at src/titles.rs:52 (commit {})\nrecommendation::rank::page at src/rank.rs:143\n\
             recommendation::handlers::recommend at src/handlers.rs:29",
            call.pod.identity.release.commit
        );
        call.exception("UnicodeDecodeError", &error, &stack);
        return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "UnicodeDecodeError", error));
    }
    Ok("recommended")
}

/// What is new in release 5.2.0: the one before passed titles through as bytes.
fn read_title(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {}: {error}", error.valid_up_to())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big5_is_not_utf_8() {
        let wrong: Vec<bool> = TITLES.iter().map(|title| read_title(title).is_err()).collect();
        assert_eq!(wrong, [false, true, false]);
    }
}

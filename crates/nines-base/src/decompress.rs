//! The one decompressor. The limit is on the bytes that come out, checked while they stream, so a bomb costs at
//! most the limit; the window of a zstd frame is bounded for the same reason.

use std::io::Read;

use crate::{ByteSize, ErrorKind};

/// The content codings that Nines accepts, once each; stacked codings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    #[error("content encoding `{0}` is not supported: use identity, gzip or zstd")]
    Unsupported(String),
    #[error("body is larger than {} after decompression", ByteSize(*.limit))]
    TooLarge { limit: u64 },
    #[error("body is not valid {encoding:?} data: {reason}")]
    Corrupt { encoding: Encoding, reason: String },
}

/// 8 MiB, the largest window that RFC 9659 lets a `Content-Encoding: zstd` sender use.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

impl Encoding {
    /// Reads a `Content-Encoding` or `grpc-encoding` value.
    pub fn parse(header: Option<&str>) -> Result<Self, DecompressError> {
        match header.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(DecompressError::Unsupported(other.to_owned())),
        }
    }
}

impl DecompressError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unsupported(_) | Self::Corrupt { .. } => ErrorKind::InvalidInput,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
        }
    }
}

/// The decoded body, at most `limit` bytes of it.
pub fn decompress(encoding: Encoding, body: &[u8], limit: u64) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |error: std::io::Error| DecompressError::Corrupt { encoding, reason: error.to_string() };
    match encoding {
        Encoding::Identity => read_limited(body, limit, encoding),
        Encoding::Gzip => {
            #[expect(clippy::disallowed_methods, reason = "this is the seam")]
            let decoder = flate2::read::MultiGzDecoder::new(body);
            read_limited(decoder, limit, encoding)
        }
        Encoding::Zstd => {
            #[expect(clippy::disallowed_methods, reason = "this is the seam")]
            let mut decoder = zstd::stream::read::Decoder::new(body).map_err(corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(corrupt)?;
            read_limited(decoder, limit, encoding)
        }
    }
}

fn read_limited(source: impl Read, limit: u64, encoding: Encoding) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    source
        .take(limit + 1)
        .read_to_end(&mut out)
        .map_err(|error| DecompressError::Corrupt { encoding, reason: error.to_string() })?;
    if out.len() as u64 > limit { Err(DecompressError::TooLarge { limit }) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_bomb_stops_at_the_limit_in_every_coding() {
        let zeros = vec![0_u8; 4 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&zeros).unwrap();
        let bodies = [
            (Encoding::Identity, zeros.clone()),
            (Encoding::Gzip, gzip.finish().unwrap()),
            (Encoding::Zstd, zstd::encode_all(&zeros[..], 3).unwrap()),
        ];
        for (encoding, body) in bodies {
            assert_eq!(decompress(encoding, &body, zeros.len() as u64).unwrap(), zeros);
            let error = decompress(encoding, &body, 1 << 20).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{encoding:?}");
        }
    }

    #[test]
    fn broken_and_unknown_codings_are_named() {
        let error = decompress(Encoding::Gzip, b"not gzip", 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(Encoding::parse(Some("gzip, gzip")).is_err());
        assert_eq!(Encoding::parse(Some("GZIP")).unwrap(), Encoding::Gzip);
    }
}

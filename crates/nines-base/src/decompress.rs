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
    /// One raw block, as the push protocols of Prometheus and Loki have it; never a `Content-Encoding` of its own
    /// choosing, so [`Encoding::parse`] does not know it.
    Snappy,
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
        Encoding::Snappy => snappy(body, limit),
    }
}

/// Bytes that one byte of a snappy block can stand for at most: a copy of 64 bytes takes three.
const SNAPPY_RATIO_MAX: u64 = 22;

/// A block says its length first. What it says is believed only as far as the limit, and as far as the bytes that follow
/// could fill it, so that a lie costs nothing.
fn snappy(body: &[u8], limit: u64) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |reason: String| DecompressError::Corrupt { encoding: Encoding::Snappy, reason };
    let declared = snap::raw::decompress_len(body).map_err(|error| corrupt(error.to_string()))? as u64;
    if declared > limit {
        return Err(DecompressError::TooLarge { limit });
    }
    if declared > (body.len() as u64).saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(corrupt(format!("{declared} bytes are declared but {} cannot hold them", body.len())));
    }
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    let mut decoder = snap::raw::Decoder::new();
    decoder.decompress_vec(body).map_err(|error| corrupt(error.to_string()))
}

/// Decompresses a file of the user's own while it is read: a stream, whose end nobody needs to know. `Identity`, `Gzip` and
/// `Zstd` only; reading anything else fails.
pub fn reader<'a>(
    encoding: Encoding,
    source: impl Read + Send + 'a,
) -> std::io::Result<Box<dyn Read + Send + 'a>> {
    match encoding {
        Encoding::Identity => Ok(Box::new(source)),
        #[expect(clippy::disallowed_methods, reason = "this is the seam")]
        Encoding::Gzip => Ok(Box::new(flate2::read::MultiGzDecoder::new(source))),
        Encoding::Zstd => {
            #[expect(clippy::disallowed_methods, reason = "this is the seam")]
            let mut decoder = zstd::stream::read::Decoder::new(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Ok(Box::new(decoder))
        }
        Encoding::Snappy => Err(std::io::Error::other("a snappy block is no stream")),
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
            (Encoding::Snappy, snap::raw::Encoder::new().compress_vec(&zeros).unwrap()),
        ];
        for (encoding, body) in bodies {
            assert_eq!(decompress(encoding, &body, zeros.len() as u64).unwrap(), zeros);
            let error = decompress(encoding, &body, 1 << 20).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{encoding:?}");
        }
    }

    #[test]
    fn a_snappy_block_that_lies_about_its_length_is_refused_before_anything_is_allocated() {
        // 1 GiB, in four bytes.
        let mut block = vec![0x80, 0x80, 0x80, 0x80, 0x04];
        block.extend_from_slice(&[0, b'x']);
        assert_eq!(decompress(Encoding::Snappy, &block, 1 << 20).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(
            decompress(Encoding::Snappy, &block, 1 << 40).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn broken_and_unknown_codings_are_named() {
        let error = decompress(Encoding::Gzip, b"not gzip", 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(Encoding::parse(Some("gzip, gzip")).is_err());
        assert_eq!(Encoding::parse(Some("GZIP")).unwrap(), Encoding::Gzip);
    }
}

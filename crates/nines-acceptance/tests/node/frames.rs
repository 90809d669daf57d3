//! Frames of HTTP/2 by hand (RFC 9113), for what no client library would send.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// What a peer takes in one frame unless it says otherwise.
const FRAME_BYTES: usize = 16_384;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The preface and settings.
pub fn opening(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &payload)].concat()
}

/// A whole head that ends its stream, in as many frames as it needs.
pub fn head(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    let count = block.len().div_ceil(FRAME_BYTES);
    for (at, chunk) in block.chunks(FRAME_BYTES).enumerate() {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        let first = if at == 0 { END_STREAM } else { 0 };
        let last = if at + 1 == count { END_HEADERS } else { 0 };
        frames.extend(frame(kind, first | last, stream, chunk));
    }
    frames
}

/// The compressed headers of a GET (RFC 7541): method, scheme and the names from the static table, nothing remembered.
pub fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    block.push(0x04);
    block.extend(text(path));
    block.push(0x01);
    block.extend(text("x"));
    block
}

pub fn header(name: &str, value: &str) -> Vec<u8> {
    [vec![0x00], text(name), text(value)].concat()
}

/// A string that is not compressed: its length in seven bits and what is beyond them.
fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.len();
    if rest < 127 {
        out.push(rest as u8);
    } else {
        out.push(127);
        rest -= 127;
        while rest >= 128 {
            out.push((rest % 128) as u8 | 0x80);
            rest /= 128;
        }
        out.push(rest as u8);
    }
    out.extend_from_slice(text.as_bytes());
    out
}

/// The head that answers a stream, with strings as they are where they are not compressed; `None` if the stream or the
/// connection was ended instead.
pub async fn until_answer(stream: &mut TcpStream, number: u32) -> anyhow::Result<Option<Vec<u8>>> {
    loop {
        let mut start = [0; 9];
        if stream.read_exact(&mut start).await.is_err() {
            return Ok(None);
        }
        let length = u32::from_be_bytes([0, start[0], start[1], start[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await?;
        let of = u32::from_be_bytes([start[5], start[6], start[7], start[8]]);
        match start[3] {
            GOAWAY => return Ok(None),
            RST_STREAM if of == number => return Ok(None),
            HEADERS if of == number => return Ok(Some(payload)),
            _ => {}
        }
    }
}

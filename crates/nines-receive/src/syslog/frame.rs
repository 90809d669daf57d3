//! Where one message ends and the next begins on a stream.
//!
//! RFC 6587: a message is preceded by its length in decimal and a space, or followed by a line feed. Which of the two is
//! seen anew at each message: a length is followed by `<`, and no message begins like that by itself.

/// Digits of a length. RFC 6587 has no bound; ten million is beyond every limit.
const LENGTH_DIGITS_MAX: usize = 8;

/// Cuts messages out of a stream of bytes.
#[derive(Debug)]
pub(super) struct Framer {
    buffer: Vec<u8>,
    /// Of `buffer`, what was given out.
    taken: usize,
    limit: usize,
    /// What of an oversized message is still to be thrown away.
    skip: Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

/// A message, and whether its end was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub bytes: &'a [u8],
    pub is_cut: bool,
}

impl Framer {
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), taken: 0, limit, skip: Skip::Nothing }
    }

    /// Room for the next bytes, which the caller appends. What was given out is forgotten.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        &mut self.buffer
    }

    /// The next whole message; `None` until more bytes are there.
    pub fn next(&mut self) -> Option<Message<'_>> {
        self.skip_rest();
        if self.skip != Skip::Nothing {
            return None;
        }
        let rest = &self.buffer[self.taken..];
        let (start, length, is_cut, consumed, skip) = match head(rest) {
            Head::Unclear => return None,
            Head::Length { length, digits } => {
                let kept = length.min(self.limit);
                let available = rest.len() - digits;
                if available < kept {
                    return None;
                }
                let beyond = length - kept;
                let skip = if beyond > 0 { Skip::Bytes(beyond) } else { Skip::Nothing };
                (digits, kept, beyond > 0, digits + kept, skip)
            }
            Head::Line => match memchr::memchr(b'\n', rest) {
                Some(end) if end <= self.limit => (0, end, false, end + 1, Skip::Nothing),
                None if rest.len() <= self.limit => return None,
                _ => (0, self.limit, true, self.limit, Skip::Line),
            },
        };
        let from = self.taken + start;
        self.taken += consumed;
        self.skip = skip;
        Some(Message { bytes: &self.buffer[from..from + length], is_cut })
    }

    /// The last message of a stream that has ended, if it had no end of its own.
    pub fn last(&mut self) -> Option<Message<'_>> {
        self.skip_rest();
        let rest = &self.buffer[self.taken..];
        let start = match head(rest) {
            Head::Length { digits, .. } => digits,
            _ => 0,
        };
        let (from, to) = (self.taken + start, self.buffer.len());
        let is_nothing = self.skip != Skip::Nothing || self.buffer[from..].trim_ascii().is_empty();
        self.taken = to;
        (!is_nothing).then(|| Message { bytes: &self.buffer[from..to], is_cut: start > 0 })
    }

    fn skip_rest(&mut self) {
        let rest = &self.buffer[self.taken..];
        match self.skip {
            Skip::Nothing => {}
            Skip::Bytes(bytes) => {
                let skipped = bytes.min(rest.len());
                self.taken += skipped;
                self.skip = if skipped == bytes { Skip::Nothing } else { Skip::Bytes(bytes - skipped) };
            }
            Skip::Line => match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    self.taken += end + 1;
                    self.skip = Skip::Nothing;
                }
                None => self.taken += rest.len(),
            },
        }
    }
}

enum Head {
    /// More bytes will tell.
    Unclear,
    /// So many bytes of message behind so many of length and space.
    Length {
        length: usize,
        digits: usize,
    },
    Line,
}

fn head(rest: &[u8]) -> Head {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if rest.is_empty() || (digits == rest.len() && digits <= LENGTH_DIGITS_MAX) {
        return Head::Unclear;
    }
    let is_length = (1..=LENGTH_DIGITS_MAX).contains(&digits) && rest[0] != b'0';
    match rest.get(digits..).map(|after| (after.first(), after.get(1))) {
        Some((Some(b' '), None)) if is_length => Head::Unclear,
        Some((Some(b' '), Some(b'<'))) if is_length => {
            let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|text| text.parse().ok());
            number.map_or(Head::Line, |length| Head::Length { length, digits: digits + 1 })
        }
        _ => Head::Line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a stream that arrives in pieces of `piece` bytes; a cut one ends with an ellipsis.
    fn messages(stream: &[u8], piece: usize, limit: usize) -> Vec<String> {
        let mut framer = Framer::new(limit);
        let mut all = Vec::new();
        let show = |message: Message<'_>| {
            let text = String::from_utf8_lossy(message.bytes);
            format!("{text}{}", if message.is_cut { "…" } else { "" })
        };
        for chunk in stream.chunks(piece) {
            framer.buffer().extend_from_slice(chunk);
            while let Some(message) = framer.next() {
                all.push(show(message));
            }
        }
        all.extend(framer.last().map(show));
        all
    }

    #[test]
    fn both_framings_in_pieces_of_any_size() {
        let stream = b"5 <1>ab<2>line\n13 <3>with\nfeed!<4>end\n12 monkeys\n<5>last";
        for piece in 1..=stream.len() {
            assert_eq!(
                messages(stream, piece, 100),
                ["<1>ab", "<2>line", "<3>with\nfeed!", "<4>end", "12 monkeys", "<5>last"],
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_is_whole() {
        let stream = b"20 <1>45678901234567890<2>ok\n<3>a long line of text\n<4>ok\n";
        for piece in 1..=stream.len() {
            assert_eq!(
                messages(stream, piece, 8),
                ["<1>45678…", "<2>ok", "<3>a lon…", "<4>ok"],
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn lengths_that_lie_hold_no_memory() {
        assert_eq!(messages(b"99999999 <1>x", 3, 8), ["<1>x…"]);
        assert_eq!(messages(b"999999999 <1>x\n", 3, 80), ["999999999 <1>x"]);
        assert_eq!(messages(b"0 <1>x\n", 2, 80), ["0 <1>x"]);
    }
}

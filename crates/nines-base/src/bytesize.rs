use std::fmt;
use std::str::FromStr;

pub const KIB: u64 = 1024;
pub const MIB: u64 = 1024 * KIB;

/// A count of bytes that prints for people (`30.4 MiB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < KIB {
            return write!(f, "{} B", self.0);
        }
        let mut size = self.0 as f64 / KIB as f64;
        let mut unit = 0;
        while size >= 1024.0 && unit + 1 < UNITS.len() {
            size /= 1024.0;
            unit += 1;
        }
        write!(f, "{size:.1} {}", UNITS[unit])
    }
}

impl FromStr for ByteSize {
    type Err = BadByteSize;

    /// A number with one of the units that people write: `512 MiB`, `512M` and `536870912` are the same. Units are powers
    /// of 1024 with and without the `i`.
    fn from_str(text: &str) -> Result<Self, BadByteSize> {
        let bad = || BadByteSize(text.to_owned());
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let power = match unit.trim_end_matches('b').trim_end_matches('i') {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            _ => return Err(bad()),
        };
        let bytes = number.parse::<f64>().map_err(|_| bad())? * 1024_f64.powi(power);
        if bytes < 1e18 { Ok(Self(bytes as u64)) } else { Err(bad()) }
    }
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a number and a unit, such as 512MiB or 20GiB")]
pub struct BadByteSize(String);

#[cfg(test)]
mod tests {
    use super::{ByteSize, KIB, MIB};

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse().map(|ByteSize(bytes)| bytes).ok();
        let cases = [
            ("512", Some(512)),
            ("1.5 KiB", Some(1536)),
            ("20M", Some(20 * MIB)),
            ("1gib", Some(1024 * MIB)),
            ("3 tb", Some(3 * KIB * KIB * MIB)),
            ("", None),
            ("MiB", None),
            ("-1 MiB", None),
            ("1 MiX", None),
            ("9999999999 TiB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(read(text), bytes, "{text}");
        }
    }

    #[test]
    fn sizes_print_for_people() {
        assert_eq!(ByteSize(999).to_string(), "999 B");
        assert_eq!(ByteSize(31_850_496).to_string(), "30.4 MiB");
    }
}

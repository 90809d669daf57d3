use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn sizes_print_for_people() {
        assert_eq!(ByteSize(999).to_string(), "999 B");
        assert_eq!(ByteSize(31_850_496).to_string(), "30.4 MiB");
    }
}

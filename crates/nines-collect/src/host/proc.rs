//! Files of /proc as text, and the units that they count in.
//!
//! Four of its formats are read by hand in [`super::system`] and [`super::processes`]: they are lines of numbers, and the
//! crate that reads all of /proc asks for parts of `rustix` that would have everything above it compiled anew.

use std::io;
use std::path::Path;

pub fn text(file: &str) -> io::Result<String> {
    std::fs::read_to_string(Path::new("/proc").join(file))
}

#[derive(Debug, Clone, Copy)]
pub struct Units {
    pub ticks_per_sec: f64,
    pub page_bytes: u64,
}

/// Types of entries of the auxiliary vector (getauxval(3)).
const AT_PAGESZ: u64 = 6;
const AT_CLKTCK: u64 = 17;

impl Units {
    /// As the kernel told this process when it started; on nearly every machine 100 ticks and pages of 4 KiB.
    pub fn of_this_machine() -> Self {
        let mut units = Self { ticks_per_sec: 100.0, page_bytes: 4096 };
        for entry in std::fs::read("/proc/self/auxv").unwrap_or_default().chunks_exact(16) {
            let (kind, value) = entry.split_at(8);
            let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
            match (number(kind), number(value)) {
                (AT_PAGESZ, bytes) if bytes > 0 => units.page_bytes = bytes,
                (AT_CLKTCK, ticks) if ticks > 0 => units.ticks_per_sec = ticks as f64,
                _ => {}
            }
        }
        units
    }
}

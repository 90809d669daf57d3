//! The clock that leases are measured by.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the machine started, which goes on while it is suspended: `CLOCK_BOOTTIME` on Linux. `CLOCK_MONOTONIC`
/// stands still then, and a lease measured by it would outlive the night of a laptop or the pause of a virtual machine.
pub fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

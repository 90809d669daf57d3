//! How many connections each listener has room for, and the files that they are.

use nines_receive::{Connections, Limits, SyslogLimits};

/// Of the files that the process may open: three listeners of HTTP have a quarter each, all else the last one.
const SHARES: u64 = 4;
/// However few files there are.
const CONNECTIONS_MIN: usize = 64;

/// The connections of each listener.
#[derive(Clone)]
pub struct Listeners {
    pub web: Connections,
    pub otlp_grpc: Connections,
    pub otlp_http: Connections,
    pub syslog_tcp: Connections,
    pub syslog_tls: Connections,
}

impl Listeners {
    /// Raises the number of files that this process may open to what its user may have.
    pub fn open() -> Self {
        // Shells and service managers give 1 024 to programs that still use `select`, and leave far more to be asked for.
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
            tracing::warn!(%error, "could not raise the number of files that may be open");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(0)
        });
        let max = connections_max(files);
        if max < Limits::default().connections {
            tracing::info!(files, connections = max, "few files may be open: each listener has less room");
        }
        let syslog = SyslogLimits::default().connections;
        Self {
            web: Connections::new("web", max),
            otlp_grpc: Connections::new("otlp_grpc", max),
            otlp_http: Connections::new("otlp_http", max),
            syslog_tcp: Connections::new("syslog_tcp", syslog.min(max)),
            syslog_tls: Connections::new("syslog_tls", syslog.min(max)),
        }
    }

    pub fn all(&self) -> [&Connections; 5] {
        [&self.web, &self.otlp_grpc, &self.otlp_http, &self.syslog_tcp, &self.syslog_tls]
    }
}

fn connections_max(files: u64) -> usize {
    let share = usize::try_from(files / SHARES).unwrap_or(usize::MAX);
    share.clamp(CONNECTIONS_MIN, Limits::default().connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_files_is_left_for_all_but_http() {
        assert_eq!([0, 1_024, 20_000, 1 << 20].map(connections_max), [64, 256, 5_000, 16_384]);
    }
}

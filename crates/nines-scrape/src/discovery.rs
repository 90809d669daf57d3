//! Where targets come from: files that others write, and names. Source: upstream's `discovery/file` and `discovery/dns`.

mod dns;
mod files;

pub(crate) use dns::groups_of_name;
pub use dns::{DnsError, NameServers, Names, Record};
pub(crate) use files::read_pattern;

/// Targets of one group: a file or an answer with more is refused. The largest fleets scrape some ten thousand hosts.
pub const GROUP_TARGETS_MAX: usize = 100_000;

//! The seams through which every other crate touches the world. Each is one type, so that a test can replace it
//! and `clippy.toml` can forbid the way round it: [`Clock`], [`Random`], [`disk::Disk`], [`decompress`], [`spawn`].
//! Beside them stand the few words that all errors share ([`ErrorKind`]) and how to stop and how to wait again
//! ([`Shutdown`], [`Backoff`]).

mod backoff;
mod bytesize;
pub mod clock;
pub mod decompress;
pub mod disk;
mod error;
mod percent;
mod random;
mod shutdown;
pub mod spawn;

pub use backoff::Backoff;
pub use bytesize::{BadByteSize, ByteSize, KIB, MIB};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use error::{ErrorKind, chain, root_cause};
pub use percent::percent_encoded;
pub use random::Random;
pub use shutdown::Shutdown;

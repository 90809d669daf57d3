//! Two nodes as one pair: of two, at most one leads, and what it wrote the other has.
//!
//! Words
//! - **Lease**: one row in PostgreSQL that says who leads, until when by PostgreSQL's clock, and in which epoch.
//! - **Epoch**: how often the lease has changed hands. Each write of the log and each page carries it.
//! - **Log**: the writes of `control.db` and `response.db` in order; a write is in the log before it is committed at the
//!   leader, and the log takes it only while its epoch is the lease's ([`store`]).
//! - **Promise**: what the peer answers directly when PostgreSQL does not: that it takes nothing over for some seconds.
//! - **Permission**: the epoch under which this node may write and send at this instant, if it may ([`Leadership`]).
//!
//! [`machine`] decides, without IO; [`Pair`] asks PostgreSQL and the peer for it, on a thread of its own, and keeps the
//! files ([`keeper`]). The design and what is left of its windows: `docs/decisions/0020-pair.md`.

pub mod clock;
mod keeper;
pub mod machine;
mod pair;
mod peer;
mod snapshot;
mod store;

pub use keeper::File;
pub use pair::{Leadership, Pair, Settings, Status};
pub use peer::{Answer, PROMISE_PATH, STATUS_PATH};
pub use store::StoreError;

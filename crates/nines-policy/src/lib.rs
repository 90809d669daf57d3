//! What an organisation forbids beyond the table of rights: policies in Cedar, which only ever narrow.
//!
//! The table (`nines_access::authorize`) decides first, and what it denies stays denied. What it permits is put to the
//! policies: a `forbid` that holds refuses, and an action that some `permit` speaks of is kept to those whom a permit
//! names. So no policy gives anybody more than the table does, whatever it says.
//!
//! Words introduced here
//! - **Document**: a named text of one or more policies, as somebody applied it, with its versions ([`StoredDocument`]).
//! - **Vocabulary**: the actions of this node with what they apply to; the Cedar schema is made of it ([`Vocabulary`]).
//! - **Compiled**: documents read and validated against the schema; errors have line, column and a hint ([`Compiled`]).
//! - **Asked**: one question: who, which action, on what, in which situation ([`Asked`]).
//! - **Refusal**: which policy says no, and its reason ([`Refusal`]).
//!
//! No policies: nothing is evaluated and nothing is allocated. With policies: the parsed set is shared, and what is built
//! for a question is a dozen entities. Does no IO but through [`PolicyRepository`].

mod ask;
mod compile;
pub mod contract;
mod engine;
mod entities;
mod error;
mod repository;
mod schema;
mod vocabulary;
mod zones;

pub use ask::{Argument, Asked, IncidentFacts, Kind, On, Operation, Situation, Subject, TargetFacts};
pub use compile::{Compiled, DOCUMENT_BYTES_MAX, Effect, POLICIES_MAX, PolicyInfo};
pub use engine::{Counters, Policies, Reachable, Refusal};
pub use error::{Fault, PolicyError, StoreError};
pub use repository::{MemoryPolicies, NewDocument, PolicyRepository, StoredDocument, VERSIONS_KEPT};
pub use vocabulary::{ActionWord, AppliesTo, ParameterWord, ValueKind, Vocabulary};

//! jemalloc for whoever links this crate: `use nines_allocator as _;`.
//!
//! Rows are made by one thread and dropped by another, and memory must go back once a peak is over: see
//! `docs/decisions/0013-allocator.md`. The functions through which every allocation goes are generated in the crate that
//! names the allocator, so that it is one that is optimised.

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

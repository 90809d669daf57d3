//! A node as users meet it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

mod access;
mod backups;
mod bombs;
mod chats;
mod defaults;
mod disk;
mod doors;
mod durability;
mod explore;
mod fleet;
mod guides;
mod hostile;
mod incident;
mod inhibition;
mod lake;
mod limits;
mod mail_intake;
mod malformed;
mod masking;
mod metrics;
mod object_store;
mod oncall;
mod oncall_clients;
mod operations;
mod overload;
mod paging;
mod pair;
mod patterns;
mod people;
mod phone;
mod policy_actions;
mod prometheus_files;
mod proposals;
mod remote_write;
mod reports;
mod review_mail;
mod sdks;
mod stories;
mod subscribers;
mod teams;
mod uptime;
mod ways_in;

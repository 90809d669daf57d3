//! A stored past through settings of today: who would have been blocked, and whom it would have hurt.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nines_model::Timestamp;

use super::{Block, Config, Credit, Mark, ROUND, judged};

/// A block that would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct RehearsedBlock {
    pub block: Block,
    /// `None`: it would still be in force at the end.
    pub ended_at: Option<Timestamp>,
    /// Requests of the network while it was blocked: what the firewall would have stopped.
    pub requests: u64,
    /// Those of them that were answered with 2xx: what it may have hurt.
    pub answered_well: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rehearsal {
    /// In the order of their begin.
    pub blocks: Vec<RehearsedBlock>,
    pub requests: u64,
    /// Addresses that something is known about at the end.
    pub addresses: usize,
}

/// Decides over the marks as the keeper would have, a round every [`ROUND`], until `end`. Sorts them.
///
/// The requests of a blocked address count on: the past was not blocked, and some firewalls log what they refuse. So a
/// block may last longer here than it would have.
pub fn rehearse(config: Config, marks: &mut [Mark], end: Timestamp) -> Rehearsal {
    marks.sort_unstable_by_key(|mark| mark.at);
    let mut credit = Credit::new(config);
    let mut rehearsal = Rehearsal { requests: marks.len() as u64, ..Rehearsal::default() };
    let mut open: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let Some(first) = marks.first() else { return rehearsal };
    let mut round_at = first.at + ROUND;
    for mark in marks.iter() {
        while round_at <= mark.at {
            decide(&mut credit, round_at, &mut rehearsal, &mut open);
            // Without a block nothing ends, and what is suspected was just decided: the next round is after the next mark.
            round_at = if open.is_empty() { mark.at.max(round_at) + ROUND } else { round_at + ROUND };
        }
        credit.take(mark);
        if let Some(&place) = open.get(&judged(mark.address)) {
            let block = &mut rehearsal.blocks[place];
            block.requests += 1;
            block.answered_well += u64::from((200..300).contains(&mark.status));
        }
    }
    while round_at <= end && (!open.is_empty() || credit.has_suspects()) {
        decide(&mut credit, round_at, &mut rehearsal, &mut open);
        round_at = round_at + ROUND;
    }
    // The end may come before the round that would have seen the last requests.
    decide(&mut credit, end, &mut rehearsal, &mut open);
    rehearsal.addresses = credit.len();
    rehearsal
}

fn decide(
    credit: &mut Credit,
    now: Timestamp,
    rehearsal: &mut Rehearsal,
    open: &mut BTreeMap<IpAddr, usize>,
) {
    let changes = credit.decide(now);
    for network in changes.release {
        if let Some(place) = open.remove(&network.addr()) {
            rehearsal.blocks[place].ended_at = Some(now);
        }
    }
    for block in changes.block {
        open.insert(block.network.addr(), rehearsal.blocks.len());
        rehearsal.blocks.push(RehearsedBlock { block, ended_at: None, requests: 0, answered_well: 0 });
    }
}

//! Is the probe itself at fault? Decided when a check fails, before its target is blamed.
//!
//! With references (addresses that are known to be good: a gateway, a resolver, a public site) the answer is plain: a
//! runner that reaches none of them is cut off. Without, the other targets of the runner are the witnesses: if of three or
//! more hosts most fail at the same moment, all of which were fine a moment ago, the fault is more likely here than there.

use crate::probe::HostPort;

/// Witnesses that are asked at a time: a majority of so many is as good as one of all.
pub const WITNESSES_MAX: usize = 8;
/// Other hosts that are needed to say anything.
const WITNESSES_MIN: usize = 2;

/// What a look at the references or the witnesses found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether they were named as references.
    pub are_references: bool,
    pub asked: usize,
    pub reached: usize,
}

impl Look {
    /// Whether the runner is at fault.
    pub fn is_at_fault(&self) -> bool {
        if self.are_references {
            return self.asked > 0 && self.reached == 0;
        }
        // The one that failed is a host too.
        let (hosts, failing) = (self.asked + 1, self.asked - self.reached + 1);
        self.asked >= WITNESSES_MIN && 2 * failing > hosts
    }

    /// The finding in words, for people.
    pub fn describe(&self) -> String {
        let what = if self.are_references { "references" } else { "other targets" };
        format!("{} of {} {what} can be reached from here", self.reached, self.asked)
    }
}

/// The other hosts that may be asked: those that were fine at their last check or have failed only just now. One that has
/// been down for long says nothing about this moment. `others`: endpoint, and whether it may witness.
pub fn witnesses(
    failing: Option<&HostPort>,
    others: impl IntoIterator<Item = (HostPort, bool)>,
) -> Vec<HostPort> {
    let mut chosen: Vec<HostPort> = Vec::new();
    for (endpoint, may_witness) in others {
        let is_same = failing.is_some_and(|failing| failing.host == endpoint.host);
        let is_known = chosen.iter().any(|known| known.host == endpoint.host);
        if may_witness && !is_same && !is_known && chosen.len() < WITNESSES_MAX {
            chosen.push(endpoint);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_decide_alone_and_witnesses_by_majority() {
        let look = |are_references, asked, reached| Look { are_references, asked, reached }.is_at_fault();
        for (asked, reached, expected) in
            [(0, 0, false), (1, 0, true), (3, 0, true), (3, 1, false), (1, 1, false)]
        {
            assert_eq!(look(true, asked, reached), expected, "{reached} of {asked} references");
        }
        // The majority counted by hand: the failing target is one more host.
        for asked in 0..WITNESSES_MAX {
            for reached in 0..=asked {
                let hosts: Vec<bool> = std::iter::once(false)
                    .chain(std::iter::repeat_n(true, reached))
                    .chain(std::iter::repeat_n(false, asked - reached))
                    .collect();
                let failing = hosts.iter().filter(|is_reached| !**is_reached).count();
                let expected = hosts.len() >= 3 && failing > hosts.len() / 2;
                assert_eq!(look(false, asked, reached), expected, "{reached} of {asked} witnesses");
            }
        }
    }

    #[test]
    fn witnesses_are_other_hosts_that_were_fine() {
        let endpoint = |text: &str| HostPort::parse(text).unwrap();
        let others = [
            (endpoint("a:1"), true),
            (endpoint("b:1"), false),
            (endpoint("c:1"), true),
            (endpoint("c:2"), true),
            (endpoint("d:1"), true),
        ];
        assert_eq!(witnesses(Some(&endpoint("a:9")), others.clone()), [endpoint("c:1"), endpoint("d:1")]);
        assert_eq!(witnesses(None, others).len(), 3);
    }
}

//! What earns points, and what is left of a request once the rules have looked at it.

use std::net::IpAddr;

use nines_model::Timestamp;

/// One request, as an access log tells it.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    pub address: IpAddr,
    pub at: Timestamp,
    pub status: u16,
    /// With its query, if there is one: that is where most injections are.
    pub path: &'a str,
    pub user_agent: &'a str,
}

/// A request after the rules: small enough that two million of them can be put in order in memory. 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub at: Timestamp,
    pub address: IpAddr,
    pub status: u16,
    /// The rules that it breaks: bit by place in [`RULES`].
    pub broken: u8,
}

/// What earns points.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable, for explanations.
    pub name: &'static str,
    pub about: &'static str,
    pub points: f32,
    applies: fn(&Access<'_>) -> bool,
}

pub const RULE_COUNT: usize = 6;

/// The rules with their points. With 100 to block: ten probes for secrets, or 25 failed sign-ins, or a scan of 50 missing
/// pages, each within minutes; or 2 000 plain requests, which is 3.3 a second over ten minutes with decay.
pub const RULES: [Rule; RULE_COUNT] = [
    Rule {
        name: "secret-probe",
        about: "asks for files that hold secrets",
        points: 10.0,
        applies: |access| {
            const PROBES: [&str; 8] = [
                "/.env",
                "/.git/",
                "/.aws/",
                "/wp-login.php",
                "/wp-admin",
                "/phpmyadmin",
                "/etc/passwd",
                "/actuator/env",
            ];
            holds_one(access.path, &PROBES)
        },
    },
    Rule {
        name: "injection",
        about: "sends what tries to break out of a query or a folder",
        points: 20.0,
        applies: |access| {
            const MARKS: [&str; 7] =
                ["../", "..%2f", "union+select", "union%20select", "%27%20or%20", "<script", "${jndi:"];
            holds_one(access.path, &MARKS)
        },
    },
    Rule {
        name: "denied",
        about: "is refused: wrong credentials or no right",
        points: 4.0,
        applies: |access| matches!(access.status, 401 | 403),
    },
    Rule {
        name: "missing",
        about: "asks for what is not there",
        points: 2.0,
        applies: |access| matches!(access.status, 404 | 405),
    },
    Rule {
        name: "no-agent",
        about: "does not say what it is",
        points: 0.5,
        applies: |access| access.user_agent.is_empty() || access.user_agent == "-",
    },
    Rule { name: "volume", about: "asks at all", points: 0.05, applies: |_| true },
];

impl Access<'_> {
    pub fn mark(&self) -> Mark {
        let broken = RULES
            .iter()
            .enumerate()
            .filter(|(_, rule)| (rule.applies)(self))
            .fold(0, |broken, (place, _)| broken | 1 << place);
        Mark { at: self.at, address: self.address, status: self.status, broken }
    }
}

impl Mark {
    /// The rules that the request breaks, by place in [`RULES`].
    pub fn rules(&self) -> impl Iterator<Item = (usize, &'static Rule)> {
        RULES.iter().enumerate().filter(|(place, _)| self.broken & (1 << place) != 0)
    }
}

/// Whether one of the parts, all of them lower case and ASCII, stands in the text in any case. Does not allocate.
fn holds_one(text: &str, parts: &[&str]) -> bool {
    let text = text.as_bytes();
    parts
        .iter()
        .any(|part| text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes())))
}

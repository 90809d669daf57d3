//! The service map: who calls whom, how often, how well.
//!
//! A call is found in two ways. Where the callee is instrumented, its entry names the caller's span as its parent (or
//! links to it, as consumers of a queue do): the two spans are one call, seen from both ends. Where it is not, or did not answer, a client
//! span without anything below it tells whom it meant by `peer.service`, `db.system.name`, `messaging.system` or
//! `server.address`.
//!
//! Memory is bounded by [`SPANS_MAX`]: beyond, every second trace is left out, then every fourth, and so on, chosen by the
//! trace's id so that traces stay whole. Counts are then scaled up, and [`ServiceMap::sampled`] says so.

use arrow::array::RecordBatch;
use hashbrown::HashMap;
use serde::Deserialize;

use nines_model::{SmolStr, field};

use crate::columns::{FirstOf, Ints, Texts, times};
use crate::entries::UNKNOWN;
use crate::figures::Figures;

/// Spans held at once: 56 bytes each, and as much again for finding them by id.
pub const SPANS_MAX: usize = 1_000_000;
/// Nodes of the map, services and others. What comes later is drawn as one.
pub const NODES_MAX: usize = 2_000;
/// The node that stands for all beyond [`NODES_MAX`].
const OTHERS: &str = "others";

const DB_SYSTEM: [&str; 2] = ["db.system.name", "db.system"];
const DB_NAME: [&str; 2] = ["db.namespace", "db.name"];
const MESSAGING_DESTINATION: [&str; 2] = ["messaging.destination.name", "messaging.destination"];
const PEER: [&str; 3] = ["server.address", "net.peer.name", "network.peer.address"];

/// The columns that [`Calls::fold`] reads.
pub(crate) const COLUMNS: [&str; 20] = [
    field::TIMESTAMP,
    field::TRACE_ID,
    field::SPAN_ID,
    field::PARENT_SPAN_ID,
    field::SERVICE_NAME,
    field::KIND,
    field::DURATION_NS,
    field::STATUS_CODE,
    field::SPAN_LINKS,
    "peer.service",
    "messaging.system",
    DB_SYSTEM[0],
    DB_SYSTEM[1],
    DB_NAME[0],
    DB_NAME[1],
    MESSAGING_DESTINATION[0],
    MESSAGING_DESTINATION[1],
    PEER[0],
    PEER[1],
    PEER[2],
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    /// Sends spans itself.
    Service,
    Database,
    Queue,
    /// Known only from those who call it.
    External,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanKind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl SpanKind {
    /// As in the column `kind`; anything else is internal, as the specification lets us.
    pub fn parse(text: &str) -> Self {
        match text {
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => Self::Internal,
        }
    }

    fn enters(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }

    fn leaves(self) -> bool {
        matches!(self, Self::Client | Self::Producer)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: SmolStr,
    pub kind: NodeKind,
    /// A service's entries; of others, the calls to them.
    pub figures: Figures,
}

/// Calls from one node to another. Durations are what the caller waited where it has a client span, else what the
/// callee took; an error is one that either end saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Always a service.
    pub caller: SmolStr,
    pub callee: SmolStr,
    pub callee_kind: NodeKind,
    pub figures: Figures,
    /// Calls of which only the caller's end was seen, though the callee sends spans: it did not answer, or not yet.
    pub unanswered: u64,
    /// Through a queue: nobody waits.
    pub is_async: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceMap {
    /// By name.
    pub nodes: Vec<Node>,
    /// By caller, then callee.
    pub edges: Vec<Edge>,
    pub spans: u64,
    /// One trace in so many was looked at; counts are scaled by it.
    pub sampled: u64,
    /// Entries whose caller is not among the spans, although they name one.
    pub lost_callers: u64,
}

/// One span as the tally takes it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub trace_id: &'a str,
    pub span_id: &'a str,
    /// Of the parent, in this trace.
    pub parent_id: Option<&'a str>,
    /// `(trace, span)` of the first link.
    pub link: Option<(&'a str, &'a str)>,
    pub service: &'a str,
    pub kind: SpanKind,
    pub duration_ns: i64,
    pub error: bool,
    /// Whom it means, by its own attributes.
    pub target: Option<(NodeKind, &'a str)>,
}

#[derive(Debug)]
struct Held {
    trace: u64,
    key: u64,
    /// 0: none.
    parent: u64,
    duration_ns: i64,
    service: u32,
    /// `u32::MAX`: none.
    target: u32,
    kind: SpanKind,
    error: bool,
}

const NO_TARGET: u32 = u32::MAX;

/// A tally of spans that becomes a map.
#[derive(Debug, Default)]
pub struct Calls {
    spans: Vec<Held>,
    names: Vec<(NodeKind, SmolStr)>,
    ids: HashMap<(NodeKind, SmolStr), u32>,
    /// Traces whose hash ends in so many zeros are held.
    zeros: u32,
    seen: u64,
}

impl Calls {
    pub(crate) fn fold(&mut self, batch: &RecordBatch) {
        let [traces, ids, parents, services, kinds, statuses, links, peers, queues] = [
            field::TRACE_ID,
            field::SPAN_ID,
            field::PARENT_SPAN_ID,
            field::SERVICE_NAME,
            field::KIND,
            field::STATUS_CODE,
            field::SPAN_LINKS,
            "peer.service",
            "messaging.system",
        ]
        .map(|name| Texts::of(batch, name));
        let durations = Ints::of(batch, field::DURATION_NS);
        let (db_systems, db_names) = (FirstOf::of(batch, &DB_SYSTEM), FirstOf::of(batch, &DB_NAME));
        let destinations = FirstOf::of(batch, &MESSAGING_DESTINATION);
        let addresses = FirstOf::of(batch, &PEER);
        let mut name = String::new();
        for row in 0..times(batch).len() {
            let kind = SpanKind::parse(kinds.get(row).unwrap_or_default());
            let mut named = |system: &str, part: Option<&str>| {
                name.clear();
                name.push_str(system);
                if let Some(part) = part {
                    name.push(' ');
                    name.push_str(part);
                }
            };
            // The system says more than who runs it; the address says least.
            let target = if !kind.leaves() {
                None
            } else if let Some(system) = db_systems.get(row) {
                named(system, db_names.get(row));
                Some(NodeKind::Database)
            } else if let Some(system) = queues.get(row) {
                named(system, destinations.get(row));
                Some(NodeKind::Queue)
            } else {
                peers.get(row).or_else(|| addresses.get(row)).map(|peer| {
                    named(peer, None);
                    NodeKind::External
                })
            };
            let link = match kind {
                SpanKind::Consumer => links.get(row).and_then(first_link),
                _ => None,
            };
            self.add(&Seen {
                trace_id: traces.get(row).unwrap_or_default(),
                span_id: ids.get(row).unwrap_or_default(),
                parent_id: parents.get(row),
                link: link.as_ref().map(|link| (&*link.trace_id, &*link.span_id)),
                service: services.get(row).unwrap_or(UNKNOWN),
                kind,
                duration_ns: durations.get(row).unwrap_or(0),
                error: statuses.get(row) == Some("error"),
                target: target.map(|kind| (kind, name.as_str())),
            });
        }
    }

    pub fn add(&mut self, span: &Seen<'_>) {
        self.seen += 1;
        let trace = hash(span.trace_id, 0);
        if trace.trailing_zeros() < self.zeros {
            return;
        }
        let service = self.name(NodeKind::Service, span.service);
        let target = span.target.map_or(NO_TARGET, |(kind, name)| self.name(kind, name));
        let parent = match (span.parent_id, span.link) {
            (Some(parent), _) => hash(parent, trace),
            (None, Some((linked, span))) => hash(span, hash(linked, 0)),
            (None, None) => 0,
        };
        self.spans.push(Held {
            trace,
            key: hash(span.span_id, trace),
            parent,
            duration_ns: span.duration_ns,
            service,
            target,
            kind: span.kind,
            error: span.error,
        });
        while self.spans.len() > SPANS_MAX {
            self.zeros += 1;
            let zeros = self.zeros;
            self.spans.retain(|span| span.trace.trailing_zeros() >= zeros);
        }
    }

    fn name(&mut self, kind: NodeKind, name: &str) -> u32 {
        let key = (kind, SmolStr::new(name));
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let key = if self.names.len() < NODES_MAX { key } else { (NodeKind::External, OTHERS.into()) };
        let next = self.names.len() as u32;
        let names = &mut self.names;
        *self.ids.entry(key.clone()).or_insert_with(|| {
            names.push(key);
            next
        })
    }

    /// Finds the calls. Costs a hash of every span.
    pub fn finish(self) -> ServiceMap {
        let index: HashMap<u64, u32> =
            self.spans.iter().enumerate().map(|(index, span)| (span.key, index as u32)).collect();
        let parent_of = |span: &Held| {
            if span.parent == 0 { None } else { index.get(&span.parent).map(|index| *index as usize) }
        };
        let mut edges: HashMap<(u32, u32), Edge> = HashMap::new();
        let mut figures: HashMap<u32, Figures> = HashMap::new();
        // Client spans below which something else tells of the call.
        let mut answered = vec![false; self.spans.len()];
        let mut lost_callers = 0;
        for span in &self.spans {
            let parent = parent_of(span);
            if span.kind.enters() || span.parent == 0 {
                figures.entry(span.service).or_default().add(span.duration_ns, span.error);
            }
            let Some(parent) = parent else {
                lost_callers += u64::from(span.parent != 0 && span.kind.enters());
                continue;
            };
            let above = &self.spans[parent];
            let crosses = above.service != span.service || (above.kind.leaves() && span.kind.enters());
            answered[parent] |= crosses || span.kind.leaves();
            if crosses {
                let is_async = span.kind == SpanKind::Consumer;
                let waited =
                    if above.kind == SpanKind::Client { above.duration_ns } else { span.duration_ns };
                let edge = self.edge(&mut edges, above.service, span.service);
                edge.figures.add(waited, above.error || span.error);
                edge.is_async |= is_async;
            }
        }
        let services: HashMap<&str, u32> = (0..self.names.len() as u32)
            .filter(|id| self.names[*id as usize].0 == NodeKind::Service)
            .map(|id| (self.names[id as usize].1.as_str(), id))
            .collect();
        for (span, answered) in self.spans.iter().zip(&answered) {
            if *answered || span.target == NO_TARGET || !span.kind.leaves() {
                continue;
            }
            let (kind, name) = &self.names[span.target as usize];
            let known = if *kind == NodeKind::External { services.get(name.as_str()) } else { None };
            if known.is_none() {
                figures.entry(span.target).or_default().add(span.duration_ns, span.error);
            }
            let edge = self.edge(&mut edges, span.service, *known.unwrap_or(&span.target));
            edge.figures.add(span.duration_ns, span.error);
            edge.unanswered += u64::from(known.is_some());
            edge.is_async |= *kind == NodeKind::Queue;
        }
        self.answer(edges, figures, lost_callers)
    }

    fn edge<'a>(&self, edges: &'a mut HashMap<(u32, u32), Edge>, caller: u32, callee: u32) -> &'a mut Edge {
        edges.entry((caller, callee)).or_insert_with(|| Edge {
            caller: self.names[caller as usize].1.clone(),
            callee: self.names[callee as usize].1.clone(),
            callee_kind: self.names[callee as usize].0,
            figures: Figures::default(),
            unanswered: 0,
            is_async: false,
        })
    }

    fn answer(
        &self,
        edges: HashMap<(u32, u32), Edge>,
        mut figures: HashMap<u32, Figures>,
        lost_callers: u64,
    ) -> ServiceMap {
        // A target that turned out to be a service, or that was never called directly, is no node of its own.
        let mut is_shown = vec![false; self.names.len()];
        let ends = edges.keys().flat_map(|(caller, callee)| [*caller, *callee]);
        let services = self.spans.iter().map(|span| span.service);
        ends.chain(figures.keys().copied()).chain(services).for_each(|id| is_shown[id as usize] = true);
        let shown = (0..).zip(&self.names).zip(&is_shown).filter(|(_, is_shown)| **is_shown);
        let mut nodes: Vec<Node> = shown
            .map(|((id, (kind, name)), _)| {
                let figures = figures.remove(&id).unwrap_or_default();
                Node { name: name.clone(), kind: *kind, figures }
            })
            .collect();
        nodes.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        let mut edges: Vec<Edge> = edges.into_values().collect();
        edges.sort_by(|a, b| {
            (&a.caller, &a.callee, a.callee_kind).cmp(&(&b.caller, &b.callee, b.callee_kind))
        });
        ServiceMap { nodes, edges, spans: self.seen, sampled: 1 << self.zeros, lost_callers }
    }
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    trace_id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    span_id: std::borrow::Cow<'a, str>,
}

fn first_link(text: &str) -> Option<Link<'_>> {
    serde_json::from_str::<Vec<Link<'_>>>(text).ok()?.into_iter().next()
}

/// Of an id's text, mixed with `seed` (splitmix64's finaliser over words of eight bytes). Never 0. Ids are random
/// already; mixing keeps hand-made ones apart.
fn hash(text: &str, seed: u64) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    state.max(1)
}

fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(span: &'a str, parent: Option<&'a str>, service: &'a str, kind: SpanKind) -> Seen<'a> {
        Seen {
            trace_id: "t1",
            span_id: span,
            parent_id: parent,
            link: None,
            service,
            kind,
            duration_ns: 10,
            error: false,
            target: None,
        }
    }

    fn map(spans: &[Seen<'_>]) -> ServiceMap {
        let mut calls = Calls::default();
        spans.iter().for_each(|span| calls.add(span));
        calls.finish()
    }

    fn edges(map: &ServiceMap) -> Vec<(&str, &str, u64, u64)> {
        map.edges
            .iter()
            .map(|edge| (&*edge.caller, &*edge.callee, edge.figures.requests, edge.figures.errors))
            .collect()
    }

    #[test]
    fn a_call_is_seen_from_both_ends_once() {
        let client = Seen {
            duration_ns: 40,
            error: true,
            target: Some((NodeKind::External, "cart")),
            ..seen("b", Some("a"), "web", SpanKind::Client)
        };
        let map = map(&[
            seen("a", None, "web", SpanKind::Server),
            client,
            seen("c", Some("b"), "cart", SpanKind::Server),
            // In another service without a client span between them: still a call.
            seen("d", Some("c"), "stock", SpanKind::Internal),
        ]);
        assert_eq!(edges(&map), [("cart", "stock", 1, 0), ("web", "cart", 1, 1)]);
        assert_eq!(map.edges[1].figures.total_ns, 40, "the caller waited longer than the callee took");
        assert!(map.nodes.iter().all(|node| node.kind == NodeKind::Service));
    }

    #[test]
    fn what_sends_no_spans_is_known_by_those_who_call_it() {
        let to = |span, parent, target| Seen {
            target: Some(target),
            ..seen(span, parent, "cart", SpanKind::Client)
        };
        let map = map(&[
            seen("a", None, "cart", SpanKind::Server),
            // A library around a driver: one call, the driver's.
            to("b", Some("a"), (NodeKind::External, "orm")),
            to("c", Some("b"), (NodeKind::Database, "postgresql carts")),
            // It sends spans otherwise, but this call got none.
            to("d", Some("a"), (NodeKind::External, "stock")),
            seen("s", None, "stock", SpanKind::Server),
        ]);
        assert_eq!(edges(&map), [("cart", "postgresql carts", 1, 0), ("cart", "stock", 1, 0)]);
        assert_eq!(map.edges[1].unanswered, 1);
        let kinds: Vec<_> = map.nodes.iter().map(|node| (&*node.name, node.kind)).collect();
        let service = NodeKind::Service;
        assert_eq!(kinds, [("cart", service), ("postgresql carts", NodeKind::Database), ("stock", service)]);
    }

    #[test]
    fn a_consumer_is_called_by_whom_it_links_to() {
        let mut consumer = seen("z", None, "mail", SpanKind::Consumer);
        consumer.trace_id = "t2";
        consumer.link = Some(("t1", "p"));
        let map = map(&[seen("p", None, "shop", SpanKind::Producer), consumer]);
        assert_eq!(edges(&map), [("shop", "mail", 1, 0)]);
        assert!(map.edges[0].is_async);
    }

    #[test]
    fn sampling_keeps_traces_whole_and_does_not_depend_on_the_order() {
        // A million and a half spans in traces of three, forwards and backwards.
        let count = SPANS_MAX / 2;
        let ids: Vec<String> = (0..count).map(|trace| format!("{trace:032x}")).collect();
        let run = |order: &mut dyn Iterator<Item = usize>| {
            let mut calls = Calls::default();
            for trace in order {
                for (id, parent, service) in
                    [("a", None, "web"), ("b", Some("a"), "cart"), ("c", Some("b"), "db")]
                {
                    calls.add(&Seen { trace_id: &ids[trace], ..seen(id, parent, service, SpanKind::Server) });
                }
            }
            calls.finish()
        };
        let map = run(&mut (0..count));
        assert_eq!((map.sampled, map.lost_callers, map.spans), (2, 0, 3 * count as u64));
        let estimate = map.edges[0].figures.requests * map.sampled;
        assert!(estimate.abs_diff(count as u64) < count as u64 / 100, "{estimate} calls of {count}");
        assert_eq!(run(&mut (0..count).rev()), map);
    }
}

//! The miner: lines in, pattern ids out, one pass, bounded memory.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

use crate::generalise;
use crate::header;
use crate::template::Template;
use crate::token::Scanner;

/// Patterns kept. A large program has some thousand log statements; a hundred services fit. About 1.5 KiB each.
pub const PATTERNS_MAX: usize = 32_768;
/// Shapes (lines after masking) that are recognised with one look-up; several make one pattern. 40 bytes each.
pub const SHAPES_MAX: usize = 131_072;
/// Ids that were replaced by a more general pattern and are still resolved; the oldest is forgotten first. 32 bytes each.
pub const ALIASES_MAX: usize = 131_072;
/// Patterns of one layout that a new one is compared with, the newest. Bounds the cost of a line without precedent.
pub const NEIGHBOURS_MAX: usize = 64;
/// Rounds that a pattern seen often survives without being seen, when room is needed.
const CHANCES_MAX: u8 = 3;
/// Chains of aliases are no longer than there are places to generalise; this only guards against a damaged state.
const ALIAS_STEPS_MAX: usize = 256;

/// The name of a pattern: the hash of its constant tokens and where its variables are. The same template has the
/// same id in every process and after every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternId(pub u64);

impl fmt::Display for PatternId {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for PatternId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// How to mine. The default is meant for everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Leave out timestamp, severity, host and logger at the start of a line.
    pub strip_headers: bool,
    /// See [`PATTERNS_MAX`].
    pub patterns_max: usize,
    /// See [`SHAPES_MAX`].
    pub shapes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { strip_headers: true, patterns_max: PATTERNS_MAX, shapes_max: SHAPES_MAX }
    }
}

/// A pattern became part of a more general one: whoever keeps numbers per pattern adds those of `from` to `into`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub from: PatternId,
    pub into: PatternId,
}

/// Mines templates online. Deterministic: the same lines in the same order give the same ids and templates, however
/// they are cut into batches. Memory is bounded by the constants of this module whatever the lines are: when there
/// is no room, what was not seen for longest goes first, frequent patterns last.
#[derive(Debug)]
pub struct Miner {
    config: Config,
    scanner: Scanner,
    /// Shape to index in `shapes`.
    by_shape: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    shapes: Vec<Shape>,
    shape_hand: usize,
    /// Id to index in `patterns`.
    by_id: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    patterns: Vec<Pattern>,
    free: Vec<u32>,
    pattern_hand: usize,
    /// Patterns by layout, oldest first.
    layouts: HashMap<u64, Vec<u32>, BuildHasherDefault<Identity>>,
    aliases: HashMap<u64, u64, BuildHasherDefault<Identity>>,
    alias_order: VecDeque<u64>,
    merges: Vec<Merge>,
}

#[derive(Debug)]
struct Shape {
    hash: u64,
    pattern: u32,
    /// Of the pattern at that time; another one means that the slot was given to another pattern.
    generation: u32,
    is_recent: bool,
}

#[derive(Debug)]
struct Pattern {
    id: u64,
    /// Odd while in use.
    generation: u32,
    layout: u64,
    count: u64,
    chances: u8,
    /// Some variable has had the same value in every line so far.
    has_open_names: bool,
    template: Template,
}

impl Pattern {
    fn is_used(&self) -> bool {
        !self.generation.is_multiple_of(2)
    }
}

impl Miner {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            scanner: Scanner::default(),
            by_shape: HashMap::default(),
            shapes: Vec::new(),
            shape_hand: 0,
            by_id: HashMap::default(),
            patterns: Vec::new(),
            free: Vec::new(),
            pattern_hand: 0,
            layouts: HashMap::default(),
            aliases: HashMap::default(),
            alias_order: VecDeque::new(),
            merges: Vec::new(),
        }
    }

    /// The pattern of `line`, which is counted. Only the first line of a text with several is looked at.
    /// Typically below a microsecond; a line without precedent costs some microseconds more.
    pub fn learn(&mut self, line: &str) -> PatternId {
        let shape = self.scan(line);
        if let Some(index) = self.known(shape) {
            let pattern = &mut self.patterns[index as usize];
            pattern.count += 1;
            pattern.chances = (pattern.chances + 1).min(CHANCES_MAX);
            if pattern.has_open_names {
                pattern.has_open_names = pattern.template.note(line, self.scanner.tokens());
            }
            return PatternId(pattern.id);
        }
        let template = Template::new(line, self.scanner.tokens());
        let index = self.place(shape, template, 1);
        self.remember(shape, index);
        PatternId(self.patterns[index as usize].id)
    }

    /// The pattern of `line` if it is known, without learning from it. The same cost as [`Miner::learn`] on a known line.
    pub fn find(&mut self, line: &str) -> Option<PatternId> {
        let shape = self.scan(line);
        if let Some(index) = self.known(shape) {
            return Some(PatternId(self.patterns[index as usize].id));
        }
        if let Some(&index) = self.by_id.get(&shape) {
            return Some(PatternId(self.patterns[index as usize].id));
        }
        let template = Template::new(line, self.scanner.tokens());
        let neighbours = self.layouts.get(&generalise::layout(&template))?;
        let covers = |index: &&u32| {
            let known = &self.patterns[**index as usize].template;
            known
                .parts
                .iter()
                .zip(&*template.parts)
                .all(|(known, part)| known.is_variable() || known.hash == part.hash)
        };
        neighbours.iter().find(covers).map(|&index| PatternId(self.patterns[index as usize].id))
    }

    /// The pattern that `id` is part of now. An id that was never given out, or is forgotten, is returned as it is.
    pub fn resolve(&self, id: PatternId) -> PatternId {
        let mut current = id.0;
        for _ in 0..ALIAS_STEPS_MAX {
            match self.aliases.get(&current) {
                Some(&next) if next != current => current = next,
                _ => break,
            }
        }
        PatternId(current)
    }

    /// The template of a pattern, or of the one that it became part of.
    pub fn template(&self, id: PatternId) -> Option<&Template> {
        self.pattern(id).map(|pattern| &pattern.template)
    }

    /// Lines learned with this pattern.
    pub fn count(&self, id: PatternId) -> u64 {
        self.pattern(id).map_or(0, |pattern| pattern.count)
    }

    /// All patterns, in no particular order.
    pub fn patterns(&self) -> impl Iterator<Item = (PatternId, &Template, u64)> {
        self.patterns
            .iter()
            .filter(|pattern| pattern.is_used())
            .map(|pattern| (PatternId(pattern.id), &pattern.template, pattern.count))
    }

    /// The number of patterns.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The merges since the last call, in order.
    pub fn take_merges(&mut self) -> Vec<Merge> {
        std::mem::take(&mut self.merges)
    }

    pub(crate) fn has_merges(&self) -> bool {
        !self.merges.is_empty()
    }

    fn pattern(&self, id: PatternId) -> Option<&Pattern> {
        let index = *self.by_id.get(&self.resolve(id).0)?;
        self.patterns.get(index as usize)
    }

    fn scan(&mut self, line: &str) -> u64 {
        let from = if self.config.strip_headers { header::message_start(line) } else { 0 };
        self.scanner.scan(line, from)
    }

    fn known(&mut self, shape: u64) -> Option<u32> {
        let entry = &mut self.shapes[*self.by_shape.get(&shape)? as usize];
        if self.patterns[entry.pattern as usize].generation != entry.generation {
            return None;
        }
        entry.is_recent = true;
        Some(entry.pattern)
    }

    /// Finds or makes the pattern of a template that no known shape leads to.
    pub(crate) fn place(&mut self, id: u64, template: Template, count: u64) -> u32 {
        if let Some(&index) = self.by_id.get(&self.resolve(PatternId(id)).0) {
            self.patterns[index as usize].count += count;
            return index;
        }
        let layout = generalise::layout(&template);
        let mut current =
            Pattern { id, generation: 0, layout, count, chances: 0, has_open_names: true, template };
        // Each round makes at least one more place variable, so this ends.
        while let Some((places, members)) = self.evidence(&current) {
            let mut general = {
                let others = members.iter().map(|&index| &self.patterns[index as usize].template);
                current.template.generalised(places, others)
            };
            if members.len() == 1 && self.patterns[members[0] as usize].template.shape() == general.shape() {
                // The line is one more of a pattern that has a variable here.
                let known = &mut self.patterns[members[0] as usize];
                known.count += current.count;
                return members[0];
            }
            let general_id = general.shape();
            let mut total = current.count;
            let mut chances = 0;
            for &index in &members {
                let member = &self.patterns[index as usize];
                total += member.count;
                chances = chances.max(member.chances);
                let from = member.id;
                if self.patterns[index as usize].template.shape() == general_id {
                    general = self.patterns[index as usize].template.clone();
                }
                self.remove(index);
                self.alias(from, general_id);
            }
            self.alias(current.id, general_id);
            current = Pattern {
                id: general_id,
                generation: 0,
                layout,
                count: total,
                chances,
                has_open_names: true,
                template: general,
            };
        }
        self.insert(current)
    }

    /// The places to make variable in `pattern`, and the patterns that become one with it.
    fn evidence(&self, pattern: &Pattern) -> Option<(u128, Vec<u32>)> {
        let neighbours = self.layouts.get(&pattern.layout)?;
        let mut near = Vec::new();
        for &index in neighbours {
            let other = &self.patterns[index as usize].template;
            if let Some(places) = generalise::difference(&pattern.template, other) {
                near.push((index, places));
            }
        }
        let templates: Vec<(&Template, u128)> =
            near.iter().map(|&(index, places)| (&self.patterns[index as usize].template, places)).collect();
        let places = generalise::decide(&pattern.template, &templates)?;
        let members =
            near.iter().filter(|(_, other)| other & !places == 0).map(|&(index, _)| index).collect();
        Some((places, members))
    }

    fn insert(&mut self, pattern: Pattern) -> u32 {
        let (id, layout) = (pattern.id, pattern.layout);
        if self.free.is_empty() && self.patterns.len() >= self.config.patterns_max.max(1) {
            self.evict_pattern();
        }
        let index = if let Some(index) = self.free.pop() {
            let generation = self.patterns[index as usize].generation + 1;
            self.patterns[index as usize] = Pattern { generation, ..pattern };
            index
        } else {
            self.patterns.push(Pattern { generation: 1, ..pattern });
            (self.patterns.len() - 1) as u32
        };
        self.by_id.insert(id, index);
        let neighbours = self.layouts.entry(layout).or_default();
        if neighbours.len() >= NEIGHBOURS_MAX {
            neighbours.remove(0);
        }
        neighbours.push(index);
        index
    }

    fn remove(&mut self, index: u32) {
        let pattern = &mut self.patterns[index as usize];
        pattern.generation += 1;
        pattern.template = Template { parts: Box::default(), tail: Default::default() };
        self.by_id.remove(&pattern.id);
        if let Some(neighbours) = self.layouts.get_mut(&pattern.layout) {
            neighbours.retain(|&other| other != index);
            if neighbours.is_empty() {
                self.layouts.remove(&pattern.layout);
            }
        }
        self.free.push(index);
    }

    /// Makes room: the hand goes round and takes a chance from each pattern until one has none.
    fn evict_pattern(&mut self) {
        loop {
            self.pattern_hand = (self.pattern_hand + 1) % self.patterns.len();
            let pattern = &mut self.patterns[self.pattern_hand];
            if !pattern.is_used() {
                continue;
            }
            if pattern.chances == 0 {
                self.remove(self.pattern_hand as u32);
                return;
            }
            pattern.chances -= 1;
        }
    }

    fn remember(&mut self, hash: u64, pattern: u32) {
        let generation = self.patterns[pattern as usize].generation;
        let shape = Shape { hash, pattern, generation, is_recent: false };
        if let Some(&index) = self.by_shape.get(&hash) {
            self.shapes[index as usize] = shape;
            return;
        }
        if self.shapes.len() < self.config.shapes_max.max(1) {
            self.by_shape.insert(hash, self.shapes.len() as u32);
            self.shapes.push(shape);
            return;
        }
        loop {
            self.shape_hand = (self.shape_hand + 1) % self.shapes.len();
            let old = &mut self.shapes[self.shape_hand];
            if !old.is_recent {
                self.by_shape.remove(&old.hash);
                self.by_shape.insert(hash, self.shape_hand as u32);
                *old = shape;
                return;
            }
            old.is_recent = false;
        }
    }

    pub(crate) fn alias(&mut self, from: u64, into: u64) {
        if from == into {
            return;
        }
        self.merges.push(Merge { from: PatternId(from), into: PatternId(into) });
        if self.merges.len() > MERGES_PENDING_MAX {
            self.merges.remove(0);
        }
        if self.aliases.insert(from, into).is_none() {
            self.alias_order.push_back(from);
        }
        if self.alias_order.len() > ALIASES_MAX
            && let Some(oldest) = self.alias_order.pop_front()
        {
            self.aliases.remove(&oldest);
        }
    }

    pub(crate) fn aliases(&self) -> impl Iterator<Item = (PatternId, PatternId)> {
        self.alias_order
            .iter()
            .filter_map(|from| Some((PatternId(*from), PatternId(*self.aliases.get(from)?))))
    }
}

/// Merges that nobody has taken; more than any batch of lines makes.
const MERGES_PENDING_MAX: usize = 65_536;

/// The keys are hashes already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::hash::bytes(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

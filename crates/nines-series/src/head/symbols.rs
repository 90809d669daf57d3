//! Every label name and value once. A symbol is its number here; numbers are never persisted.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::quality::SeedableRandomState as Seeded;
use hashbrown::HashTable;

pub type Symbol = u32;

#[derive(Debug)]
pub struct Symbols {
    strings: Vec<Arc<str>>,
    by_hash: HashTable<Symbol>,
    hash: Seeded,
    bytes: u64,
}

impl Symbols {
    pub fn new(hash: Seeded) -> Self {
        Self { strings: Vec::new(), by_hash: HashTable::new(), hash, bytes: 0 }
    }

    #[inline]
    pub fn text(&self, symbol: Symbol) -> &Arc<str> {
        &self.strings[symbol as usize]
    }

    pub fn find(&self, text: &str) -> Option<Symbol> {
        let hash = self.hash_of(text.as_bytes());
        self.by_hash.find(hash, |&symbol| *self.strings[symbol as usize] == *text).copied()
    }

    pub fn intern(&mut self, text: &str) -> Symbol {
        self.intern_with(text, || Arc::from(text))
    }

    pub fn intern_shared(&mut self, text: &Arc<str>) -> Symbol {
        self.intern_with(text, || Arc::clone(text))
    }

    fn intern_with(&mut self, text: &str, make: impl FnOnce() -> Arc<str>) -> Symbol {
        if let Some(symbol) = self.find(text) {
            return symbol;
        }
        let symbol = self.strings.len() as Symbol;
        self.strings.push(make());
        // The string, its two reference counts, its place in the list and in the table.
        self.bytes += text.len() as u64 + 16 + 16 + 8;
        let (strings, state) = (&self.strings, &self.hash);
        let rehash = |&symbol: &Symbol| hash_bytes(state, strings[symbol as usize].as_bytes());
        self.by_hash.insert_unique(hash_bytes(state, text.as_bytes()), symbol, rehash);
        symbol
    }

    pub fn len(&self) -> usize {
        self.strings.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn hash_of(&self, text: &[u8]) -> u64 {
        hash_bytes(&self.hash, text)
    }
}

fn hash_bytes(state: &Seeded, text: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(text);
    hasher.finish()
}

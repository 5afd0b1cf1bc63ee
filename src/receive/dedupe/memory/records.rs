//! Records by key.

use std::collections::HashMap;

use super::multilinear::Multilinear;
use crate::receive::dedupe::keys::DedupeKey;

/// A map whose entries are small, with the records beside it: it grows faster than a map of
/// records, since less memory is touched and copied.
pub(super) struct Records<R> {
    index: HashMap<DedupeKey, u32, Multilinear>,
    records: Vec<R>,
    free: Vec<u32>,
}

impl<R> Records<R> {
    pub(super) const fn new(hash: Multilinear) -> Self {
        Self {
            index: HashMap::with_hasher(hash),
            records: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn contains_key(&self, key: &DedupeKey) -> bool {
        self.index.contains_key(key)
    }

    pub(super) fn get(&self, key: &DedupeKey) -> Option<&R> {
        let slot = *self.index.get(key)?;
        self.records.get(slot as usize)
    }

    pub(super) fn get_mut(&mut self, key: &DedupeKey) -> Option<&mut R> {
        let slot = *self.index.get(key)?;
        self.records.get_mut(slot as usize)
    }

    pub(super) fn insert(&mut self, key: DedupeKey, record: R) {
        let next = self.records.len();
        let mut unused = || self.free.pop().or_else(|| u32::try_from(next).ok());
        let slot = *self
            .index
            .entry(key)
            .or_insert_with(|| unused().unwrap_or(u32::MAX));
        match self.records.get_mut(slot as usize) {
            Some(before) => *before = record,
            None => self.records.push(record),
        }
    }

    pub(super) fn remove(&mut self, key: &DedupeKey) {
        if let Some(slot) = self.index.remove(key) {
            self.free.push(slot);
        }
    }
}

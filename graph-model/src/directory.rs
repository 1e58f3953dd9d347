//! What is at risk in the tenant, and what becomes of it after an action.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use uuid::Uuid;

use crate::entry::Effect;
use crate::response::iso8601;
use crate::{Collection, Entry};

/// What is at risk in the tenant.
pub(crate) struct Directory {
    entries: BTreeMap<Collection, Vec<Entry>>,
    /// The position of each entry in its collection.
    positions: BTreeMap<(Collection, Uuid), usize>,
    /// The changes that actions have caused and that have not happened yet.
    pending: BTreeMap<(Collection, Uuid), Pending>,
    epoch: SystemTime,
}

struct Pending {
    due: Duration,
    effect: &'static Effect,
}

impl Directory {
    /// The entries in an order of their own, since none is specified.
    pub(crate) fn new(mut entries: BTreeMap<Collection, Vec<Entry>>, seed: u64, epoch: SystemTime) -> Directory {
        let rng = &mut StdRng::seed_from_u64(seed);
        entries.values_mut().for_each(|entries| entries.shuffle(rng));
        let position = |(collection, entries): (&Collection, &Vec<Entry>)| {
            let collection = *collection;
            let ids = entries.iter().enumerate().map(move |(position, entry)| ((collection, entry.id), position));
            ids.collect::<Vec<_>>()
        };
        let positions = entries.iter().flat_map(position).collect();
        Directory { entries, positions, pending: BTreeMap::new(), epoch }
    }

    /// Makes the changes that have happened by now.
    pub(crate) fn advance(&mut self, now: Duration) {
        let Directory { entries, positions, pending, epoch } = self;
        pending.retain(|key @ (collection, _), Pending { due, effect }| {
            let is_due = *due <= now;
            let position = positions.get(key).filter(|_| is_due);
            if let Some(entry) = position.and_then(|position| entries.get_mut(collection)?.get_mut(*position)) {
                entry.change(effect, iso8601(*epoch + *due) + "Z");
            }
            !is_due
        });
    }

    /// Applies an action, by its index, to ids of which it may know some.
    pub(crate) fn apply(&mut self, action: usize, ids: impl IntoIterator<Item = Uuid>, now: Duration) {
        let Some(effect) = Effect::of(action) else { return };
        for id in ids {
            let Some(entry) = self.entry(effect.collection, id) else { continue };
            let Some(delay) = entry.changes_after else { continue };
            entry.is_processing = true;
            // An action that is repeated changes nothing: the first one is being processed.
            let key = (effect.collection, id);
            if self.pending.get(&key).is_none_or(|pending| !std::ptr::eq(pending.effect, effect)) {
                self.pending.insert(key, Pending { due: now.saturating_add(delay), effect });
            }
        }
    }

    /// Whether an action, by its index, refuses the id because it is deleted.
    pub(crate) fn is_deleted(&self, action: usize, id: Uuid) -> bool {
        let key = Effect::of(action).map(|effect| (effect.collection, id));
        let entry = key.and_then(|key| self.entries.get(&key.0)?.get(*self.positions.get(&key)?));
        entry.is_some_and(|entry| entry.is_deleted)
    }

    /// The entries of a collection, in the order of the lists.
    pub(crate) fn entries(&self, collection: Collection) -> &[Entry] {
        self.entries.get(&collection).map(Vec::as_slice).unwrap_or_default()
    }

    fn entry(&mut self, collection: Collection, id: Uuid) -> Option<&mut Entry> {
        let position = *self.positions.get(&(collection, id))?;
        self.entries.get_mut(&collection)?.get_mut(position)
    }
}

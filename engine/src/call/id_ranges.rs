//! Ids as ranges of their positions in the list given.

use std::iter;
use std::ops::Range;

/// Ids of a call, as ranges of positions in ascending order. No range is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdRanges(Vec<Range<usize>>);

impl IdRanges {
    /// The ids from the first one on.
    pub(crate) fn first(count: usize) -> IdRanges {
        IdRanges(iter::once(0..count).filter(|all| all.end > 0).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The ranges, in ascending order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.0.iter().cloned()
    }

    /// The positions of the ids, in ascending order.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> + use<> {
        self.0.clone().into_iter().flatten()
    }

    /// Adds an id that comes after all others.
    pub(crate) fn push(&mut self, position: usize) {
        let next = position.saturating_add(1);
        match self.0.last_mut() {
            Some(last) if last.end == position => last.end = next,
            _ => self.0.push(position..next),
        }
    }

    /// Adds ids, none of which it contains.
    pub(crate) fn insert(&mut self, ids: IdRanges) {
        for range in ids.0 {
            let position = self.0.partition_point(|other| other.start < range.start);
            self.0.insert(position, range);
        }
    }

    /// Takes the first `count` ids from the range at `index` on, as far as there are that many.
    pub(crate) fn take(&mut self, index: usize, count: usize) -> IdRanges {
        let mut taken = IdRanges::default();
        let mut missing = count;
        while missing > 0
            && let Some(range) = self.0.get_mut(index)
        {
            let part = range.start..range.start.saturating_add(missing).min(range.end);
            range.start = part.end;
            if range.start == range.end {
                self.0.remove(index);
            }
            missing = missing.saturating_sub(part.len());
            taken.0.push(part);
        }
        taken
    }

    /// Splits the longest range in its middle, so that [`IdRanges::take`] can begin there. Returns
    /// the index of its second half, or of the whole range if it cannot be split.
    pub(crate) fn split_longest(&mut self) -> Option<usize> {
        let (index, range) = self.0.iter_mut().enumerate().max_by_key(|(_, range)| range.len())?;
        let middle = range.start.midpoint(range.end);
        if middle == range.start {
            return Some(index);
        }
        let half = middle..range.end;
        range.end = middle;
        let next = index.saturating_add(1);
        self.0.insert(next, half);
        Some(next)
    }
}

impl From<usize> for IdRanges {
    fn from(position: usize) -> IdRanges {
        let mut ids = IdRanges::default();
        ids.push(position);
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_from_the_front_and_put_back_in_order() {
        let mut ids = IdRanges::first(10);
        let first = ids.take(0, 4);
        assert_eq!((first.len(), ids.len()), (4, 6));
        ids.insert(first);
        assert_eq!(ids.positions().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(ids.take(0, 6).positions().collect::<Vec<_>>(), (0..6).collect::<Vec<_>>());
        assert_eq!(ids.take(0, 20).len(), 4);
        assert!(ids.is_empty() && ids.take(0, 1).is_empty());
    }

    #[test]
    fn the_longest_range_is_split_in_its_middle() {
        let mut ids = IdRanges::first(9);
        let first = ids.take(0, 3);
        ids.insert(first);
        let second_half = ids.split_longest().unwrap();
        assert_eq!(ids.take(second_half, 3).positions().collect::<Vec<_>>(), [6, 7, 8]);
        assert_eq!(IdRanges::from(7).split_longest(), Some(0), "a single id");
        assert_eq!(IdRanges::default().split_longest(), None);
    }

    #[test]
    fn neighbors_are_one_range() {
        let mut ids = IdRanges::from(3);
        [4, 6, 7].into_iter().for_each(|position| ids.push(position));
        assert_eq!(ids.ranges().collect::<Vec<_>>(), [3..5, 6..8]);
    }
}

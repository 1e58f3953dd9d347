//! Finding the ids at fault: how many ids to send together, and where to split a group that was refused.
//!
//! Microsoft Graph refuses a whole request for one bad id. Finding the bad ones is group testing in which every test
//! that passes also does the work. The share of bad ids is estimated from every response; a group
//! has the size at which acceptance and refusal are equally likely, and so has the first part of a refused group. If that
//! part is refused, nothing is known of the rest, which returns to the pool.
//!
//! ```text
//!   pool ── group ──▶ accepted
//!     ▲       │
//!     │       └─ refused ─▶ first part ─▶ accepted: the rest contains a bad id ─▶ first part of the rest ─▶ …
//!     └─────── rest ◀──────────┴─ refused, alone: found;  several: split again
//! ```
//!
//! The expected number of requests is close to the information-theoretic minimum n·H(p): see `docs/isolation.md`.

use std::iter;

/// What is known of the share of bad ids: a probability for each candidate share.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// For each candidate: the share of good ids, and its probability. Empty until the first refusal, because most calls
    /// never need it.
    candidates: Vec<(f64, f64)>,
    /// Ids accepted before the first refusal.
    accepted: usize,
}

impl Share {
    /// Records the response to a part of `size` ids out of `total` that are known to contain a bad one, or out of an
    /// untested group if `total` is `None`.
    pub(crate) fn learn(&mut self, size: usize, total: Option<usize>, is_refused: bool) {
        if self.candidates.is_empty() {
            if !is_refused {
                self.accepted = self.accepted.saturating_add(size);
                return;
            }
            self.begin();
        }
        let likelihood = |good: f64| {
            let all_good = power(good, size);
            let (accepted, any_bad) = match total {
                None => (all_good, 1.0),
                Some(total) => {
                    let total_good = power(good, total);
                    (all_good - total_good, 1.0 - total_good)
                }
            };
            if is_refused { (1.0 - all_good) / any_bad } else { accepted / any_bad }
        };
        let sum: f64 = self.candidates.iter().map(|(good, probability)| probability * likelihood(*good)).sum();
        // Only an outcome that no candidate allows gives 0: then nothing is learned.
        if sum > 0.0 {
            for (good, probability) in &mut self.candidates {
                *probability = (*probability * likelihood(*good) / sum).max(MIN_PROBABILITY);
            }
        }
    }

    /// At first every candidate is as likely; then the ids accepted so far count.
    fn begin(&mut self) {
        let bad = iter::successors(Some(MIN_SHARE), |bad| Some(bad * RATIO)).take(CANDIDATES);
        self.candidates = bad.map(|bad| (1.0 - bad, power(1.0 - bad, self.accepted))).collect();
    }

    /// How many ids to send together, at most `max`.
    pub(crate) fn group_size(&self, max: usize) -> usize {
        if self.candidates.is_empty() {
            return max;
        }
        if self.good() < MIN_GOOD { 1 } else { self.even_size(None, max) }
    }

    /// How many ids of a refused group of at least 2 to send first.
    pub(crate) fn split_size(&self, group: usize) -> usize {
        self.even_size(Some(group), group.saturating_sub(1))
    }

    /// The size from 1 to `max` at which acceptance and refusal are most nearly equally likely, for ids out of `total`
    /// that are known to contain a bad one, or for untested ids.
    fn even_size(&self, total: Option<usize>, max: usize) -> usize {
        // For each candidate: its probability that all ids so far are good, and that all ids of `total` are.
        let candidates = self.candidates.iter().map(|&(good, probability)| {
            let (all_good, scale) = match total {
                None => (0.0, probability),
                Some(total) => (power(good, total), probability / (1.0 - power(good, total))),
            };
            (good, scale, scale * all_good)
        });
        let mut candidates: Vec<(f64, f64, f64)> = candidates.collect();
        let mut size = 0;
        let mut before = 1.0;
        loop {
            let mut accepted = 0.0;
            for (good, scaled, total_good) in &mut candidates {
                *scaled *= *good;
                accepted += *scaled - *total_good;
            }
            if size > 0 && (size >= max || before + accepted < 1.0) {
                return size;
            }
            before = accepted;
            size = size.saturating_add(1);
        }
    }

    /// The expected share of good ids.
    fn good(&self) -> f64 {
        let (sum, weight) = self
            .candidates
            .iter()
            .fold((0.0, 0.0), |(sum, weight), (good, probability)| (sum + good * probability, weight + probability));
        sum / weight
    }
}

/// `base` to the power of `exponent`.
fn power(base: f64, exponent: usize) -> f64 {
    base.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

/// The smallest candidate share of bad ids.
const MIN_SHARE: f64 = 1e-4;

/// Each candidate is so many times the one before: the last one is 0.95.
const RATIO: f64 = 1.343_735;

const CANDIDATES: usize = 32;

/// No candidate is ever ruled out, because the share changes along the list: after a cluster of bad ids, a few accepted
/// ids suffice to send large groups again.
const MIN_PROBABILITY: f64 = 1e-6;

/// Where fewer ids are good, ids are sent one by one. With known shares q of good and p of bad ids the limit is 1/√2:
/// two ids need q² + 2p + 3pq requests, because each id at fault must be refused alone, and resolve 2q² + p + 2pq ids.
/// While the share is only estimated, a little less needs the fewest requests.
const MIN_GOOD: f64 = 0.66;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_is_as_large_as_possible() {
        assert_eq!(Share::default().group_size(60), 60);
        let mut share = Share::default();
        share.learn(60, None, false);
        assert_eq!(share.group_size(10_000), 10_000);
    }

    #[test]
    fn a_refused_group_is_split_near_its_middle_if_bad_ids_are_rare() {
        let mut share = Share::default();
        for _ in 0..100 {
            share.learn(60, None, false);
        }
        share.learn(60, None, true);
        assert!((25..=30).contains(&share.split_size(60)), "{}", share.split_size(60));
        assert_eq!(share.split_size(2), 1);
    }

    #[test]
    fn ids_are_sent_one_by_one_if_most_are_bad() {
        let mut share = Share::default();
        for _ in 0..8 {
            share.learn(1, None, true);
        }
        assert_eq!(share.group_size(60), 1);
    }

    #[test]
    fn a_response_that_no_candidate_explains_is_forgotten() {
        let mut share = Share::default();
        share.learn(3, None, true);
        share.learn(3, Some(3), false);
        assert!(share.good() > 0.0);
    }
}

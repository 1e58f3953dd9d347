//! Bisection, the search for the ids at fault: how many ids to send together, and where to split a
//! refused group.
//!
//! Microsoft Graph refuses a whole request for one bad id. Finding the bad ids is group testing in
//! which every test that passes also does the work. The share of bad ids is estimated from every
//! response. A group has the size at which acceptance and refusal are equally likely, and so has
//! the first part of a refused group. If that part is refused, nothing is known of the rest, which
//! returns to the pool.
//!
//! ```text
//!   pool ── group ──▶ accepted
//!     ▲       │
//!     │       └─ refused ─▶ first part ─▶ accepted: the rest contains a bad id ─▶ first part of the rest ─▶ …
//!     └─────── rest ◀──────────┴─ refused, alone: found;  several: split again
//! ```
//!
//! The expected number of requests is close to the information-theoretic minimum n·H(p).

use std::iter;

/// What is known of the share of bad ids: a probability for each candidate share.
#[derive(Debug, Default)]
pub(crate) struct BadShareEstimate {
    /// Empty until the first refusal, because most calls never need it.
    candidates: Vec<Candidate>,
    /// Ids accepted before the first refusal.
    accepted: usize,
}

/// A share of ids that may be the true one.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The share of good ids.
    good: f64,
    /// How likely this share is, up to a common factor.
    probability: f64,
}

impl BadShareEstimate {
    /// Records the response to a part of `size` ids out of `total` that are known to contain a bad
    /// one, or out of an untested group if `total` is `None`.
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
        let weighted = |candidate: &Candidate| candidate.probability * likelihood(candidate.good);
        let sum: f64 = self.candidates.iter().map(weighted).sum();
        // Only an outcome that no candidate allows gives 0. Nothing is learned from it.
        if sum > 0.0 {
            for candidate in &mut self.candidates {
                candidate.probability = (weighted(candidate) / sum).max(MIN_PROBABILITY);
            }
        }
    }

    /// At first every candidate is equally likely. Then the ids accepted so far count.
    fn begin(&mut self) {
        let bad = iter::successors(Some(MIN_BAD), |bad| Some(bad * RATIO)).take(CANDIDATES);
        let candidates = bad.map(|bad| Candidate { good: 1.0 - bad, probability: power(1.0 - bad, self.accepted) });
        self.candidates = candidates.collect();
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

    /// The size from 1 to `max` at which acceptance and refusal are most nearly equally likely, for
    /// ids out of `total` that are known to contain a bad one, or for untested ids if `total` is
    /// `None`.
    fn even_size(&self, total: Option<usize>, max: usize) -> usize {
        // For each candidate: its probability that all ids so far are good, and that all ids of
        // `total` are.
        let scaled = self.candidates.iter().map(|&Candidate { good, probability }| {
            let (all_good, scale) = match total {
                None => (0.0, probability),
                Some(total) => (power(good, total), probability / (1.0 - power(good, total))),
            };
            (good, scale, scale * all_good)
        });
        let mut scaled: Vec<(f64, f64, f64)> = scaled.collect();
        let mut size = 0;
        let mut before = 1.0;
        loop {
            let mut accepted = 0.0;
            for (good, so_far, total_good) in &mut scaled {
                *so_far *= *good;
                accepted += *so_far - *total_good;
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
        let sum: f64 = self.candidates.iter().map(|candidate| candidate.good * candidate.probability).sum();
        let weight: f64 = self.candidates.iter().map(|candidate| candidate.probability).sum();
        sum / weight
    }
}

/// `base` to the power of `exponent`.
fn power(base: f64, exponent: usize) -> f64 {
    base.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

/// The smallest candidate share of bad ids.
const MIN_BAD: f64 = 1e-4;

/// How much larger each candidate is than the one before. The last one is 0.95.
const RATIO: f64 = 1.343_735;

/// How many candidate shares of bad ids there are.
const CANDIDATES: usize = 32;

/// No candidate is ever ruled out, because the share changes along the list: after a cluster of bad
/// ids, a few accepted ids suffice to send large groups again.
const MIN_PROBABILITY: f64 = 1e-6;

/// Where fewer ids are good, ids are sent one by one. With known shares q of good and p of bad ids
/// the limit is 1/√2: two ids need q² + 2p + 3pq requests, because each id at fault must be refused
/// alone, and resolve 2q² + p + 2pq ids. While the share is only estimated, a little less needs the
/// fewest requests.
const MIN_GOOD: f64 = 0.66;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_is_as_large_as_possible() {
        assert_eq!(BadShareEstimate::default().group_size(60), 60);
        let mut estimate = BadShareEstimate::default();
        estimate.learn(60, None, false);
        assert_eq!(estimate.group_size(10_000), 10_000);
    }

    #[test]
    fn a_refused_group_is_split_near_its_middle_if_bad_ids_are_rare() {
        let mut estimate = BadShareEstimate::default();
        for _ in 0..100 {
            estimate.learn(60, None, false);
        }
        estimate.learn(60, None, true);
        assert!((25..=30).contains(&estimate.split_size(60)), "{}", estimate.split_size(60));
        assert_eq!(estimate.split_size(2), 1);
    }

    #[test]
    fn ids_are_sent_one_by_one_if_most_are_bad() {
        let mut estimate = BadShareEstimate::default();
        for _ in 0..8 {
            estimate.learn(1, None, true);
        }
        assert_eq!(estimate.group_size(60), 1);
    }

    #[test]
    fn a_response_that_no_candidate_explains_is_forgotten() {
        let mut estimate = BadShareEstimate::default();
        estimate.learn(3, None, true);
        estimate.learn(3, Some(3), false);
        assert!(estimate.good() > 0.0);
    }
}

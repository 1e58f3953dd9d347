//! Finding the ids at fault: how many ids to send together, and where to split a group that was refused.
//!
//! Microsoft Graph refuses a whole request for one bad id. Finding the bad ones is group testing in which every test
//! that passes also does the work. The share of bad ids is estimated from every response; a group is as large as makes
//! either outcome equally likely, and so is the first part of a refused group. What was refused together with a part
//! that was refused itself is untested, and returns to the pool.
//!
//! ```text
//!   pool ── group ──▶ accepted
//!     ▲       │
//!     │       └─ refused ─▶ first part ─▶ accepted: the rest contains a bad id ─▶ first part of the rest ─▶ …
//!     └─────── rest ◀──────────┴─ refused, alone: found;  several: split again
//! ```
//!
//! The expected number of requests is close to the information-theoretic minimum n·H(p): see `docs/isolation.md`.

/// What is known of the share of bad ids: a probability for each candidate share.
#[derive(Debug)]
pub(crate) struct Share {
    /// For each candidate: the share of good ids, and its probability.
    candidates: [(f64, f64); CANDIDATES],
    /// No request was refused yet.
    is_clean: bool,
}

impl Default for Share {
    /// Nothing is known: every candidate is as likely.
    fn default() -> Share {
        let mut bad = MIN_SHARE;
        let candidates = [(); CANDIDATES].map(|()| {
            let candidate = (1.0 - bad, 1.0);
            bad *= RATIO;
            candidate
        });
        Share { candidates, is_clean: true }
    }
}

impl Share {
    /// Records the response to a part of `size` ids out of `total` that are known to contain a bad one, or out of an
    /// untested group if `total` is `None`.
    pub(crate) fn learn(&mut self, size: usize, total: Option<usize>, is_refused: bool) {
        self.is_clean &= !is_refused;
        let mut sum = 0.0;
        for (good, probability) in &mut self.candidates {
            let all_good = power(*good, size);
            let (accepted, any_bad) = match total {
                None => (all_good, 1.0),
                Some(total) => {
                    let total_good = power(*good, total);
                    (all_good - total_good, 1.0 - total_good)
                }
            };
            let likelihood = if is_refused { 1.0 - all_good } else { accepted };
            *probability *= likelihood / any_bad;
            sum += *probability;
        }
        // Only an outcome that no candidate allows gives 0: then nothing is learned.
        if sum > 0.0 {
            self.candidates.iter_mut().for_each(|(_, probability)| *probability /= sum);
        } else {
            *self = Share { is_clean: self.is_clean, ..Share::default() };
        }
    }

    /// How many ids to send together, at most `max`.
    pub(crate) fn group_size(&self, max: usize) -> usize {
        if self.is_clean {
            return max;
        }
        let good = self.good();
        if good < MIN_GOOD { 1 } else { largest(good, 0.5, max) }
    }

    /// How many ids of a refused group of at least 2 to send first.
    pub(crate) fn split_size(&self, group: usize) -> usize {
        let good = self.good();
        // Either outcome is equally likely where good^size = (1 + good^group) / 2.
        largest(good, (1.0 + power(good, group)) / 2.0, group.saturating_sub(1))
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

/// The size from 1 to `max` at which `good`^size is nearest to `probability`.
fn largest(good: f64, probability: f64, max: usize) -> usize {
    let mut size = 1;
    let mut all_good = good;
    while size < max && all_good * good.sqrt() > probability {
        all_good *= good;
        size += 1;
    }
    size
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

/// Where fewer ids are good, a request of one id is best (the golden ratio: 0.618).
const MIN_GOOD: f64 = 0.62;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Requests to find `bad` of `n` ids at random positions, one group at a time.
    fn requests(n: usize, bad: usize, max: usize, seed: u64) -> usize {
        let random = &mut Random::new(seed);
        let mut is_bad = vec![false; n];
        let mut left = bad;
        while left > 0 {
            let at = random.up_to(n as u64 - 1) as usize;
            left -= usize::from(!std::mem::replace(&mut is_bad[at], true));
        }
        let mut pool: std::collections::VecDeque<usize> = (0..n).collect();
        let mut share = Share::default();
        let mut count = 0;
        let mut row = 0;
        while !pool.is_empty() {
            let size = share.group_size(max).min(pool.len());
            let far = row >= 8 && row % 4 == 0;
            let mut suspects: Vec<usize> =
                if far { pool.split_off(pool.len() - size).into() } else { pool.drain(..size).collect() };
            let mut is_known = false;
            // Sends the suspects, then parts of them.
            loop {
                let part =
                    if is_known && suspects.len() > 1 { share.split_size(suspects.len()) } else { suspects.len() };
                let refused = suspects[..part].iter().any(|id| is_bad[*id]);
                count += 1;
                if refused {
                    row += 1
                } else {
                    row = 0
                }
                share.learn(part, is_known.then_some(suspects.len()), refused);
                if refused {
                    let rest = suspects.split_off(part);
                    if far {
                        pool.extend(rest)
                    } else {
                        rest.into_iter().rev().for_each(|id| pool.push_front(id))
                    }
                    if part == 1 {
                        break;
                    }
                    is_known = true;
                } else {
                    suspects.drain(..part);
                    if suspects.is_empty() {
                        break;
                    }
                    is_known = true;
                }
            }
        }
        count
    }

    #[test]
    fn requests_are_close_to_the_minimum() {
        for (n, bad) in [
            (10_000, 1),
            (10_000, 10),
            (10_000, 100),
            (10_000, 1_000),
            (60, 60),
            (60, 0),
            (60, 1),
            (60, 30),
            (10_000, 5_000),
        ] {
            let mut all: Vec<usize> = (0..9).map(|seed| requests(n, bad, 60, seed)).collect();
            all.sort();
            println!("{n} {bad}: {} ({}..{})", all[4], all[0], all[8]);
        }
    }
}

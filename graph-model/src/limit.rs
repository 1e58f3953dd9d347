//! The service limits: how many requests of a client are accepted, and what counts against them.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// At most `requests` in a window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests in a window.
    pub requests: usize,
    /// The length of the window.
    pub window: Duration,
    /// Whether a 429 has a `Retry-After`.
    pub sends_retry_after: bool,
    /// How requests are counted.
    pub algorithm: Algorithm,
    /// Whether a request that was answered 429 counts too.
    pub counts_refused: bool,
}

/// How a limit counts requests. A client that keeps to a sliding window keeps to all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// In any window.
    SlidingWindow,
    /// In windows that begin at multiples of their length.
    FixedWindow,
    /// In a bucket of `requests` tokens that is refilled steadily within a window.
    TokenBucket,
}

/// Other clients of the tenant, which use up a part of its limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OtherClients {
    /// The share of requests that are answered 429 because of them, 0 to 1.
    pub refused: f64,
    /// Their requests in a window, on average. They arrive at random and count against the limit.
    pub requests_per_window: f64,
}

impl Limit {
    /// Risky users:
    /// <https://learn.microsoft.com/graph/throttling-limits#identity-protection-and-conditional-access-service-limits>.
    pub const USERS: Limit = Limit {
        requests: 1,
        window: Duration::from_secs(1),
        sends_retry_after: false,
        algorithm: Algorithm::SlidingWindow,
        counts_refused: true,
    };
    /// Sign-ins:
    /// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-reports-service-limits>.
    pub const SIGN_INS: Limit =
        Limit { requests: 5, window: Duration::from_secs(10), sends_retry_after: true, ..Limit::USERS };
}

/// What counts against a limit.
#[derive(Debug)]
pub(crate) struct Counter {
    limit: Limit,
    others: OtherClients,
    /// The latest arrivals that count: all of a window.
    arrivals: VecDeque<Duration>,
    /// The tokens in the bucket, and when that was. Negative after refused requests that count.
    tokens: f64,
    filled_at: Duration,
    /// The next arrival from another client.
    next_other: Option<Duration>,
}

impl Counter {
    /// A counter before the first arrival.
    pub(crate) fn new(limit: Limit, others: OtherClients) -> Self {
        Counter {
            limit,
            others,
            arrivals: VecDeque::new(),
            tokens: limit.requests as f64,
            filled_at: Duration::ZERO,
            next_other: None,
        }
    }

    /// Counts an arrival, after those of other clients before it. Returns `Some` if it exceeds the
    /// limit: the time until a request would be accepted if none arrived before.
    pub(crate) fn arrive(&mut self, now: Duration, rng: &mut StdRng) -> Option<Duration> {
        if self.others.requests_per_window > 0.0 {
            let mean = self.limit.window.div_f64(self.others.requests_per_window);
            let mut next = self.next_other.unwrap_or(now);
            while next <= now {
                self.count(next);
                // The time between arrivals that do not depend on each other is exponentially
                // distributed.
                next += mean.mul_f64(-(1.0 - rng.random::<f64>()).ln()).max(Duration::from_millis(1));
            }
            self.next_other = Some(next);
        }
        let over = self.count(now);
        if over.is_none() && self.others.refused > 0.0 && rng.random_bool(self.others.refused) {
            return Some(self.limit.window);
        }
        over
    }

    fn count(&mut self, now: Duration) -> Option<Duration> {
        match self.limit.algorithm {
            Algorithm::SlidingWindow => self.count_since(now, |first, window| first + window),
            // An arrival counts until the next multiple of the window.
            Algorithm::FixedWindow => self.count_since(now, |first, window| {
                window * u32::try_from(first.as_nanos() / window.as_nanos().max(1) + 1).unwrap_or(u32::MAX)
            }),
            Algorithm::TokenBucket => self.count_tokens(now),
        }
    }

    /// Counts an arrival among those that still count: `leaves` is when one no longer does.
    fn count_since(&mut self, now: Duration, leaves: fn(Duration, Duration) -> Duration) -> Option<Duration> {
        let Limit { requests, window, counts_refused, .. } = self.limit;
        while self.arrivals.front().is_some_and(|first| leaves(*first, window) <= now) {
            self.arrivals.pop_front();
        }
        let is_over = self.arrivals.len() >= requests;
        if !is_over || counts_refused {
            self.arrivals.push_back(now);
        }
        // A request is accepted once all but `requests - 1` of the arrivals no longer count.
        let last = self.arrivals.len().checked_sub(requests).and_then(|index| self.arrivals.get(index));
        last.filter(|_| is_over).map(|last| leaves(*last, window) - now)
    }

    fn count_tokens(&mut self, now: Duration) -> Option<Duration> {
        let Limit { requests, window, counts_refused, .. } = self.limit;
        let rate = requests as f64 / window.as_secs_f64();
        self.tokens = (self.tokens + (now - self.filled_at).as_secs_f64() * rate).min(requests as f64);
        self.filled_at = now;
        // Sums of floating point numbers may miss 1 by a little.
        let is_over = self.tokens < 1.0 - 1e-9;
        if !is_over || counts_refused {
            self.tokens = (self.tokens - 1.0).max(-(requests as f64));
        }
        is_over.then(|| Duration::from_secs_f64((1.0 - self.tokens) / rate))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// The times in milliseconds that are accepted.
    fn accepted(limit: Limit, times: &[u64]) -> Vec<u64> {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut counter = Counter::new(limit, OtherClients::default());
        times.iter().filter(|at| counter.arrive(Duration::from_millis(**at), rng).is_none()).copied().collect()
    }

    fn users(algorithm: Algorithm, counts_refused: bool) -> Limit {
        Limit { algorithm, counts_refused, ..Limit::USERS }
    }

    #[test]
    fn each_algorithm_counts_in_its_way() {
        let times = [900, 1_000, 1_950, 2_900, 4_200];
        assert_eq!(accepted(users(Algorithm::SlidingWindow, true), &times), [900, 4_200]);
        assert_eq!(accepted(users(Algorithm::SlidingWindow, false), &times), [900, 1_950, 4_200]);
        assert_eq!(accepted(users(Algorithm::FixedWindow, true), &times), [900, 1_000, 2_900, 4_200]);
        assert_eq!(accepted(users(Algorithm::TokenBucket, false), &times), [900, 1_950, 4_200]);
        assert_eq!(accepted(users(Algorithm::TokenBucket, true), &[0, 500, 1_400, 3_500]), [0, 3_500]);
    }

    #[test]
    fn a_client_that_keeps_to_the_sliding_window_keeps_to_all() {
        let times: Vec<u64> = (0..100).map(|n| n / 5 * 10_000 + n % 5 * (n % 3) * 100).collect();
        let mut times = times;
        times.sort_unstable();
        let kept = accepted(Limit::SIGN_INS, &times);
        for algorithm in [Algorithm::FixedWindow, Algorithm::TokenBucket] {
            for counts_refused in [true, false] {
                assert_eq!(accepted(Limit { algorithm, counts_refused, ..Limit::SIGN_INS }, &kept), kept);
            }
        }
    }

    #[test]
    fn other_clients_use_up_a_part_of_the_limit() {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut share = |others| {
            let mut counter = Counter::new(Limit::USERS, others);
            (0..1_000).filter(|n| counter.arrive(Duration::from_millis(n * 1_000), rng).is_none()).count()
        };
        assert_eq!(share(OtherClients::default()), 1_000);
        let refused = share(OtherClients { refused: 0.3, ..OtherClients::default() });
        assert!((650..750).contains(&refused), "{refused}");
        // No other arrival within a second: e^-0.5 of the time.
        let competing = share(OtherClients { requests_per_window: 0.5, ..OtherClients::default() });
        assert!((560..650).contains(&competing), "{competing}");
    }
}

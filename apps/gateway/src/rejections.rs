//! How many requests without a valid key have lines in the log: anybody can send them, so they must
//! not fill it.

use entra_risk_engine::time::{Nanos, SECOND};

/// Maximum lines in a second of the clock.
const LINES_PER_SECOND: u64 = 5;

/// The requests of the current second, and of those before, as long as they have not been reported.
pub(crate) struct Rejections {
    /// The current second.
    second: u64,
    /// Its requests.
    requests: u64,
    /// The requests without a line of the seconds before, which no line has counted.
    left_out: u64,
}

impl Rejections {
    /// No request so far.
    pub(crate) const fn new() -> Self {
        Rejections { second: 0, requests: 0, left_out: 0 }
    }

    /// Whether a request that ends now has a line. If not, it is counted.
    pub(crate) fn admit(&mut self, now: Nanos) -> bool {
        self.advance(now);
        self.requests = self.requests.saturating_add(1);
        self.requests <= LINES_PER_SECOND
    }

    /// How many requests were left out in the seconds before, if a line should count them.
    pub(crate) fn left_out(&mut self, now: Nanos) -> Option<u64> {
        self.advance(now);
        Some(self.left_out).filter(|requests| *requests > 0)
    }

    /// A line counts those that were left out.
    pub(crate) fn reported(&mut self) {
        self.left_out = 0;
    }

    fn advance(&mut self, now: Nanos) {
        let second = now / SECOND;
        if second != self.second {
            self.left_out = self.left_out.saturating_add(self.requests.saturating_sub(LINES_PER_SECOND));
            (self.second, self.requests) = (second, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_a_few_lines_and_the_others_are_counted() {
        let mut rejections = Rejections::new();
        for second in [0, 1, 7] {
            let now = second * SECOND;
            let before = rejections.left_out(now);
            assert_eq!(before, (second > 0).then_some(995), "the others of the second before");
            rejections.reported();
            assert_eq!((0..1_000).filter(|_| rejections.admit(now)).count(), 5);
            assert_eq!(rejections.left_out(now), None, "in the same second");
        }
    }

    #[test]
    fn what_was_not_reported_is_added_up() {
        let mut rejections = Rejections::new();
        for second in 0..3 {
            for _ in 0..6 {
                rejections.admit(second * SECOND);
            }
        }
        assert_eq!(rejections.left_out(2 * SECOND), Some(2));
        assert_eq!(rejections.left_out(9 * SECOND), Some(3));
    }
}

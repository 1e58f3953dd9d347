//! How many requests without a valid key have lines in the log. Anybody can send such requests, so
//! they must not fill it.

/// A second of the clock, which counts nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The maximum number of lines in a second of the clock.
const LINES_PER_SECOND: u64 = 5;

/// The requests without a valid key: those of the current second, and those of earlier seconds that
/// no line has counted yet.
pub(crate) struct Rejections {
    /// The current second of the clock.
    second: u64,
    /// The number of requests in the current second.
    requests: u64,
    /// The number of requests of earlier seconds that have no line and that no line has counted.
    left_out: u64,
}

impl Rejections {
    /// The state of an instance that has seen no request.
    pub(crate) const fn new() -> Self {
        Rejections { second: 0, requests: 0, left_out: 0 }
    }

    /// Counts a request that ends now, and returns whether it has a line of its own.
    pub(crate) fn admit(&mut self, now: u64) -> bool {
        self.advance(now);
        self.requests = self.requests.saturating_add(1);
        self.requests <= LINES_PER_SECOND
    }

    /// The number of requests that were left out in earlier seconds, if a line should count them.
    pub(crate) fn left_out(&mut self, now: u64) -> Option<u64> {
        self.advance(now);
        Some(self.left_out).filter(|requests| *requests > 0)
    }

    /// Forgets the requests that were left out, because a line has counted them.
    pub(crate) fn reported(&mut self) {
        self.left_out = 0;
    }

    fn advance(&mut self, now: u64) {
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

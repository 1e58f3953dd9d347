//! After an error: send the batch again, and when, or give up. Pure: time and chance are arguments.

use std::time::Duration;

use crate::error::{Error, Transport};

/// What to do with a batch after an attempt that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it again after this time.
    Retry(Duration),
    /// Send it again at once, with a fresh token.
    RetryWithFreshToken,
    /// Send it no more.
    GiveUp,
    /// Send nothing more: no batch would fare better.
    EndCall,
}

/// An attempt, as far as the next one depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Attempts of the batch so far, this one included.
    pub number: u32,
    /// Attempts that the batch may have.
    pub max: u32,
    /// An attempt with a fresh token was made.
    pub had_fresh_token: bool,
    /// Time until the deadline.
    pub time_left: Option<Duration>,
}

impl Attempt {
    /// Decides after this attempt ended with `error`, where a retry would come after `wait`.
    pub fn decide(&self, error: &Error, wait: Duration) -> Decision {
        let may_try = self.number < self.max;
        let asks_too_long = error.retry_after().is_some_and(|time| time > MAX_RETRY_AFTER || self.is_past(time));
        match (error, error.status()) {
            (Error::NoToken(_) | Error::DeniedByHost(_), _) | (_, Some(403)) => Decision::EndCall,
            (_, Some(401)) if may_try && !self.had_fresh_token => Decision::RetryWithFreshToken,
            (_, Some(401)) => Decision::EndCall,
            // A 429 holds back every batch, and none can wait for so long.
            (_, Some(429)) if asks_too_long => Decision::EndCall,
            _ if may_pass(error) && may_try && !asks_too_long && !self.is_past(wait) => Decision::Retry(wait),
            _ => Decision::GiveUp,
        }
    }

    fn is_past(&self, time: Duration) -> bool {
        self.time_left.is_some_and(|left| time >= left)
    }
}

/// How long to wait after attempt `number` of a batch ended with `error`: what the answer asks for, else an
/// exponential backoff with jitter, of which `chance` decides.
pub fn wait(error: &Error, number: u32, chance: u64) -> Duration {
    match error.retry_after() {
        Some(time) => time.max(MIN_RETRY_AFTER),
        None => {
            let doublings = 2_u32.saturating_pow(number.saturating_sub(1));
            let backoff = FIRST_BACKOFF.saturating_mul(doublings).min(MAX_BACKOFF);
            let quarter = u64::try_from(backoff.as_millis() / 4).unwrap_or(u64::MAX);
            let jitter = Duration::from_millis(chance.checked_rem(quarter).unwrap_or_default());
            backoff.saturating_add(jitter).min(MAX_BACKOFF)
        }
    }
}

fn may_pass(error: &Error) -> bool {
    match error {
        Error::Unreachable(Transport { may_pass, .. }) | Error::NoAnswer(Transport { may_pass, .. }) => *may_pass,
        error => matches!(error.status(), Some(429 | 500 | 502 | 503 | 504)),
    }
}

/// 3 s doubling to 180 s, the rule of the Microsoft Graph SDKs.
const FIRST_BACKOFF: Duration = Duration::from_secs(3);
const MAX_BACKOFF: Duration = Duration::from_secs(180);

/// A `Retry-After` longer than this is for the host to wait out.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// `Retry-After` counts whole seconds, so that 0 is anything below one, and every request counts against the limit:
/// never retry at once.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::GraphError;

    const FIRST: Attempt = Attempt { number: 1, max: 4, had_fresh_token: false, time_left: None };

    fn answered(status: u16, retry_after: Option<u64>) -> Error {
        Error::Answered(GraphError {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            ..GraphError::default()
        })
    }

    #[test]
    fn backoff_doubles_from_3_s_to_180_s_with_up_to_a_quarter_of_jitter() {
        for (number, seconds) in
            [(1, 3), (2, 6), (3, 12), (4, 24), (5, 48), (6, 96), (7, 180), (9, 180), (u32::MAX, 180)]
        {
            let least = Duration::from_secs(seconds);
            assert_eq!(wait(&answered(503, None), number, 0), least);
            for chance in [1, 749, 750, 123_456_789, u64::MAX] {
                let waited = wait(&answered(503, None), number, chance);
                assert!(waited >= least && waited <= (least * 5 / 4).min(MAX_BACKOFF), "{number} {chance} {waited:?}");
            }
        }
    }

    #[test]
    fn retry_after_is_waited_out_and_never_less_than_a_second() {
        for (asked, waited) in [(0, 1), (1, 1), (17, 17), (300, 300)] {
            assert_eq!(wait(&answered(429, Some(asked)), 3, 99), Duration::from_secs(waited));
        }
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        let wait = Duration::from_secs(3);
        for status in 100..=599 {
            let expected = match status {
                429 | 500 | 502 | 503 | 504 => Decision::Retry(wait),
                401 => Decision::RetryWithFreshToken,
                403 => Decision::EndCall,
                _ => Decision::GiveUp,
            };
            assert_eq!(FIRST.decide(&answered(status, None), wait), expected, "{status}");
        }
        for may_pass in [true, false] {
            let expected = if may_pass { Decision::Retry(wait) } else { Decision::GiveUp };
            let transport = Transport { cause: String::new(), may_pass };
            assert_eq!(FIRST.decide(&Error::Unreachable(transport.clone()), wait), expected);
            assert_eq!(FIRST.decide(&Error::NoAnswer(transport), wait), expected);
        }
    }

    #[test]
    fn the_last_attempt_and_the_deadline_end_the_retries() {
        let last = Attempt { number: 4, ..FIRST };
        assert_eq!(last.decide(&answered(429, Some(2)), Duration::from_secs(2)), Decision::GiveUp);
        assert_eq!(last.decide(&answered(401, None), Duration::ZERO), Decision::EndCall);
        let hurried = Attempt { time_left: Some(Duration::from_secs(3)), ..FIRST };
        assert_eq!(hurried.decide(&answered(503, None), Duration::from_secs(3)), Decision::GiveUp);
        assert_eq!(hurried.decide(&answered(429, Some(3)), Duration::from_secs(3)), Decision::EndCall);
    }

    #[test]
    fn a_retry_after_of_over_300_s_gives_up_at_once() {
        let wait = Duration::from_secs(301);
        assert_eq!(FIRST.decide(&answered(429, Some(301)), wait), Decision::EndCall);
        assert_eq!(FIRST.decide(&answered(503, Some(301)), wait), Decision::GiveUp);
    }

    #[test]
    fn a_refused_token_is_replaced_once() {
        assert_eq!(
            Attempt { had_fresh_token: true, ..FIRST }.decide(&answered(401, None), Duration::ZERO),
            Decision::EndCall
        );
    }
}

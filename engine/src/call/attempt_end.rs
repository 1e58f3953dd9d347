//! The end of an attempt: what the call learns from it, what becomes of its ids, and whether it
//! ends the call.

use std::rc::Rc;

use crate::backoff::{FIRST_BACKOFF, MAX_BACKOFF, backoff};
use crate::call::Call;
use crate::call::attempt::Attempt;
use crate::call::consequence::{Consequence, EndsCall, Fate, Lesson};
use crate::call::group::Group;
use crate::contract::error::Error;
use crate::contract::report::Receipt;
use crate::http::response::Rejection;
use crate::limit::rate_limit::{SERVICE_UNAVAILABLE, retry_after_with_jitter};
use crate::limit::with_turns::Turns;
use crate::time::{Duration, Instant};

impl<T: Turns> Call<T> {
    /// Records that an attempt was accepted.
    pub(super) fn accepted(&mut self, group: Group, receipt: Receipt, now: Instant) {
        self.instance_has_accepted.set(true);
        self.limit.borrow_mut().accepted(self.options.rate_limit, now);
        self.breaker.close();
        self.patience.accepted();
        self.ids.accept(group, receipt);
    }

    /// Records that an attempt was not accepted.
    pub(super) fn rejected(&mut self, attempt: Attempt, rejection: Rejection, now: Instant) {
        let consequence = Consequence::of(rejection.disposition);
        self.learn(consequence.learns, &attempt, &rejection, now);
        let Rejection { mut error, retry_after, named, .. } = rejection;
        let Attempt { mut group, .. } = attempt;
        let ends_call = match consequence.ends_call {
            EndsCall::Never => false,
            EndsCall::IfAlone => self.options.isolate_refused && group.len() == 1,
            EndsCall::IfWaitIsTooLong => match self.patience.too_long(retry_after, self.deadline, now) {
                None => false,
                Some(option) => {
                    error = Rc::new(Rc::unwrap_or_clone(error).too_long(option));
                    true
                }
            },
            EndsCall::IfTokenWasFresh => group.had_fresh_token,
            EndsCall::IfThirdInARow => self.breaker.has_too_many_unexpected(),
            EndsCall::Always => true,
        };
        group.had_fresh_token |= consequence.learns == Lesson::TokenRejected;
        if !consequence.counts {
            group.counted_attempts = group.counted_attempts.saturating_sub(1);
        }
        match consequence.ids {
            Fate::Search => self.ids.refuse(group, error.clone(), &named),
            Fate::Shrink if self.options.isolate_refused && !ends_call => self.ids.shrink(group, error.clone()),
            Fate::SendAgain => self.ids.retry(group, now, error.clone()),
            Fate::Retry => self.retry(group, retry_after, error.clone(), now),
            Fate::Shrink | Fate::End => self.ids.fail(group, error.clone()),
        }
        if ends_call {
            self.end(error, now);
        }
    }

    /// Updates what the call knows of the service, the limit and the token after an attempt that
    /// was not accepted.
    fn learn(&mut self, lesson: Lesson, attempt: &Attempt, rejection: &Rejection, now: Instant) {
        let Rejection { error, retry_after, claims, .. } = rejection;
        if error.response.is_some() && lesson != Lesson::ServiceIsReplaced {
            self.breaker.expected();
        }
        match lesson {
            Lesson::ServiceResponds => self.patience.refused(attempt.group.len() == 1, error, now),
            _ => self.patience.failed(error, now),
        }
        let hold = match lesson {
            Lesson::Throttled => {
                let mut limit = self.limit.borrow_mut();
                Some(limit.throttled(&self.options, attempt.sent, now, *retry_after, &mut self.random))
            }
            Lesson::ServiceFails => {
                self.breaker.failed(attempt.sent, now, &mut self.random);
                // Whether or not these ids are sent again: it holds the others and later calls too.
                let asked = retry_after.filter(|_| error.status() == Some(SERVICE_UNAVAILABLE));
                asked.map(|asked| retry_after_with_jitter(asked, &mut self.random))
            }
            Lesson::ServiceResponds => {
                self.breaker.close();
                None
            }
            Lesson::ServiceIsReplaced => {
                self.breaker.unexpected(attempt.sent, now, &mut self.random);
                None
            }
            Lesson::TokenRejected => {
                self.tokens.rejected(attempt.token.refreshes, claims.clone());
                None
            }
            Lesson::Nothing => None,
        };
        if let Some(wait) = hold {
            self.hold(wait, error, now);
        }
    }

    /// Holds every request against the limit, because `error` asks for it.
    fn hold(&mut self, wait: Duration, error: &Rc<Error>, now: Instant) {
        let is_longer = self.holds.hold(&mut self.limit.borrow_mut(), wait, error, now);
        if let Some(turns) = self.turns.as_mut().filter(|_| is_longer) {
            turns.as_mut().hold(self.holds.until());
        }
    }

    /// Sends a group again on which the service failed, or splits it if it has used its attempts,
    /// because one of its ids may be at fault.
    fn retry(&mut self, group: Group, retry_after: Option<Duration>, error: Rc<Error>, now: Instant) {
        let max_attempts = group.max_attempts(self.options.max_attempts, self.needs_smaller_groups());
        if group.counted_attempts < max_attempts {
            let due = self.retry_due(group.counted_attempts, retry_after, now);
            self.ids.retry(group, due, error);
        } else if self.splits_after_failures() && group.len() > 1 {
            let due = self.retry_due(1, retry_after, now);
            self.ids.halve(group, due, error);
        } else {
            self.ids.fail(group, error);
        }
    }

    /// When a group may be sent again after its `number`th attempt has failed.
    fn retry_due(&mut self, number: u32, retry_after: Option<Duration>, now: Instant) -> Instant {
        now.saturating_add(match retry_after {
            Some(asked) => retry_after_with_jitter(asked, &mut self.random),
            // The circuit breaker decides when the next request is sent, whichever group it
            // carries. It may close before.
            None if self.breaker.is_open() => FIRST_BACKOFF,
            None => backoff(number, MAX_BACKOFF, &mut self.random),
        })
    }

    /// Whether the service has failed so often in a row that groups become smaller.
    pub(super) fn needs_smaller_groups(&self) -> bool {
        self.splits_after_failures() && self.breaker.asks_for_smaller_groups()
    }

    /// Whether a group on which the service fails is split.
    fn splits_after_failures(&self) -> bool {
        self.options.isolate_refused && self.options.max_attempts > 1
    }
}

//! The end of an attempt: what it means for its ids, for later attempts, and for the call.

use std::rc::Rc;

use super::{Attempt, Call};
use crate::backoff::{FIRST_BACKOFF, MAX_BACKOFF, backoff};
use crate::call::id_queue::Group;
use crate::contract::error::Class;
use crate::contract::report::Receipt;
use crate::http::response::Rejection;
use crate::limit::rate_limit::MIN_RETRY_AFTER;
use crate::limit::turns::Turning;
use crate::random::Random;
use crate::time::Nanos;

impl<T: Turning> Call<T> {
    pub(super) fn accepted(&mut self, group: Group, receipt: Receipt, now: Nanos) {
        self.instance_has_accepted.set(true);
        self.limit.borrow_mut().accepted(self.settings.rate_limit, now);
        self.circuit.close();
        self.patience.accepted();
        self.work.accept(group, receipt);
    }

    /// Records an attempt that was not accepted: what that means for its ids and for the call.
    pub(super) fn rejected(&mut self, attempt: Attempt, rejection: Rejection, now: Nanos) {
        let too_many_unexpected = self.learn(&attempt, &rejection, now);
        let Rejection { mut error, class, retry_after, named, .. } = rejection;
        let mut group = attempt.group;
        let had_fresh_token = group.had_fresh_token;
        match class {
            Class::Throttling => group.counted_attempts = group.counted_attempts.saturating_sub(1),
            Class::TokenRejection if !had_fresh_token => {
                group.had_fresh_token = true;
                group.counted_attempts = group.counted_attempts.saturating_sub(1);
            }
            _ => {}
        }
        let too_long = match class {
            Class::Throttling | Class::Transient => self.too_long(retry_after, now),
            _ => None,
        };
        if let Some(option) = too_long {
            error = Rc::new(Rc::unwrap_or_clone(error).too_long(option));
        }
        let ends_call = match class {
            Class::Fatal => true,
            Class::TokenRejection => had_fresh_token,
            Class::Throttling | Class::Transient => too_long.is_some(),
            Class::Unexpected => too_many_unexpected,
            // The size is not at fault: nothing smaller can be sent.
            Class::TooLarge => self.settings.isolate_refused && group.len() == 1,
            Class::Refusal | Class::Permanent => false,
        };
        let max_attempts = group.max_attempts(self.settings.max_attempts, self.needs_smaller_groups());
        match class {
            Class::Refusal => self.work.refuse(group, error.clone(), &named),
            Class::TooLarge if self.settings.isolate_refused && !ends_call => self.work.shrink(group, error.clone()),
            Class::Throttling | Class::TokenRejection => self.work.retry(group, now, error.clone()),
            Class::Transient if group.counted_attempts < max_attempts => {
                let due = self.retry_due(group.counted_attempts, retry_after, now);
                self.work.retry(group, due, error.clone());
            }
            Class::Transient if self.splits_after_failures() && group.len() > 1 => {
                let due = self.retry_due(1, retry_after, now);
                self.work.halve(group, due, error.clone());
            }
            Class::Transient | Class::Unexpected | Class::Permanent | Class::Fatal | Class::TooLarge => {
                self.work.fail(group, error.clone());
            }
        }
        if ends_call {
            self.end(error, now);
        }
    }

    /// Updates the rate limit, the circuit, the patience and the tokens after an attempt that was not accepted. Returns
    /// whether there were too many unexpected statuses in a row.
    fn learn(&mut self, attempt: &Attempt, rejection: &Rejection, now: Nanos) -> bool {
        let Call { limit, settings, random, circuit, patience, tokens, .. } = self;
        let limit = &mut *limit.borrow_mut();
        let mut hold = None;
        let Rejection { error, class, retry_after, claims, .. } = rejection;
        if error.response.is_some() && *class != Class::Unexpected {
            circuit.expected();
        }
        match class {
            Class::Refusal | Class::TooLarge => patience.refused(attempt.group.len() == 1, error, now),
            _ => patience.failed(error, now),
        }
        match class {
            Class::Throttling => hold = Some(limit.throttled(settings, attempt.sent, now, *retry_after, random)),
            Class::TokenRejection => tokens.rejected(attempt.refreshes, claims.clone()),
            Class::Transient => {
                circuit.failed(attempt.sent, now, random);
                // Whether or not these ids are sent again: it holds the others and later calls too.
                if let (Some(SERVICE_UNAVAILABLE), Some(asked)) = (error.status(), *retry_after) {
                    hold = Some(retry_after_with_jitter(asked, random));
                }
            }
            Class::Refusal | Class::TooLarge => circuit.close(),
            Class::Unexpected => return circuit.unexpected(attempt.sent, now, random),
            Class::Permanent | Class::Fatal => {}
        }
        if let Some(wait) = hold {
            self.held_until = self.held_until.max(now.saturating_add(wait));
            if limit.hold(wait, now, error) {
                self.seen_hold = limit.hold_number();
                if T::TAKES_TURNS {
                    self.turns.hold(self.held_until);
                }
            }
        }
        false
    }

    /// Whether a group on which the service fails is split, because one of its ids may be at fault.
    fn splits_after_failures(&self) -> bool {
        self.settings.isolate_refused && self.settings.max_attempts > 1
    }

    /// Whether the service has failed so often in a row that groups become smaller.
    pub(super) fn needs_smaller_groups(&self) -> bool {
        self.splits_after_failures() && self.circuit.asks_for_smaller_groups()
    }

    /// When a group may be sent again after an error that may pass at its `number`th attempt.
    fn retry_due(&mut self, number: u32, retry_after: Option<Nanos>, now: Nanos) -> Nanos {
        match retry_after {
            Some(asked) => now.saturating_add(retry_after_with_jitter(asked, &mut self.random)),
            // The circuit decides when the next request is sent, whichever group it carries; it may close before that.
            None if self.circuit.is_open() => now.saturating_add(FIRST_BACKOFF),
            None => now.saturating_add(backoff(number, MAX_BACKOFF, &mut self.random)),
        }
    }

    /// The option that a `Retry-After` exceeds: it lasts beyond the deadline, or the remaining patience.
    fn too_long(&self, retry_after: Option<Nanos>, now: Nanos) -> Option<&'static str> {
        let until = now.saturating_add(retry_after?);
        if self.is_past_deadline(until) {
            return Some("deadline-ms");
        }
        self.patience.ends().filter(|end| *end <= until).map(|_| "patience-ms")
    }
}

/// The wait that a `Retry-After` asks for, and up to a quarter more.
fn retry_after_with_jitter(asked: Nanos, random: &mut Random) -> Nanos {
    let asked = asked.max(MIN_RETRY_AFTER);
    asked.saturating_add(random.up_to(asked / 4))
}

/// 503: the service is overloaded.
const SERVICE_UNAVAILABLE: u16 = 503;

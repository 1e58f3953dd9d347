//! One call as a list of attempts and events, from which most invariants are checked.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

use super::{Attempt, Class, FirstAcceptance};
use crate::{CallRecord, Plan, TokenAnswer};

/// A call, its attempts, and what is known of each.
pub(super) struct History<'a> {
    pub(super) call: &'a CallRecord,
    /// In the order they were sent.
    pub(super) attempts: Vec<Sent<'a>>,
    /// The attempts that carried an id, by its position among the distinct ids.
    pub(super) by_id: Vec<Vec<usize>>,
    pub(super) events: Vec<Event>,
    /// Ids of the call that Microsoft Graph refuses.
    pub(super) bad: BTreeSet<usize>,
    /// Of the instance, in this call or an earlier one.
    pub(super) acceptance: FirstAcceptance,
    /// A wait that an earlier call was asked for is certainly not over, or perhaps not.
    pub(super) is_held: bool,
    pub(super) may_be_held: bool,
}

/// An attempt within its call.
pub(super) struct Sent<'a> {
    pub(super) attempt: Attempt<'a>,
    /// The positions of its ids.
    pub(super) ids: Vec<usize>,
    /// The latest attempts that carried one of its ids.
    pub(super) before: Vec<usize>,
    /// Its number among the counted attempts for these ids, at least.
    pub(super) number: u32,
    /// The number is exact.
    pub(super) is_exact: bool,
    /// An attempt for these ids was rejected with its token.
    pub(super) had_fresh_token: bool,
}

/// Something that the plugin noticed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// Progress at the earliest, failures at the latest time at which the plugin may have noticed them.
    pub(super) at: Duration,
    pub(super) earliest: Duration,
    pub(super) latest: Duration,
    pub(super) what: What,
}

/// What the plugin noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The end of an attempt with this many ids.
    Attempt { class: Class, ids: usize, has_status: bool, sent: Duration },
    /// The token provider was not available.
    NoToken,
    /// The token provider ended the call.
    TokenEnd,
}

impl<'a> History<'a> {
    pub(super) fn new(
        plan: &Plan,
        call: &'a CallRecord,
        acceptance: FirstAcceptance,
        earlier: &[History<'_>],
    ) -> History<'a> {
        let ids = call.call.distinct();
        let positions: HashMap<&String, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut by_id: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
        let mut attempts: Vec<Sent<'_>> = Vec::new();
        let acceptance = acceptance.after(call);
        for (number, arrival) in call.arrivals.iter().enumerate() {
            let attempt = Attempt::new(call, arrival, acceptance);
            let ids: Vec<usize> = arrival.ids.iter().filter_map(|id| positions.get(id).copied()).collect();
            let before: BTreeSet<usize> = ids.iter().filter_map(|id| by_id[*id].last().copied()).collect();
            ids.iter().for_each(|id| by_id[*id].push(number));
            let sent = Sent::new(attempt, ids, before.into_iter().collect(), &attempts);
            attempts.push(sent);
        }
        let events = events(call, &attempts);
        let absent = |id: &String| id.parse::<Uuid>().is_ok_and(|id| plan.graph.absent.contains(&id));
        let bad = ids.iter().enumerate().filter(|(_, id)| absent(id)).map(|(at, _)| at).collect();
        let same: Vec<_> = earlier.iter().filter(|other| other.shares_limit(call)).collect();
        let is_held = same.iter().flat_map(|other| other.holds()).any(|(_, until)| until > call.started);
        let may_be_held = same.iter().flat_map(|other| other.longest_holds()).any(|until| until > call.started);
        History { call, attempts, by_id, events, bad, acceptance, is_held, may_be_held }
    }

    pub(super) fn has(&self, class: Class) -> bool {
        self.attempts.iter().any(|sent| sent.attempt.class == class)
    }

    /// Whether another call counts against the same limit.
    pub(super) fn shares_limit(&self, other: &CallRecord) -> bool {
        let key = |call: &CallRecord| {
            let users = call.call.action == host_test::plugin::Action::DismissRiskyUsers;
            (call.call.options.tenant.clone(), call.call.audience().to_owned(), users)
        };
        key(self.call) == key(other)
    }

    /// The waits that hold every request: from when until when.
    pub(super) fn holds(&self) -> Vec<(Duration, Duration)> {
        let window = self.call.call.window();
        let hold = |sent: &Sent<'_>| {
            let attempt = &sent.attempt;
            let wait = match (attempt.status()?, attempt.retry_after()) {
                (429, asked) => asked.unwrap_or(window),
                (503, asked) => asked?,
                _ => return None,
            };
            Some((attempt.noticed, attempt.ended + wait))
        };
        self.attempts.iter().filter_map(hold).collect()
    }

    /// The latest ends of the waits that may hold every request.
    fn longest_holds(&self) -> Vec<Duration> {
        let window = self.call.call.window();
        let hold = |sent: &Sent<'_>| {
            let arrival = sent.attempt.arrival;
            let wait = match (arrival.status?.as_u16(), arrival.retry_after) {
                (429 | 503, Some(asked)) => asked.max(Duration::from_secs(1)) * 5 / 4 + window,
                (429, None) => longest_throttled_wait(window, false),
                _ => return None,
            };
            Some(sent.attempt.noticed + wait)
        };
        self.attempts.iter().filter_map(hold).collect()
    }

    /// The last attempt that carried an id.
    pub(super) fn last(&self, id: usize) -> Option<&Sent<'a>> {
        self.by_id.get(id)?.last().and_then(|number| self.attempts.get(*number))
    }

    pub(super) fn isolates(&self) -> bool {
        self.call.call.options.isolate_refused.unwrap_or(true)
    }

    /// Whether the ids of an attempt need no other one.
    pub(super) fn is_final(&self, sent: &Sent<'_>) -> bool {
        match sent.attempt.class {
            Class::Accepted | Class::Permanent | Class::Unexpected | Class::Fatal => true,
            Class::Refused => sent.ids.len() == 1 || !self.isolates(),
            Class::Transient => sent.number >= self.max_attempts(),
            Class::Throttled | Class::TokenRejected | Class::Unclear => false,
        }
    }

    /// Whether an id was left although another attempt was allowed, so that something must have ended the call.
    pub(super) fn is_unfinished(&self) -> bool {
        (0..self.by_id.len()).any(|id| match self.last(id) {
            Some(sent) => !self.is_final(sent) && (sent.is_exact && sent.attempt.class != Class::Unclear),
            None => true,
        })
    }

    pub(super) fn max_attempts(&self) -> u32 {
        self.call.call.options.max_attempts.unwrap_or(4)
    }

    /// The first time at which the call ended for a reason that no circumstance changes.
    pub(super) fn fatal_at(&self) -> Option<Duration> {
        let attempts = self.attempts.iter().filter(|sent| match sent.attempt.class {
            Class::Fatal => true,
            Class::TokenRejected => sent.had_fresh_token && sent.is_exact,
            Class::Throttled | Class::Transient => {
                let asked = sent.attempt.retry_after().and(sent.attempt.arrival.retry_after);
                asked
                    .map(|asked| sent.attempt.ended + asked)
                    .is_some_and(|until| self.call.deadline().is_some_and(|deadline| until >= deadline))
            }
            _ => false,
        });
        let tokens = self.call.tokens.iter().filter(|token| token.answer == TokenAnswer::EndsCall);
        attempts.map(|sent| sent.attempt.noticed).chain(tokens.map(|token| token.answered)).min()
    }
}

/// The longest wait after a 429 without `Retry-After`.
pub(super) fn longest_throttled_wait(window: Duration, has_accepted: bool) -> Duration {
    let windows = if has_accepted { 1 } else { 32 };
    (window * windows).max(Duration::from_secs(3)).max(window * 6 / 5)
}

impl<'a> Sent<'a> {
    fn new(attempt: Attempt<'a>, ids: Vec<usize>, before: Vec<usize>, earlier: &[Sent<'_>]) -> Sent<'a> {
        let mut sent = Sent { attempt, ids, before, number: 1, is_exact: true, had_fresh_token: false };
        if let [before] = sent.before.as_slice()
            && let Some(before) = earlier.get(*before).filter(|before| before.ids == sent.ids)
            && before.attempt.class != Class::Refused
        {
            let is_counted = match before.attempt.class {
                Class::Throttled | Class::Unclear => false,
                Class::TokenRejected => before.had_fresh_token,
                _ => true,
            };
            sent.number = before.number + u32::from(is_counted);
            sent.is_exact = before.is_exact && before.attempt.class != Class::Unclear;
            sent.had_fresh_token = before.had_fresh_token || before.attempt.class == Class::TokenRejected;
        }
        sent
    }
}

/// What the plugin noticed, in the order of time.
fn events(call: &CallRecord, attempts: &[Sent<'_>]) -> Vec<Event> {
    let attempt = |sent: &Sent<'_>| Event {
        at: match sent.attempt.class {
            Class::Accepted | Class::Refused | Class::Unclear => sent.attempt.ended,
            _ => sent.attempt.noticed,
        },
        earliest: sent.attempt.ended,
        latest: sent.attempt.noticed,
        what: What::Attempt {
            class: sent.attempt.class,
            ids: sent.ids.len(),
            has_status: sent.attempt.status().is_some(),
            sent: sent.attempt.sent(),
        },
    };
    let mut events: Vec<Event> = attempts.iter().map(attempt).collect();
    events.extend(call.tokens.iter().filter_map(|token| {
        let what = match token.answer {
            TokenAnswer::Usable | TokenAnswer::Store => return None,
            TokenAnswer::Unavailable => What::NoToken,
            TokenAnswer::EndsCall => What::TokenEnd,
        };
        Some(Event { at: token.answered, earliest: token.answered, latest: token.answered, what })
    }));
    events.sort_by_key(|event| event.at);
    events
}

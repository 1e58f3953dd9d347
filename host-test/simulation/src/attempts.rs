//! All attempts of a call.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;

use crate::attempt::{Attempt, Disposition};
use crate::record::CallRecord;
use crate::token_log::TokenAnswer;

/// A call and its attempts.
pub(crate) struct Attempts<'a> {
    pub(crate) call: &'a CallRecord,
    /// In the order they were sent.
    pub(crate) all: Vec<Attempt<'a>>,
    /// The attempts that carried an id, by its position among the distinct ids.
    pub(crate) by_id: Vec<Vec<usize>>,
}

impl<'a> Attempts<'a> {
    /// Reads the attempts of a call from its record. `calls`: all calls of the instance.
    pub(crate) fn new(call: &'a CallRecord, calls: &[CallRecord]) -> Attempts<'a> {
        let ids = call.call.distinct();
        let positions: HashMap<&String, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let reported = call.reported_at();
        let mut by_id: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
        let mut all: Vec<Attempt<'_>> = Vec::new();
        for (number, arrival) in call.arrivals.iter().enumerate() {
            let ids: Vec<usize> = arrival.ids.iter().filter_map(|id| positions.get(id).copied()).collect();
            for id in &ids {
                if let Some(before) = by_id[*id].last().filter(|before| **before < number) {
                    all[*before].over = all[*before].over.min(arrival.sent);
                }
                by_id[*id].push(number);
            }
            let over = ids.iter().map(|id| reported[*id]).min().unwrap_or(call.ended);
            all.push(Attempt { arrival, ids, over, seen: None, disposition: Disposition::Unclear });
        }
        let accepted = calls.iter().flat_map(|call| &call.arrivals);
        let accepted = accepted.filter(|arrival| arrival.status == Some(StatusCode::NO_CONTENT));
        let first_accepted = accepted.filter_map(|arrival| arrival.settled).min();
        for attempt in &mut all {
            attempt.seen = attempt.is_seen(call);
            attempt.disposition = attempt.judge(first_accepted);
            if attempt.disposition == Disposition::TooLarge {
                attempt.disposition = match call.call.options.isolate_refused.unwrap_or(true) {
                    false => Disposition::Permanent,
                    // Nothing smaller can be sent.
                    true if attempt.ids.len() == 1 => Disposition::Fatal,
                    true => Disposition::TooLarge,
                };
            }
        }
        Attempts { call, all, by_id }
    }

    /// The last attempt that carried an id.
    pub(crate) fn last(&self, id: usize) -> Option<&Attempt<'a>> {
        self.by_id.get(id)?.last().and_then(|number| self.all.get(*number))
    }

    pub(crate) fn isolates(&self) -> bool {
        self.call.call.options.isolate_refused.unwrap_or(true)
    }

    /// How many attempts for exactly these ids, sent before `until`, have one of these
    /// dispositions.
    pub(crate) fn count(&self, ids: &[usize], dispositions: &[Disposition], until: Duration) -> u32 {
        let same = self.all.iter().filter(|attempt| attempt.ids == ids && attempt.sent() < until);
        same.filter(|attempt| dispositions.contains(&attempt.disposition)).count() as u32
    }

    /// How often the same ids may be sent, apart from throttled attempts and those for a fresh
    /// token.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.call.call.options.max_attempts.unwrap_or(4)
    }

    /// Whether an id was never sent, or only to be throttled, when the call ended: then something
    /// must have ended it.
    pub(crate) fn is_unfinished(&self) -> bool {
        let last = |id| self.last(id).map(|last| last.disposition);
        (0..self.by_id.len()).any(|id| matches!(last(id), None | Some(Disposition::Throttled)))
    }

    /// The first time at which the call ended for a reason that no circumstance changes.
    pub(crate) fn fatal_at(&self) -> Option<Duration> {
        let attempts = self.all.iter().filter(|attempt| attempt.disposition == Disposition::Fatal);
        let tokens = self.call.tokens.iter().filter(|token| token.answer == TokenAnswer::EndsCall);
        attempts.filter_map(|attempt| attempt.read(self.call)).chain(tokens.map(|token| token.answered)).min()
    }
}

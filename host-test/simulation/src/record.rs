//! The record of one call: what was requested, what reached the service, and what the plugin
//! reported.

use std::collections::HashMap;
use std::time::Duration;

use graph_model::Arrival;
use host_test::bindings::actions::{Batch, Error};
use host_test::bindings::calls::Event;

use crate::call_plan::{Call, is_on_sign_ins};
use crate::caller::Form;
use crate::token_log::TokenRecord;

/// One call and everything known about it. Times are since the start of the host.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Its number among the calls of the plan.
    pub number: usize,
    /// The arguments.
    pub call: Call,
    /// When it began.
    pub started: Duration,
    /// When it was over, or dropped.
    pub ended: Duration,
    /// The longest time for which it may wait for turns.
    pub queue: Duration,
    /// Each `next`; none if a function was called.
    pub nexts: Vec<Next>,
    /// Each `stop`: when, and its grace.
    pub stops: Vec<(Duration, Duration)>,
    /// It was dropped before it was over.
    pub is_abandoned: bool,
    /// The requests that it sent, in their order.
    pub arrivals: Vec<Arrival>,
    /// Its token requests, in their order.
    pub tokens: Vec<TokenRecord>,
    /// What the plugin reported at the end, or why it did not.
    pub result: Result<Report, String>,
}

/// One `next`.
#[derive(Debug, Clone)]
pub struct Next {
    /// When it was called.
    pub began: Duration,
    /// When it returned.
    pub ended: Duration,
    /// The longest time that it was given.
    pub wait_ms: Option<u32>,
    /// What it returned.
    pub event: Event,
    /// What `report` returned after it, if it was asked.
    pub report: Option<Vec<Batch>>,
}

/// What became of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The batches, in the order of the ids.
    pub batches: Vec<Batch>,
    /// Why not every id was accepted.
    pub cause: Option<Error>,
}

impl CallRecord {
    /// The batches that the plugin reported.
    pub fn batches(&self) -> &[Batch] {
        self.result.as_ref().map(|report| report.batches.as_slice()).unwrap_or_default()
    }

    /// The cause of a failure.
    pub fn cause(&self) -> Option<&Error> {
        self.result.as_ref().ok()?.cause.as_ref()
    }

    /// When the call must have ended.
    pub fn deadline(&self) -> Option<Duration> {
        self.call.options.deadline_ms.map(|ms| self.started + Duration::from_millis(ms.into()))
    }

    /// Whether another call counts against the same limit.
    pub(crate) fn shares_limit(&self, other: &CallRecord) -> bool {
        let key = |call: &CallRecord| {
            (call.call.options.tenant.clone(), call.call.audience().to_owned(), is_on_sign_ins(call.call.action))
        };
        key(self) == key(other)
    }

    /// The longest time for which the plugin works on an attempt.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        Duration::from_millis(self.call.options.attempt_timeout_ms.unwrap_or(30_000).into())
    }

    /// The times in which the plugin worked on the call.
    pub(crate) fn periods(&self) -> Vec<(Duration, Duration)> {
        match self.call.form {
            Form::Function => vec![(self.started, self.ended)],
            Form::Call(_) => self.nexts.iter().map(|next| (next.began, next.ended)).collect(),
        }
    }

    /// The period in which each distinct id was reported, by its number; none if it was not.
    pub(crate) fn reported_in(&self) -> Vec<Option<usize>> {
        let ids = self.call.distinct();
        if let Form::Function = self.call.form {
            return vec![Some(0); ids.len()];
        }
        let mut numbers = HashMap::new();
        for (number, next) in self.nexts.iter().enumerate() {
            for id in ended(&next.event).iter().flat_map(|batch| &batch.ids) {
                numbers.entry(id.as_str()).or_insert(number);
            }
        }
        ids.iter().map(|id| numbers.get(id.as_str()).copied()).collect()
    }

    /// When each distinct id was reported, or else when the call ended.
    pub(crate) fn reported_at(&self) -> Vec<Duration> {
        let periods = self.periods();
        let at = |number: Option<usize>| periods.get(number?).map(|(_, ended)| *ended);
        self.reported_in().into_iter().map(|number| at(number).unwrap_or(self.ended)).collect()
    }

    /// The time that counts for the limits of the call: of the time between two `next`, a second at
    /// most.
    pub(crate) fn spent(&self, from: Duration, until: Duration) -> Duration {
        let mut spent = until.saturating_sub(from);
        let mut paused = self.started;
        for (began, ended) in self.periods() {
            spent -= excess((paused, began), (from, until));
            paused = ended;
        }
        spent - excess((paused, Duration::MAX), (from, until))
    }

    /// The time that counts for requests in flight: not that in which the token provider is asked
    /// either.
    pub(crate) fn worked(&self, from: Duration, until: Duration) -> Duration {
        self.spent(from, until).saturating_sub(self.asking(from, until))
    }

    /// The time in which the token provider is asked.
    pub(crate) fn asking(&self, from: Duration, until: Duration) -> Duration {
        self.tokens.iter().map(|token| overlap((token.asked, token.answered), (from, until))).sum()
    }

    /// Whether the token provider is asked.
    pub(crate) fn is_asking(&self, at: Duration) -> bool {
        self.tokens.iter().any(|token| token.asked <= at && at <= token.answered)
    }

    /// The beginning of the pause that contains a time, or that time.
    pub(crate) fn unpaused(&self, at: Duration) -> Duration {
        let periods = self.periods();
        let pauses = periods.windows(2).map(|pair| (pair[0].1, pair[1].0));
        let mut pauses = pauses.filter(|(from, until)| *from < at && at < *until);
        pauses.next().map_or(at, |(from, _)| from)
    }

    /// Whether a `next` begins.
    pub(crate) fn begins(&self, at: Duration) -> bool {
        self.nexts.iter().any(|next| next.began == at)
    }

    /// When the plugin notices something that happens at `at`, at the latest: not between two
    /// `next`, and not while the token provider is asked.
    pub(crate) fn notices(&self, at: Duration) -> Option<Duration> {
        let (began, _) = self.periods().into_iter().find(|(_, ended)| *ended >= at)?;
        let at = at.max(began);
        let asking = self.tokens.iter().filter(|token| token.asked <= at && at <= token.answered);
        Some(asking.map(|token| token.answered).max().unwrap_or(at))
    }
}

/// The requests of several instances, in the order they were sent.
pub(crate) fn arrivals(instances: &[Vec<CallRecord>]) -> Vec<&Arrival> {
    let mut arrivals: Vec<&Arrival> = instances.iter().flatten().flat_map(|call| &call.arrivals).collect();
    arrivals.sort_by_key(|arrival| arrival.sent);
    arrivals
}

/// The first digits of the first id, which are enough to distinguish batches.
pub(crate) fn first(ids: &[String]) -> &str {
    ids.first().and_then(|id| id.get(..8)).unwrap_or("none")
}

/// The batches that a `next` reported.
pub(crate) fn ended(event: &Event) -> &[Batch] {
    match event {
        Event::Ended(batches) => batches,
        _ => &[],
    }
}

fn overlap(one: (Duration, Duration), other: (Duration, Duration)) -> Duration {
    one.1.min(other.1).saturating_sub(one.0.max(other.0))
}

/// The part of a pause that does not count.
fn excess(pause: (Duration, Duration), of: (Duration, Duration)) -> Duration {
    overlap(pause, of).saturating_sub(Duration::from_secs(1))
}

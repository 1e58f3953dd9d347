//! The host of one instance: it makes the calls of a plan, drives those that are open in turn, and
//! records what they report.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use graph_model::Arrival;
use host_test::bindings::actions::Batch;
use host_test::bindings::calls::{Call as Handle, Event};
use host_test::host::RecordedExchange;
use host_test::plugin::Plugin;
use host_test::reentry::Reentry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};

use crate::call_plan::Call;
use crate::caller::{Caller, Form, Stop};
use crate::plan::Plan;
use crate::record::{CallRecord, Next, Report};
use crate::runaway_guard::RunawayGuard;
use crate::token_log::TokenLog;

/// The host of one instance.
pub(crate) struct Host<'a> {
    pub(crate) plugin: Plugin,
    pub(crate) plan: &'a Plan,
    pub(crate) service: &'a RunawayGuard,
    pub(crate) tokens: TokenLog,
    pub(crate) start: Instant,
    /// The number of the latest token request from within which a call is to be stopped.
    pub(crate) planned: Option<usize>,
    /// The longest time for which a call may wait for turns.
    pub(crate) queue: Duration,
}

/// What the calls of an instance reported, and what it sent.
pub(crate) struct Played {
    pub(crate) calls: Vec<CallRecord>,
    /// When it sent each request, by its `client-request-id`.
    sent: HashMap<String, Duration>,
}

/// A call that is open.
struct Open<'a> {
    handle: Handle,
    caller: &'a Caller,
    record: CallRecord,
    /// When its `next` is due.
    due: Duration,
    stops: Vec<Stop>,
    /// A stop from within a token request that has not been noticed: the number of the request, and
    /// the grace.
    planned: Option<(usize, Duration)>,
}

impl Host<'_> {
    /// Makes all calls, until one does not return.
    pub(crate) async fn play(mut self) -> Played {
        let mut rng = StdRng::seed_from_u64(self.plan.seed.wrapping_add(1));
        let mut to_start = self.plan.calls.iter().enumerate().peekable();
        let mut start_at = Duration::ZERO;
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut calls: Vec<CallRecord> = Vec::new();
        loop {
            let starts = to_start.peek().filter(|_| self.plan.overlaps || open.is_empty());
            let starts = starts.map(|(_, call)| start_at + call.pause);
            let next = open.iter().map(|open| open.due).min();
            let Some(at) = starts.into_iter().chain(next).min() else { break };
            sleep_until(self.start + at).await;
            if starts == Some(at)
                && let Some((number, call)) = to_start.next()
            {
                start_at = self.start.elapsed();
                match self.begin(number, call).await {
                    Ok(begun) => open.push(begun),
                    Err(record) => calls.push(record),
                }
            } else {
                let Some(position) = open.iter().position(|open| open.due == at) else { break };
                let mut one = open.remove(position);
                match self.step(&mut one, &mut rng).await {
                    false => open.push(one),
                    true => calls.push(one.record),
                }
            }
            if !self.plan.overlaps && open.is_empty() {
                start_at = self.start.elapsed();
            }
            // After a trap the instance is unusable.
            if calls.last().is_some_and(|call| call.result.is_err()) {
                break;
            }
        }
        calls.sort_by_key(|call| call.number);
        let tokens = self.tokens.records();
        for call in &mut calls {
            call.tokens = tokens.iter().filter(|token| token.call == call.number).cloned().collect();
        }
        let id = |exchange: &RecordedExchange| {
            Some((exchange.request.headers().get("client-request-id")?.to_str().ok()?.to_owned(), exchange.sent))
        };
        Played { calls, sent: self.plugin.exchanges().iter().filter_map(id).collect() }
    }

    /// Starts a call, or makes it from its start to its end if it is a function.
    async fn begin<'a>(&mut self, number: usize, call: &'a Call) -> Result<Open<'a>, CallRecord> {
        self.tokens.begin(number);
        let started = self.start.elapsed();
        let mut record = CallRecord {
            number,
            call: call.clone(),
            started,
            ended: started,
            queue: self.queue,
            nexts: Vec::new(),
            stops: Vec::new(),
            is_abandoned: false,
            arrivals: Vec::new(),
            tokens: Vec::new(),
            result: Ok(Report::default()),
        };
        let options = Some(&call.options);
        let Form::Call(caller) = &call.form else {
            let result = self.service.watch(self.plugin.call(call.action, &call.ids, options)).await;
            record.ended = self.start.elapsed();
            record.result = result.map(|result| match result {
                Ok(batches) => Report { batches, cause: None },
                Err(failure) => Report { batches: failure.batches, cause: Some(failure.cause) },
            });
            return Err(record);
        };
        match self.service.watch(self.plugin.start(call.action, &call.ids, options)).await {
            Ok(Ok(handle)) => {
                let stops = caller.stops.clone();
                Ok(Open { handle, caller, record, due: started, stops, planned: None })
            }
            Ok(Err(text)) => {
                record.result = Err(format!("invalid argument: {text}"));
                Err(record)
            }
            Err(trap) => {
                record.result = Err(trap);
                Err(record)
            }
        }
    }

    /// Does what is due for a call. Returns whether it is over.
    async fn step(&mut self, open: &mut Open<'_>, rng: &mut StdRng) -> bool {
        let result = self.try_step(open, rng).await;
        open.record.ended = self.start.elapsed();
        match result {
            Ok(is_over) => is_over,
            Err(trap) => {
                open.record.result = Err(trap);
                true
            }
        }
    }

    async fn try_step(&mut self, open: &mut Open<'_>, rng: &mut StdRng) -> Result<bool, String> {
        self.tokens.begin(open.record.number);
        let now = self.start.elapsed();
        let elapsed = now - open.record.started;
        self.notice_stop(open);
        while let Some(stop) = open.stops.first().copied().filter(|stop| stop.after <= elapsed) {
            open.stops.remove(0);
            let grace = stop.grace();
            // The host plans one at a time.
            if stop.in_token_request && self.planned.is_none_or(|planned| planned < self.tokens.len()) {
                self.planned = Some(self.tokens.len());
                open.planned = self.planned.map(|request| (request, grace));
                self.plugin.reenter(open.handle, Reentry::Stop(stop.grace_ms), 0);
            } else {
                self.service.watch(self.plugin.stop(open.handle, stop.grace_ms)).await?;
                open.record.stops.push((now, grace));
            }
        }
        if open.caller.dropped_after.is_some_and(|after| after <= elapsed) && open.planned.is_none() {
            open.record.result = self.report(open.handle).await.map(|batches| Report { batches, cause: None });
            open.record.is_abandoned = true;
            self.service.watch(self.plugin.drop_call(open.handle)).await?;
            return Ok(true);
        }
        let cause = match self.next(open, rng).await? {
            Event::Over(cause) => cause,
            _ => {
                open.due = self.start.elapsed() + open.caller.pause(rng, open.record.nexts.len());
                return Ok(false);
            }
        };
        // A further one changes nothing.
        self.next(open, rng).await?;
        let batches = self.report(open.handle).await?;
        open.record.result = Ok(Report { batches, cause });
        // A stop from within a later token request has no effect on a call that is over, but it
        // must still exist.
        if open.planned.is_none() {
            self.service.watch(self.plugin.drop_call(open.handle)).await?;
        }
        Ok(true)
    }

    /// Records the stop that was planned for a token request, once that was made.
    fn notice_stop(&self, open: &mut Open<'_>) {
        if let Some((number, grace)) = open.planned
            && let Some(token) = self.tokens.records().get(number)
        {
            open.record.stops.push((token.asked, grace));
            open.planned = None;
        }
    }

    async fn next(&mut self, open: &mut Open<'_>, rng: &mut StdRng) -> Result<Event, String> {
        let wait_ms = open.caller.wait_ms(rng, open.record.nexts.len());
        let began = self.start.elapsed();
        let event = self.service.watch(self.plugin.next(open.handle, wait_ms)).await?;
        let ended = self.start.elapsed();
        self.notice_stop(open);
        let is_asked = matches!(event, Event::Ended(_)) || rng.random_ratio(1, 4);
        let report = if is_asked { Some(self.report(open.handle).await?) } else { None };
        open.record.nexts.push(Next { began, ended, wait_ms, event: event.clone(), report });
        Ok(event)
    }

    async fn report(&mut self, handle: Handle) -> Result<Vec<Batch>, String> {
        self.service.watch(self.plugin.report(handle)).await
    }
}

impl Played {
    /// Adds to the records which of these requests each call sent.
    pub(crate) fn add(&mut self, arrivals: &[Arrival]) {
        for call in &mut self.calls {
            let ids: BTreeSet<&String> = call.call.ids.iter().collect();
            let own = arrivals.iter().filter(|arrival| arrival.ids.iter().all(|id| ids.contains(id)));
            let own = own.map(|arrival| {
                let sent = self.sent.get(&arrival.client_request_id).copied().unwrap_or(arrival.sent);
                Arrival { sent, ..arrival.clone() }
            });
            call.arrivals = own.filter(|arrival| (call.started..=call.ended).contains(&arrival.sent)).collect();
            call.arrivals.sort_by_key(|arrival| arrival.sent);
        }
    }
}

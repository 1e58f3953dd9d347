//! One query as a state machine: it reads a list, page by page. It performs nothing:
//! [`Query::next`] returns what to do, and the code that drives the query reports what came of it.
//!
//! Tokens, the rate limit, patience and the judgment of responses are those of a
//! [`Call`](crate::call::Call). There is one request at a time, and it may be repeated at will.

pub mod page;
mod step;
mod walk;

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

pub use crate::query::step::{Progress, Step};

use crate::backoff::{MAX_PROBE_WAIT, backoff};
use crate::call::MAX_COUNTED_PAUSE;
use crate::call::patience::Patience;
use crate::call::token_requests::{Issued, TokenRequests, TokenVerdict};
use crate::contract::action::Cloud;
use crate::contract::arguments::{Options, ResolvedOptions, filter};
use crate::contract::collection::Collection;
use crate::contract::endpoint::Endpoint;
use crate::contract::error::Error;
use crate::contract::id;
use crate::contract::token::{Credential, TokenError};
use crate::http::judgment::{Disposition, Purpose};
use crate::http::request::Request;
use crate::http::response::{BodyEnd, Rejection, Response};
use crate::http::transport_error::{TransportError, TransportErrorKind};
use crate::invariant;
use crate::limit::instance::{InstanceState, SharedLimit};
use crate::limit::known_holds::KnownHolds;
use crate::limit::rate_limit::{SERVICE_UNAVAILABLE, retry_after_with_jitter};
use crate::query::page::{Entry, Page};
use crate::query::walk::Walk;
use crate::random::Random;
use crate::time::Instant;

/// A query of a collection. The queries of an instance share its state.
pub struct Query {
    options: ResolvedOptions,
    collection: &'static Collection,
    /// Whether the instance has seen a page.
    instance_has_accepted: Rc<Cell<bool>>,
    limit: SharedLimit,
    holds: KnownHolds,
    random: Random,
    tokens: TokenRequests,
    patience: Patience,
    walk: Walk,
    /// The attempts for the page that is read.
    attempts: Attempts,
    in_flight: Option<InFlight>,
    /// How many requests were sent.
    requests: u32,
    /// How many pages were read.
    pages: u32,
    /// The entries of the latest page, until they are reported.
    entries: Vec<Entry>,
    /// Set once nothing more is sent: why the list ends before it is complete, unless it is.
    end: Option<Option<Rc<Error>>>,
    deadline: Option<Instant>,
    /// When the query was last paused.
    paused: Instant,
}

/// The attempts for one page so far.
#[derive(Default)]
struct Attempts {
    /// How many attempts for this page count toward `max-attempts`.
    counted: u32,
    /// Whether an attempt for this page was repeated with a fresh token.
    had_fresh_token: bool,
    /// The next attempt for this page is not made before this time.
    due: Instant,
}

/// The request in flight.
struct InFlight {
    client_request_id: String,
    /// The token of the request, kept so that it stays known: the response may repeat it.
    token: Issued,
    sent: Instant,
    /// When the request is abandoned.
    timeout: Instant,
}

impl Query {
    /// A query that begins at `now`. The error names an invalid argument. `seed` is a random
    /// number.
    pub fn new(
        collection: &'static Collection,
        given_filter: Option<String>,
        options: Options,
        instance: &mut InstanceState,
        now: Instant,
        seed: u64,
    ) -> Result<Query, String> {
        let root = Endpoint::parse(options.cloud.unwrap_or(Cloud::Global).graph_root())?;
        let options = ResolvedOptions::of_query(collection, options)?;
        let filter = given_filter.map(filter).transpose()?;
        Ok(Query {
            instance_has_accepted: instance.has_accepted(),
            limit: instance.limit(options.tenant.as_deref(), &options.audience, collection.limit),
            holds: KnownHolds::default(),
            random: Random::new(seed),
            tokens: TokenRequests::default(),
            patience: Patience::new(options.patience),
            walk: Walk::new(collection, filter.as_deref(), &options, root),
            attempts: Attempts::default(),
            in_flight: None,
            requests: 0,
            pages: 0,
            entries: Vec::new(),
            end: None,
            deadline: options.deadline.map(|time| now.saturating_add(time)),
            paused: now,
            options,
            collection,
        })
    }

    /// Goes on at `now`. Of the time since [`Query::pause`], at most a second counts for the
    /// timeout and patience.
    pub fn resume(&mut self, now: Instant) {
        let excess = now.since(self.paused).saturating_sub(MAX_COUNTED_PAUSE);
        self.patience.extend(excess);
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.timeout = in_flight.timeout.saturating_add(excess);
        }
    }

    /// Records that nobody drives the query from `now` on.
    pub fn pause(&mut self, now: Instant) {
        self.paused = now;
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Instant) -> Step {
        if !self.entries.is_empty() {
            return Step::Page(mem::take(&mut self.entries));
        }
        if let Some(cause) = &self.end {
            return Step::Over(cause.clone());
        }
        if let Some(in_flight) = &self.in_flight {
            let until = self.deadline.map_or(in_flight.timeout, |deadline| deadline.min(in_flight.timeout));
            return if until <= now { Step::Abandon } else { Step::Wait(until) };
        }
        if let Some(error) = self.reason_to_end(now) {
            self.end = Some(Some(error.clone()));
            return Step::Over(Some(error));
        }
        let at = self.next_send();
        if !self.tokens.is_ready() {
            // A spacing early, so that waiting for the token does not lower the rate.
            let early = at.saturating_sub(self.limit.borrow().spacing(self.options.rate_limit));
            let ask_at = early.max(self.tokens.retry_at());
            if ask_at <= now {
                return Step::GetToken(self.tokens.request(&self.options, now));
            }
            return Step::Wait(ask_at);
        }
        if at > now { Step::Wait(at) } else { self.send(now) }
    }

    /// What the query is doing at `now`.
    pub fn progress(&self, now: Instant) -> Progress {
        let is_waiting = self.in_flight.is_none() && self.end.is_none();
        Progress {
            pages: self.pages,
            requests: self.requests,
            next_send: is_waiting.then(|| self.next_send().since(now)),
            error: self.patience.waits_out(),
        }
    }

    /// The scheme and authority that requests are sent to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.options.endpoint
    }

    /// Reports the result of the token provider.
    pub fn on_token(&mut self, result: Result<Credential, TokenError>, now: Instant) {
        match self.tokens.on_token(result, now, &mut self.random) {
            TokenVerdict::Ready => {}
            TokenVerdict::Later(error) => self.patience.failed(&Rc::new(error), now),
            TokenVerdict::Never(error) => self.end = Some(Some(Rc::new(error))),
        }
    }

    /// Reports the response to the request in flight.
    pub fn on_response(&mut self, response: Response, now: Instant) {
        let Some(in_flight) = self.in_flight.take() else { return };
        self.limit.borrow_mut().responded(in_flight.sent, now);
        match self.judge(response, &in_flight.client_request_id) {
            Ok((page, is_last)) => self.accepted(page, is_last, now),
            Err(rejection) => self.rejected(&in_flight, rejection, now),
        }
    }

    /// Reports that the request in flight has no response.
    pub fn on_error(&mut self, error: TransportError, now: Instant) {
        let Some(in_flight) = self.in_flight.take() else { return };
        let has_accepted = self.instance_has_accepted.get();
        let rejection = Rejection::of_transport_error(&error, has_accepted, self.tokens.secrets());
        self.rejected(&in_flight, rejection, now);
    }

    /// Reports that the request in flight was abandoned, with its response as far as it arrived.
    pub fn on_abandoned(&mut self, response: Option<Response>, now: Instant) {
        match response {
            Some(response) => self.on_response(response, now),
            None if self.deadline.is_some_and(|deadline| deadline <= now) => {
                self.in_flight = None;
                self.end = Some(Some(Rc::new(Error::deadline_exceeded())));
            }
            None => {
                let cause = format!("no response within {} ms", self.options.attempt_timeout.as_millis());
                self.on_error(TransportError { kind: TransportErrorKind::NoResponse, cause }, now);
            }
        }
    }

    /// Why the query ends now, if it does. Nothing is in flight.
    fn reason_to_end(&mut self, now: Instant) -> Option<Rc<Error>> {
        if let Some(hold) = self.holds.notice(&self.limit.borrow(), now) {
            self.patience.failed(&hold.by, now);
            if self.deadline.is_some_and(|deadline| deadline <= hold.until) {
                return Some(Rc::new(Rc::unwrap_or_clone(hold.by).too_long("deadline-ms")));
            }
        }
        self.patience.reason_to_end(self.deadline, self.next_send().max(now), now)
    }

    /// The earliest time at which the next request may be sent.
    fn next_send(&self) -> Instant {
        let at = self.limit.borrow().earliest(self.options.rate_limit).max(self.holds.until()).max(self.attempts.due);
        if self.tokens.is_ready() { at } else { at.max(self.tokens.retry_at()) }
    }

    fn send(&mut self, now: Instant) -> Step {
        let token = self.tokens.take().unwrap_or_else(|| invariant::broken("a token is ready"));
        self.limit.borrow_mut().sent(self.options.rate_limit, self.collection.limit.rate_limit(), now);
        self.requests = self.requests.saturating_add(1);
        self.attempts.counted = self.attempts.counted.saturating_add(1);
        let client_request_id = id::random_guid(self.random.next(), self.random.next());
        let request = Request::get(self.walk.target(), &token.authorization, &client_request_id);
        let timeout = now.saturating_add(self.options.attempt_timeout);
        self.in_flight = Some(InFlight { client_request_id, token, sent: now, timeout });
        Step::Send(request)
    }

    /// Judges a response: it is a page, with whether it is the last one, or a rejection.
    fn judge(&mut self, response: Response, client_request_id: &str) -> Result<(Page, bool), Rejection> {
        let client_request_id = client_request_id.to_owned();
        let secrets = self.tokens.secrets();
        if response.status != OK {
            return Err(response.reject(client_request_id, secrets, Purpose::Read));
        }
        if response.body_end == BodyEnd::Broken {
            let cause = "the page broke off".to_owned();
            let error = TransportError { kind: TransportErrorKind::NoResponse, cause };
            return Err(Rejection::of_transport_error(&error, true, secrets));
        }
        let page = match response.body_end {
            BodyEnd::TooLong => Err("the page is larger than 8 MiB"),
            _ => Page::parse(&response.body, secrets).ok_or("the response is not a page of Microsoft Graph"),
        };
        let followed = page.and_then(|page| Ok((self.walk.follow(&page)?, page)));
        followed.map(|(goes_on, page)| (page, !goes_on)).map_err(|reason| {
            // What the page contains is not shown.
            let response = Response { body: Vec::new(), ..response };
            let mut rejection = response.reject(client_request_id, self.tokens.secrets(), Purpose::Read);
            let message = format!("{reason}: check the endpoint and the proxy settings of the host");
            rejection.error = Rc::new(Error { message, ..Rc::unwrap_or_clone(rejection.error) });
            rejection
        })
    }

    fn accepted(&mut self, page: Page, is_last: bool, now: Instant) {
        self.instance_has_accepted.set(true);
        self.limit.borrow_mut().accepted(self.options.rate_limit, now);
        self.patience.accepted();
        self.attempts = Attempts::default();
        self.pages = self.pages.saturating_add(1);
        self.entries = page.entries;
        if is_last {
            self.end = Some(None);
        }
    }

    fn rejected(&mut self, in_flight: &InFlight, rejection: Rejection, now: Instant) {
        let Rejection { mut error, disposition, retry_after, claims, .. } = rejection;
        self.patience.failed(&error, now);
        let too_long = self.patience.too_long(retry_after, self.deadline, now);
        let ends = match disposition {
            Disposition::Throttling => {
                self.attempts.counted = self.attempts.counted.saturating_sub(1);
                let mut limit = self.limit.borrow_mut();
                let wait = limit.throttled(&self.options, in_flight.sent, now, retry_after, &mut self.random);
                self.holds.hold(&mut limit, wait, &error, now);
                too_long.is_some()
            }
            Disposition::TokenRejection => {
                self.attempts.counted = self.attempts.counted.saturating_sub(1);
                self.tokens.rejected(in_flight.token.refreshes, claims);
                mem::replace(&mut self.attempts.had_fresh_token, true)
            }
            Disposition::Transient => {
                let asked = retry_after.map(|asked| retry_after_with_jitter(asked, &mut self.random));
                if let Some(asked) = asked
                    && error.status() == Some(SERVICE_UNAVAILABLE)
                {
                    self.holds.hold(&mut self.limit.borrow_mut(), asked, &error, now);
                }
                let wait = asked.unwrap_or_else(|| backoff(self.attempts.counted, MAX_PROBE_WAIT, &mut self.random));
                self.attempts.due = now.saturating_add(wait);
                too_long.is_some() || self.attempts.counted >= self.options.max_attempts
            }
            _ => true,
        };
        if let Some(option) = too_long.filter(|_| ends) {
            error = Rc::new(Rc::unwrap_or_clone(error).too_long(option));
        }
        if ends {
            self.end = Some(Some(error));
        }
    }
}

/// The most bytes of a page. One of 1,000 entries has less than a megabyte.
pub const MAX_PAGE_BYTES: usize = 8 << 20;

/// The status of a page.
const OK: u16 = 200;

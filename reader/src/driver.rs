//! The loop between the engine and WASI: performs what a query asks for, and reports what came of
//! it.

use std::cell::RefCell;
use std::rc::Rc;

use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::token::{Credential, TokenError, TokenRequest};
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::query::page::Entry;
use entra_risk_engine::query::{MAX_PAGE_BYTES, Progress, Query, Step};
use entra_risk_engine::time::{Duration, Instant};
use entra_risk_transport::{self as transport, InFlight, State};

use crate::bindings::entra::risk::credentials;

thread_local! {
    /// What the queries of the instance share.
    static INSTANCE: RefCell<InstanceState> = RefCell::default();
}

/// A query, and its request in flight.
pub(crate) struct Driver {
    query: Query,
    in_flight: Option<InFlight>,
}

/// What a query reports to its caller.
pub(crate) enum Event {
    /// The entries of the next page.
    Page(Vec<Entry>),
    /// No page arrived within the time given.
    Waiting(Progress),
    /// The list ends. None: it is complete.
    Over(Option<Rc<Error>>),
}

impl Driver {
    /// Starts a query. The error names an invalid argument.
    pub(crate) fn start(
        collection: &'static Collection,
        filter: Option<String>,
        options: Options,
    ) -> Result<Driver, String> {
        let (now, seed) = (transport::now(), transport::random());
        let query = INSTANCE.with_borrow_mut(|all| Query::new(collection, filter, options, all, now, seed));
        Ok(Driver { query: query?, in_flight: None })
    }

    /// Works on the query until a page with entries arrives, but no longer than `wait`.
    pub(crate) fn next(&mut self, wait: Option<Duration>) -> Event {
        let mut now = transport::now();
        let until = wait.map(|wait| now.saturating_add(wait));
        self.query.resume(now);
        // What arrived while nobody called `next` is read before any limit is judged.
        let _ = (0..MAX_PARTS).all(|_| self.has_arrived(Instant::ORIGIN) && self.advance(now));
        let mut late_rounds = 0..MAX_PARTS;
        let event = loop {
            match self.query.next(now) {
                Step::GetToken(request) => {
                    let result = get_token(request);
                    now = transport::now();
                    self.query.on_token(result, now);
                }
                Step::Send(request) => match InFlight::start(self.query.endpoint(), request, MAX_PAGE_BYTES) {
                    Ok(request) => self.in_flight = Some(request),
                    Err(error) => self.query.on_error(error, now),
                },
                Step::Abandon => {
                    let response = self.in_flight.take().and_then(InFlight::into_response);
                    self.query.on_abandoned(response, now);
                }
                Step::Wait(at) => {
                    let has_arrived = self.has_arrived(until.map_or(at, |until| at.min(until)));
                    now = transport::now();
                    // A response that is there wins over a timeout, and is read even if there is no
                    // time to wait.
                    let goes_on = self.advance(now) && has_arrived;
                    if until.is_some_and(|until| until <= now) && !(goes_on && late_rounds.next().is_some()) {
                        break Event::Waiting(self.query.progress(now));
                    }
                }
                Step::Page(entries) => break Event::Page(entries),
                Step::Over(cause) => break Event::Over(cause),
            }
        };
        self.query.pause(now);
        event
    }

    /// Waits until the response makes progress, or until this time. Returns whether it does.
    fn has_arrived(&self, until: Instant) -> bool {
        transport::wait(self.in_flight.iter(), until)
    }

    /// Reports to the query what has arrived by `now`. Returns whether more may have arrived.
    fn advance(&mut self, now: Instant) -> bool {
        match self.in_flight.as_mut().map(InFlight::advance) {
            None => return false,
            Some(State::Pending) => return true,
            Some(State::Response(response)) => self.query.on_response(response, now),
            Some(State::Failed(error)) => self.query.on_error(error, now),
        }
        self.in_flight = None;
        true
    }
}

/// How many parts of a response are read at a time that is over, so that a host that reports
/// progress without end does not hold the caller.
const MAX_PARTS: u32 = 8;

fn get_token(request: TokenRequest) -> Result<Credential, TokenError> {
    let TokenRequest { tenant, audience, endpoint, refresh, claims } = request;
    match credentials::get_token(&credentials::TokenRequest { tenant, audience, endpoint, refresh, claims }) {
        Ok(credential) => Ok(Credential { bearer: credential.bearer }),
        Err(credentials::TokenError::Unavailable(text)) => Err(TokenError::Unavailable(text)),
        Err(credentials::TokenError::Denied(text)) => Err(TokenError::Denied(text)),
    }
}

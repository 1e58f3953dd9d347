//! The loop between the engine and WASI: performs what a call asks for, and reports what came of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::action::Action;
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::report::{Batch, Progress};
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::time::{Duration, Instant};

use crate::bindings::entra::risk::credentials;
use crate::bindings::exports::entra::risk::actions::Options;
use crate::http::{self, Exchange, State};
use crate::turns::{self, PluginTurns};

thread_local! {
    /// What the calls of the instance share.
    static INSTANCE: RefCell<InstanceState> = RefCell::default();
}

/// A call, and its requests in flight.
pub(crate) struct Driver {
    call: Call<PluginTurns>,
    exchanges: Vec<(AttemptId, Exchange)>,
}

/// What became of a call.
pub(crate) enum Event {
    /// These ids have their outcome.
    Ended(Vec<Batch>),
    /// No id got its outcome within the time given.
    Waiting(Progress),
    /// Every id has been reported.
    Over(Option<Rc<Error>>),
}

/// A wish of the caller to stop a call.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    pub(crate) asked: Instant,
    /// The time for requests in flight.
    pub(crate) grace: Duration,
}

impl Stop {
    /// Of two wishes, the earlier one, with the grace that ends first.
    pub(crate) fn shortened(self, later: Stop) -> Stop {
        let elapsed = later.asked.since(self.asked);
        Stop { grace: self.grace.min(elapsed.saturating_add(later.grace)), ..self }
    }
}

impl Driver {
    /// Starts a call. The error names an invalid argument; `parameter` is the name of the one that contains the ids.
    pub(crate) fn start(
        action: &'static Action,
        parameter: &str,
        ids: &[String],
        options: Option<Options>,
    ) -> Result<Driver, String> {
        let options = options.map(Into::into).unwrap_or_default();
        let (now, seed) = (http::now(), http::random());
        let call = INSTANCE.with_borrow_mut(|instance| Call::new(action, parameter, ids, options, instance, now, seed));
        Ok(Driver { call: call?, exchanges: Vec::new() })
    }

    /// Works on the call until something ended, but no longer than `wait`. `stop` may be set meanwhile.
    pub(crate) fn next(&mut self, wait: Option<Duration>, stop: &Cell<Option<Stop>>) -> Event {
        let mut now = http::now();
        let until = wait.map(|wait| now.saturating_add(wait));
        self.call.resume(now);
        self.apply(stop, now);
        self.read_arrived(now);
        let mut late_rounds = 0..MAX_PARTS;
        // `now` is read again after each step that waits: every reading is a call of the host.
        let event = loop {
            let uploading = self.exchanges.iter().filter(|(_, exchange)| exchange.is_uploading()).map(|(id, _)| *id);
            match self.call.next(now, uploading.max()) {
                Step::GetToken(request) => {
                    let result = credentials::get_token(&request.into());
                    now = http::now();
                    self.call.on_token(result.map(Into::into).map_err(Into::into), now);
                    self.apply(stop, now);
                    self.read_arrived(now);
                }
                Step::Turn(step) => {
                    now = turns::perform(step, &mut self.call);
                    self.apply(stop, now);
                    self.read_arrived(now);
                }
                Step::Send(id, request) => match Exchange::start(self.call.endpoint(), request) {
                    Ok(exchange) => self.exchanges.push((id, exchange)),
                    Err(error) => self.call.on_error(id, error, now),
                },
                Step::Abandon(id) => {
                    let position = self.exchanges.iter().position(|(of, _)| *of == id);
                    let exchange = position.map(|position| self.exchanges.swap_remove(position).1);
                    self.call.on_abandoned(id, exchange.and_then(Exchange::into_response), now);
                }
                Step::Wait(at) => {
                    let is_late = until.is_some_and(|until| until <= now);
                    let at = until.map_or(at, |until| at.min(until));
                    let has_arrived = http::wait(self.exchanges.iter().map(|(_, exchange)| exchange), at);
                    // What arrived while nobody waited is read too, in the parts in which hosts hand it over.
                    if is_late && (!has_arrived || late_rounds.next().is_none()) {
                        break Event::Waiting(self.call.progress(now));
                    }
                    // Before the responses are read: one that is there wins over the clock.
                    now = http::now();
                    self.advance(now);
                }
                Step::Ended(batches) => break Event::Ended(batches),
                Step::Over(cause) => break Event::Over(cause),
            }
        };
        self.call.pause(now);
        event
    }

    /// The outcomes so far, in the order of the ids given.
    pub(crate) fn report(&self) -> Vec<Batch> {
        self.call.report()
    }

    fn apply(&mut self, stop: &Cell<Option<Stop>>, now: Instant) {
        if let Some(Stop { asked, grace }) = stop.take() {
            self.call.stop(asked, grace, now);
        }
    }

    /// Reads what arrived while an import was called, or while nobody called `next`, before anything is sent: a 429 holds the
    /// next request. Hosts hand over a response in parts.
    fn read_arrived(&mut self, now: Instant) {
        for _ in 0..MAX_PARTS {
            if self.exchanges.is_empty()
                || !http::wait(self.exchanges.iter().map(|(_, exchange)| exchange), Instant::ORIGIN)
            {
                break;
            }
            self.advance(now);
        }
    }

    /// Reports to the call what has arrived by `now`.
    fn advance(&mut self, now: Instant) {
        self.exchanges.retain_mut(|(id, exchange)| match exchange.advance() {
            State::Pending => true,
            State::Response(response) => {
                self.call.on_response(*id, response, now);
                false
            }
            State::Failed(error) => {
                self.call.on_error(*id, error, now);
                false
            }
        });
    }
}

/// Parts of responses that are read before the next request is sent: the status, the body and its end, and some more.
const MAX_PARTS: u32 = 8;

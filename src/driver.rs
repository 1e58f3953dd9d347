//! The loop between the engine and WASI: performs what a call asks for, and reports what came of
//! it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::action::Action;
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::report::{Batch, Progress};
use entra_risk_engine::http::response::MAX_ERROR_BYTES;
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::time::{Duration, Instant};
use entra_risk_transport::{self as transport, InFlight, State};

use crate::bindings::entra::risk::credentials;
use crate::bindings::exports::entra::risk::actions::Options;
use crate::turns::{self, PluginTurns};

thread_local! {
    /// What the calls of the instance share.
    static INSTANCE: RefCell<InstanceState> = RefCell::default();
}

/// A call, and its requests in flight.
pub(crate) struct Driver {
    call: Call<PluginTurns>,
    in_flight: Vec<(AttemptId, InFlight)>,
}

/// What a call reports to its caller.
pub(crate) enum Event {
    /// These ids have their outcome.
    Ended(Vec<Batch>),
    /// No id got its outcome within the time given.
    Waiting(Progress),
    /// Every id has been reported.
    Over(Option<Rc<Error>>),
}

/// The wish of a caller to stop a call.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    /// When the caller asked.
    pub(crate) asked: Instant,
    /// How long requests in flight may still take.
    pub(crate) grace: Duration,
}

impl Stop {
    /// This wish, with the grace of a later one if that ends first.
    pub(crate) fn shortened(self, later: Stop) -> Stop {
        let elapsed = later.asked.since(self.asked);
        Stop { grace: self.grace.min(elapsed.saturating_add(later.grace)), ..self }
    }
}

impl Driver {
    /// Starts a call. The error names an invalid argument; `parameter` is the name of the one that
    /// contains the ids.
    pub(crate) fn start(
        action: &'static Action,
        parameter: &str,
        ids: &[String],
        options: Option<Options>,
    ) -> Result<Driver, String> {
        let options = options.map(Into::into).unwrap_or_default();
        let (now, seed) = (transport::now(), transport::random());
        let call = INSTANCE.with_borrow_mut(|instance| Call::new(action, parameter, ids, options, instance, now, seed));
        Ok(Driver { call: call?, in_flight: Vec::new() })
    }

    /// Works on the call until an id has its outcome, but no longer than `wait`. `stop` may be set
    /// meanwhile.
    pub(crate) fn next(&mut self, wait: Option<Duration>, stop: &Cell<Option<Stop>>) -> Event {
        let mut now = transport::now();
        let until = wait.map(|wait| now.saturating_add(wait));
        self.call.resume(now);
        self.apply(stop, now);
        self.read_arrived(now);
        let mut late_rounds = 0..MAX_PARTS;
        // `now` is read again only after steps that wait, because every reading is a call of the
        // host.
        let event = loop {
            let uploading = self.in_flight.iter().filter(|(_, request)| request.is_uploading()).map(|(id, _)| *id);
            match self.call.next(now, uploading.max()) {
                Step::GetToken(request) => {
                    let result = credentials::get_token(&request.into());
                    now = transport::now();
                    self.call.on_token(result.map(Into::into).map_err(Into::into), now);
                    self.apply(stop, now);
                    self.read_arrived(now);
                }
                Step::Turn(step) => {
                    now = turns::perform(step, &mut self.call);
                    self.apply(stop, now);
                    self.read_arrived(now);
                }
                Step::Send(id, request) => match InFlight::start(self.call.endpoint(), request, MAX_ERROR_BYTES) {
                    Ok(request) => self.in_flight.push((id, request)),
                    Err(error) => self.call.on_error(id, error, now),
                },
                Step::Abandon(id) => {
                    let position = self.in_flight.iter().position(|(of, _)| *of == id);
                    let request = position.map(|position| self.in_flight.swap_remove(position).1);
                    self.call.on_abandoned(id, request.and_then(InFlight::into_response), now);
                }
                Step::Wait(at) => {
                    let is_late = until.is_some_and(|until| until <= now);
                    let at = until.map_or(at, |until| at.min(until));
                    let has_arrived = transport::wait(self.in_flight.iter().map(|(_, request)| request), at);
                    // What arrived while nobody waited is read too, in the parts in which hosts
                    // deliver it.
                    if is_late && (!has_arrived || late_rounds.next().is_none()) {
                        break Event::Waiting(self.call.progress(now));
                    }
                    // The clock is read before the responses, so that one that is there wins over a
                    // timeout.
                    now = transport::now();
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

    /// Reads what arrived while an import was called, or while nobody called `next`. That comes
    /// before anything is sent, because a 429 holds the next request. Hosts deliver a response in
    /// parts.
    fn read_arrived(&mut self, now: Instant) {
        for _ in 0..MAX_PARTS {
            if self.in_flight.is_empty()
                || !transport::wait(self.in_flight.iter().map(|(_, request)| request), Instant::ORIGIN)
            {
                break;
            }
            self.advance(now);
        }
    }

    /// Reports to the call what has arrived by `now`.
    fn advance(&mut self, now: Instant) {
        self.in_flight.retain_mut(|(id, request)| match request.advance() {
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

/// How many parts of responses are read before the next request is sent: the status, the body, its
/// end, and some more.
const MAX_PARTS: u32 = 8;

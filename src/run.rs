//! The loop between the engine and WASI: performs what the engine asks for, and reports what came of it.

use std::cell::RefCell;
use std::rc::Rc;

use entra_risk_engine::action::Action;
use entra_risk_engine::arguments::Options;
use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::error::Error;
use entra_risk_engine::rate_limit::InstanceState;
use entra_risk_engine::report::{Batch, Failure};
use entra_risk_engine::time::Nanos;

use crate::bindings::entra::risk::credentials;
use crate::http::{self, Exchange, Progress};
#[cfg(feature = "shared")]
use crate::turns;

/// Whether this is the plugin that takes turns with other instances.
const TAKES_TURNS: bool = cfg!(feature = "shared");

thread_local! {
    /// What the instance remembers between calls. An instance runs one call at a time.
    static STATE: RefCell<InstanceState> = const { RefCell::new(InstanceState::new()) };
}

/// Performs an action: `Ok` if every id was accepted.
pub(crate) fn run(action: &'static Action, ids: Vec<String>, options: Options) -> Result<Vec<Batch>, Failure> {
    let now = http::now();
    STATE.with_borrow_mut(|state| match Call::<TAKES_TURNS>::new(action, ids, options, state, now, http::random()) {
        Ok(call) => drive(call, now),
        Err(text) => Err(Failure { cause: Rc::new(Error::InvalidArgument(text)), batches: Vec::new() }),
    })
}

/// `now` is read again after each step that waits: every reading is a call of the host.
fn drive(mut call: Call<TAKES_TURNS>, mut now: Nanos) -> Result<Vec<Batch>, Failure> {
    let mut exchanges: Vec<(AttemptId, Exchange)> = Vec::new();
    loop {
        let uploading = exchanges.iter().filter(|(_, exchange)| exchange.is_uploading()).map(|(id, _)| *id).max();
        match call.next(now, uploading) {
            Step::GetToken(request) => {
                let result = credentials::get_token(&request.into());
                now = http::now();
                call.token(result.map(Into::into).map_err(Into::into), now);
                read_arrived(&mut call, &mut exchanges, now);
            }
            #[cfg(feature = "shared")]
            Step::Reserve(request) => {
                let result = turns::reserve(request);
                now = http::now();
                call.turn(result, now);
                read_arrived(&mut call, &mut exchanges, now);
            }
            #[cfg(feature = "shared")]
            Step::Hold(queue, wait) => {
                let result = turns::hold(queue, wait);
                now = http::now();
                call.held(result, now);
                read_arrived(&mut call, &mut exchanges, now);
            }
            // The engine asks for turns only if there are any.
            #[cfg(not(feature = "shared"))]
            Step::Reserve(_) | Step::Hold(..) => {}
            Step::Send(id, request) => match Exchange::start(call.endpoint(), request) {
                Ok(exchange) => exchanges.push((id, exchange)),
                Err(error) => call.failed(id, error, now),
            },
            Step::Abandon(id) => {
                let position = exchanges.iter().position(|(of, _)| *of == id);
                let exchange = position.map(|position| exchanges.swap_remove(position).1);
                call.abandoned(id, exchange.and_then(Exchange::into_response), now);
            }
            Step::Wait(until) => {
                http::wait(exchanges.iter().map(|(_, exchange)| exchange), until);
                // Before the responses are read: one that is there wins over the clock.
                now = http::now();
                advance(&mut call, &mut exchanges, now);
            }
            Step::Done(result) => return result,
        }
    }
}

/// Responses that arrived while an import was called are read before anything is sent: a 429 holds the next request. Hosts hand
/// over a response in parts.
fn read_arrived(call: &mut Call<TAKES_TURNS>, exchanges: &mut Vec<(AttemptId, Exchange)>, now: Nanos) {
    for _ in 0..MAX_PARTS {
        if exchanges.is_empty() || !http::wait(exchanges.iter().map(|(_, exchange)| exchange), 0) {
            break;
        }
        advance(call, exchanges, now);
    }
}

/// Reports to the call what has arrived by `now`.
fn advance(call: &mut Call<TAKES_TURNS>, exchanges: &mut Vec<(AttemptId, Exchange)>, now: Nanos) {
    exchanges.retain_mut(|(id, exchange)| match exchange.advance() {
        Progress::Pending => true,
        Progress::Response(response) => {
            call.response(*id, response, now);
            false
        }
        Progress::Failed(error) => {
            call.failed(*id, error, now);
            false
        }
    });
}

/// Parts of responses that are read before the next request is sent: the status, the body and its end, and some more.
const MAX_PARTS: u32 = 8;

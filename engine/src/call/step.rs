//! What a call asks the code that drives it to do next.

use std::rc::Rc;

use crate::call::attempt::AttemptId;
use crate::contract::error::Error;
use crate::contract::report::Batch;
use crate::contract::token::TokenRequest;
use crate::http::request::Request;
use crate::time::Instant;

/// What to do next. `T` is what a call asks of other instances.
pub enum Step<T> {
    /// Ask the token provider, then report its result to `Call::on_token`.
    GetToken(TokenRequest),
    /// Ask the other instances, then report the result, as `TurnStep` says.
    Turn(T),
    /// Send a request. Then report its response to `Call::on_response`, or the lack of one to
    /// `Call::on_error`.
    Send(AttemptId, Request),
    /// Stop waiting for an attempt, then report that to `Call::on_abandoned`.
    Abandon(AttemptId),
    /// Wait until this time, or until an attempt makes progress.
    Wait(Instant),
    /// These ids have their outcome, and it is final. Never empty.
    Ended(Vec<Batch>),
    /// Every id has been reported. None: every id was accepted. Otherwise what ended the call, or
    /// else the first error.
    Over(Option<Rc<Error>>),
}

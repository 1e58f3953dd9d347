//! A call of the plugin, from its start until it is over.

use crate::actions::{Error, ErrorKind, Options};
use crate::calls::{Call, Event};
use crate::{Action, Report};

/// Performs an action, and passes each event to `on_event`, which can stop the call and change the
/// event. Nothing is sent while `on_event` runs.
///
/// `wait_ms` is the longest time in milliseconds from one event to the next. Without it, each event
/// takes as long as it takes, and none of them is `waiting`.
///
/// If an argument is not valid, the report has no batches, and its cause is `invalid-argument`.
pub fn perform(
    action: &Action,
    ids: &[String],
    options: &Options,
    wait_ms: Option<u32>,
    on_event: impl FnMut(&Call, &mut Event),
) -> Report {
    let call = match Call::start(action.id, ids, Some(options)) {
        Ok(call) => call,
        Err(message) => {
            let cause = Error { kind: ErrorKind::InvalidArgument, message, response: None };
            return Report { batches: Vec::new(), cause: Some(cause) };
        }
    };
    let cause = drive(&call, wait_ms, on_event);
    Report { batches: call.report(), cause }
}

/// Drives a call until it is over, as [`perform`] does. Returns what ended it, or else the first
/// error; none if every id was accepted.
pub fn drive(call: &Call, wait_ms: Option<u32>, mut on_event: impl FnMut(&Call, &mut Event)) -> Option<Error> {
    loop {
        let mut event = call.next(wait_ms);
        on_event(call, &mut event);
        if let Event::Over(cause) = event {
            return cause;
        }
    }
}

//! The exports of the component: the four functions of `actions`, and the resource of `calls`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use entra_risk_engine::call::GRACE;
use entra_risk_engine::contract::action::{ACTIONS, Action};
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::time::Duration;
use entra_risk_transport::{self as transport, Running};

use crate::Plugin;
use crate::bindings::exports::entra::risk::{actions, calls};
use crate::driver::{Driver, Event, Stop};

/// A call that its caller drives.
pub(crate) struct OpenCall {
    driver: RefCell<Driver>,
    /// The wish to stop, until `next` fulfills it. It may come while `next` waits for an import,
    /// from hosts that let in a second function.
    stop: Cell<Option<Stop>>,
}

impl actions::Guest for Plugin {
    fn dismiss_sign_ins(ids: Vec<String>, options: Option<actions::Options>) -> ActionResult {
        perform(&ACTIONS[0], ids, options)
    }

    fn confirm_sign_ins_safe(ids: Vec<String>, options: Option<actions::Options>) -> ActionResult {
        perform(&ACTIONS[1], ids, options)
    }

    fn confirm_sign_ins_compromised(ids: Vec<String>, options: Option<actions::Options>) -> ActionResult {
        perform(&ACTIONS[2], ids, options)
    }

    fn dismiss_risky_users(ids: Vec<String>, options: Option<actions::Options>) -> ActionResult {
        perform(&ACTIONS[3], ids, options)
    }
}

type ActionResult = Result<Vec<actions::Batch>, actions::Failure>;

/// Performs an action from its start to its end.
fn perform(action: &'static Action, ids: Vec<String>, options: Option<actions::Options>) -> ActionResult {
    let _running = Running::begin();
    let mut driver = Driver::start(action, action.ids_parameter, &ids, options).map_err(|message| {
        let cause = Rc::new(Error::invalid_argument(message)).into();
        actions::Failure { cause, batches: Vec::new() }
    })?;
    drop(ids);
    let cause = loop {
        if let Event::Over(cause) = driver.next(None, &Cell::default()) {
            break cause;
        }
    };
    let batches = batches(driver.report());
    match cause {
        None => Ok(batches),
        Some(cause) => Err(actions::Failure { cause: cause.into(), batches }),
    }
}

impl calls::Guest for Plugin {
    type Call = OpenCall;
}

impl calls::GuestCall for OpenCall {
    fn start(
        action: calls::Action,
        ids: Vec<String>,
        options: Option<actions::Options>,
    ) -> Result<calls::Call, String> {
        let _running = Running::begin();
        let driver = RefCell::new(Driver::start(action.into(), "ids", &ids, options)?);
        Ok(calls::Call::new(OpenCall { driver, stop: Cell::default() }))
    }

    fn next(&self, wait_ms: Option<u32>) -> calls::Event {
        let _running = Running::begin();
        match self.driver.borrow_mut().next(wait_ms.map(Duration::from_millis), &self.stop) {
            Event::Ended(ended) => calls::Event::Ended(batches(ended)),
            Event::Waiting(progress) => calls::Event::Waiting(progress.into()),
            Event::Over(cause) => calls::Event::Over(cause.map(Into::into)),
        }
    }

    fn stop(&self, grace_ms: Option<u32>) {
        let stop = Stop { asked: transport::now(), grace: grace_ms.map_or(GRACE, Duration::from_millis) };
        let earlier = self.stop.take();
        self.stop.set(Some(earlier.map_or(stop, |earlier| earlier.shortened(stop))));
    }

    fn report(&self) -> Vec<actions::Batch> {
        let _running = Running::begin();
        batches(self.driver.borrow().report())
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let _running = Running::begin();
    }
}

fn batches(batches: Vec<entra_risk_engine::contract::report::Batch>) -> Vec<actions::Batch> {
    batches.into_iter().map(Into::into).collect()
}

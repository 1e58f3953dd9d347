//! The export of the component: the resource of `queries`.

use std::cell::RefCell;

use entra_risk_engine::time::Duration;
use entra_risk_transport::Running;

use crate::Reader;
use crate::bindings::exports::entra::risk::queries;
use crate::driver::{Driver, Event};

/// A query that its caller drives.
pub(crate) struct OpenQuery(RefCell<Driver>);

impl queries::Guest for Reader {
    type Query = OpenQuery;
}

impl queries::GuestQuery for OpenQuery {
    fn start(
        collection: queries::Collection,
        filter: Option<String>,
        options: Option<queries::Options>,
    ) -> Result<queries::Query, String> {
        let _running = Running::begin();
        let options = options.map(Into::into).unwrap_or_default();
        Driver::start(collection.into(), filter, options).map(|driver| queries::Query::new(OpenQuery(driver.into())))
    }

    fn next(&self, wait_ms: Option<u32>) -> queries::Event {
        let _running = Running::begin();
        match self.0.borrow_mut().next(wait_ms.map(Duration::from_millis)) {
            Event::Page(entries) => queries::Event::Page(entries.into_iter().map(Into::into).collect()),
            Event::Waiting(progress) => queries::Event::Waiting(progress.into()),
            Event::Over(cause) => queries::Event::Over(cause.map(Into::into)),
        }
    }
}

impl Drop for OpenQuery {
    fn drop(&mut self) {
        let _running = Running::begin();
    }
}

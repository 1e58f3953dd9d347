//! What must hold in every report of a call: batches, errors, and the events that led to them.

use std::collections::HashMap;

use crate::bindings::actions::{Batch, Error, Outcome};
use crate::bindings::calls::Event;
use crate::plugin::Driven;

impl Driven {
    /// Checks that each id is in one `ended` event, with the outcome that the report has.
    pub(crate) fn check(&self) {
        let mut ended = HashMap::new();
        for (_, event) in &self.events {
            let Event::Ended(batches) = event else { continue };
            assert!(!batches.is_empty(), "an empty event: {:#?}", self.events);
            for batch in batches {
                batch.check();
                for id in &batch.ids {
                    assert!(ended.insert(id, batch).is_none(), "{id} ended twice: {:#?}", self.events);
                }
            }
        }
        for batch in &self.report {
            for id in &batch.ids {
                let event = ended.remove(id).unwrap_or_else(|| panic!("{id} is only in the report"));
                assert_eq!(
                    &Batch { ids: batch.ids.clone(), ..event.clone() },
                    batch,
                    "the report differs from the event"
                );
            }
        }
        assert!(ended.is_empty(), "the report lacks {:?}", ended.keys());
    }
}

impl Batch {
    /// Checks that it has a receipt if it was accepted, and an error otherwise, and the length of
    /// its texts.
    pub(crate) fn check(&self) {
        let is_accepted = self.outcome == Outcome::Accepted;
        assert!(!self.ids.is_empty(), "a batch without ids: {self:?}");
        assert_eq!((self.receipt.is_some(), self.error.is_some()), (is_accepted, !is_accepted), "{self:?}");
        if let Some(error) = &self.error {
            error.check();
        }
        if let Some(receipt) = &self.receipt {
            let texts = [&receipt.request_id, &Some(receipt.client_request_id.clone()), &receipt.date];
            assert!(texts.into_iter().flatten().all(|text| text.len() <= MAX_TEXT_BYTES), "{self:?}");
        }
    }
}

impl Error {
    /// Checks the length of its texts.
    pub(crate) fn check(&self) {
        assert!((1..=MAX_MESSAGE_BYTES).contains(&self.message.len()), "{self:?}");
        if let Some(response) = &self.response {
            let texts = [
                &Some(response.code.clone()),
                &response.request_id,
                &Some(response.client_request_id.clone()),
                &response.date,
            ];
            assert!(texts.into_iter().flatten().all(|text| text.len() <= MAX_TEXT_BYTES), "{self:?}");
            assert!(response.message.len() <= MAX_MESSAGE_BYTES, "{self:?}");
        }
    }
}

/// The maximum length of a message.
const MAX_MESSAGE_BYTES: usize = 512;

/// The maximum length of any other text from outside.
const MAX_TEXT_BYTES: usize = 128;

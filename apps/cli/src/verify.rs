//! `--verify`: reads a list again and again until it shows that an action has taken effect.

use entra_risk_common::json::to_json;
use entra_risk_common::{Action, actions};
use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::id::Id;
use entra_risk_engine::contract::verification::{Status, Verification, Verifier};
use entra_risk_engine::time::{Duration, Instant};
use serde::Serialize;

use crate::bindings::entra::risk::queries::ErrorKind;
use crate::reading::{Unread, read};
use crate::status::StatusLine;
use crate::stdio::{now, sleep_until};

/// What is awaited.
pub(crate) struct Awaited<'a> {
    pub(crate) action: &'static Action,
    /// How long it is awaited.
    pub(crate) time_ms: u32,
    /// The options with which requests are sent.
    pub(crate) options: actions::Options,
    pub(crate) line: &'a StatusLine,
}

/// What accepted ids have become.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verified<'a> {
    /// In the state that the action leads to.
    pub(crate) done: Vec<&'a str>,
    /// Microsoft Graph says that it is still processing the risk, or only the latest list lacks an
    /// id that is to be dismissed.
    pub(crate) processing: Vec<&'a str>,
    /// Their state has not changed.
    pub(crate) unchanged: Vec<&'a str>,
    /// Why the list could not be read again. Then nothing is known of the ids that are not done.
    pub(crate) error: Option<String>,
    /// It could not be read for lack of token, permission or connection.
    #[serde(skip)]
    pub(crate) is_barred: bool,
}

/// The time in milliseconds that the last reading may take longer than the one before.
const LATE_MS: u32 = 10_000;

impl Awaited<'_> {
    /// Awaits the state of these ids. None: Microsoft Graph does not list what the action acts on.
    pub(crate) fn verify<'a>(&self, ids: &[&'a str]) -> Option<Verified<'a>> {
        let verification = Verification::of(self.action.definition)?;
        let collection = Collection::named(verification.collection)?;
        let parsed: Vec<Id> = ids.iter().filter_map(|id| Id::parse(id)).collect();
        let start = instant();
        let mut verifier = Verifier::new(verification, &parsed, Duration::from_millis(self.time_ms), start);
        let (mut verified, mut is_read) = (Verified::default(), false);
        while let Some(next) = verifier.next() {
            sleep_until(std::time::Duration::from_nanos(next.as_nanos()));
            let now = instant();
            let left = self.time_ms.saturating_sub(now.since(start).as_millis());
            let options = actions::Options { deadline_ms: Some(left.saturating_add(LATE_MS)), ..self.options.clone() };
            verifier.begin(now);
            let reading = read(collection, Some(verification.filter), &options, self.line, |entries| {
                entries.iter().for_each(|entry| verifier.saw(&entry.id, entry.processing));
                Ok(())
            });
            match reading {
                Ok(()) => verifier.end(instant()),
                // The time is over.
                Err(Unread::Query(error)) if is_read && error.kind == ErrorKind::DeadlineExceeded => break,
                Err(unread) => {
                    verified.is_barred = !is_read && unread.is_barred();
                    verified.error = Some(unread.message(collection));
                    break;
                }
            }
            is_read = true;
            self.line.show(|| format!("verifying: {} of {} ids left", verifier.left(), ids.len()));
        }
        self.line.clear();
        for (text, id) in ids.iter().zip(&parsed) {
            let list = match verifier.status(id) {
                Status::Done => &mut verified.done,
                _ if verified.error.is_some() => continue,
                Status::Processing => &mut verified.processing,
                Status::Unchanged => &mut verified.unchanged,
            };
            list.push(text);
        }
        Some(verified)
    }
}

impl Verified<'_> {
    /// Whether every id is in the state that the action leads to.
    pub(crate) fn is_done(&self) -> bool {
        self.processing.is_empty() && self.unchanged.is_empty() && self.error.is_none()
    }

    /// The ids by what they have become, with its name in logs.
    pub(crate) fn lists(&self) -> [(&'static str, &[&str]); 3] {
        [("done", &self.done), ("processing", &self.processing), ("unchanged", &self.unchanged)]
    }

    /// What accepted ids have become, as JSON.
    pub(crate) fn json(&self) -> String {
        to_json(self)
    }
}

fn instant() -> Instant {
    Instant::from_nanos(now().as_nanos().try_into().unwrap_or(u64::MAX))
}

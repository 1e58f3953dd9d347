//! Reading a list of the reader to its end.

use entra_risk_common::actions::{Cloud, Options};
use entra_risk_engine::contract::collection::Collection;

use crate::bindings::entra::risk::queries::{self, Entry, Error, ErrorKind, Event, Query};
use crate::package::Package;
use crate::status::StatusLine;
use crate::{Failure, is_barred};

/// The longest time in milliseconds until the status line changes.
const WAIT_MS: u32 = 1_000;

/// Why a list was not read to its end.
pub(crate) enum Unread {
    /// An argument is not valid.
    Argument(String),
    /// What to do with a page failed.
    Output(String),
    /// What ended the query.
    Query(Error),
}

/// Reads a list. `on_page` is called with the entries of each page.
pub(crate) fn read(
    collection: &Collection,
    filter: Option<&str>,
    options: &Options,
    line: &StatusLine,
    mut on_page: impl FnMut(Vec<Entry>) -> Result<(), String>,
) -> Result<(), Unread> {
    let query = Query::start(case(collection), filter, Some(&of_reader(options))).map_err(Unread::Argument)?;
    let package = Package::of_environment();
    let mut count = 0_usize;
    let read = loop {
        let trouble = match query.next(Some(WAIT_MS)) {
            Event::Page(entries) => {
                count = count.saturating_add(entries.len());
                if let Err(message) = on_page(entries) {
                    break Err(Unread::Output(message));
                }
                None
            }
            Event::Waiting(progress) => progress.error.map(|error| package.corrected(error)),
            Event::Over(None) => break Ok(()),
            Event::Over(Some(error)) => break Err(Unread::Query(package.corrected(error))),
        };
        let trouble = trouble.map(|error| format!(", trying again: {}", name(error.kind))).unwrap_or_default();
        line.show(|| format!("reading {}: {count}{trouble}", collection.name));
    };
    line.clear();
    read
}

impl Unread {
    /// Why nothing can be done without the list.
    pub(crate) fn failure(self, collection: &Collection) -> Failure {
        match self {
            Unread::Argument(message) => Failure::usage(message),
            Unread::Output(message) => Failure::Output(message),
            Unread::Query(_) => Failure::Unread { message: self.message(collection), is_barred: self.is_barred() },
        }
    }

    /// Whether a token, a permission or the connection is missing.
    pub(crate) fn is_barred(&self) -> bool {
        let Unread::Query(error) = self else { return false };
        is_barred(name(error.kind), error.response.as_ref().map(|response| response.status))
    }

    /// Why the list was not read, for people.
    pub(crate) fn message(&self, collection: &Collection) -> String {
        let error = match self {
            Unread::Argument(message) | Unread::Output(message) => return message.clone(),
            Unread::Query(error) => error,
        };
        let separator = if error.response.is_some() { ", HTTP " } else { ": " };
        let permissions = collection.permissions.join(" and ");
        let step = match error.kind {
            ErrorKind::Forbidden => {
                format!(
                    ". Reading needs {permissions}: grant it and run again; entra-risk --check says what the token permits"
                )
            }
            _ => String::new(),
        };
        let (list, kind) = (collection.name, name(error.kind));
        format!("the list of {list} was not read to its end: {kind}{separator}{}{step}", error.message)
    }
}

fn case(collection: &Collection) -> queries::Collection {
    match collection.name {
        "sign-ins" => queries::Collection::SignIns,
        "risky-service-principals" => queries::Collection::RiskyServicePrincipals,
        _ => queries::Collection::RiskyUsers,
    }
}

/// The options of a call as those of a query. Versions are those of actions.
fn of_reader(options: &Options) -> queries::Options {
    let rate_limit = options.rate_limit.as_ref();
    queries::Options {
        tenant: options.tenant.clone(),
        cloud: options.cloud.map(|cloud| match cloud {
            Cloud::Global => queries::Cloud::Global,
            Cloud::UsGovL4 => queries::Cloud::UsGovL4,
            Cloud::UsGovL5 => queries::Cloud::UsGovL5,
            Cloud::China => queries::Cloud::China,
        }),
        endpoint: options.endpoint.clone(),
        audience: options.audience.clone(),
        api_version: None,
        page_size: None,
        max_attempts: options.max_attempts,
        attempt_timeout_ms: options.attempt_timeout_ms,
        deadline_ms: options.deadline_ms,
        patience_ms: options.patience_ms,
        rate_limit: rate_limit.map(|limit| queries::RateLimit { requests: limit.requests, window_ms: limit.window_ms }),
    }
}

/// The name of a kind in the contract.
fn name(kind: ErrorKind) -> &'static str {
    KINDS.get(kind as usize).copied().unwrap_or_default()
}

/// The names of the kinds, in the order of the contract.
const KINDS: [&str; ErrorKind::Other as usize + 1] = [
    "no-token",
    "denied-by-host",
    "unauthenticated",
    "forbidden",
    "client-error",
    "throttled",
    "server-error",
    "unexpected-status",
    "unreachable",
    "no-response",
    "deadline-exceeded",
    "other",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_its_name() {
        let kinds = [ErrorKind::NoToken, ErrorKind::Forbidden, ErrorKind::Unreachable, ErrorKind::Other];
        assert_eq!(kinds.map(name), ["no-token", "forbidden", "unreachable", "other"]);
    }
}

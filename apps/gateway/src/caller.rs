//! A caller with a valid key: what it may send, and performing its actions. Every way to call the
//! gateway passes through here.

use entra_risk_common::actions::{ApiVersion, Batch, Options};
use entra_risk_common::calls::{Call, Event};
use entra_risk_common::json::Counts;
use entra_risk_common::{Action, perform};

use crate::audit::Audit;
use crate::bindings::wasi::http::types::IncomingRequest;
use crate::body::Body;
use crate::key::{Key, Sent};
use crate::response::Response;
use crate::settings::Settings;
use crate::{capacity, http, log, reason};

/// The longest time in milliseconds of one wait for the plugin. Hosts that link the two at run time
/// end a function of the plugin that takes too long; wasmCloud does so after 30 s.
pub(crate) const WAIT_MS: u32 = 1_000;

/// A caller with a valid key, and its request.
pub(crate) struct Caller<'a> {
    /// The request.
    pub(crate) request: &'a IncomingRequest,
    /// The settings of the gateway.
    pub(crate) settings: &'a Settings,
    /// The key of the caller.
    pub(crate) key: &'a Key,
    /// What the caller sent as its key.
    pub(crate) sent: Option<&'a Sent<'a>>,
}

impl Caller<'_> {
    /// Whether the caller may perform the action on any ids at all.
    pub(crate) fn permits(&self, action: &Action) -> bool {
        self.key.permits(action, self.settings.protection.is_some())
    }

    /// The options of a call with this version of Microsoft Graph.
    pub(crate) fn options(&self, api_version: Option<ApiVersion>) -> Options {
        Options { api_version, ..self.settings.options.clone() }
    }

    /// Checks the reason, and whether the caller may send these ids for this action: none may be
    /// protected, and they must not be too many. The error is the response.
    pub(crate) fn admit(
        &self,
        audit: &mut Audit<'_>,
        action: &Action,
        body: &Body,
        is_streamed: bool,
    ) -> Result<(), Response> {
        let header = http::header(self.request, "x-reason");
        audit.reason = reason::choose(&header, body.reason.as_deref(), &self.settings.keys, self.sent)?;
        if self.settings.requires_reason && audit.reason.is_none() {
            return Err(reason::required());
        }
        if let Some(protection) = &self.settings.protection {
            audit.protected_ids = protection.find(action, &body.ids).map_err(|problem| {
                let problems = [problem];
                log::write_problems_once(&problems);
                Response::misconfigured(&problems)
            })?;
            if !audit.protected_ids.is_empty() {
                return Err(Response::protected(&audit.protected_ids));
            }
        }
        capacity::check(action, &self.settings.options, self.key.max_ids, is_streamed, &body.ids)
    }
}

/// Logs that a call with these ids starts. The error is the response if that is not possible.
pub(crate) fn record_start(audit: &Audit<'_>, ids: &[String]) -> Result<(), Response> {
    match ids.is_empty() || log::write(audit.started(&log::time(), ids)) {
        true => Ok(()),
        false => Err(Response::log_not_writable()),
    }
}

/// Performs an action whose start is logged, and returns the response, which reports every outcome.
pub(crate) fn report(
    audit: &mut Audit<'_>,
    action: &Action,
    ids: &[String],
    options: &Options,
    is_strict: bool,
) -> Response {
    let report = perform(action, ids, options, Some(WAIT_MS), |call, event| {
        if let Event::Ended(batches) = event {
            record(audit, call, batches, &mut |_| {});
        }
    });
    let response = Response::report(action, &report, is_strict);
    audit.result = Some((Counts::from(&report), report.cause));
    response
}

/// Logs the batches that have ended, and passes each line on. If a line cannot be written, the call
/// sends nothing more.
pub(crate) fn record(audit: &Audit<'_>, call: &Call, batches: &[Batch], pass_on: &mut dyn FnMut(&str)) {
    let mut is_logged = true;
    for line in audit.batches(&log::time(), batches) {
        if is_logged && !log::write([line.clone()]) {
            is_logged = false;
            call.stop(None);
        }
        pass_on(&line);
    }
}

//! The options of a call.

use std::fmt;
use std::time::Duration;

use entra_risk_engine::contract::arguments;
use entra_risk_engine::contract::id::Id;

use crate::{Action, Settings};

/// A version of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// `v1.0`
    V1,
    /// `beta`
    Beta,
}

/// At most `requests` requests are sent in any period of `window`. Retries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// How many requests may be sent in a window: 1 to 100,000.
    pub requests: u32,
    /// The length of the window: at least a millisecond.
    pub window: Duration,
}

/// How an action is performed. `None` is the default stated with each field. A value out of range
/// is an [`InvalidArgument`]. Durations are rounded up to milliseconds, and those beyond 49 days
/// down to that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its
    /// GUID. It is passed to the token source, and each tenant has a rate limit of its own. It does
    /// not change the request. Default: none; calls without a tenant share one rate limit.
    pub tenant: Option<String>,
    /// The version of Microsoft Graph. Default: `Beta` to confirm sign-ins and for agents, which
    /// exist in no other version; `V1` for all others.
    pub api_version: Option<ApiVersion>,
    /// Maximum ids in a request: 1 to 10,000 for sign-ins, 1 to 60 for all others. Default: 60.
    pub ids_per_request: Option<u32>,
    /// Maximum concurrent requests of the call: 1 to 32. Default: 4.
    pub max_in_flight: Option<u32>,
    /// Maximum attempts for the same ids: 1 to 10. Attempts that meet a 429 do not count, nor do
    /// those that are repeated with a fresh token. Default: 4.
    pub max_attempts: Option<u32>,
    /// The maximum time from sending a request to the end of its response: 1 ms to 10 minutes.
    /// Default: 30 s.
    pub attempt_timeout: Option<Duration>,
    /// The maximum time for the whole call, at least 1 ms. Time spent waiting for a free instance
    /// does not count. A token source that does not return can hold a call longer. Default: no
    /// deadline.
    pub deadline: Option<Duration>,
    /// The longest time from a failure to the next acceptance, at least 1 ms: after that, the call
    /// ends with its last error. Default: 3 minutes.
    pub patience: Option<Duration>,
    /// Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default:
    /// `true`.
    pub isolate_refused: Option<bool>,
    /// The rate limit to keep. Default: the documented one, which is 5 requests in 10 s for
    /// sign-ins and 1 request in 1 s for users. None is documented for service principals and
    /// agents: they share that of users.
    pub rate_limit: Option<RateLimit>,
}

/// An argument is not as documented; nothing was sent and no token was requested. The text names
/// the argument, its position and value, and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidArgument(String);

impl Options {
    /// Checks the arguments of a call in the same way as the plugin. Returns the distinct ids, in
    /// the order given.
    pub(crate) fn check(
        &self,
        action: Action,
        ids: &[String],
        settings: &Settings,
    ) -> Result<Vec<Id>, InvalidArgument> {
        let ids = InvalidArgument::check_ids(ids)?;
        arguments::ResolvedOptions::parse(action.definition(), self.with(settings))
            .map_err(|text| InvalidArgument::new(&text))?;
        Ok(ids)
    }
}

impl InvalidArgument {
    /// Returns the distinct ids, in the order given.
    pub(crate) fn check_ids(ids: &[String]) -> Result<Vec<Id>, InvalidArgument> {
        arguments::distinct_ids("ids", ids).map_err(|text| InvalidArgument::new(&text))
    }

    /// Spells the argument in a message of the engine as in Rust: `options.deadline-ms: 0: …` as
    /// `deadline: 0 ms: …`.
    pub(crate) fn new(text: &str) -> InvalidArgument {
        let (argument, rest) = text.split_once(": ").unwrap_or(("", text));
        let argument = argument.strip_prefix("options.").unwrap_or(argument).replace('-', "_");
        InvalidArgument(match argument.strip_suffix("_ms") {
            Some(argument) => format!("{argument}: {} ms", rest.replacen(": ", " ms: ", 1)),
            None => format!("{argument}: {rest}"),
        })
    }
}

impl fmt::Display for InvalidArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidArgument {}

//! The options of a list and of a verification.

use std::time::Duration;

use entra_risk_engine::contract::arguments;
use entra_risk_engine::contract::collection::Collection;

use crate::{ApiVersion, InvalidArgument, Options, RateLimit, Settings};

/// What is listed, and how. `None` is the default stated with each field. A value out of range is
/// an [`InvalidArgument`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// The OData filter, such as `riskState eq 'atRisk' and riskLevel eq 'high'`: 1 to 8,192 bytes
    /// of printable text, not encoded. Microsoft Graph checks the rest. Default: every user or
    /// service principal, also those without a risk that remains, and the sign-ins with a risk.
    pub filter: Option<String>,
    /// Names the tenant to read from: 1 to 256 visible ASCII characters, such as its GUID. It is
    /// passed to the token source, and each tenant has a rate limit of its own. Default: none.
    pub tenant: Option<String>,
    /// The version of Microsoft Graph. Default: `V1`.
    pub api_version: Option<ApiVersion>,
    /// Maximum entries in a page: 1 to 500, for sign-ins 1 to 1,000. Default: the maximum.
    pub page_size: Option<u32>,
    /// Maximum attempts for the same page: 1 to 10. Attempts that meet a 429 do not count, nor do
    /// those that are repeated with a fresh token. Default: 10.
    pub max_attempts: Option<u32>,
    /// The maximum time from sending a request to the end of its response: 1 ms to 10 minutes.
    /// Default: 30 s.
    pub attempt_timeout: Option<Duration>,
    /// The maximum time for the whole list, at least 1 ms. Default: no deadline.
    pub deadline: Option<Duration>,
    /// The longest time from a failure to the next page, at least 1 ms: after that, the list ends
    /// with its last error. Default: 3 minutes.
    pub patience: Option<Duration>,
    /// The rate limit to keep. Default: the documented one, which is 5 requests in 10 s for
    /// sign-ins and 1 request in 1 s for all others.
    pub rate_limit: Option<RateLimit>,
}

/// How an action is verified. `None` is the default stated with each field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// How long to wait for the states to change. Default: 5 minutes.
    pub time: Option<Duration>,
    /// How lists are read. The filter is that of the verification.
    pub list: ListOptions,
}

impl ListOptions {
    /// Checks the arguments of a list in the same way as the reader.
    pub(crate) fn check(&self, collection: &Collection, settings: &Settings) -> Result<(), InvalidArgument> {
        arguments::ResolvedOptions::of_query(collection, self.with(settings))
            .and(self.filter.clone().map(arguments::filter).transpose())
            .map(drop)
            .map_err(|text| InvalidArgument::new(&text))
    }

    /// Combines the options of a list with the settings that apply to every list.
    pub(crate) fn with(&self, settings: &Settings) -> arguments::Options {
        let ListOptions { tenant, api_version, page_size, max_attempts, .. } = self.clone();
        let ListOptions { attempt_timeout, deadline, patience, rate_limit, .. } = *self;
        let ids_per_request = page_size;
        let common = Options { tenant, api_version, ids_per_request, max_attempts, ..Options::default() };
        Options { attempt_timeout, deadline, patience, rate_limit, ..common }.with(settings)
    }
}

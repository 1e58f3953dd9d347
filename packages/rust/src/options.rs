//! How a call is performed.

use entra_risk_engine::action::Cloud as GraphCloud;

/// A national cloud. It determines the address of the requests and the audience of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cloud {
    /// `https://graph.microsoft.com`; also US Government Community Cloud (GCC).
    #[default]
    Global,
    /// `https://graph.microsoft.us`: US Government L4 (GCC High).
    UsGovL4,
    /// `https://dod-graph.microsoft.us`: US Government L5 (DoD).
    UsGovL5,
    /// `https://microsoftgraph.chinacloudapi.cn`: China, operated by 21Vianet.
    China,
}

/// A version of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// `v1.0`
    V1,
    /// `beta`
    Beta,
}

/// At most `requests` requests are sent in any period of `window_ms`. Retries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Requests in a window: at least 1.
    pub requests: u32,
    /// Length of the window in milliseconds: at least 1.
    pub window_ms: u32,
}

/// How an action is performed. `None` is the default stated with each field. A value out of range is
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its GUID. It is passed to the
    /// token source, and each tenant has a rate limit of its own. It does not change the request. Default: none; calls
    /// without a tenant share one rate limit.
    pub tenant: Option<String>,
    /// The version of Microsoft Graph. Default: `V1` to dismiss, `Beta` to confirm.
    pub api_version: Option<ApiVersion>,
    /// Maximum ids in a request: 1 to 60 for users, 1 to 10 000 for sign-ins. Default: 60.
    pub ids_per_request: Option<u32>,
    /// Maximum concurrent requests: 1 to 32. Default: 4.
    pub max_in_flight: Option<u32>,
    /// Maximum attempts for the same ids: 1 to 10. Attempts answered with 429 do not count, nor those repeated with a
    /// fresh token. Default: 4.
    pub max_attempts: Option<u32>,
    /// Milliseconds from sending a request to the end of its response: 1 to 600 000. Default: 100 000.
    pub attempt_timeout_ms: Option<u32>,
    /// Milliseconds for the whole call, at least 1. Time spent waiting for another call of the same tenant, or for a free
    /// instance, does not count. A token source that does not return can hold a call longer. Default: no deadline.
    pub deadline_ms: Option<u32>,
    /// Longest time in milliseconds from a failure to the next acceptance, at least 1: then the call ends with its last
    /// error. Default: 180 000.
    pub patience_ms: Option<u32>,
    /// Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default: `true`.
    pub isolate_refused: Option<bool>,
    /// The rate limit to keep. Default: the documented one, 1 request in 1 000 ms for users and 5 in 10 000 ms for
    /// sign-ins.
    pub rate_limit: Option<RateLimit>,
}

impl Cloud {
    /// The root of its Microsoft Graph.
    pub(crate) fn graph_root(self) -> &'static str {
        match self {
            Cloud::Global => GraphCloud::Global,
            Cloud::UsGovL4 => GraphCloud::UsGovL4,
            Cloud::UsGovL5 => GraphCloud::UsGovL5,
            Cloud::China => GraphCloud::China,
        }
        .graph_root()
    }
}

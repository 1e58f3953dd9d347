//! The four actions as data: what differs between them, and nothing else does.

use crate::bindings::exports::entra::risk::actions::{ApiVersion, Pace};

/// An action of Microsoft Graph on a list of ids.
pub struct Action {
    /// The path of the request, after the version.
    pub path: &'static str,
    /// The only member of the request's body: an array of ids.
    pub id_field: &'static str,
    /// The name of the parameter that holds the ids, as the contract spells it.
    pub ids_parameter: &'static str,
    /// The version of Microsoft Graph where the caller names none.
    pub api_version: ApiVersion,
    /// The most ids that a request may have.
    pub max_ids_per_request: u32,
    /// The limit of the service that its requests count against.
    pub service_limit: ServiceLimit,
}

/// A documented limit of the service: one bucket, whichever action fills it.
///
/// Source: <https://learn.microsoft.com/graph/throttling-limits>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceLimit {
    /// Identity and access reports: 5 requests in 10 seconds, for an app and a tenant.
    SignIns,
    /// Identity protection: 1 request in a second for a tenant, over all apps.
    RiskyUsers,
}

impl ServiceLimit {
    /// The limit in numbers.
    pub fn pace(self) -> Pace {
        match self {
            ServiceLimit::SignIns => Pace { requests: 5, window_ms: 10_000 },
            ServiceLimit::RiskyUsers => Pace { requests: 1, window_ms: 1_000 },
        }
    }
}

/// `signIn: dismiss`.
pub static DISMISS_SIGN_INS: Action = Action {
    path: "/auditLogs/signIns/dismiss",
    id_field: "requestIds",
    ids_parameter: "request-ids",
    api_version: ApiVersion::V1,
    max_ids_per_request: SIGN_INS_PER_REQUEST,
    service_limit: ServiceLimit::SignIns,
};

/// `signIn: confirmSafe`.
pub static CONFIRM_SIGN_INS_SAFE: Action = Action {
    path: "/auditLogs/signIns/confirmSafe",
    id_field: "requestIds",
    ids_parameter: "request-ids",
    api_version: ApiVersion::Beta,
    max_ids_per_request: SIGN_INS_PER_REQUEST,
    service_limit: ServiceLimit::SignIns,
};

/// `signIn: confirmCompromised`.
pub static CONFIRM_SIGN_INS_COMPROMISED: Action = Action {
    path: "/auditLogs/signIns/confirmCompromised",
    id_field: "requestIds",
    ids_parameter: "request-ids",
    api_version: ApiVersion::Beta,
    max_ids_per_request: SIGN_INS_PER_REQUEST,
    service_limit: ServiceLimit::SignIns,
};

/// `riskyUser: dismiss`.
pub static DISMISS_RISKY_USERS: Action = Action {
    path: "/identityProtection/riskyUsers/dismiss",
    id_field: "userIds",
    ids_parameter: "user-ids",
    api_version: ApiVersion::V1,
    max_ids_per_request: USERS_PER_REQUEST,
    service_limit: ServiceLimit::RiskyUsers,
};

/// No limit is documented for sign-ins; this many make a body of 390 kB, well below the 4 MB of a request.
const SIGN_INS_PER_REQUEST: u32 = 10_000;

/// Source: <https://learn.microsoft.com/graph/api/riskyuser-dismiss?view=graph-rest-beta>.
const USERS_PER_REQUEST: u32 = 60;

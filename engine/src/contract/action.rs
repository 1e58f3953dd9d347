//! The actions, the clouds and the service limits as data.

use crate::time::Duration;

/// An action of Microsoft Graph on a list of ids.
#[derive(Debug)]
pub struct Action {
    /// The name of the action in the contract, such as `dismiss-risky-users`.
    pub name: &'static str,
    /// Path of the request, after the version.
    pub path: &'static str,
    /// The name of the only member of the request's body, an array of ids.
    pub id_field: &'static str,
    /// The parameter for the ids, if `actions` has a function for the action. `start` of `calls`
    /// names it `ids`.
    pub ids_parameter: &'static str,
    /// The version of Microsoft Graph unless the caller names one.
    pub api_version: ApiVersion,
    /// The most ids in a request.
    pub max_ids_per_request: u32,
    /// The limit that its requests count against.
    pub limit: ServiceLimit,
    /// The permission that an application needs.
    pub application_permission: &'static str,
    /// The permission that an app needs on behalf of a person, who needs a role too.
    pub delegated_permission: &'static str,
}

/// Every action, in the order of the contract: the four functions of `actions` first.
pub static ACTIONS: [Action; 11] = [
    DISMISS_SIGN_INS,
    Action {
        name: "confirm-sign-ins-safe",
        path: "/auditLogs/signIns/confirmSafe",
        api_version: ApiVersion::Beta,
        ..DISMISS_SIGN_INS
    },
    Action {
        name: "confirm-sign-ins-compromised",
        path: "/auditLogs/signIns/confirmCompromised",
        api_version: ApiVersion::Beta,
        ..DISMISS_SIGN_INS
    },
    DISMISS_RISKY_USERS,
    Action {
        name: "confirm-risky-users-safe",
        path: "/identityProtection/riskyUsers/confirmSafe",
        ..DISMISS_RISKY_USERS
    },
    Action {
        name: "confirm-risky-users-compromised",
        path: "/identityProtection/riskyUsers/confirmCompromised",
        ..DISMISS_RISKY_USERS
    },
    DISMISS_RISKY_SERVICE_PRINCIPALS,
    Action {
        name: "confirm-risky-service-principals-compromised",
        path: "/identityProtection/riskyServicePrincipals/confirmCompromised",
        ..DISMISS_RISKY_SERVICE_PRINCIPALS
    },
    DISMISS_RISKY_AGENTS,
    Action {
        name: "confirm-risky-agents-safe",
        path: "/identityProtection/riskyAgents/confirmSafe",
        ..DISMISS_RISKY_AGENTS
    },
    Action {
        name: "confirm-risky-agents-compromised",
        path: "/identityProtection/riskyAgents/confirmCompromised",
        ..DISMISS_RISKY_AGENTS
    },
];

const DISMISS_SIGN_INS: Action = Action {
    name: "dismiss-sign-ins",
    path: "/auditLogs/signIns/dismiss",
    id_field: "requestIds",
    ids_parameter: "request-ids",
    api_version: ApiVersion::V1,
    max_ids_per_request: SIGN_INS_PER_REQUEST,
    limit: ServiceLimit::SignIns,
    application_permission: "IdentityRiskEvent.ReadWrite.All",
    delegated_permission: "IdentityRiskyUser.ReadWrite.All",
};

const DISMISS_RISKY_USERS: Action = Action {
    name: "dismiss-risky-users",
    path: "/identityProtection/riskyUsers/dismiss",
    id_field: "userIds",
    ids_parameter: "user-ids",
    api_version: ApiVersion::V1,
    max_ids_per_request: USERS_PER_REQUEST,
    limit: ServiceLimit::RiskyUsers,
    application_permission: "IdentityRiskyUser.ReadWrite.All",
    delegated_permission: "IdentityRiskyUser.ReadWrite.All",
};

const DISMISS_RISKY_SERVICE_PRINCIPALS: Action = Action {
    name: "dismiss-risky-service-principals",
    path: "/identityProtection/riskyServicePrincipals/dismiss",
    id_field: "servicePrincipalIds",
    ids_parameter: "ids",
    application_permission: "IdentityRiskyServicePrincipal.ReadWrite.All",
    delegated_permission: "IdentityRiskyServicePrincipal.ReadWrite.All",
    ..DISMISS_RISKY_USERS
};

/// Agents have the maximum and the limit of users, because none are documented for them.
const DISMISS_RISKY_AGENTS: Action = Action {
    name: "dismiss-risky-agents",
    path: "/identityProtection/riskyAgents/dismiss",
    id_field: "agentIds",
    ids_parameter: "ids",
    api_version: ApiVersion::Beta,
    application_permission: "IdentityRiskyAgent.ReadWrite.All",
    delegated_permission: "IdentityRiskyAgent.ReadWrite.All",
    ..DISMISS_RISKY_USERS
};

impl Action {
    /// The action with this name, such as `dismiss-risky-users`.
    pub fn named(name: &str) -> Option<&'static Action> {
        ACTIONS.iter().find(|action| action.name == name)
    }
}

/// No maximum is documented for sign-ins. This many ids make a body of 390 kB, well below the 4 MB
/// that a request may have.
const SIGN_INS_PER_REQUEST: u32 = 10_000;

/// Source: <https://learn.microsoft.com/graph/api/riskyuser-dismiss?view=graph-rest-beta>.
const USERS_PER_REQUEST: u32 = 60;

/// The most ids in a request unless the caller chooses: the documented maximum for users.
pub const DEFAULT_IDS_PER_REQUEST: u32 = USERS_PER_REQUEST;

/// The most concurrent requests unless the caller chooses.
pub const DEFAULT_MAX_IN_FLIGHT: u32 = 4;

/// The most attempts for the same ids unless the caller chooses.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 4;

/// Milliseconds from sending a request to the end of its response unless the caller chooses. Two
/// attempts fit into the patience.
pub const DEFAULT_ATTEMPT_TIMEOUT_MS: u32 = 30_000;

/// The longest time in milliseconds from a failure to the next acceptance unless the caller
/// chooses.
pub const DEFAULT_PATIENCE_MS: u32 = 180_000;

/// A version of Microsoft Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// `/v1.0`
    V1,
    /// `/beta`
    Beta,
}

impl ApiVersion {
    /// The first segment of the path, with its slash.
    pub fn segment(self) -> &'static str {
        match self {
            ApiVersion::V1 => "/v1.0",
            ApiVersion::Beta => "/beta",
        }
    }
}

/// A documented limit of the service. All actions that name it count against one bucket.
///
/// Source: <https://learn.microsoft.com/graph/throttling-limits>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceLimit {
    /// Identity and access reports: 5 requests in 10 seconds, per app and tenant.
    SignIns,
    /// Identity protection: 1 request per second, per tenant over all apps. Service principals and
    /// agents share it, because no limit is documented for them.
    RiskyUsers,
}

impl ServiceLimit {
    /// The documented numbers.
    pub fn rate_limit(self) -> RateLimit {
        match self {
            ServiceLimit::SignIns => RateLimit { requests: 5, window_ms: 10_000 },
            ServiceLimit::RiskyUsers => RateLimit { requests: 1, window_ms: 1_000 },
        }
    }
}

/// At most `requests` requests in any period of `window_ms` milliseconds. Both are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a window.
    pub requests: u32,
    /// Length of the window in milliseconds.
    pub window_ms: u32,
}

impl RateLimit {
    /// The length of the window.
    pub fn window(self) -> Duration {
        Duration::from_millis(self.window_ms)
    }
}

/// A national cloud.
///
/// Source: <https://learn.microsoft.com/graph/deployments>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The global service; also US Government Community Cloud (GCC).
    Global,
    /// US Government L4 (GCC High).
    UsGovL4,
    /// US Government L5 (DoD).
    UsGovL5,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Every cloud, in the order of the contract.
    pub const ALL: [Cloud; 4] = [Cloud::Global, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China];

    /// The name of the cloud in the contract, such as `global`.
    pub fn name(self) -> &'static str {
        match self {
            Cloud::Global => "global",
            Cloud::UsGovL4 => "us-gov-l4",
            Cloud::UsGovL5 => "us-gov-l5",
            Cloud::China => "china",
        }
    }

    /// The root of the cloud's Microsoft Graph, which is the audience of its tokens too.
    pub fn graph_root(self) -> &'static str {
        match self {
            Cloud::Global => "https://graph.microsoft.com",
            Cloud::UsGovL4 => "https://graph.microsoft.us",
            Cloud::UsGovL5 => "https://dod-graph.microsoft.us",
            Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The root of the cloud's token endpoint.
    pub fn token_authority(self) -> &'static str {
        match self {
            Cloud::Global => "https://login.microsoftonline.com",
            Cloud::UsGovL4 | Cloud::UsGovL5 => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
        }
    }
}

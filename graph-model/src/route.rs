//! The documented routes: of the actions, and of the lists.

use crate::Collection;

/// The route of one action.
#[derive(Debug)]
pub(crate) struct Route {
    /// The path below the version.
    path: &'static str,
    /// The versions that have it.
    versions: &'static [&'static str],
    /// Another path, in beta only.
    beta_alias: Option<&'static str>,
    /// The one field of the body.
    pub(crate) field: &'static str,
    /// The maximum of ids in a request.
    pub(crate) max_ids: Option<usize>,
    /// The limit that its requests count against.
    pub(crate) bucket: Bucket,
}

/// Requests that share a service limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bucket {
    /// Sign-ins: by app and tenant.
    SignIns,
    /// Risky users: by tenant, over all apps. No limit is documented for service principals and
    /// agents, which count here too.
    Users,
}

/// The routes, in the order of the actions.
pub(crate) static ROUTES: [Route; 11] = [
    sign_ins("auditLogs/signIns/dismiss"),
    sign_ins("auditLogs/signIns/confirmSafe"),
    sign_ins("auditLogs/signIns/confirmCompromised"),
    users("identityProtection/riskyUsers/dismiss", "riskyUsers/dismiss"),
    users("identityProtection/riskyUsers/confirmSafe", "riskyUsers/confirmSafe"),
    users("identityProtection/riskyUsers/confirmCompromised", "riskyUsers/confirmCompromised"),
    service_principals("identityProtection/riskyServicePrincipals/dismiss"),
    service_principals("identityProtection/riskyServicePrincipals/confirmCompromised"),
    agents("identityProtection/riskyAgents/dismiss"),
    agents("identityProtection/riskyAgents/confirmSafe"),
    agents("identityProtection/riskyAgents/confirmCompromised"),
];

const VERSIONS: &[&str] = &["v1.0", BETA];
const BETA: &str = "beta";

const fn sign_ins(path: &'static str) -> Route {
    let bucket = Bucket::SignIns;
    Route { path, versions: VERSIONS, beta_alias: None, field: "requestIds", max_ids: None, bucket }
}

/// The alias is the path without `identityProtection`.
const fn users(path: &'static str, alias: &'static str) -> Route {
    Route { beta_alias: Some(alias), ..identity_protection(path, "userIds") }
}

const fn service_principals(path: &'static str) -> Route {
    identity_protection(path, "servicePrincipalIds")
}

const fn agents(path: &'static str) -> Route {
    Route { versions: &[BETA], ..identity_protection(path, "agentIds") }
}

const fn identity_protection(path: &'static str, field: &'static str) -> Route {
    Route { path, versions: VERSIONS, beta_alias: None, field, max_ids: Some(60), bucket: Bucket::Users }
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// An action, by its index in [`ROUTES`].
    Action(usize),
    /// A list.
    List(Collection),
}

impl Target {
    /// The action, if it is one.
    pub(crate) fn action(self) -> Option<usize> {
        match self {
            Target::Action(index) => Some(index),
            Target::List(_) => None,
        }
    }

    /// The limit that its requests count against.
    pub(crate) fn bucket(self) -> Bucket {
        match self {
            Target::Action(index) => ROUTES[index].bucket,
            Target::List(collection) => collection.bucket(),
        }
    }
}

/// Why a path has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// The first segment is not a version of Microsoft Graph.
    Version(String),
    /// The version has no such resource; contains the first segment that it does not have.
    Segment(String),
}

/// Finds what a path such as `/v1.0/auditLogs/signIns/dismiss` names.
pub(crate) fn find(path: &str) -> Result<Target, RouteError> {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if !VERSIONS.contains(&version) {
        return Err(RouteError::Version(version.into()));
    }
    if let Some(collection) = Collection::ALL.into_iter().find(|collection| collection.path() == rest) {
        return Ok(Target::List(collection));
    }
    let mut longest = 0;
    for (index, route) in ROUTES.iter().enumerate().filter(|(_, route)| route.versions.contains(&version)) {
        let alias = route.beta_alias.filter(|_| version == BETA);
        for known in [Some(route.path), alias].into_iter().flatten() {
            if known == rest {
                return Ok(Target::Action(index));
            }
            let common = known.split('/').zip(rest.split('/')).take_while(|(known, own)| known == own);
            longest = longest.max(common.count());
        }
    }
    Err(RouteError::Segment(rest.split('/').nth(longest).unwrap_or_default().into()))
}

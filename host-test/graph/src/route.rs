//! The documented routes of the four actions.

/// The route of one action.
#[derive(Debug)]
pub(crate) struct Route {
    /// Paths below the version. The first is valid in each version, the others in beta only.
    paths: &'static [&'static str],
    /// The one field of the body.
    pub(crate) field: &'static str,
    /// The documented maximum of ids in a request.
    pub(crate) max_ids: Option<usize>,
    /// The limit that its requests count against.
    pub(crate) bucket: Bucket,
}

/// Requests that share a service limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bucket {
    /// Sign-ins: by app and tenant.
    SignIns,
    /// Risky users: by tenant, over all apps.
    Users,
}

/// The routes, in the order of the actions.
pub(crate) static ROUTES: [Route; 4] = [
    Route { paths: &["auditLogs/signIns/dismiss"], field: "requestIds", max_ids: None, bucket: Bucket::SignIns },
    Route { paths: &["auditLogs/signIns/confirmSafe"], field: "requestIds", max_ids: None, bucket: Bucket::SignIns },
    Route {
        paths: &["auditLogs/signIns/confirmCompromised"],
        field: "requestIds",
        max_ids: None,
        bucket: Bucket::SignIns,
    },
    Route {
        paths: &["identityProtection/riskyUsers/dismiss", "riskyUsers/dismiss"],
        field: "userIds",
        max_ids: Some(60),
        bucket: Bucket::Users,
    },
];

/// Why a path has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// The first segment is not a version of Microsoft Graph.
    Version(String),
    /// The version has no such resource; contains the last segment.
    Segment(String),
}

/// Finds the index in [`ROUTES`] for a path such as `/v1.0/auditLogs/signIns/dismiss`.
pub(crate) fn find(path: &str) -> Result<usize, RouteError> {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if !["v1.0", "beta"].contains(&version) {
        return Err(RouteError::Version(version.into()));
    }
    // `riskyUsers` without `identityProtection` exists in beta only.
    let known = |route: &Route| {
        route.paths.iter().enumerate().any(|(nth, known)| *known == rest && (nth == 0 || version == "beta"))
    };
    ROUTES.iter().position(known).ok_or_else(|| RouteError::Segment(rest.rsplit('/').next().unwrap_or_default().into()))
}

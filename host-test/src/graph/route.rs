//! The documented routes: the four actions as Microsoft Graph offers them, and nothing else of it.

/// An action as Microsoft Graph offers it.
#[derive(Debug)]
pub(super) struct Route {
    /// Paths below the version; the first is the documented one in each version.
    paths: &'static [&'static str],
    /// The one field of the body.
    pub(super) field: &'static str,
    /// The most ids that a request may hold, where a limit is documented.
    pub(super) most: Option<usize>,
    /// What its requests count against.
    pub(super) bucket: Bucket,
}

/// Requests that share a service limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    /// Sign-ins: by app and tenant.
    SignIns,
    /// Risky users: by tenant, for all apps.
    Users,
}

/// The routes, in the order of the actions.
pub(super) static ROUTES: [Route; 4] = [
    Route { paths: &["auditLogs/signIns/dismiss"], field: "requestIds", most: None, bucket: Bucket::SignIns },
    Route { paths: &["auditLogs/signIns/confirmSafe"], field: "requestIds", most: None, bucket: Bucket::SignIns },
    Route {
        paths: &["auditLogs/signIns/confirmCompromised"],
        field: "requestIds",
        most: None,
        bucket: Bucket::SignIns,
    },
    Route {
        paths: &["identityProtection/riskyUsers/dismiss", "riskyUsers/dismiss"],
        field: "userIds",
        most: Some(60),
        bucket: Bucket::Users,
    },
];

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// The first segment is no version of Microsoft Graph.
    Version(String),
    /// The version has no such resource: the last segment of it.
    Segment(String),
}

/// Finds the place in [`ROUTES`] that a path such as `/v1.0/auditLogs/signIns/dismiss` leads to.
pub(super) fn find(path: &str) -> Result<usize, Lost> {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if !["v1.0", "beta"].contains(&version) {
        return Err(Lost::Version(version.into()));
    }
    // `riskyUsers` without `identityProtection` is a way of beta only.
    let known = |route: &Route| {
        route.paths.iter().enumerate().any(|(nth, known)| *known == rest && (nth == 0 || version == "beta"))
    };
    ROUTES.iter().position(known).ok_or_else(|| Lost::Segment(rest.rsplit('/').next().unwrap_or_default().into()))
}

//! The options of a call: their defaults, and their values as the engine knows them.

use entra_risk_engine::contract::action::{self, DEFAULT_IDS_PER_REQUEST};

use crate::Action;
use crate::actions::{ApiVersion, Cloud, Options, RateLimit};

/// Every option absent: the plugin's defaults.
impl Default for Options {
    fn default() -> Self {
        Options {
            tenant: None,
            cloud: None,
            endpoint: None,
            audience: None,
            api_version: None,
            ids_per_request: None,
            max_in_flight: None,
            max_attempts: None,
            attempt_timeout_ms: None,
            deadline_ms: None,
            patience_ms: None,
            isolate_refused: None,
            rate_limit: None,
        }
    }
}

impl Options {
    /// The address that requests are sent to: scheme and authority.
    pub fn effective_endpoint(&self) -> &str {
        let cloud = self.cloud.unwrap_or(Cloud::Global);
        self.endpoint.as_deref().unwrap_or(action::Cloud::from(cloud).graph_root())
    }

    /// The version of Microsoft Graph in the path of the requests.
    pub fn effective_api_version(&self, action: &Action) -> action::ApiVersion {
        match self.api_version {
            None => action.definition.api_version,
            Some(ApiVersion::V1) => action::ApiVersion::V1,
            Some(ApiVersion::Beta) => action::ApiVersion::Beta,
        }
    }

    /// The maximum number of ids in a request, which is at least 1.
    pub fn effective_ids_per_request(&self) -> usize {
        self.ids_per_request.unwrap_or(DEFAULT_IDS_PER_REQUEST).max(1) as usize
    }

    /// The rate limit that the call keeps: the one given, or else the documented one of the action.
    pub fn effective_rate_limit(&self, action: &Action) -> action::RateLimit {
        match self.rate_limit {
            None => action.definition.limit.rate_limit(),
            Some(RateLimit { requests, window_ms }) => action::RateLimit { requests, window_ms },
        }
    }
}

/// Parses the name of a cloud. The error is the list of the valid names.
pub fn parse_cloud(name: &str) -> Result<Cloud, &'static str> {
    let cloud = action::Cloud::ALL.into_iter().find(|cloud| cloud.name() == name);
    cloud.map(Cloud::from).ok_or("global, us-gov-l4, us-gov-l5 or china")
}

impl From<action::Cloud> for Cloud {
    fn from(cloud: action::Cloud) -> Self {
        match cloud {
            action::Cloud::Global => Cloud::Global,
            action::Cloud::UsGovL4 => Cloud::UsGovL4,
            action::Cloud::UsGovL5 => Cloud::UsGovL5,
            action::Cloud::China => Cloud::China,
        }
    }
}

impl From<Cloud> for action::Cloud {
    fn from(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Global => action::Cloud::Global,
            Cloud::UsGovL4 => action::Cloud::UsGovL4,
            Cloud::UsGovL5 => action::Cloud::UsGovL5,
            Cloud::China => action::Cloud::China,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_found_by_its_name() {
        for cloud in action::Cloud::ALL {
            assert_eq!(parse_cloud(cloud.name()).map(action::Cloud::from), Ok(cloud));
        }
        let names = action::Cloud::ALL.map(action::Cloud::name);
        let error = parse_cloud("moon").unwrap_err();
        assert!(names.iter().all(|name| error.contains(name)), "{error}");
    }
}

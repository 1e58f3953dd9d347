//! The four actions as data: what they are called, and the request that each becomes.

use std::fmt;

use uuid::Uuid;

use crate::actions::{self, ApiVersion, Cloud, Failure, Options, Receipt};

/// What a function of the plugin returns.
pub type Answer = Result<Vec<Receipt>, Failure>;

/// An action of the plugin.
pub struct Action {
    /// The name of the plugin's function, which is that of the subcommand too.
    pub name: &'static str,
    /// The path of the request after the version.
    pub path: &'static str,
    /// The field of the request's body that holds the ids.
    pub id_field: &'static str,
    /// The version of Microsoft Graph where none is asked for.
    pub version: ApiVersion,
    /// The most ids that a request may have.
    pub max_ids_per_request: u32,
    /// The documented limit: this many requests in this many milliseconds.
    pub pace: (u32, u32),
    /// The permissions that an application needs, or a user's delegate.
    pub permission: &'static str,
    /// The plugin's function.
    pub call: fn(&[String], Option<&Options>) -> Answer,
}

/// The four, in the order of the contract.
pub static ACTIONS: [Action; 4] = [
    Action {
        name: "dismiss-sign-ins",
        path: "/auditLogs/signIns/dismiss",
        id_field: "requestIds",
        version: ApiVersion::V1,
        max_ids_per_request: 10_000,
        pace: (5, 10_000),
        permission: "IdentityRiskEvent.ReadWrite.All",
        call: actions::dismiss_sign_ins,
    },
    Action {
        name: "confirm-sign-ins-safe",
        path: "/auditLogs/signIns/confirmSafe",
        id_field: "requestIds",
        version: ApiVersion::Beta,
        max_ids_per_request: 10_000,
        pace: (5, 10_000),
        permission: "IdentityRiskEvent.ReadWrite.All",
        call: actions::confirm_sign_ins_safe,
    },
    Action {
        name: "confirm-sign-ins-compromised",
        path: "/auditLogs/signIns/confirmCompromised",
        id_field: "requestIds",
        version: ApiVersion::Beta,
        max_ids_per_request: 10_000,
        pace: (5, 10_000),
        permission: "IdentityRiskEvent.ReadWrite.All",
        call: actions::confirm_sign_ins_compromised,
    },
    Action {
        name: "dismiss-risky-users",
        path: "/identityProtection/riskyUsers/dismiss",
        id_field: "userIds",
        version: ApiVersion::V1,
        max_ids_per_request: 60,
        pace: (1, 1_000),
        permission: "IdentityRiskyUser.ReadWrite.All",
        call: actions::dismiss_risky_users,
    },
];

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Cloud {
    /// Every cloud with its name in the contract and the root of its Microsoft Graph.
    pub const ALL: [(&'static str, Cloud, &'static str); 4] = [
        ("global", Cloud::Global, "https://graph.microsoft.com"),
        ("us-gov-l4", Cloud::UsGovL4, "https://graph.microsoft.us"),
        ("us-gov-l5", Cloud::UsGovL5, "https://dod-graph.microsoft.us"),
        ("china", Cloud::China, "https://microsoftgraph.chinacloudapi.cn"),
    ];

    /// The cloud of this name.
    pub fn named(name: &str) -> Option<Cloud> {
        Cloud::ALL.iter().find(|(known, ..)| *known == name).map(|(_, cloud, _)| *cloud)
    }
}

impl Options {
    /// Every option absent: the plugin's defaults.
    pub const DEFAULT: Options = Options {
        cloud: None,
        endpoint: None,
        api_version: None,
        ids_per_request: None,
        max_in_flight: None,
        max_attempts: None,
        attempt_timeout_ms: None,
        deadline_ms: None,
        pace: None,
    };
}

/// Whether the plugin takes this as an id: a GUID in hyphenated form.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let cases = [
            ("8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11", true),
            ("8F0E4C0B-6EC1-4C1E-A9B8-2A4EE5EF0D11", true),
            ("8f0e4c0b6ec14c1ea9b82a4ee5ef0d11", false),
            ("{8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11}", false),
            ("8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d1g", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_guid(text), expected, "{text}");
        }
    }
}

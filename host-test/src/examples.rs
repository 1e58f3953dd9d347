//! The examples of the Microsoft Graph documentation: the request that each action must send, byte
//! for byte.

use crate::plugin::Action;

/// A documented request.
#[derive(Debug)]
pub struct Example {
    /// The action.
    pub action: Action,
    /// The URL, in the action's default version.
    pub url: &'static str,
    /// The ids.
    pub ids: &'static [&'static str],
    /// The body, without the documentation's spaces.
    pub body: &'static str,
}

/// One for each action, in the order of the contract.
///
/// Sources: <https://learn.microsoft.com/graph/api/signin-dismiss>, and beside it
/// `signin-confirmsafe`, `signin-confirmcompromised`, `riskyuser-dismiss`, `riskyuser-confirmsafe`,
/// `riskyuser-confirmcompromised`, `riskyserviceprincipal-dismiss`,
/// `riskyserviceprincipal-confirmcompromised`, `riskyagent-dismiss`, `riskyagent-confirmsafe` and
/// `riskyagent-confirmcompromised`.
pub const EXAMPLES: [Example; 11] = [
    Example {
        action: Action::DismissSignIns,
        url: "https://graph.microsoft.com/v1.0/auditLogs/signIns/dismiss",
        ids: TWO,
        body: TWO_SIGN_INS,
    },
    Example {
        action: Action::ConfirmSignInsSafe,
        url: "https://graph.microsoft.com/beta/auditLogs/signIns/confirmSafe",
        ids: TWO,
        body: TWO_SIGN_INS,
    },
    Example {
        action: Action::ConfirmSignInsCompromised,
        url: "https://graph.microsoft.com/beta/auditLogs/signIns/confirmCompromised",
        ids: TWO,
        body: TWO_SIGN_INS,
    },
    DISMISS_USERS,
    Example {
        action: Action::ConfirmRiskyUsersSafe,
        url: "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/confirmSafe",
        ids: TWO,
        body: TWO_USERS,
    },
    Example {
        action: Action::ConfirmRiskyUsersCompromised,
        url: "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/confirmCompromised",
        ids: TWO,
        body: TWO_USERS,
    },
    Example {
        action: Action::DismissRiskyServicePrincipals,
        url: "https://graph.microsoft.com/v1.0/identityProtection/riskyServicePrincipals/dismiss",
        ids: ONE,
        body: ONE_SERVICE_PRINCIPAL,
    },
    Example {
        action: Action::ConfirmRiskyServicePrincipalsCompromised,
        url: "https://graph.microsoft.com/v1.0/identityProtection/riskyServicePrincipals/confirmCompromised",
        ids: ONE,
        body: ONE_SERVICE_PRINCIPAL,
    },
    Example {
        action: Action::DismissRiskyAgents,
        url: "https://graph.microsoft.com/beta/identityProtection/riskyAgents/dismiss",
        ids: TWO,
        body: TWO_AGENTS,
    },
    Example {
        action: Action::ConfirmRiskyAgentsSafe,
        url: "https://graph.microsoft.com/beta/identityProtection/riskyAgents/confirmSafe",
        ids: TWO,
        body: TWO_AGENTS,
    },
    Example {
        action: Action::ConfirmRiskyAgentsCompromised,
        url: "https://graph.microsoft.com/beta/identityProtection/riskyAgents/confirmCompromised",
        ids: TWO,
        body: TWO_AGENTS,
    },
];

/// That of `dismiss-risky-users`.
pub const DISMISS_USERS: Example = Example {
    action: Action::DismissRiskyUsers,
    url: "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss",
    ids: &["04487ee0-f4f6-4e7f-8999-facc5a30e232", "13387ee0-f4f6-4e7f-8999-facc5120e345"],
    body: r#"{"userIds":["04487ee0-f4f6-4e7f-8999-facc5a30e232","13387ee0-f4f6-4e7f-8999-facc5120e345"]}"#,
};

const ONE: &[&str] = &["9089a539-a539-9089-39a5-899039a58990"];
const TWO: &[&str] = &["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

const ONE_SERVICE_PRINCIPAL: &str = r#"{"servicePrincipalIds":["9089a539-a539-9089-39a5-899039a58990"]}"#;
const TWO_SIGN_INS: &str =
    r#"{"requestIds":["29f270bb-4d23-4f68-8a57-dc73dc0d4caf","20f91ec9-d140-4d90-9cd9-f618587a1471"]}"#;
const TWO_USERS: &str =
    r#"{"userIds":["29f270bb-4d23-4f68-8a57-dc73dc0d4caf","20f91ec9-d140-4d90-9cd9-f618587a1471"]}"#;
const TWO_AGENTS: &str =
    r#"{"agentIds":["29f270bb-4d23-4f68-8a57-dc73dc0d4caf","20f91ec9-d140-4d90-9cd9-f618587a1471"]}"#;

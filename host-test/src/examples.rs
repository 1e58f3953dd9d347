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
    pub ids: [&'static str; 2],
    /// The body, without the documentation's spaces.
    pub body: &'static str,
}

/// One for each action.
///
/// Sources: <https://learn.microsoft.com/graph/api/signin-dismiss>, `signin-confirmsafe`,
/// `signin-confirmcompromised` and `riskyuser-dismiss` beside it.
pub const EXAMPLES: [Example; 4] = [
    Example {
        action: Action::DismissSignIns,
        url: "https://graph.microsoft.com/v1.0/auditLogs/signIns/dismiss",
        ids: SIGN_INS,
        body: SIGN_INS_BODY,
    },
    Example {
        action: Action::ConfirmSignInsSafe,
        url: "https://graph.microsoft.com/beta/auditLogs/signIns/confirmSafe",
        ids: SIGN_INS,
        body: SIGN_INS_BODY,
    },
    Example {
        action: Action::ConfirmSignInsCompromised,
        url: "https://graph.microsoft.com/beta/auditLogs/signIns/confirmCompromised",
        ids: SIGN_INS,
        body: SIGN_INS_BODY,
    },
    Example {
        action: Action::DismissRiskyUsers,
        url: "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss",
        ids: ["04487ee0-f4f6-4e7f-8999-facc5a30e232", "13387ee0-f4f6-4e7f-8999-facc5120e345"],
        body: r#"{"userIds":["04487ee0-f4f6-4e7f-8999-facc5a30e232","13387ee0-f4f6-4e7f-8999-facc5120e345"]}"#,
    },
];

const SIGN_INS: [&str; 2] = ["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

const SIGN_INS_BODY: &str =
    r#"{"requestIds":["29f270bb-4d23-4f68-8a57-dc73dc0d4caf","20f91ec9-d140-4d90-9cd9-f618587a1471"]}"#;

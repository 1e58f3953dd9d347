//! Columns of tables and members of JSON objects: what each holds, and which one has the ids of an
//! action.

use entra_risk_engine::contract::action::Action;
use entra_risk_engine::contract::printable::quoted;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Ids of what the actions with this field act on.
    Ids(&'static str),
    /// The id of the record itself, whatever it describes.
    OwnId,
    /// Something else, in words.
    Other(&'static str),
}

const SIGN_INS: &str = "requestIds";
const USERS: &str = "userIds";
const SERVICE_PRINCIPALS: &str = "servicePrincipalIds";
const AGENTS: &str = "agentIds";

/// The columns whose content is known, by their names in lower case without spaces. The portal
/// calls a column `Request ID`, Microsoft Graph and its PowerShell modules `requestId` and
/// `RequestId`, and Microsoft Sentinel `RequestId`.
///
/// The sources: downloads of the portal's sign-in logs and lists of users; `riskyUser`,
/// `riskyServicePrincipal`, `riskyAgent`, `riskDetection` and `signIn` of Microsoft Graph; the
/// tables `SigninLogs`, `AADRiskyUsers`, `AADUserRiskEvents`, `AADServicePrincipalRiskEvents` and
/// `IdentityInfo` of Microsoft Sentinel; `EntraIdSignInEvents` of Microsoft Defender.
const COLUMNS: [(&str, Holds); 18] = [
    ("requestid", Holds::Ids(SIGN_INS)),
    ("userid", Holds::Ids(USERS)),
    ("accountobjectid", Holds::Ids(USERS)),
    ("aaduserid", Holds::Ids(USERS)),
    ("serviceprincipalid", Holds::Ids(SERVICE_PRINCIPALS)),
    ("agentid", Holds::Ids(AGENTS)),
    ("objectid", Holds::OwnId),
    ("id", Holds::OwnId),
    ("correlationid", Holds::Other("correlation ids")),
    ("originalrequestid", Holds::Other("ids of the first request of each sign-in")),
    ("applicationid", Holds::Other("application ids")),
    ("appid", Holds::Other("application ids")),
    ("resourceid", Holds::Other("ids of resources")),
    ("tenantid", Holds::Other("tenant ids")),
    ("hometenantid", Holds::Other("tenant ids")),
    ("resourcetenantid", Holds::Other("tenant ids")),
    ("deviceid", Holds::Other("device ids")),
    ("sessionid", Holds::Other("session ids")),
];

/// A member that only risky users, service principals and agents have.
const OF_RISKY: &str = "isprocessing";

/// Members that sign-ins and risk detections have.
const OF_SIGN_INS: [&str; 2] = ["requestid", "correlationid"];

/// What the ids of an action are, in words.
pub(crate) fn ids_of(action: &Action) -> &'static str {
    describe(action.id_field)
}

fn describe(id_field: &str) -> &'static str {
    match id_field {
        SIGN_INS => "request ids of sign-ins",
        SERVICE_PRINCIPALS => "object ids of service principals",
        AGENTS => "object ids of agent identities",
        _ => "object ids of users",
    }
}

/// The position of the column that is known to hold the ids of an action: the one that names them,
/// or else that of the records' own ids.
pub(crate) fn known(action: &Action, names: &[String]) -> Option<usize> {
    let known = COLUMNS.iter().filter(|(_, holds)| match holds {
        Holds::Ids(field) => *field == action.id_field,
        Holds::OwnId => true,
        Holds::Other(_) => false,
    });
    known.filter_map(|(known, _)| names.iter().position(|name| plain(name) == *known)).next()
}

/// Why the column at this position probably holds something else than the ids of an action, as a
/// sentence.
pub(crate) fn doubt(action: &Action, names: &[String], position: usize) -> Option<String> {
    let column = names.get(position)?;
    let (_, holds) = COLUMNS.iter().find(|(known, _)| *known == plain(column))?;
    let has = |known: &str| names.iter().any(|name| plain(name) == known);
    let is_sign_in = action.id_field == SIGN_INS;
    let held = match holds {
        Holds::Ids(field) if *field == action.id_field => return None,
        Holds::Ids(field) => describe(field),
        Holds::OwnId if is_sign_in && has(OF_RISKY) => "ids of risky users or workloads",
        Holds::OwnId if !is_sign_in && !has(OF_RISKY) && OF_SIGN_INS.into_iter().any(has) => {
            "ids of sign-ins or risk detections"
        }
        Holds::OwnId => return None,
        Holds::Other(held) => held,
    };
    let better = known(action, names).filter(|better| *better != position).and_then(|better| names.get(better));
    let better = better.map(|better| format!(", and {} holds these", quoted(better))).unwrap_or_default();
    Some(format!("{} holds {held}; this action needs {}{better}", quoted(column), ids_of(action)))
}

/// Names for a message.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// A name in lower case, without what only separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use entra_risk_engine::contract::action::ACTIONS;

    use super::*;

    fn action(name: &str) -> &'static Action {
        ACTIONS.iter().find(|action| action.name == name).unwrap()
    }

    fn names(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn the_column_with_the_ids_of_an_action_is_known() {
        let portal = "Date (UTC),Request ID,User agent,Correlation ID,User ID,Application ID ,Resource ID ";
        let detection = "id,requestId,correlationId,userId,riskState";
        let workload = "Id,ServicePrincipalId,AppId,RequestId";
        let cases = [
            ("dismiss-sign-ins", portal, Some("Request ID")),
            ("dismiss-risky-users", portal, Some("User ID")),
            ("dismiss-sign-ins", detection, Some("requestId")),
            ("dismiss-risky-users", detection, Some("userId")),
            ("dismiss-risky-service-principals", workload, Some("ServicePrincipalId")),
            ("dismiss-risky-users", "Id,IsDeleted,UserPrincipalName", Some("Id")),
            ("confirm-risky-users-safe", "userPrincipalName,objectId", Some("objectId")),
            ("dismiss-sign-ins", "id,createdDateTime,correlationId", Some("id")),
            ("dismiss-risky-agents", "id,agentDisplayName", Some("id")),
            ("dismiss-sign-ins", "guid,name", None),
        ];
        for (name, header, expected) in cases {
            let names = names(header);
            let found = known(action(name), &names).map(|position| names[position].as_str());
            assert_eq!(found, expected, "{name}: {header}");
        }
    }

    #[test]
    fn a_column_that_holds_something_else_is_doubted() {
        let cases = [
            (
                "dismiss-sign-ins",
                "Request ID,Correlation ID",
                1,
                Some(
                    "\"Correlation ID\" holds correlation ids; this action needs request ids of sign-ins, and \"Request ID\" holds these",
                ),
            ),
            (
                "dismiss-risky-users",
                "Request ID,name",
                0,
                Some("\"Request ID\" holds request ids of sign-ins; this action needs object ids of users"),
            ),
            (
                "dismiss-risky-service-principals",
                "appId,x",
                0,
                Some("\"appId\" holds application ids; this action needs object ids of service principals"),
            ),
            (
                "dismiss-sign-ins",
                "Id,IsProcessing",
                0,
                Some("\"Id\" holds ids of risky users or workloads; this action needs request ids of sign-ins"),
            ),
            (
                "dismiss-risky-users",
                "id,correlationId",
                0,
                Some("\"id\" holds ids of sign-ins or risk detections; this action needs object ids of users"),
            ),
            ("dismiss-risky-users", "Id,IsProcessing,CorrelationId", 0, None),
            ("dismiss-sign-ins", "Id,IsProcessing,guid", 2, None),
        ];
        for (name, header, position, expected) in cases {
            assert_eq!(doubt(action(name), &names(header), position).as_deref(), expected, "{name}: {header}");
        }
    }
}

//! What a command line needs of the host that runs it, for a host that grants nothing else.

use entra_risk_common::json::to_json;
use serde::Serialize;

use crate::arguments::Command;
use crate::connection::{Connection, SignIn};
use crate::line::FileArgument;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needs<'a> {
    files: &'a [FileArgument],
    /// The list that a host locks, so that no other run is at work on it.
    remaining: Option<&'a str>,
    /// The action that is performed.
    action: Option<&'a str>,
    /// What is listed.
    collection: Option<&'a str>,
    /// The command looks at the token, so that it needs the token itself.
    check: bool,
    sign_in: Option<&'a str>,
    client_id: Option<&'a str>,
    tenant: Option<&'a str>,
    cloud: &'a str,
    endpoint: &'a str,
    audience: &'a str,
    /// The least delegated permissions.
    scopes: Vec<&'a str>,
    /// A token will be requested.
    credential: bool,
}

/// The needs of a command, as a line of JSON.
pub(crate) fn needs(command: &Command, files: &[FileArgument]) -> String {
    let default = Connection::default();
    let connection = command.connection().unwrap_or(&default);
    let (job, check) = match command {
        Command::Perform(job) => (Some(job), None),
        Command::Check(check) => (None, Some(check)),
        Command::Help | Command::Version => (None, None),
    };
    let action = job.map(|job| job.action).or(check.and_then(|check| check.action));
    let needs = Needs {
        files,
        remaining: job.and_then(|job| job.remaining.as_deref()),
        action: action.map(|action| action.definition.name),
        collection: None,
        check: check.is_some(),
        sign_in: connection.sign_in.map(SignIn::name),
        client_id: connection.client_id(),
        tenant: connection.options.tenant.as_deref(),
        cloud: connection.cloud().name(),
        endpoint: connection.options.effective_endpoint(),
        audience: connection.audience(),
        scopes: action.map(|action| action.definition.delegated_permission).into_iter().collect(),
        credential: check.is_some() || job.is_some_and(|job| !job.dry_run),
    };
    to_json(&needs) + "\n"
}

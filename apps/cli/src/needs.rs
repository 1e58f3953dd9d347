//! What a command line needs of the host that runs it, for a host that grants nothing else.

use entra_risk_common::json::to_json;
use serde::Serialize;

use crate::command::Command;
use crate::connection::{Connection, SignIn};
use crate::line::FileArgument;
use crate::operation::{Operation, contains};
use crate::selected::collection_of;

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
    let (mut action, mut collection) = (None, None);
    match command {
        Command::Help | Command::Version => {}
        Command::Perform(job) => {
            let is_listed = job.verify && !job.dry_run || !job.selection.is_empty();
            collection = is_listed.then(|| collection_of(job.action.definition)).flatten();
            action = Some(job.action);
        }
        Command::List(listing) => collection = Some(listing.collection),
        Command::Verify(verify) => collection = collection_of(verify.action.definition),
        Command::Check(check) => match check.operation {
            Some(Operation::Act(checked)) => action = Some(checked),
            Some(Operation::List(listed)) => collection = Some(listed),
            None => {}
        },
    }
    let remaining = match command {
        Command::Perform(job) => job.remaining.as_deref(),
        _ => None,
    };
    let operations = action.map(Operation::Act).into_iter().chain(collection.map(Operation::List));
    let needs = Needs {
        files,
        remaining,
        action: action.map(|action| action.definition.name),
        collection: collection.map(|collection| collection.name),
        check: matches!(command, Command::Check(_)),
        sign_in: connection.sign_in.map(SignIn::name),
        client_id: connection.client_id(),
        tenant: connection.options.tenant.as_deref(),
        cloud: connection.cloud().name(),
        endpoint: connection.options.effective_endpoint(),
        audience: connection.audience(),
        scopes: scopes(&operations.flat_map(|operation| operation.permissions(true)).copied().collect::<Vec<_>>()),
        credential: requests_token(command),
    };
    to_json(&needs) + "\n"
}

/// The delegated permissions to ask for, without those that another one contains.
fn scopes(needed: &[&'static str]) -> Vec<&'static str> {
    let is_contained = |scope: &str| needed.iter().any(|other| *other != scope && contains(other, scope));
    needed.iter().copied().filter(|scope| !is_contained(scope)).collect()
}

/// Whether a command requests a token.
pub(crate) fn requests_token(command: &Command) -> bool {
    match command {
        Command::Help | Command::Version => false,
        Command::Perform(job) => !job.dry_run || !job.selection.is_empty(),
        Command::List(_) | Command::Verify(_) | Command::Check(_) => true,
    }
}

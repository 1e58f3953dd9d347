//! The report for people: the number of accepted ids, and for every other id the reason and what to
//! do next.

use std::fmt::Write;

use entra_risk_common::actions::{Error, ErrorKind, Outcome};
use entra_risk_common::{Action, Group, Report};
use entra_risk_engine::contract::action;

use crate::column::ids_of;
use crate::ids::{Labels, number};
use crate::stdio::lines;
use crate::verify::Verified;

/// Maximum ids listed in a paragraph: those of one request of the default size. `--json`,
/// `--remaining` and `--refused` contain all of them.
const MAX_LISTED_IDS: usize = 60;

/// The summary, in lines. An id that is listed is followed by its label.
pub(crate) fn summary(action: &Action, report: &Report, labels: &Labels) -> String {
    let name = action.definition.name;
    let [accepted, refused, not_applied, unknown] = Outcome::ALL.map(|outcome| report.count(outcome));
    let all: usize = [accepted, refused, not_applied, unknown].iter().sum();
    if all == 0 && report.cause.is_none() {
        return lines([format!("{name}: nothing to do: no ids")]);
    }
    let mut first = format!("{name}: {accepted} of {all} ids accepted");
    if accepted < all {
        let _ = write!(first, ", {refused} refused, {not_applied} not-applied, {unknown} unknown");
    }
    let mut text = vec![first];
    if accepted == 0 && refused > 0 {
        text.push(String::new());
        text.push(nothing_accepted(action));
    }
    if let Some(cause) = report.cause_without_group() {
        text.push(String::new());
        text.push(format!("ended by {}", what_happened(cause)));
        text.push(format!("  {}", next_step(action, cause)));
    }
    for group in &report.groups() {
        text.push(String::new());
        text.extend(paragraph(action, group, labels));
    }
    lines(text)
}

/// What accepted ids have become, in lines. An id that is listed is followed by its label.
pub(crate) fn verification(verified: &Verified<'_>, labels: &Labels) -> String {
    if let Some(error) = &verified.error {
        let done = format!("  {} ids are known to be in the state that the action leads to.", verified.done.len());
        return lines([format!("not verified: {error}"), done]);
    }
    let [(_, done), others @ ..] = verified.lists();
    let all: usize = others.iter().map(|(_, ids)| ids.len()).sum::<usize>().saturating_add(done.len());
    let mut first = format!("verified: {} of {all} accepted ids are in the state that the action leads to", done.len());
    let others = others.into_iter().zip(["still processing", "unchanged"]).filter(|((_, ids), _)| !ids.is_empty());
    let mut text = Vec::new();
    for ((_, ids), title) in others {
        let _ = write!(first, ", {} {title}", ids.len());
        text.push(String::new());
        text.push(format!("{} {title}", ids.len()));
        for id in ids.iter().take(MAX_LISTED_IDS) {
            text.push(format!("    {id}{}", label(labels, id)));
        }
        let unlisted = ids.len().saturating_sub(MAX_LISTED_IDS);
        if unlisted > 0 {
            text.push(format!("    and {unlisted} more: --json and --log list all"));
        }
    }
    if !text.is_empty() {
        text.insert(0, "  The state may follow later: look again with entra-risk verify.".to_owned());
    }
    text.insert(0, first);
    lines(text)
}

/// The label of an id, after a space.
fn label(labels: &Labels, id: &str) -> String {
    labels.get(&number(id)).map(|label| format!(" {label}")).unwrap_or_default()
}

fn paragraph(action: &Action, group: &Group<'_>, labels: &Labels) -> Vec<String> {
    let error = group.error;
    let count = group.ids().count();
    let is_refused = group.outcome == Outcome::Refused;
    let reason = match &error.response {
        // Each of the ids has its own message, below.
        Some(response) if is_refused => {
            let space = if response.code.is_empty() { "" } else { " " };
            format!("{}, HTTP {}{space}{}", error.kind.name(), response.status, response.code)
        }
        _ => what_happened(error),
    };
    let mut text = vec![format!("{count} {}: {reason}", group.outcome.name())];
    if let Some(response) = error.response.as_ref().filter(|_| !is_refused) {
        let request = response.request_id.as_deref().unwrap_or("none");
        let date = response.date.as_deref().unwrap_or("no date");
        let client = &response.client_request_id;
        text.push(format!("  request-id {request}, client-request-id {client}, {date}"));
    }
    text.push(format!("  {}", advice(action, group)));
    for (id, error) in group.ids().take(MAX_LISTED_IDS) {
        let reason = error.filter(|_| is_refused).map(own_reason).unwrap_or_default();
        text.push(format!("    {id}{}{reason}", label(labels, id)));
    }
    let unlisted = count.saturating_sub(MAX_LISTED_IDS);
    if unlisted > 0 {
        text.push(format!("    and {unlisted} more: --json, --remaining and --refused list all"));
    }
    text
}

/// The kind of an error and the plugin's message, in which options have the names of the command.
fn what_happened(error: &Error) -> String {
    let separator = if error.response.is_some() { ", HTTP " } else { ": " };
    let message = OPTIONS.iter().fold(error.message.clone(), |text, (word, option)| text.replace(word, option));
    [error.kind.name(), separator, &message].concat()
}

/// What the contract calls an option, and the command.
const OPTIONS: [(&str, &str); 4] = [
    ("patience-ms", "--patience"),
    ("deadline-ms", "--deadline"),
    ("ids-per-request", "--ids-per-request"),
    ("api-version", "--api-version"),
];

/// The reason for a refused id: the message and the request that Microsoft Graph refused.
fn own_reason(error: &Error) -> String {
    let response = error.response.as_ref();
    let message = response.map(|response| response.message.as_str()).filter(|message| !message.is_empty());
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    let request = response.and_then(|response| response.request_id.as_deref());
    let request = request.map(|id| format!(" (request-id {id})")).unwrap_or_default();
    message + &request
}

/// What it means that ids were refused and none was accepted.
fn nothing_accepted(action: &Action) -> String {
    let ids = ids_of(action.definition);
    format!(
        "Nothing was accepted: either the ids were already processed, or they are ids of something else. This action \
         needs {ids}: check where they come from, such as --column."
    )
}

fn advice(action: &Action, group: &Group<'_>) -> String {
    let advice = if group.refused_together {
        "At least one id of each request is probably unknown in the tenant or not at risk. Run again without \
         --no-isolate-refused to find it."
            .to_owned()
    } else if group.outcome == Outcome::Refused {
        "Unknown in the tenant, not at risk, already processed, or of a user who was deleted or is a guest: do not run \
         again unchanged."
            .to_owned()
    } else {
        next_step(action, group.error)
    };
    if group.outcome == Outcome::Unknown {
        format!("{advice} The ids may already have been processed; sending them again is safe.")
    } else {
        advice
    }
}

/// What to do about an error.
fn next_step(action: &Action, error: &Error) -> String {
    let step = match error.kind {
        ErrorKind::InvalidArgument => "Correct the argument and run again.",
        // Runtimes pass on only the variables that they are told to.
        ErrorKind::NoToken if lacks_variable(error) => {
            "GRAPH_TOKEN is not set, or not passed on: --env GRAPH_TOKEN (before the component, and likewise for the \
             variables of another credential). Set it and run again."
        }
        ErrorKind::NoToken => "Fix the credential and run again.",
        ErrorKind::DeniedByHost => "Allow the address in the runtime and run again.",
        ErrorKind::Unauthenticated => "Check the tenant, cloud and audience of the token, and run again.",
        ErrorKind::Forbidden => return forbidden(action.definition),
        ErrorKind::ClientError if error.status() == Some(407) => "Configure the proxy's credentials and run again.",
        ErrorKind::Throttled => {
            if let Some(wait) = error.response.as_ref().and_then(|response| response.retry_after_ms) {
                return format!("Wait at least {} s, then run again.", wait.div_ceil(1_000));
            }
            "Run again later."
        }
        ErrorKind::ServerError => "Run again later.",
        ErrorKind::UnexpectedStatus => {
            "Something other than Microsoft Graph responded: check --endpoint and proxies, and run again."
        }
        ErrorKind::Unreachable => "Check network, DNS and --endpoint, and run again.",
        ErrorKind::NotAttempted => "Run again once the cause is gone.",
        ErrorKind::DeadlineExceeded => "Run again, with a longer --deadline.",
        ErrorKind::ClientError | ErrorKind::NoResponse | ErrorKind::Cancelled | ErrorKind::Other => "Run again.",
    };
    step.to_owned()
}

/// What to do about a missing permission.
fn forbidden(action: &action::Action) -> String {
    let (app, person) = (action.application_permission, action.delegated_permission);
    let grant = if app == person { app.to_owned() } else { format!("{app} (of an app) or {person} (of a person)") };
    format!(
        "Grant {grant} (and the role or license, if one is missing) and run again; entra-risk --check says what the token \
         permits. The token of az login lacks the permission and cannot get it: use --sign-in or an app registration."
    )
}

/// Whether a token is missing because the environment has none of the variables of a credential.
fn lacks_variable(error: &Error) -> bool {
    error.message.contains("no credential is configured") || error.message.contains("GRAPH_TOKEN is not set")
}

#[cfg(test)]
mod tests;

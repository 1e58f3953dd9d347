//! The report for people: the number of accepted ids, and for every other id the reason and what to
//! do next.

use std::fmt::Write;

use entra_risk_common::actions::{Error, ErrorKind, Outcome};
use entra_risk_common::{Action, Group, Report};

use crate::column::ids_of;
use crate::ids::{Labels, number};
use crate::stdio::lines;

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
        let label = labels.get(&number(id)).map(|label| format!(" {label}")).unwrap_or_default();
        text.push(format!("    {id}{label}{reason}"));
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
        ErrorKind::Forbidden => {
            let permission = action.definition.application_permission;
            return format!("Grant {permission} (and the role or license, if one is missing) and run again.");
        }
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

/// Whether a token is missing because the environment has none of the variables of a credential.
fn lacks_variable(error: &Error) -> bool {
    error.message.contains("no credential is configured") || error.message.contains("GRAPH_TOKEN is not set")
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use entra_risk_common::actions::{Batch, Receipt, Response};

    use super::*;

    fn batch(ids: std::ops::Range<usize>, outcome: Outcome, error: Option<Error>) -> Batch {
        let receipt = Receipt { request_id: None, client_request_id: String::new(), date: None };
        let receipt = error.is_none().then_some(receipt);
        Batch { ids: ids.map(|id| format!("id-{id}")).collect(), attempts: 1, outcome, receipt, error }
    }

    fn error(kind: ErrorKind, message: &str) -> Option<Error> {
        Some(Error { kind, message: message.to_owned(), response: None })
    }

    fn not_attempted() -> Option<Error> {
        error(ErrorKind::NotAttempted, "never sent, because the call ended before")
    }

    fn refusal(message: &str, request_id: &str) -> Option<Error> {
        let response = Response {
            status: 404,
            code: "Request_ResourceNotFound".to_owned(),
            message: message.to_owned(),
            request_id: Some(request_id.to_owned()),
            client_request_id: "c-1".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let message = "404: refused".to_owned();
        Some(Error { kind: ErrorKind::ClientError, message, response: Some(response) })
    }

    fn not_found() -> Option<Error> {
        refusal("No \x1b[2Jsuch user", "r-1")
    }

    #[test]
    fn failed_ids_are_listed_with_reason_and_advice() {
        let report = Report {
            batches: vec![
                batch(0..60, Outcome::Accepted, None),
                batch(60..61, Outcome::Refused, not_found()),
                batch(61..121, Outcome::NotApplied, not_attempted()),
                batch(121..122, Outcome::Refused, refusal("Not at risk", "r-2")),
                batch(122..123, Outcome::Unknown, error(ErrorKind::NoResponse, "connection reset")),
                batch(123..130, Outcome::NotApplied, not_attempted()),
                batch(130..132, Outcome::Refused, not_found()),
                batch(132..133, Outcome::NotApplied, not_found()),
            ],
            cause: not_found(),
        };
        let listed: String = (61..121).map(|id| format!("    id-{id}\n")).collect();
        let expected = format!(
            "dismiss-risky-users: 60 of 133 ids accepted, 4 refused, 68 not-applied, 1 unknown\n\
             \n2 refused: client-error, HTTP 404 Request_ResourceNotFound\n\
             \x20 Unknown in the tenant, not at risk, already processed, or of a user who was deleted or is a guest: do \
             not run again unchanged.\n\
             \x20   id-60: No \u{fffd}[2Jsuch user (request-id r-1)\n\
             \x20   id-121: Not at risk (request-id r-2)\n\
             \n67 not-applied: not-attempted: never sent, because the call ended before\n\
             \x20 Run again once the cause is gone.\n{listed}\
             \x20   and 7 more: --json, --remaining and --refused list all\n\
             \n1 unknown: no-response: connection reset\n\
             \x20 Run again. The ids may already have been processed; sending them again is safe.\n\
             \x20   id-122\n\
             \n2 refused: client-error, HTTP 404 Request_ResourceNotFound\n\
             \x20 At least one id of each request is probably unknown in the tenant or not at risk. Run again without \
             --no-isolate-refused to find it.\n\
             \x20   id-130: No \u{fffd}[2Jsuch user (request-id r-1)\n\
             \x20   id-131: No \u{fffd}[2Jsuch user (request-id r-1)\n\
             \n1 not-applied: client-error, HTTP 404: refused\n\
             \x20 request-id r-1, client-request-id c-1, no date\n\
             \x20 Run again.\n\
             \x20   id-132\n"
        );
        assert_eq!(summary(&ACTIONS[3], &report, &Labels::new()), expected);
    }

    #[test]
    fn a_cause_that_no_batch_contains_comes_first() {
        let report = Report {
            batches: vec![batch(0..1, Outcome::NotApplied, not_attempted())],
            cause: error(ErrorKind::NoToken, "GRAPH_TOKEN is not\nset"),
        };
        assert_eq!(
            summary(&ACTIONS[3], &report, &Labels::new()),
            "dismiss-risky-users: 0 of 1 ids accepted, 0 refused, 1 not-applied, 0 unknown\n\
             \nended by no-token: GRAPH_TOKEN is not set\n\
             \x20 Fix the credential and run again.\n\
             \n1 not-applied: not-attempted: never sent, because the call ended before\n\
             \x20 Run again once the cause is gone.\n\
             \x20   id-0\n"
        );
    }

    #[test]
    fn a_variable_that_the_runtime_does_not_pass_on_is_named() {
        for (message, is_named) in [
            ("GRAPH_TOKEN is not set: set it to an access token", true),
            ("no credential is configured, and no virtual machine's identity answered within 1 s", true),
            ("GRAPH_TOKEN is System.Security.SecureString", false),
        ] {
            let report = Report { batches: Vec::new(), cause: error(ErrorKind::NoToken, message) };
            let text = summary(&ACTIONS[3], &report, &Labels::new());
            assert_eq!(text.contains("not set, or not passed on: --env GRAPH_TOKEN"), is_named, "{text}");
        }
    }

    #[test]
    fn a_label_follows_its_id() {
        let id = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
        let unknown = Batch { ids: vec![id.to_owned()], ..batch(0..1, Outcome::Unknown, not_found()) };
        let labels = Labels::from([(number(id), "Ann\nMiller".to_owned())]);
        let text = summary(&ACTIONS[0], &Report { batches: vec![unknown], cause: None }, &labels);
        assert!(text.ends_with(&format!("\n    {id} Ann Miller\n")), "{text}");
    }

    #[test]
    fn refusals_alone_are_explained() {
        let refused = || batch(0..1, Outcome::Refused, not_found());
        let text = |batches| summary(&ACTIONS[0], &Report { batches, cause: not_found() }, &Labels::new());
        let alone = text(vec![refused(), batch(1..2, Outcome::NotApplied, not_attempted())]);
        assert!(alone.contains("already processed") && alone.contains("request ids of sign-ins"), "{alone}");
        let others = text(vec![refused(), batch(1..2, Outcome::Accepted, None)]);
        assert!(!others.contains("Nothing was accepted"), "{others}");
    }

    #[test]
    fn options_have_the_names_of_the_command() {
        let message = "429: the service asks to wait 600 s, longer than patience-ms permits";
        let held = batch(0..1, Outcome::NotApplied, error(ErrorKind::Throttled, message));
        let text = summary(&ACTIONS[0], &Report { batches: vec![held], cause: None }, &Labels::new());
        assert!(text.contains("longer than --patience permits"), "{text}");
    }

    #[test]
    fn success_is_one_line() {
        let report = Report { batches: vec![batch(0..2, Outcome::Accepted, None)], cause: None };
        assert_eq!(summary(&ACTIONS[0], &report, &Labels::new()), "dismiss-sign-ins: 2 of 2 ids accepted\n");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(
            summary(&ACTIONS[0], &Report::default(), &Labels::new()),
            "dismiss-sign-ins: nothing to do: no ids\n"
        );
    }

    #[test]
    fn ids_remain_if_and_only_if_the_advice_is_to_run_them_again() {
        let cases = [
            (batch(0..2, Outcome::Accepted, None), false),
            (batch(0..1, Outcome::Refused, not_found()), false),
            (batch(0..2, Outcome::Refused, not_found()), true),
            (batch(0..1, Outcome::NotApplied, error(ErrorKind::Cancelled, "stopped")), true),
            (batch(0..1, Outcome::Unknown, not_found()), true),
        ];
        for (batch, expected) in cases {
            assert_eq!(batch.remains(), expected, "{batch:?}");
            let report = Report { batches: vec![batch], cause: None };
            for group in report.groups() {
                let advice = advice(&ACTIONS[3], &group);
                assert_eq!(advice.contains("un again") && !advice.contains("do not"), expected, "{advice}");
            }
        }
    }
}

//! The result of a tool as a text: counts, and the ids that were not accepted, grouped by outcome
//! and reason, with the next step. Its readers pay for every word, so accepted ids are only
//! counted.

use std::fmt::Write;

use entra_risk_common::actions::{Error, ErrorKind, Outcome};
use entra_risk_common::{Action, Group, Report, printable};

/// The settings are not valid.
pub(crate) fn misconfigured(problems: &[String]) -> String {
    format!("Nothing was sent. The operator must correct the settings: {}.", problems.join("; "))
}

/// The report of a call.
pub(crate) fn report(action: &Action, report: &Report) -> String {
    let all = report.batches.iter().map(|batch| batch.ids.len()).fold(0, usize::saturating_add);
    let ended_by = report.cause_without_group().map(|cause| (describe(cause), next_step(action, cause)));
    match (all, &ended_by) {
        (0, Some((cause, step))) => return format!("Nothing was sent: {cause}.{step}"),
        (0, None) => return "Nothing was sent: the list is empty.".to_owned(),
        _ => {}
    }
    let mut text = format!("{} of {all} ids accepted.", report.count(Outcome::Accepted));
    if let Some((cause, step)) = &ended_by {
        let _ = write!(text, "\nThe call ended early: {cause}.{step}");
    }
    for group in &report.groups() {
        let ids: Vec<&str> = group.ids().map(|(id, _)| id).collect();
        let (count, outcome) = (ids.len(), group.outcome.name());
        let _ = write!(text, "\n{count} {outcome}: {}.{}", describe_group(group), instruction(action, group));
        let _ = match ids.len() == all && all > 1 {
            true => write!(text, " all ids of this call"),
            false => write!(text, " {}", ids.join(" ")),
        };
    }
    text
}

/// What to do with the ids of a group, which follow.
fn instruction(action: &Action, group: &Group<'_>) -> String {
    let step = next_step(action, group.error);
    match group.outcome {
        Outcome::Refused if group.refused_together => " At least one id of each request is at fault:".to_owned(),
        Outcome::Refused => " Do not send again:".to_owned(),
        Outcome::Unknown => {
            format!(" They may have been applied, and sending them again is safe.{step} Send again:")
        }
        Outcome::NotApplied | Outcome::Accepted => format!("{step} Send again:"),
    }
}

/// The error of a group. Each refused id has its own message.
fn describe_group(group: &Group<'_>) -> String {
    match group.error.kind {
        ErrorKind::NotAttempted => "never sent".to_owned(),
        _ if group.ids().count() > 1 && group.outcome == Outcome::Refused => name(group.error),
        _ => describe(group.error),
    }
}

/// An error: its name, and the text of the response if there was one, or else the plugin's.
fn describe(error: &Error) -> String {
    let text = printable(error.response.as_ref().map_or(&error.message, |response| &response.message));
    let text = text.trim_end_matches(['.', ' ']);
    if text.is_empty() { name(error) } else { format!("{}: {text}", name(error)) }
}

/// The name of an error, with the status and the code of the response that it contains.
fn name(error: &Error) -> String {
    let kind = error.kind.name();
    match &error.response {
        None => kind.to_owned(),
        Some(response) => format!("{kind}, HTTP {} {}", response.status, printable(&response.code)),
    }
}

/// What to do about an error, after a space; empty if there is nothing to do.
fn next_step(action: &Action, error: &Error) -> String {
    match error.kind {
        ErrorKind::InvalidArgument => " Correct the argument.".to_owned(),
        ErrorKind::NoToken => " The operator must correct the credential.".to_owned(),
        ErrorKind::DeniedByHost => " The operator must allow the address in the host.".to_owned(),
        ErrorKind::Unauthenticated => " The operator must check tenant, cloud and audience of the token.".to_owned(),
        ErrorKind::Forbidden => format!(" The operator must grant {}.", action.definition.application_permission),
        ErrorKind::Throttled => {
            let wait = error.response.as_ref().and_then(|response| response.retry_after_ms);
            format!(" Wait {} s.", wait.map_or(THROTTLED_S, |wait| wait.div_ceil(1_000)))
        }
        ErrorKind::ServerError | ErrorKind::NoResponse | ErrorKind::Unreachable => " Wait some minutes.".to_owned(),
        ErrorKind::UnexpectedStatus => " The operator must look for a proxy on the way to Microsoft Graph.".to_owned(),
        ErrorKind::ClientError
        | ErrorKind::DeadlineExceeded
        | ErrorKind::Cancelled
        | ErrorKind::NotAttempted
        | ErrorKind::Other => String::new(),
    }
}

/// How long to wait in seconds when Microsoft Graph does not say so.
const THROTTLED_S: u32 = 60;

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use entra_risk_common::actions::{Batch, Response};

    use super::*;

    /// A batch with one attempt; without an error it was accepted.
    fn batch(ids: std::ops::Range<usize>, outcome: Outcome, error: Option<Error>) -> Batch {
        let ids = ids.map(|id| format!("id-{id}")).collect();
        Batch { ids, attempts: 1, outcome, receipt: None, error }
    }

    fn error(kind: ErrorKind, message: &str) -> Error {
        Error { kind, message: message.to_owned(), response: None }
    }

    fn answered(kind: ErrorKind, status: u16, code: &str, message: &str, retry_after_ms: Option<u32>) -> Error {
        let response = Response {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        };
        Error { response: Some(response), ..error(kind, "In the plugin's words.") }
    }

    fn refused(ids: std::ops::Range<usize>, status: u16, code: &str, message: &str) -> Batch {
        batch(ids, Outcome::Refused, Some(answered(ErrorKind::ClientError, status, code, message, None)))
    }

    fn unattempted(ids: std::ops::Range<usize>) -> Batch {
        batch(ids, Outcome::NotApplied, Some(error(ErrorKind::NotAttempted, "Never sent: see the cause.")))
    }

    fn text(batches: Vec<Batch>, cause: Option<Error>) -> String {
        report(&ACTIONS[3], &Report { batches, cause })
    }

    #[test]
    fn accepted_ids_are_counted() {
        let accepted = [0..60, 60..61].map(|ids| batch(ids, Outcome::Accepted, None));
        assert_eq!(text(accepted.into(), None), "61 of 61 ids accepted.");
    }

    #[test]
    fn an_empty_list_is_named() {
        assert_eq!(text(Vec::new(), None), "Nothing was sent: the list is empty.");
    }

    #[test]
    fn every_other_id_has_its_outcome_and_its_next_step() {
        let batches = vec![
            batch(0..60, Outcome::Accepted, None),
            refused(60..61, 404, "NotFound", "No \x1b[2Jsuch user."),
            refused(61..62, 404, "NotFound", "Not at risk"),
            batch(62..63, Outcome::Unknown, Some(error(ErrorKind::NoResponse, "connection reset"))),
            unattempted(63..65),
            refused(65..66, 409, "Conflict", "Twice."),
            refused(66..68, 404, "NotFound", "Which?"),
            unattempted(68..70),
        ];
        assert_eq!(
            text(batches, Some(error(ErrorKind::DeadlineExceeded, "The deadline passed."))),
            "60 of 70 ids accepted.\n\
             The call ended early: deadline-exceeded: The deadline passed.\n\
             2 refused: client-error, HTTP 404 NotFound. Do not send again: id-60 id-61\n\
             1 unknown: no-response: connection reset. They may have been applied, and sending them again is safe. \
             Wait some minutes. Send again: id-62\n\
             4 not-applied: never sent. Send again: id-63 id-64 id-68 id-69\n\
             1 refused: client-error, HTTP 409 Conflict: Twice. Do not send again: id-65\n\
             2 refused: client-error, HTTP 404 NotFound. At least one id of each request is at fault: id-66 id-67"
        );
    }

    #[test]
    fn ids_are_not_repeated_if_all_have_the_same_outcome() {
        assert_eq!(
            text(vec![unattempted(0..130)], Some(error(ErrorKind::NoToken, "GRAPH_TOKEN is not\nset"))),
            "0 of 130 ids accepted.\n\
             The call ended early: no-token: GRAPH_TOKEN is not set. The operator must correct the credential.\n\
             130 not-applied: never sent. Send again: all ids of this call"
        );
        let throttled = || Some(answered(ErrorKind::Throttled, 429, "TooManyRequests", "", Some(90_001)));
        assert_eq!(
            text(vec![batch(0..2, Outcome::NotApplied, throttled())], throttled()),
            "0 of 2 ids accepted.\n\
             2 not-applied: throttled, HTTP 429 TooManyRequests. Wait 91 s. Send again: all ids of this call"
        );
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let cause = error(ErrorKind::InvalidArgument, "ids[0]: \"x\": not a GUID");
        let expected = "Nothing was sent: invalid-argument: ids[0]: \"x\": not a GUID. Correct the argument.";
        assert_eq!(text(Vec::new(), Some(cause)), expected);
    }

    #[test]
    fn a_missing_permission_is_that_of_the_action() {
        let forbidden = || Some(answered(ErrorKind::Forbidden, 403, "Denied", "", None));
        let batches = vec![batch(0..1, Outcome::NotApplied, forbidden())];
        let text = report(&ACTIONS[8], &Report { batches, cause: forbidden() });
        assert!(text.contains("The operator must grant IdentityRiskyAgent.ReadWrite.All."), "{text}");
    }

    #[test]
    fn every_setting_that_is_not_valid_is_named() {
        let problems = ["ENTRA_RISK_CLOUD: expected global", "ENTRA_RISK_DEADLINE_MS: expected a number"].map(str::to_owned);
        let expected = "Nothing was sent. The operator must correct the settings: ENTRA_RISK_CLOUD: expected global; \
                        ENTRA_RISK_DEADLINE_MS: expected a number.";
        assert_eq!(misconfigured(&problems), expected);
    }
}

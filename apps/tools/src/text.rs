//! The result of a tool as a text: counts, and the ids that were not accepted, grouped by outcome and reason, with the next
//! step. Its readers pay for every word, so accepted ids are only counted.

use std::fmt::Write;

use entra_risk_report::actions::Error;
use entra_risk_report::{Action, Group, OutcomeKind, Report, printable};

/// The settings are not valid.
pub(crate) fn misconfigured(problems: &[String]) -> String {
    format!("Nothing was sent. The operator must correct the settings: {}.", problems.join("; "))
}

/// The report of a call.
pub(crate) fn report(action: &Action, report: &Report) -> String {
    let all = report.batches.iter().map(|batch| batch.ids.len()).fold(0, usize::saturating_add);
    let ended_by = report.cause_without_group().map(|cause| (describe(cause), next_step(action, cause)));
    if let (0, Some((cause, step))) = (all, &ended_by) {
        return format!("Nothing was sent: {cause}.{step}");
    }
    let mut text = format!("{} of {all} ids accepted.", report.ids(OutcomeKind::Accepted).count());
    if let Some((cause, step)) = &ended_by {
        let _ = write!(text, "\nThe call ended early: {cause}.{step}");
    }
    for group in &report.groups() {
        let ids: Vec<&str> = group.ids().map(|(id, _)| id).collect();
        let (count, outcome) = (ids.len(), group.kind.name());
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
    match group.kind {
        OutcomeKind::Refused if group.refused_together => " At least one id of each request is at fault:".to_owned(),
        OutcomeKind::Refused => " Do not send again:".to_owned(),
        OutcomeKind::Unknown => {
            format!(" They may have been applied, and sending them again is safe.{step} Send again:")
        }
        OutcomeKind::NotApplied | OutcomeKind::Accepted => format!("{step} Send again:"),
    }
}

/// The error of a group. Each refused id has its own message.
fn describe_group(group: &Group<'_>) -> String {
    match group.error {
        Error::NotAttempted => "never sent".to_owned(),
        error if group.ids().count() > 1 && group.kind == OutcomeKind::Refused => name(error),
        error => describe(error),
    }
}

/// An error: its name, and its text.
fn describe(error: &Error) -> String {
    let text = printable(error.text());
    let text = text.trim_end_matches(['.', ' ']);
    if text.is_empty() { name(error) } else { format!("{}: {text}", name(error)) }
}

/// The name of an error, with the status and the code of the response that it contains.
fn name(error: &Error) -> String {
    match error.graph() {
        None => error.kind().to_owned(),
        Some(graph) => format!("{}, HTTP {} {}", error.kind(), graph.status, printable(&graph.code)),
    }
}

/// What to do about an error, after a space; empty if there is nothing to do.
fn next_step(action: &Action, error: &Error) -> String {
    match error {
        Error::InvalidArgument(_) => " Correct the argument.".to_owned(),
        Error::NoToken(_) => " The operator must correct the credential.".to_owned(),
        Error::DeniedByHost(_) => " The operator must allow the address in the host.".to_owned(),
        Error::Unauthenticated(_) => " The operator must check tenant, cloud and audience of the token.".to_owned(),
        Error::Forbidden(_) => format!(" The operator must grant {}.", action.definition.application_permission),
        Error::Throttled(graph) => {
            let seconds = graph.retry_after_ms.map_or(THROTTLED_S, |wait| wait.div_ceil(1_000));
            format!(" Wait {seconds} s.")
        }
        Error::ServerError(_) | Error::NoResponse(_) | Error::Unreachable(_) => " Wait some minutes.".to_owned(),
        Error::UnexpectedStatus(_) => " The operator must look for a proxy on the way to Microsoft Graph.".to_owned(),
        Error::ClientError(_) | Error::DeadlineExceeded | Error::Cancelled | Error::NotAttempted | Error::Other(_) => {
            String::new()
        }
    }
}

/// How long to wait in seconds when Microsoft Graph does not say so.
const THROTTLED_S: u32 = 60;

#[cfg(test)]
mod tests {
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::{Batch, GraphError, Outcome, Receipt};

    use super::*;

    const ACCEPTED: fn() -> Outcome =
        || Outcome::Accepted(Receipt { request_id: None, client_request_id: String::new(), date: None });

    fn batch(ids: std::ops::Range<usize>, outcome: Outcome) -> Batch {
        Batch { ids: ids.map(|id| format!("id-{id}")).collect(), attempts: 1, outcome }
    }

    fn graph(status: u16, code: &str, message: &str, retry_after_ms: Option<u32>) -> GraphError {
        GraphError {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        }
    }

    fn not_found(message: &str) -> Error {
        Error::ClientError(graph(404, "NotFound", message, None))
    }

    fn text(batches: Vec<Batch>, cause: Error) -> String {
        report(&ACTIONS[3], &Report { batches, cause: Some(cause) })
    }

    #[test]
    fn accepted_ids_are_counted() {
        let report_of_all = Report { batches: vec![batch(0..60, ACCEPTED()), batch(60..61, ACCEPTED())], cause: None };
        assert_eq!(report(&ACTIONS[0], &report_of_all), "61 of 61 ids accepted.");
    }

    #[test]
    fn every_other_id_has_its_outcome_and_its_next_step() {
        let batches = vec![
            batch(0..60, ACCEPTED()),
            batch(60..61, Outcome::Refused(not_found("No \x1b[2Jsuch user."))),
            batch(61..62, Outcome::Refused(not_found("Not at risk"))),
            batch(62..63, Outcome::Unknown(Error::NoResponse("connection reset".to_owned()))),
            batch(63..65, Outcome::NotApplied(Error::NotAttempted)),
            batch(65..66, Outcome::Refused(Error::ClientError(graph(409, "Conflict", "Twice.", None)))),
            batch(66..68, Outcome::Refused(not_found("Which?"))),
            batch(68..70, Outcome::NotApplied(Error::NotAttempted)),
        ];
        assert_eq!(
            text(batches, Error::DeadlineExceeded),
            "60 of 70 ids accepted.\n\
             The call ended early: deadline-exceeded: the deadline passed.\n\
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
        let none_sent = vec![batch(0..130, Outcome::NotApplied(Error::NotAttempted))];
        assert_eq!(
            text(none_sent, Error::NoToken("GRAPH_TOKEN is not\nset".to_owned())),
            "0 of 130 ids accepted.\n\
             The call ended early: no-token: GRAPH_TOKEN is not set. The operator must correct the credential.\n\
             130 not-applied: never sent. Send again: all ids of this call"
        );
        let throttled = || Error::Throttled(graph(429, "TooManyRequests", "", Some(90_001)));
        assert_eq!(
            text(vec![batch(0..2, Outcome::NotApplied(throttled()))], throttled()),
            "0 of 2 ids accepted.\n\
             2 not-applied: throttled, HTTP 429 TooManyRequests. Wait 91 s. Send again: all ids of this call"
        );
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let cause = Error::InvalidArgument("user-ids[0]: \"x\": not a GUID".to_owned());
        let expected = "Nothing was sent: invalid-argument: user-ids[0]: \"x\": not a GUID. Correct the argument.";
        assert_eq!(text(Vec::new(), cause), expected);
    }

    #[test]
    fn every_setting_that_is_not_valid_is_named() {
        let problems = ["GATEWAY_CLOUD: expected global", "GATEWAY_DEADLINE_MS: expected a number"].map(str::to_owned);
        let expected = "Nothing was sent. The operator must correct the settings: GATEWAY_CLOUD: expected global; \
                        GATEWAY_DEADLINE_MS: expected a number.";
        assert_eq!(misconfigured(&problems), expected);
    }
}

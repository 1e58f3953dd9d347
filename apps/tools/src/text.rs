//! The result of a tool as a text: counts, and the ids that were not accepted, grouped by outcome
//! and reason, with the next step. Its readers pay for every word, so accepted ids are only
//! counted.

use std::fmt::Write;

use entra_risk_common::actions::{Error, ErrorKind, Outcome};
use entra_risk_common::{Action, Group, Report, printable};

/// The text of a call whose settings are not valid.
pub(crate) fn misconfigured(problems: &[String]) -> String {
    format!("Nothing was sent. The operator must correct the settings: {}.", problems.join("; "))
}

/// The text of a call that has a report.
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
        // Each refused id has its own message.
        let first = if group.outcome == Outcome::Refused && ids.len() > 1 { ", the first with" } else { ":" };
        let (count, outcome, error) = (ids.len(), group.outcome.name(), describe(group.error));
        let _ = write!(text, "\n{count} {outcome}{first} {error}.{}", instruction(action, group));
        let _ = match ids.len() == all && all > 1 {
            true => write!(text, " all ids of this call"),
            false => write!(text, " {}", ids.join(" ")),
        };
    }
    text
}

/// What to do with the ids of a group. The ids follow.
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

/// The kind and the message of an error, in which options have the names of the settings.
fn describe(error: &Error) -> String {
    let text = printable(&error.text());
    let mut described = String::new();
    for word in text.trim_end_matches(['.', ' ']).split(' ') {
        if !described.is_empty() {
            described.push(' ');
        }
        described.push_str(match word {
            "patience-ms" => "ENTRA_RISK_PATIENCE_MS",
            "deadline-ms" => "ENTRA_RISK_DEADLINE_MS",
            _ => word,
        });
    }
    described
}

/// What to do about an error whose message does not say it, after a space; empty for the others.
fn next_step(action: &Action, error: &Error) -> String {
    match error.kind {
        ErrorKind::InvalidArgument => " Correct the argument.".to_owned(),
        ErrorKind::NoToken => " The operator must correct the credential.".to_owned(),
        ErrorKind::Forbidden => format!(" The permission is {}.", action.definition.application_permission),
        ErrorKind::Throttled => {
            let wait = error.response.as_ref().and_then(|response| response.retry_after_ms);
            format!(" Wait {} s.", wait.map_or(THROTTLED_S, |wait| wait.div_ceil(1_000)))
        }
        ErrorKind::NoResponse | ErrorKind::Unreachable => " Wait some minutes.".to_owned(),
        _ => String::new(),
    }
}

/// How many seconds to wait when Microsoft Graph throttles without saying how long.
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

    /// The plugin's message says what to do before it quotes the response.
    fn answered(kind: ErrorKind, status: u16, advice: &str, retry_after_ms: Option<u32>) -> Error {
        let response = Response {
            status,
            code: "Code".to_owned(),
            message: "No \x1b[2Jsuch user.".to_owned(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        };
        let message = format!("{status}: {advice}; {}; {}", response.code, response.message);
        Error { kind, message, response: Some(response) }
    }

    fn refused(ids: std::ops::Range<usize>, status: u16) -> Batch {
        batch(ids, Outcome::Refused, Some(answered(ErrorKind::ClientError, status, "refused", None)))
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
            refused(60..61, 404),
            refused(61..62, 404),
            batch(62..63, Outcome::Unknown, Some(error(ErrorKind::NoResponse, "no complete response arrived"))),
            unattempted(63..65),
            refused(65..66, 409),
            refused(66..68, 404),
            unattempted(68..70),
        ];
        assert_eq!(
            text(batches, Some(error(ErrorKind::DeadlineExceeded, "The deadline passed."))),
            "60 of 70 ids accepted.\n\
             The call ended early: deadline-exceeded: The deadline passed.\n\
             2 refused, the first with client-error, HTTP 404: refused; Code; No \u{fffd}[2Jsuch user. \
             Do not send again: id-60 id-61\n\
             1 unknown: no-response: no complete response arrived. They may have been applied, and sending them again \
             is safe. Wait some minutes. Send again: id-62\n\
             4 not-applied: not-attempted: Never sent: see the cause. Send again: id-63 id-64 id-68 id-69\n\
             1 refused: client-error, HTTP 409: refused; Code; No \u{fffd}[2Jsuch user. Do not send again: id-65\n\
             2 refused, the first with client-error, HTTP 404: refused; Code; No \u{fffd}[2Jsuch user. \
             At least one id of each request is at fault: id-66 id-67"
        );
    }

    #[test]
    fn the_plugins_message_is_shown_with_the_names_of_the_settings() {
        let advice = "the service asks to wait 400 s, longer than patience-ms permits";
        let throttled = || Some(answered(ErrorKind::Throttled, 429, advice, Some(400_000)));
        let text = text(vec![batch(0..1, Outcome::NotApplied, throttled())], throttled());
        let shown = "throttled, HTTP 429: the service asks to wait 400 s, longer than ENTRA_RISK_PATIENCE_MS permits";
        assert!(text.contains(shown), "{text}");
    }

    #[test]
    fn ids_are_not_repeated_if_all_have_the_same_outcome() {
        assert_eq!(
            text(vec![unattempted(0..130)], Some(error(ErrorKind::NoToken, "GRAPH_TOKEN is not\nset"))),
            "0 of 130 ids accepted.\n\
             The call ended early: no-token: GRAPH_TOKEN is not set. The operator must correct the credential.\n\
             130 not-applied: not-attempted: Never sent: see the cause. Send again: all ids of this call"
        );
        let throttled = || Some(answered(ErrorKind::Throttled, 429, "too many requests", Some(90_001)));
        assert_eq!(
            text(vec![batch(0..2, Outcome::NotApplied, throttled())], throttled()),
            "0 of 2 ids accepted.\n\
             2 not-applied: throttled, HTTP 429: too many requests; Code; No \u{fffd}[2Jsuch user. Wait 91 s. \
             Send again: all ids of this call"
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
        let forbidden = || Some(answered(ErrorKind::Forbidden, 403, "a permission is missing", None));
        let batches = vec![batch(0..1, Outcome::NotApplied, forbidden())];
        let text = report(&ACTIONS[8], &Report { batches, cause: forbidden() });
        assert!(text.contains("The permission is IdentityRiskyAgent.ReadWrite.All."), "{text}");
    }

    #[test]
    fn every_setting_that_is_not_valid_is_named() {
        let problems =
            ["ENTRA_RISK_CLOUD: expected global", "ENTRA_RISK_DEADLINE_MS: expected a number"].map(str::to_owned);
        let expected = "Nothing was sent. The operator must correct the settings: ENTRA_RISK_CLOUD: expected global; \
                        ENTRA_RISK_DEADLINE_MS: expected a number.";
        assert_eq!(misconfigured(&problems), expected);
    }
}

//! A batch as lines of a log.

use entra_risk_common::Action;
use entra_risk_common::actions::Batch;
use entra_risk_common::json::{LoggedBatch, to_json};
use serde::Serialize;

use crate::ids::{Labels, number};
use crate::verify::Verified;

#[derive(Serialize)]
struct LogLine<'a> {
    // First, because an incomplete line is recognized by it.
    time: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The label of each id, in the order of the ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<Option<&'a str>>>,
    #[serde(flatten)]
    batch: LoggedBatch<'a>,
}

#[derive(Serialize)]
struct VerifiedLine<'a> {
    time: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    verification: &'a str,
    ids: &'a [&'a str],
}

/// Maximum ids in a line, so that a line is written in one piece. A batch with more ids is several
/// lines.
const MAX_IDS: usize = 1_000;

/// The outcome of a batch as JSON, in lines without their ends. `labels` is empty if nobody asked
/// for labels.
pub(crate) fn log_lines<'a>(
    action: &'a Action,
    reason: Option<&'a str>,
    labels: &'a Labels,
    batch: &'a Batch,
    time: &'a str,
) -> impl Iterator<Item = String> {
    let lines = LoggedBatch::lines(batch, MAX_IDS).zip(batch.ids.chunks(MAX_IDS));
    lines.map(move |(batch, ids)| {
        let label = |id: &String| labels.get(&number(id)).map(String::as_str);
        let labels = (!labels.is_empty()).then(|| ids.iter().map(label).collect());
        to_json(&LogLine { time, action: action.definition.name, reason, labels, batch })
    })
}

/// What accepted ids have become as JSON, in lines without their ends.
pub(crate) fn verified_lines<'a>(
    action: &'a Action,
    reason: Option<&'a str>,
    verified: &'a Verified<'_>,
    time: &'a str,
) -> impl Iterator<Item = String> {
    let action = action.definition.name;
    verified.lists().into_iter().flat_map(move |(verification, ids)| {
        let line = move |ids| to_json(&VerifiedLine { time, action, reason, verification, ids });
        ids.chunks(MAX_IDS).map(line)
    })
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use entra_risk_common::actions::{Error, ErrorKind, Outcome, Receipt, Response};

    use super::*;

    #[test]
    fn a_line_names_the_request_whatever_the_outcome() {
        let ids = ["a".to_owned(), "b".to_owned()];
        let line = |outcome, receipt, error| {
            let batch = Batch { ids: ids.to_vec(), attempts: 2, outcome, receipt, error };
            let lines: Vec<String> =
                log_lines(&ACTIONS[3], None, &Labels::new(), &batch, "2026-11-21T09:00:00.000Z").collect();
            let [line] = lines.as_slice() else { panic!("expected one line: {lines:?}") };
            line.clone()
        };
        let begin = r#"{"time":"2026-11-21T09:00:00.000Z","action":"dismiss-risky-users","outcome":"#;
        let receipt = Receipt { request_id: None, client_request_id: "c".to_owned(), date: Some("d".to_owned()) };
        let expected = r#""accepted","ids":["a","b"],"attempts":2,"clientRequestId":"c","date":"d"}"#;
        assert_eq!(line(Outcome::Accepted, Some(receipt), None), format!("{begin}{expected}"));
        let response = Response {
            status: 404,
            code: "x".to_owned(),
            message: "line\nend".to_owned(),
            request_id: Some("r".to_owned()),
            client_request_id: "c".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let error = Error { kind: ErrorKind::ClientError, message: "refused".to_owned(), response: Some(response) };
        let expected = concat!(
            r#""refused","ids":["a","b"],"attempts":2,"requestId":"r","clientRequestId":"c","error":{"kind":"client-error","#,
            r#""message":"refused","response":{"status":404,"code":"x","message":"line\nend","clientRequestId":"c","#,
            r#""requestId":"r"}}}"#,
        );
        assert_eq!(line(Outcome::Refused, None, Some(error)), format!("{begin}{expected}"));
        let error = Error { kind: ErrorKind::NotAttempted, message: "never sent".to_owned(), response: None };
        let expected =
            r#""not-applied","ids":["a","b"],"attempts":2,"error":{"kind":"not-attempted","message":"never sent"}}"#;
        assert_eq!(line(Outcome::NotApplied, None, Some(error)), format!("{begin}{expected}"));
    }

    #[test]
    fn a_line_has_the_reason_and_the_label_of_each_id() {
        let id = |number: u8| format!("8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d{number:02}");
        let labels = Labels::from([(number(&id(1)), "Ann\u{202e}".to_owned())]);
        let batch =
            Batch { ids: vec![id(1), id(2)], attempts: 1, outcome: Outcome::Accepted, receipt: None, error: None };
        let line = log_lines(&ACTIONS[3], Some("ticket 7"), &labels, &batch, "t").next().unwrap();
        let expected =
            r#"{"time":"t","action":"dismiss-risky-users","reason":"ticket 7","labels":["Ann\u202e",null],"outcome":"#;
        assert!(line.starts_with(expected), "{line}");
    }
}

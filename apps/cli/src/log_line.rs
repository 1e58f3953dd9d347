//! A batch as lines of a log.

use entra_risk_common::actions::Batch;
use entra_risk_common::json::{LoggedBatch, to_json};
use entra_risk_common::{Action, timestamp};
use serde::Serialize;

#[derive(Serialize)]
struct LogLine<'a> {
    // First, because an incomplete line is recognized by it.
    time: &'a str,
    action: &'a str,
    #[serde(flatten)]
    batch: LoggedBatch<'a>,
}

/// Maximum ids in a line, so that a line is written in one piece. A batch with more ids is several
/// lines.
const MAX_IDS: usize = 1_000;

/// The outcome of a batch as JSON, in lines without their ends. `time` is in seconds since 1970 and
/// nanoseconds.
pub(crate) fn log_lines(action: &Action, batch: &Batch, time: (u64, u32)) -> impl Iterator<Item = String> {
    let time = timestamp(time.0, time.1);
    let lines = LoggedBatch::lines(batch, MAX_IDS);
    lines.map(move |batch| to_json(&LogLine { time: &time, action: action.definition.name, batch }))
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
            let lines: Vec<String> = log_lines(&ACTIONS[3], &batch, (1_795_251_600, 0)).collect();
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
}

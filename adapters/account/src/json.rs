//! The account as JSON, the same from the command and from the gateway. `openapi.yaml` of the gateway describes it.

use serde_json::{Value, json};

use crate::actions::{Batch, Error, Outcome};
use crate::{Account, Action, Fate};

impl Account {
    /// The account of this action as JSON: ids counted by what became of them, the cause, and the batches.
    pub fn json(&self, action: &Action) -> Value {
        let count = |fate| self.ids(fate).count();
        let batches = |fate| -> Value { self.batches.iter().filter(|batch| batch.fate() == fate).map(batch).collect() };
        json!({
            "action": action.name,
            "cause": self.cause.as_ref().map(error),
            "ids": {
                "accepted": count(Fate::Accepted),
                "refused": count(Fate::Refused),
                "unknown": count(Fate::Unknown),
                "unsent": count(Fate::Unsent),
            },
            "accepted": batches(Fate::Accepted),
            "refused": batches(Fate::Refused),
            "unknown": batches(Fate::Unknown),
            "unsent": batches(Fate::Unsent),
        })
    }
}

fn batch(batch: &Batch) -> Value {
    match &batch.outcome {
        Outcome::Accepted(receipt) => json!({
            "ids": batch.ids,
            "attempts": batch.attempts,
            "requestId": receipt.request_id,
            "clientRequestId": receipt.client_request_id,
            "date": receipt.date,
        }),
        Outcome::Refused(cause) | Outcome::Unknown(cause) | Outcome::Unsent(cause) => json!({
            "ids": batch.ids,
            "attempts": batch.attempts,
            "error": error(cause),
        }),
    }
}

fn error(error: &Error) -> Value {
    match error.graph() {
        Some(graph) => json!({
            "kind": error.kind(),
            "status": graph.status,
            "code": graph.code,
            "message": graph.message,
            "requestId": graph.request_id,
            "clientRequestId": graph.client_request_id,
            "date": graph.date,
            "retryAfterMs": graph.retry_after_ms,
        }),
        None => json!({ "kind": error.kind(), "message": error.text() }),
    }
}

//! What the caller gets: a status, perhaps a header, and JSON. `openapi.yaml` describes all of it.

use entra_risk_account::actions::Error;
use entra_risk_account::{Account, Action, Fate};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// A header besides the usual ones.
    pub header: Option<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
}

impl Answer {
    /// The same answer with this header.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        Answer { header: Some((name, value.into())), ..self }
    }
}

/// The answer to a request that is not in order, shaped as Microsoft Graph's errors are. `code` and `message` are the
/// gateway's own words.
pub fn refuse(status: u16, code: &str, message: &str) -> Answer {
    let [code, message] = [code, message].map(|text| serde_json::to_string(text).unwrap_or_default());
    Answer { status, header: None, body: format!("{{\"error\":{{\"code\":{code},\"message\":{message}}}}}") }
}

/// The answer where a setting of the gateway is wrong, named without its value, which may hold a secret.
pub fn misconfigured(setting: &str) -> Answer {
    refuse(500, "misconfigured", &format!("The gateway's operator must correct {setting}."))
}

/// The answer that says what became of every id.
pub fn account(action: &Action, account: &Account) -> Answer {
    // The ids have been checked: it can only be an option, and the text holds its value.
    if let Some(Error::InvalidArgument(_)) = account.cause {
        return misconfigured("GATEWAY_ENDPOINT or another option");
    }
    let answer = Answer { status: status(account), header: None, body: account.json(action) };
    match account.cause {
        Some(Error::Throttled(ref graph)) if answer.status == 503 => match graph.retry_after_ms {
            Some(wait) => answer.with("retry-after", wait.div_ceil(1_000).to_string()),
            None => answer,
        },
        _ => answer,
    }
}

/// 200 where every id was accepted and 207 where some were; else what the cause comes to.
fn status(account: &Account) -> u16 {
    let Some(cause) = &account.cause else { return 200 };
    let some = |fate| account.ids(fate).next().is_some();
    match cause {
        _ if some(Fate::Accepted) => 207,
        Error::Rejected(_) if some(Fate::Unknown) || some(Fate::Unsent) => 207,
        Error::Rejected(_) => 422,
        Error::NoToken(_) | Error::Throttled(_) => 503,
        Error::NoAnswer(_) | Error::DeadlinePassed => 504,
        _ => 502,
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_account::ACTIONS;
    use entra_risk_account::actions::{Batch, Failure, GraphError, Outcome, Receipt};

    use super::*;

    fn graph(retry_after_ms: Option<u32>) -> GraphError {
        GraphError {
            status: 400,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        }
    }

    fn receipt() -> Receipt {
        let ids = vec!["a".to_owned()];
        Receipt { ids, attempts: 1, request_id: None, client_request_id: String::new(), date: None }
    }

    #[track_caller]
    fn answer(cause: Error, outcomes: &[Outcome]) -> Answer {
        let batch = |outcome: &Outcome| Batch { ids: vec!["a".to_owned()], attempts: 1, outcome: outcome.clone() };
        account(&ACTIONS[0], &Account::of(Err(Failure { cause, batches: outcomes.iter().map(batch).collect() })))
    }

    #[test]
    fn the_status_says_what_became_of_the_whole() {
        assert_eq!(account(&ACTIONS[0], &Account::of(Ok(vec![receipt()]))).status, 200);
        let rejected = || Error::Rejected(graph(None));
        let refused = || Outcome::Refused(rejected());
        let lost = || Error::NoAnswer(String::new());
        let cases = [
            (rejected(), vec![refused(), Outcome::Accepted(receipt())], 207),
            (Error::DeadlinePassed, vec![Outcome::Accepted(receipt()), Outcome::Unsent(Error::DeadlinePassed)], 207),
            (rejected(), vec![refused(), Outcome::Unknown(lost())], 207),
            (rejected(), vec![refused(), refused()], 422),
            (lost(), vec![Outcome::Unknown(lost()), refused()], 504),
            (Error::DeadlinePassed, vec![Outcome::Unsent(Error::DeadlinePassed)], 504),
            (Error::NoToken(String::new()), vec![Outcome::Unsent(Error::NoToken(String::new()))], 503),
            (Error::Forbidden(graph(None)), vec![refused(), Outcome::Unsent(Error::Stopped)], 502),
            (Error::Unreachable(String::new()), vec![Outcome::Unsent(Error::Stopped)], 502),
        ];
        for (cause, outcomes, expected) in cases {
            let told = format!("{cause:?} {outcomes:?}");
            assert_eq!(answer(cause, &outcomes).status, expected, "{told}");
        }
    }

    #[test]
    fn throttling_is_handed_on_with_its_wait() {
        let throttled = |wait| Error::Throttled(graph(wait));
        let told = answer(throttled(Some(301_001)), &[Outcome::Refused(throttled(None))]);
        assert_eq!((told.status, told.header), (503, Some(("retry-after", "302".to_owned()))));
        assert_eq!(answer(throttled(None), &[]).header, None);
    }

    #[test]
    fn a_refused_option_is_told_without_its_value() {
        let told = answer(Error::InvalidArgument("endpoint https://user:canary@a.test".to_owned()), &[]);
        assert_eq!(told.status, 500);
        assert!(!told.body.contains("canary"));
    }
}

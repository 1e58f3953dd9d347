//! The account for people: how many of the ids were accepted, which were not, why, and what to do next.

use std::fmt::Write;

use entra_risk_account::actions::{Batch, Error};
use entra_risk_account::{Account, Action, Fate};

/// Ids listed for each error: as many as a request mostly has. All are in `--json`, `--left` and `--refused`.
const LISTED: usize = 60;

/// The summary, in lines.
pub(crate) fn summary(action: &Action, account: &Account) -> String {
    let [accepted, refused, unknown, unsent] = Fate::ALL.map(|fate| account.ids(fate).count());
    let all = accepted + refused + unknown + unsent;
    let mut text = format!("{}: {accepted} of {all} ids accepted", action.name);
    if accepted < all {
        let _ = write!(text, ", {refused} refused, {unknown} unknown, {unsent} unsent");
    }
    text.push('\n');
    let mut told: Vec<Vec<&Batch>> = Vec::new();
    for batch in account.batches.iter().filter(|batch| batch.error().is_some()) {
        match told.iter_mut().find(|group| group.first().is_some_and(|first| same(first, batch))) {
            Some(group) => group.push(batch),
            None => told.push(vec![batch]),
        }
    }
    for group in &told {
        paragraph(&mut text, action, group);
    }
    text
}

fn paragraph(text: &mut String, action: &Action, group: &[&Batch]) {
    let Some((first, error)) = group.first().and_then(|first| Some((first, first.error()?))) else { return };
    let ids: Vec<&String> = group.iter().flat_map(|batch| &batch.ids).collect();
    let _ = write!(text, "\n{} {}: {}", ids.len(), first.fate().name(), error.kind());
    if let Some(graph) = error.graph() {
        let _ = write!(text, ", HTTP {}", graph.status);
        if !graph.code.is_empty() {
            let _ = write!(text, " {}", printable(&graph.code));
        }
    }
    if !error.text().is_empty() {
        let _ = write!(text, ": {}", printable(error.text()));
    }
    text.push('\n');
    if let Some(graph) = error.graph() {
        let request = graph.request_id.as_deref().unwrap_or("none");
        let date = graph.date.as_deref().unwrap_or("no date");
        let client = printable(&graph.client_request_id);
        let _ = writeln!(text, "  request-id {}, client-request-id {client}, {}", printable(request), printable(date));
    }
    let _ = writeln!(text, "  {}", advice(action, first.fate(), error));
    for id in ids.iter().take(LISTED) {
        let _ = writeln!(text, "    {id}");
    }
    if ids.len() > LISTED {
        let _ = writeln!(text, "    and {} more: --json, --left and --refused give all", ids.len() - LISTED);
    }
}

/// Whether two batches can be told in one paragraph: their ids met the same fate for the same reason.
fn same(one: &Batch, other: &Batch) -> bool {
    let reason = |batch: &Batch| {
        let error = batch.error()?;
        let graph = error.graph().map(|graph| (graph.status, graph.code.clone()));
        Some((batch.fate().name(), error.kind(), graph, error.text().to_owned()))
    };
    reason(one) == reason(other)
}

fn advice(action: &Action, fate: Fate, error: &Error) -> String {
    let what = match error {
        Error::InvalidArgument(_) => "Correct it and run again.",
        Error::NoToken(_) => "See to the credential and run again.",
        Error::DeniedByHost(_) => "Let the runtime reach this address and run again.",
        Error::Unauthenticated(_) => "Check tenant, cloud and audience of the token, and run again.",
        Error::Forbidden(_) => {
            return format!("Grant {} (and the role or licence, if that is missing) and run again.", action.permission);
        }
        Error::Rejected(_) => "Some id is likely unknown or not at risk: --ids-per-request 1 finds it.",
        Error::Throttled(graph) => {
            if let Some(wait) = graph.retry_after_ms {
                return format!("Run again after {} s, not sooner.", wait.div_ceil(1_000));
            }
            "Run again later."
        }
        Error::Unavailable(_) => "Run again later.",
        Error::Unexpected(_) => "Something else than Microsoft Graph answered: check --endpoint and proxies.",
        Error::Unreachable(_) => "Check network, DNS and --endpoint, and run again.",
        Error::NoAnswer(_) | Error::Stopped | Error::Other(_) => "Run again.",
        Error::DeadlinePassed => "Run again, with a longer --deadline.",
    };
    if fate == Fate::Unknown {
        format!("{what} They may be done already; sending them again is safe.")
    } else {
        what.to_owned()
    }
}

/// Text from the network without what a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use entra_risk_account::ACTIONS;
    use entra_risk_account::actions::{GraphError, Outcome, Receipt};

    use super::*;

    fn batch(ids: std::ops::Range<usize>, outcome: Outcome) -> Batch {
        Batch { ids: ids.map(|id| format!("id-{id}")).collect(), attempts: 1, outcome }
    }

    fn not_found() -> Error {
        Error::Rejected(GraphError {
            status: 404,
            code: "Request_ResourceNotFound".to_owned(),
            message: "No \x1b[2Jsuch user".to_owned(),
            request_id: Some("r-1".to_owned()),
            client_request_id: "c-1".to_owned(),
            date: None,
            retry_after_ms: None,
        })
    }

    #[test]
    fn failed_ids_come_with_the_reason_and_what_to_do() {
        let receipt =
            Receipt { ids: Vec::new(), attempts: 1, request_id: None, client_request_id: String::new(), date: None };
        let account = Account {
            batches: vec![
                batch(0..60, Outcome::Accepted(receipt)),
                batch(60..61, Outcome::Refused(not_found())),
                batch(61..121, Outcome::Unsent(Error::Stopped)),
                batch(121..122, Outcome::Refused(not_found())),
                batch(122..123, Outcome::Unknown(Error::NoAnswer("connection reset".to_owned()))),
                batch(123..130, Outcome::Unsent(Error::Stopped)),
            ],
            cause: Some(not_found()),
        };
        let listed: String = (61..121).map(|id| format!("    id-{id}\n")).collect();
        let expected = format!(
            "dismiss-risky-users: 60 of 130 ids accepted, 2 refused, 1 unknown, 67 unsent\n\
             \n2 refused: rejected, HTTP 404 Request_ResourceNotFound: No  [2Jsuch user\n\
             \x20 request-id r-1, client-request-id c-1, no date\n\
             \x20 Some id is likely unknown or not at risk: --ids-per-request 1 finds it.\n\
             \x20   id-60\n\x20   id-121\n\
             \n67 unsent: stopped: not tried, as an earlier error ended the call\n\
             \x20 Run again.\n{listed}\
             \x20   and 7 more: --json, --left and --refused give all\n\
             \n1 unknown: no-answer: connection reset\n\
             \x20 Run again. They may be done already; sending them again is safe.\n\
             \x20   id-122\n"
        );
        assert_eq!(summary(&ACTIONS[3], &account), expected);
    }

    #[test]
    fn success_is_one_line() {
        let account = Account::of(Ok(Vec::new()));
        assert_eq!(summary(&ACTIONS[0], &account), "dismiss-sign-ins: 0 of 0 ids accepted\n");
    }
}

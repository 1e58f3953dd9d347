//! Cases from public reports: what Microsoft Graph, or something on the way to it, answered, and
//! what must become of the ids. `tests/cases/README.md` says where each was met.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use serde_json::Value;

use crate::script::{accepted, respond};

/// A case.
#[derive(Debug)]
pub struct Case {
    /// What happens in it.
    pub name: String,
    /// The ids of the call.
    pub ids: Vec<String>,
    /// The answers, in turn; the last one is given for good.
    answers: Vec<Behavior>,
    /// The answers are for requests with this id; for all others there is success.
    at_fault: Option<String>,
    /// The kind of the error that ends the call.
    pub cause: Option<String>,
    /// Most requests, without those in flight at the end.
    pub requests: usize,
    /// What the command must print, in any case of letters.
    pub text: Option<String>,
    outcomes: Outcomes,
}

/// What must become of the ids.
#[derive(Debug)]
enum Outcomes {
    All(String),
    /// The first ids, this many, are accepted, and all others are worth sending again.
    First(usize),
    /// Those at fault, and all others.
    Those {
        those: String,
        rest: String,
    },
}

impl Case {
    /// Every case.
    ///
    /// # Panics
    /// If the file of the cases is not as its README says.
    pub fn all() -> Vec<Case> {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../tests/cases/responses.json")).expect("cases");
        cases.iter().map(Case::parse).collect()
    }

    fn parse(case: &Value) -> Case {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        let ids: Vec<String> = (0..number(&case["ids"]).expect("ids")).map(id).collect();
        let expect = &case["expect"];
        let outcomes = match (text(&expect["all"]), number(&expect["first"]), text(&expect["those"])) {
            (Some(all), None, None) => Outcomes::All(all),
            (None, Some(first), None) => Outcomes::First(first),
            (None, None, Some(those)) => Outcomes::Those { those, rest: text(&expect["rest"]).expect("rest") },
            _ => panic!("what becomes of the ids: {expect}"),
        };
        let at_fault = match case["when"].as_str() {
            Some("any") => None,
            when => {
                let position = when.and_then(|when| when.strip_prefix("contains:")?.parse::<usize>().ok());
                Some(ids[position.expect("when")].clone())
            }
        };
        let answers = case["answers"].as_array().expect("answers").iter().map(answer).collect();
        Case {
            name: text(&case["name"]).expect("name"),
            ids,
            answers,
            at_fault,
            cause: text(&expect["cause"]),
            requests: number(&expect["requests"]).expect("requests"),
            text: text(&expect["text"]),
            outcomes,
        }
    }

    /// A service that answers like this, each time after so long.
    pub fn service(&self, latency: Duration) -> Arc<dyn Service> {
        let (answers, at_fault) = (self.answers.clone(), self.at_fault.clone());
        Arc::new(Answers { answers, at_fault, given: Mutex::new(0), latency })
    }

    /// Whether an outcome, by its name, is right for the id at this position.
    pub fn is_right(&self, position: usize, outcome: &str) -> bool {
        match &self.outcomes {
            Outcomes::All(all) => outcome == all,
            Outcomes::First(first) if position < *first => outcome == "accepted",
            Outcomes::First(_) => ["not-applied", "unknown"].contains(&outcome),
            Outcomes::Those { those, rest } => {
                let is_at_fault = self.at_fault.as_ref() == self.ids.get(position);
                outcome == if is_at_fault { those } else { rest }
            }
        }
    }

    /// The ids for which this outcome, by its name, is right.
    pub fn ids_with(&self, outcomes: &[&str]) -> Vec<&str> {
        let is_right = |position| outcomes.iter().any(|outcome| self.is_right(position, outcome));
        let ids = self.ids.iter().enumerate();
        ids.filter(|(position, _)| is_right(*position)).map(|(_, id)| id.as_str()).collect()
    }
}

struct Answers {
    answers: Vec<Behavior>,
    at_fault: Option<String>,
    given: Mutex<usize>,
    latency: Duration,
}

impl Service for Answers {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let behavior = if self.at_fault.as_ref().is_some_and(|id| !body.contains(id)) {
            accepted()
        } else {
            let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            let next = self.answers[(*given).min(self.answers.len() - 1)].clone();
            *given += 1;
            next
        };
        Reply::at_once(behavior).after(self.latency)
    }
}

/// An answer of a case, with `{id:N}` replaced by the N-th id.
fn answer(answer: &Value) -> Behavior {
    let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let headers = answer["headers"].as_object().expect("headers");
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
    let mut body = answer["body"].as_str().expect("a body").to_owned();
    while let Some((before, rest)) = body.split_once("{id:") {
        let (number, after) = rest.split_once('}').expect("an id");
        body = format!("{before}{}{after}", id(number.parse().expect("a number")));
    }
    respond(status, &headers, body)
}

/// The id at this position of a call.
fn id(position: usize) -> String {
    format!("8f0e4c0b-6ec1-4c1e-a9b8-{position:012x}")
}

//! A run as text, for people: what was asked, each request and what became of it, and what the plugin said.

use std::fmt;
use std::time::Duration;

use super::account::name;
use super::{Account, Run};
use crate::bindings::actions::{Batch, Outcome};

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = &self.plan.graph;
        writeln!(f, "seed {}", self.plan.seed)?;
        writeln!(f, "answers in {:?}, faults {}, {} ids absent", graph.latency, graph.faults, graph.absent.len())?;
        writeln!(f, "limits: users {:?}, sign-ins {:?}", graph.users, graph.sign_ins)?;
        self.accounts.iter().try_for_each(|account| write!(f, "\n{account}"))?;
        self.violations.iter().try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.call;
        writeln!(f, "{} {} of {} ids", seconds(self.started), call.action.name(), call.ids.len())?;
        writeln!(f, "           {:?}", call.options)?;
        self.arrivals.iter().try_for_each(|arrival| writeln!(f, "{arrival}"))?;
        let said = match (&self.said, self.cause()) {
            (Err(why), _) => why.clone(),
            (_, Some(cause)) => format!("err, cause {cause:?}"),
            (_, None) => "ok".into(),
        };
        writeln!(f, "{} {said}", seconds(self.ended))?;
        self.batches().iter().try_for_each(|batch| writeln!(f, "           {}", told(batch)))
    }
}

fn told(batch: &Batch) -> String {
    let why = match &batch.outcome {
        Outcome::Accepted(receipt) => format!("{:?}", receipt.client_request_id),
        Outcome::Refused(error) | Outcome::Unknown(error) | Outcome::Unsent(error) => format!("{error:?}"),
    };
    let ids = format!("{} ids {}", batch.ids.len(), first(&batch.ids));
    format!("{ids} {} after {} attempts: {why}", name(&batch.outcome), batch.attempts)
}

/// What is enough to tell batches apart.
pub(super) fn first(ids: &[String]) -> &str {
    ids.first().and_then(|id| id.get(..8)).unwrap_or("none")
}

fn seconds(time: Duration) -> String {
    format!("{:10.3}", time.as_secs_f64())
}

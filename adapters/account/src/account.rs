//! The account of a call, or of several that belong together: every id exactly once.

use crate::Answer;
use crate::actions::{Batch, Error, Failure, Outcome, Receipt};

/// What became of every id, in the order given.
#[derive(Debug, Default)]
pub struct Account {
    /// Ids that were sent together, or would have been, and what became of them.
    pub batches: Vec<Batch>,
    /// What ended the call, or else the first error; none where every id was accepted.
    pub cause: Option<Error>,
}

/// What can become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Done.
    Accepted,
    /// Not applied, and not to be sent again as it is.
    Refused,
    /// Applied or not: to be sent again.
    Unknown,
    /// Not applied: to be sent again.
    Unsent,
}

impl Account {
    /// The account that a call of the plugin returned.
    pub fn of(answer: Answer) -> Self {
        match answer {
            Ok(receipts) => Account { batches: receipts.into_iter().map(accepted).collect(), cause: None },
            Err(Failure { cause, batches }) => Account { batches, cause: Some(cause) },
        }
    }

    /// Adds the account of a later call. The first cause stands, unless the later one `ended` the whole.
    pub fn append(&mut self, later: Account, ended: bool) {
        self.batches.extend(later.batches);
        if ended || self.cause.is_none() {
            self.cause = later.cause.or(self.cause.take());
        }
    }

    /// The ids that met this fate, in the order given.
    pub fn ids(&self, fate: Fate) -> impl Iterator<Item = &str> {
        let met = self.batches.iter().filter(move |batch| batch.fate() == fate);
        met.flat_map(|batch| batch.ids.iter().map(String::as_str))
    }
}

impl Fate {
    /// All four, in the order of the contract.
    pub const ALL: [Fate; 4] = [Fate::Accepted, Fate::Refused, Fate::Unknown, Fate::Unsent];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Refused => "refused",
            Fate::Unknown => "unknown",
            Fate::Unsent => "unsent",
        }
    }
}

impl Batch {
    /// What became of the batch.
    pub fn fate(&self) -> Fate {
        match self.outcome {
            Outcome::Accepted(_) => Fate::Accepted,
            Outcome::Refused(_) => Fate::Refused,
            Outcome::Unknown(_) => Fate::Unknown,
            Outcome::Unsent(_) => Fate::Unsent,
        }
    }

    /// The error that the batch ended with; none where it was accepted.
    pub fn error(&self) -> Option<&Error> {
        match &self.outcome {
            Outcome::Accepted(_) => None,
            Outcome::Refused(error) | Outcome::Unknown(error) | Outcome::Unsent(error) => Some(error),
        }
    }
}

fn accepted(receipt: Receipt) -> Batch {
    Batch { ids: receipt.ids.clone(), attempts: receipt.attempts, outcome: Outcome::Accepted(receipt) }
}

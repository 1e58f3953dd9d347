//! The batches of a report that were not accepted, grouped by what a reader has to know of them.

use crate::Report;
use crate::actions::{Batch, Error, Outcome};

/// Batches with the same outcome for the same reason. A group has at least one.
#[derive(Debug)]
pub struct Group<'a> {
    /// The outcome of every batch in the group. It is never accepted.
    pub outcome: Outcome,
    /// The error of the first batch. For refused ids, the messages of the others may differ.
    pub error: &'a Error,
    /// Whether Microsoft Graph refused several ids in one request, of which perhaps only one is at
    /// fault. The plugin reports such batches only without `isolate-refused`.
    pub refused_together: bool,
    /// The batches of the group, in the order in which their ids were given.
    pub batches: Vec<&'a Batch>,
}

impl Report {
    /// The ids that were not accepted, in groups: the group of the first such id comes first.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for batch in &self.batches {
            let Some(error) = &batch.error else { continue };
            let refused_together = batch.is_refused_together();
            let group = Group { outcome: batch.outcome, error, refused_together, batches: vec![batch] };
            match groups.iter_mut().find(|known| known.reason() == group.reason()) {
                Some(known) => known.batches.push(batch),
                None => groups.push(group),
            }
        }
        groups
    }

    /// What ended the call, if no group contains it. A call can end before anything is sent, for
    /// example for lack of a token.
    pub fn cause_without_group(&self) -> Option<&Error> {
        let cause = self.cause.as_ref()?;
        let is_known =
            self.batches.iter().filter_map(|batch| batch.error.as_ref()).any(|error| error.kind == cause.kind);
        (!is_known).then_some(cause)
    }
}

impl<'a> Group<'a> {
    /// The ids with the error of each, in the order given.
    pub fn ids(&self) -> impl Iterator<Item = (&'a str, Option<&'a Error>)> {
        self.batches.iter().flat_map(|batch| batch.ids.iter().map(move |id| (id.as_str(), batch.error.as_ref())))
    }

    /// What the batches of a group have in common. Each refused id has its own message, so that the
    /// messages of refusals may differ.
    fn reason(&self) -> impl PartialEq + use<'a> {
        let response = self.error.response.as_ref().map(|response| (response.status, response.code.as_str()));
        let text = (self.outcome != Outcome::Refused).then_some(&self.error.message);
        (self.outcome, self.refused_together, self.error.kind, response, text)
    }
}

impl Batch {
    /// Whether to process the ids of this batch again.
    pub fn remains(&self) -> bool {
        match self.outcome {
            Outcome::Accepted => false,
            Outcome::Refused => self.is_refused_together(),
            Outcome::NotApplied | Outcome::Unknown => true,
        }
    }

    fn is_refused_together(&self) -> bool {
        self.outcome == Outcome::Refused && self.ids.len() > 1
    }
}

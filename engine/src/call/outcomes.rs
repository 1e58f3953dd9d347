//! How the ids of a call ended, and what is to be reported of that.

use std::mem;
use std::rc::Rc;

use crate::call::group::Group;
use crate::call::id_ranges::IdRanges;
use crate::contract::error::{Error, OutcomeKind};
use crate::contract::id::Id;
use crate::contract::report::{Batch, Outcome, Receipt};
use crate::invariant;

/// The ids of a call, and what is known of each. Positions are those in the list of ids.
pub(crate) struct Outcomes {
    ids: Vec<Id>,
    states: Vec<IdState>,
    /// How many ids have no outcome.
    remaining: usize,
    /// What ended and has not been reported yet: the positions of the ids of each batch, in the
    /// order of the first ones.
    ended: Vec<Vec<usize>>,
    /// The error of the first batch reported that was not accepted.
    first_error: Option<Rc<Error>>,
    /// How attempts ended. States and groups name them by their number.
    endings: Vec<Ending>,
}

/// What is known of an id.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct IdState {
    /// How many requests carried the id.
    attempts: u32,
    /// Whether an attempt may have been applied.
    maybe_applied: bool,
    /// The index in the endings of how its latest attempt ended, if one has.
    ending: Option<usize>,
    /// Whether that ending is final.
    has_ended: bool,
    /// Whether the id was reported.
    is_reported: bool,
}

/// How an attempt ended.
struct Ending {
    result: Result<Rc<Receipt>, Rc<Error>>,
    /// Whether the ids were refused together with others, so that those at fault are not known.
    is_undecided: bool,
}

impl Outcomes {
    /// The outcomes of ids of which nothing is known yet.
    pub(crate) fn new(ids: Vec<Id>) -> Outcomes {
        Outcomes {
            states: vec![IdState::default(); ids.len()],
            remaining: ids.len(),
            ids,
            ended: Vec::new(),
            first_error: None,
            endings: Vec::new(),
        }
    }

    /// How many ids have no outcome.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// The id at this position.
    pub(crate) fn id(&self, position: usize) -> Option<&Id> {
        self.ids.get(position)
    }

    /// The error of the first batch taken that was not accepted.
    pub(crate) fn first_error(&self) -> Option<&Rc<Error>> {
        self.first_error.as_ref()
    }

    /// Takes what has ended since the last time, in the order of the first ids.
    pub(crate) fn take_ended(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        for positions in mem::take(&mut self.ended) {
            let Some(first) = positions.first().copied() else { continue };
            for position in &positions {
                self.states.get_mut(*position).into_iter().for_each(|state| state.is_reported = true);
            }
            batches.push(self.batch(first, positions.into_iter()));
        }
        let first_error = batches.iter().find_map(|batch: &Batch| batch.outcome.error());
        self.first_error = self.first_error.take().or(first_error.cloned());
        batches
    }

    /// Every id that was reported, in the order given. Neighbors that ended alike are together.
    pub(crate) fn report(&self) -> Vec<Batch> {
        let mut next = 0_usize;
        let runs = self.states.chunk_by(|one, next| one == next).map(|run| {
            let first = next;
            next = first.saturating_add(run.len());
            first..next
        });
        let reported = runs.filter(|run| self.state(run.start).is_reported);
        reported.map(|run| self.batch(run.start, run)).collect()
    }

    /// Records that a group is sent now, and returns its ids.
    pub(crate) fn send(&mut self, group: &Group) -> Vec<Id> {
        self.update(&group.ids, |state| state.attempts = state.attempts.saturating_add(1));
        group.ids.ranges().flat_map(|range| self.ids.get(range).unwrap_or_default()).copied().collect()
    }

    /// Records that a group was accepted, and makes that final.
    pub(crate) fn accept(&mut self, group: &mut Group, receipt: Receipt) {
        self.record(group, Ending { result: Ok(Rc::new(receipt)), is_undecided: false });
        // The ids were applied, whatever became of earlier attempts: those that differ in that
        // alone have ended alike.
        self.update(&group.ids, |state| state.maybe_applied = false);
        self.end(group.ids.positions());
    }

    /// Records how the latest attempt of a group ended. `is_undecided`: its ids were refused, and
    /// those at fault are not known.
    pub(crate) fn fail(&mut self, group: &mut Group, error: Rc<Error>, is_undecided: bool) {
        if error.outcome == OutcomeKind::Unknown {
            self.update(&group.ids, |state| state.maybe_applied = true);
        }
        self.record(group, Ending { result: Err(error), is_undecided });
    }

    /// Makes the outcome of the ids at these positions final, in ascending order. Those that ended
    /// alike are one batch.
    pub(crate) fn end(&mut self, positions: impl Iterator<Item = usize>) {
        let mut alike: Vec<(IdState, Vec<usize>)> = Vec::new();
        let mut latest = 0;
        for position in positions {
            match self.states.get_mut(position) {
                Some(state) if !state.has_ended => state.has_ended = true,
                _ => invariant::broken("an id ends once"),
            }
            let state = self.state(position);
            // Neighbors have mostly ended alike.
            if alike.get(latest).is_none_or(|(known, _)| *known != state) {
                latest = alike.iter().position(|(known, _)| *known == state).unwrap_or(alike.len());
            }
            match alike.get_mut(latest) {
                Some((_, positions)) => positions.push(position),
                None => alike.push((state, vec![position])),
            }
            self.remaining = self.remaining.saturating_sub(1);
        }
        for (_, positions) in alike {
            let place = self.ended.partition_point(|other| other.first() < positions.first());
            self.ended.insert(place, positions);
        }
    }

    /// Makes the outcome of every id final that is in none of these groups.
    pub(crate) fn end_all_but<'a>(&mut self, groups: impl Iterator<Item = &'a Group>) {
        let mut ends: Vec<bool> = self.states.iter().map(|state| !state.has_ended).collect();
        for range in groups.flat_map(|group| group.ids.ranges()) {
            ends.get_mut(range).unwrap_or_default().fill(false);
        }
        self.end(ends.into_iter().enumerate().filter(|(_, ends)| *ends).map(|(position, _)| position));
    }

    fn record(&mut self, group: &mut Group, ending: Ending) {
        match group.ending.and_then(|number| self.endings.get_mut(number)) {
            Some(last) => *last = ending,
            None => {
                let number = self.endings.len();
                self.endings.push(ending);
                group.ending = Some(number);
                self.update(&group.ids, |state| state.ending = Some(number));
            }
        }
    }

    fn update(&mut self, ids: &IdRanges, change: impl Fn(&mut IdState)) {
        for range in ids.ranges() {
            self.states.get_mut(range).unwrap_or_default().iter_mut().for_each(&change);
        }
    }

    fn state(&self, position: usize) -> IdState {
        self.states.get(position).copied().unwrap_or_else(|| invariant::broken("every id has a state"))
    }

    /// The batch of the ids at these positions, which ended as the `first` one did.
    fn batch(&self, first: usize, positions: impl Iterator<Item = usize>) -> Batch {
        let state = self.state(first);
        let outcome = match state.ending.and_then(|number| self.endings.get(number)) {
            Some(Ending { result: Ok(receipt), .. }) => Outcome::Accepted(receipt.clone()),
            Some(Ending { result: Err(error), is_undecided }) => {
                Outcome::of(error.clone(), state.maybe_applied, *is_undecided)
            }
            None => Outcome::NotApplied(Rc::new(Error::not_attempted())),
        };
        let ids = positions.filter_map(|position| self.ids.get(position)).copied().collect();
        Batch { ids, attempts: state.attempts, outcome }
    }
}

//! The ids of a call: which of them to send next, and how each ended.

use std::iter;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

use crate::call::bisection::Share;
use crate::contract::error::{Error, OutcomeKind};
use crate::contract::id::Id;
use crate::contract::report::{Batch, Outcome, Receipt};
use crate::invariant;
use crate::time::Nanos;

/// The ids of a call. Positions are those in the list of ids.
pub(crate) struct Work {
    ids: Vec<Id>,
    states: Vec<IdState>,
    /// Ids without an outcome.
    left: usize,
    /// What ended and has not been reported yet: the positions of the ids of each batch, in the order of the first ones.
    ended: Vec<Vec<usize>>,
    /// The error of the first batch reported that was not accepted.
    first_error: Option<Rc<Error>>,
    /// How attempts ended, by number.
    endings: Vec<Ending>,
    /// Ids that are in no group and have not ended, in order.
    pool: Vec<Range<usize>>,
    /// Groups to send again, or parts of refused groups, each with the earliest time at which it may be sent.
    waiting: Vec<(Nanos, Group)>,
    /// Maximum ids in a group.
    max_group: usize,
    /// Split refused groups.
    isolates: bool,
    share: Share,
    /// Refusals since the last acceptance.
    refusals: u32,
    /// An id that a refusal had named was accepted: names mean nothing.
    ignores_names: bool,
    /// The number of ids of the latest group of the pool.
    latest_size: usize,
    /// Nothing is sent any more: what is not in flight has ended.
    is_closed: bool,
}

/// Ids that are sent in one request.
pub(crate) struct Group {
    ids: Vec<Range<usize>>,
    /// The ids that were refused together with `ids` and are not sent now; empty unless the group is `Suspect`.
    rest: Vec<Range<usize>>,
    kind: Kind,
    /// Attempts that count towards `max-attempts`.
    pub(crate) counted_attempts: u32,
    /// An attempt was repeated with a fresh token.
    pub(crate) had_fresh_token: bool,
    /// The number of its ending so far.
    ending: Option<usize>,
}

/// Why ids are sent together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing is known of them.
    Untested,
    /// They contain a bad id, together with the rest of the group.
    Suspect,
    /// The service failed on them, together with others.
    Part,
    /// A refusal named the id, which is alone.
    Named,
    /// A refusal named others.
    Unnamed,
}

/// The ids of a refused group.
struct Naming {
    /// Each one that the refusal names.
    named: Vec<Range<usize>>,
    /// The others.
    unnamed: Vec<Range<usize>>,
}

/// What is known of an id.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct IdState {
    /// Requests that carried it.
    attempts: u32,
    /// An attempt may have been applied.
    maybe_applied: bool,
    /// The number of its ending so far.
    ending: Option<usize>,
    /// That ending is final.
    has_ended: bool,
    /// It was reported.
    is_reported: bool,
}

/// How an attempt ended.
struct Ending {
    result: Result<Rc<Receipt>, Rc<Error>>,
    /// The ids were refused together with others: those at fault are not known.
    is_undecided: bool,
}

impl Work {
    pub(crate) fn new(ids: Vec<Id>, max_group: usize, isolates: bool) -> Work {
        Work {
            states: vec![IdState::default(); ids.len()],
            left: ids.len(),
            ended: Vec::new(),
            first_error: None,
            endings: Vec::new(),
            pool: iter::once(0..ids.len()).filter(|all| !all.is_empty()).collect(),
            ids,
            waiting: Vec::new(),
            max_group,
            isolates,
            share: Share::default(),
            refusals: 0,
            ignores_names: false,
            latest_size: max_group,
            is_closed: false,
        }
    }

    /// Ids without an outcome.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Takes what has ended since it was last asked for, in the order of the first ids.
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

    /// The error of the first batch taken that was not accepted.
    pub(crate) fn first_error(&self) -> Option<&Rc<Error>> {
        self.first_error.as_ref()
    }

    /// Every id that was reported, in the order given: neighbors that ended alike are together.
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

    /// When the next group may be sent, a time that may have passed. `None`: no id waits.
    pub(crate) fn next_due(&self, now: Nanos, is_probing: bool) -> Option<Nanos> {
        match self.choose(now, is_probing) {
            Some(position) => self.waiting.get(position).map(|(due, _)| *due),
            None => (!self.pool.is_empty()).then_some(0),
        }
    }

    /// Takes the next group to send. `is_smaller`: a new group has half as many ids as the one before.
    pub(crate) fn take(&mut self, now: Nanos, is_probing: bool, is_smaller: bool) -> Option<Group> {
        match self.choose(now, is_probing) {
            // First in, first out.
            Some(position) => Some(self.waiting.remove(position).1),
            None => self.take_from_pool(is_smaller),
        }
    }

    /// The ids of a group, for a request that is sent now.
    pub(crate) fn send(&mut self, group: &mut Group) -> Vec<Id> {
        group.counted_attempts = group.counted_attempts.saturating_add(1);
        self.update(group, |state| state.attempts = state.attempts.saturating_add(1));
        group.ids.iter().flat_map(|range| self.ids.get(range.clone()).unwrap_or_default()).copied().collect()
    }

    pub(crate) fn accept(&mut self, mut group: Group, receipt: Receipt) {
        self.record(&mut group, Ok(Rc::new(receipt)), false);
        // They were applied, whatever became of earlier attempts: ids that differ in that alone
        // have ended alike.
        self.update(&group, |state| state.maybe_applied = false);
        self.end(group.positions());
        self.refusals = 0;
        self.ignores_names |= group.kind == Kind::Named;
        self.learn(&group, false);
        if !group.rest.is_empty() {
            self.search(group.rest);
        }
    }

    /// Records a refusal, which names GUIDs. The ids of a group of several are searched for those at fault.
    pub(crate) fn refuse(&mut self, mut group: Group, error: Rc<Error>, named: &[u128]) {
        let is_final = group.len() == 1 || !self.isolates;
        self.record(&mut group, Err(error), !is_final);
        if is_final || self.is_closed {
            self.end(group.positions());
        }
        if !self.isolates || self.is_closed {
            return;
        }
        self.refusals = self.refusals.saturating_add(1);
        self.learn(&group, true);
        let Group { ids, rest, .. } = group;
        self.give_back(rest);
        if is_final {
            return;
        }
        match self.split_by_name(&ids, named) {
            Some(Naming { named, unnamed }) => {
                // What the names are worth shows soon: the others may be accepted together.
                if count(&unnamed) > self.max_group {
                    self.give_back(unnamed);
                } else {
                    self.wait(0, unnamed, Vec::new(), Kind::Unnamed);
                }
                for id in named {
                    self.wait(0, vec![id], Vec::new(), Kind::Named);
                }
            }
            None => self.search(ids),
        }
    }

    /// Records that a group is too large: no later one is larger than its half.
    pub(crate) fn shrink(&mut self, group: Group, error: Rc<Error>) {
        self.max_group = self.max_group.min(group.len() / 2).max(1);
        let Some(group) = self.keep(group, error) else { return };
        self.give_back(group.rest);
        self.give_back(group.ids);
    }

    /// Splits a group on which the service fails: an id of it may be at fault.
    pub(crate) fn halve(&mut self, group: Group, due: Nanos, error: Rc<Error>) {
        let Some(group) = self.keep(group, error) else { return };
        let size = group.len().div_ceil(2).min(self.max_group);
        let Group { mut ids, rest, .. } = group;
        self.give_back(rest);
        while !ids.is_empty() {
            let rest = split_off(&mut ids, size);
            self.wait(due, ids, Vec::new(), Kind::Part);
            ids = rest;
        }
    }

    /// Puts a group aside, to be sent again.
    pub(crate) fn retry(&mut self, group: Group, due: Nanos, error: Rc<Error>) {
        let kept = self.keep(group, error);
        self.waiting.extend(kept.map(|group| (due, group)));
    }

    /// Records the error of a group that may be sent again; none if the call has ended, and the group with it.
    fn keep(&mut self, mut group: Group, error: Rc<Error>) -> Option<Group> {
        self.record(&mut group, Err(error), false);
        if self.is_closed {
            self.end(group.positions());
            return None;
        }
        Some(group)
    }

    /// Ends a group with an error.
    pub(crate) fn fail(&mut self, mut group: Group, error: Rc<Error>) {
        self.record(&mut group, Err(error), false);
        self.end(group.positions());
        self.give_back(group.rest);
    }

    /// Ends what is not in flight: nothing more is sent.
    pub(crate) fn close<'a>(&mut self, in_flight: impl Iterator<Item = &'a mut Group>) {
        self.is_closed = true;
        self.pool.clear();
        self.waiting.clear();
        let mut is_idle: Vec<bool> = self.states.iter().map(|state| !state.has_ended).collect();
        for group in in_flight {
            group.rest.clear();
            for range in &group.ids {
                is_idle.get_mut(range.clone()).unwrap_or_default().fill(false);
            }
        }
        self.end(is_idle.into_iter().enumerate().filter(|(_, is_idle)| *is_idle).map(|(position, _)| position));
    }

    /// The waiting group to send next; none where the next one comes from the pool.
    fn choose(&self, now: Nanos, is_probing: bool) -> Option<usize> {
        if is_probing && !self.pool.is_empty() {
            return None;
        }
        let due = |(due, _): &(Nanos, Group)| *due <= now || self.pool.is_empty();
        let waiting = self.waiting.iter().enumerate().filter(|(_, waiting)| due(waiting));
        // Probes rotate over the groups: an outage uses up the attempts of none while others have more left.
        let first = waiting.min_by_key(|(_, (due, group))| match is_probing {
            true => ((*due).max(now), group.counted_attempts),
            false => (*due, 0),
        });
        // Names lead from one bad id of a cluster to the next.
        let follows_names = |group: &Group| matches!(group.kind, Kind::Named | Kind::Unnamed);
        let is_elsewhere = self.is_in_a_cluster() && !self.pool.is_empty();
        first.filter(|(_, (_, group))| !(is_elsewhere && follows_names(group))).map(|(position, _)| position)
    }

    /// Adds a group to those that wait.
    fn wait(&mut self, due: Nanos, ids: Vec<Range<usize>>, rest: Vec<Range<usize>>, kind: Kind) {
        self.waiting.push((due, Group::new(ids, rest, kind)));
    }

    fn take_from_pool(&mut self, is_smaller: bool) -> Option<Group> {
        let mut position = 0;
        // A cluster of bad ids does not keep the good ones waiting.
        if self.is_in_a_cluster() {
            position = self.split_longest()?;
        }
        let mut ids = Vec::new();
        let most = if is_smaller { (self.latest_size / 2).max(1) } else { usize::MAX };
        let mut missing = self.share.group_size(self.max_group).min(most);
        self.latest_size = missing;
        while missing > 0
            && let Some(range) = self.pool.get_mut(position)
        {
            let taken = range.start..range.start.saturating_add(missing).min(range.end);
            range.start = taken.end;
            if range.start == range.end {
                self.pool.remove(position);
            }
            missing = missing.saturating_sub(taken.len());
            ids.push(taken);
        }
        (!ids.is_empty()).then(|| Group::new(ids, Vec::new(), Kind::Untested))
    }

    /// Whether so much was refused in a row that the next group comes from elsewhere.
    fn is_in_a_cluster(&self) -> bool {
        self.refusals >= CLUSTER_REFUSALS && self.refusals.is_multiple_of(ELSEWHERE)
    }

    /// Splits the longest range of the pool in its middle. Returns the position of the second half.
    fn split_longest(&mut self) -> Option<usize> {
        let (position, range) = self.pool.iter_mut().enumerate().max_by_key(|(_, range)| range.len())?;
        let middle = range.start.midpoint(range.end);
        if middle == range.start {
            return Some(position);
        }
        let half = middle..range.end;
        range.end = middle;
        let next = position.saturating_add(1);
        self.pool.insert(next, half);
        Some(next)
    }

    /// Sends the first part of ids that contain a bad one.
    fn search(&mut self, mut ids: Vec<Range<usize>>) {
        let size = count(&ids);
        let part = if size > 1 { self.share.split_size(size).min(self.max_group) } else { 1 };
        let rest = split_off(&mut ids, part);
        self.wait(0, ids, rest, Kind::Suspect);
    }

    /// Learns from a response to a group about the share of bad ids; nothing if the group follows from names.
    fn learn(&mut self, group: &Group, is_refused: bool) {
        let size = group.len();
        let total = match group.kind {
            Kind::Untested | Kind::Part => None,
            Kind::Suspect => Some(size.saturating_add(count(&group.rest))),
            Kind::Named | Kind::Unnamed => return,
        };
        self.share.learn(size, total, is_refused);
    }

    /// Which ids a refusal names, if it names some of them, but not all, and if names mean something. Where most ids are bad,
    /// a name would take two requests for each of them.
    fn split_by_name(&self, ids: &[Range<usize>], named: &[u128]) -> Option<Naming> {
        if named.is_empty() || self.ignores_names || self.refusals >= CLUSTER_REFUSALS {
            return None;
        }
        let mut naming = Naming { named: Vec::new(), unnamed: Vec::new() };
        for position in ids.iter().cloned().flatten() {
            let next = position.saturating_add(1);
            if self.ids.get(position).is_some_and(|id| named.contains(&id.number())) {
                naming.named.push(position..next);
            } else {
                match naming.unnamed.last_mut() {
                    Some(last) if last.end == position => last.end = next,
                    _ => naming.unnamed.push(position..next),
                }
            }
        }
        (!naming.named.is_empty() && !naming.unnamed.is_empty()).then_some(naming)
    }

    fn give_back(&mut self, ids: Vec<Range<usize>>) {
        for range in ids {
            let position = self.pool.partition_point(|other| other.start < range.start);
            self.pool.insert(position, range);
        }
    }

    /// Makes the outcome of the ids at these positions final, in ascending order. Those that ended alike are in one batch.
    fn end(&mut self, positions: impl Iterator<Item = usize>) {
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
            self.left = self.left.saturating_sub(1);
        }
        for (_, positions) in alike {
            let place = self.ended.partition_point(|other| other.first() < positions.first());
            self.ended.insert(place, positions);
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

    /// Records how the latest attempt of a group ended.
    fn record(&mut self, group: &mut Group, result: Result<Rc<Receipt>, Rc<Error>>, is_undecided: bool) {
        let maybe_applied = matches!(&result, Err(error) if error.outcome == OutcomeKind::Unknown);
        let ending = Ending { result, is_undecided };
        match group.ending.and_then(|number| self.endings.get_mut(number)) {
            Some(last) => *last = ending,
            None => {
                let number = self.endings.len();
                self.endings.push(ending);
                group.ending = Some(number);
                self.update(group, |state| state.ending = Some(number));
            }
        }
        if maybe_applied {
            self.update(group, |state| state.maybe_applied = true);
        }
    }

    fn update(&mut self, group: &Group, change: impl Fn(&mut IdState)) {
        for range in &group.ids {
            self.states.get_mut(range.clone()).unwrap_or_default().iter_mut().for_each(&change);
        }
    }
}

impl Group {
    fn new(ids: Vec<Range<usize>>, rest: Vec<Range<usize>>, kind: Kind) -> Group {
        Group { ids, rest, kind, counted_attempts: 0, had_fresh_token: false, ending: None }
    }

    pub(crate) fn len(&self) -> usize {
        count(&self.ids)
    }

    /// How often the group may be sent before it is split or ends, if `max` attempts are permitted for the same ids.
    /// `is_failing`: the service has failed several times in a row.
    pub(crate) fn max_attempts(&self, max: u32, is_failing: bool) -> u32 {
        if (is_failing || self.kind == Kind::Part) && self.len() > 1 { max.min(ATTEMPTS_OF_A_PART) } else { max }
    }

    /// In ascending order.
    fn positions(&self) -> impl Iterator<Item = usize> + use<> {
        self.ids.clone().into_iter().flatten()
    }
}

fn count(ids: &[Range<usize>]) -> usize {
    ids.iter().map(Range::len).sum()
}

/// Takes everything after the first `size` ids.
fn split_off(ids: &mut Vec<Range<usize>>, size: usize) -> Vec<Range<usize>> {
    let mut kept = 0_usize;
    let mut rest = Vec::new();
    ids.retain_mut(|range| {
        let middle = range.start.saturating_add(size.saturating_sub(kept)).min(range.end);
        if middle < range.end {
            rest.push(middle..range.end);
        }
        *range = range.start..middle;
        kept = kept.saturating_add(range.len());
        range.start < range.end
    });
    rest
}

/// Attempts for several ids that are part of a group on which the service failed, and for any several ids while it fails
/// again and again: with ten ids at fault among 600, the good ones could have to wait longer than the patience otherwise.
const ATTEMPTS_OF_A_PART: u32 = 2;

/// Refusals since the last acceptance after which some groups are taken from the middle of the longest range of ids.
const CLUSTER_REFUSALS: u32 = 8;

/// From then on, that is the next group whenever the number of refusals is a multiple of this.
const ELSEWHERE: u32 = 4;

//! Which ids of a call are sent next, and together with which others.
//!
//! Ids wait in the pool until they are taken for a group. A group that is sent again waits until it
//! is due, and so do the parts of a group that was refused or on which the service failed.

use std::rc::Rc;

use crate::call::bisection::BadShareEstimate;
use crate::call::group::{Group, Origin};
use crate::call::id_ranges::IdRanges;
use crate::call::outcomes::Outcomes;
use crate::contract::error::Error;
use crate::contract::id::Id;
use crate::contract::report::Receipt;
use crate::time::Instant;

/// The ids of a call that have no outcome, in the order in which they are sent.
pub(crate) struct IdQueue {
    pub(crate) outcomes: Outcomes,
    /// Ids that are in no group and have not ended.
    pool: IdRanges,
    /// Groups to send again, and parts of groups.
    waiting: Vec<Waiting>,
    /// The most ids in a group.
    max_group: usize,
    /// Whether refused groups are split.
    isolates: bool,
    bad_share: BadShareEstimate,
    /// Refusals since the last acceptance.
    refusals: u32,
    /// Whether an id that a refusal had named was accepted, so that names mean nothing.
    ignores_names: bool,
    /// The number of ids of the latest group from the pool.
    latest_size: usize,
    /// Whether nothing is sent any more, so that everything that is not in flight has ended.
    is_closed: bool,
}

/// A group that waits to be sent.
struct Waiting {
    /// The earliest time at which the group may be sent.
    due: Instant,
    group: Group,
}

/// The ids of a refused group, some of which the refusal names.
struct Naming {
    named: Vec<usize>,
    unnamed: IdRanges,
}

impl IdQueue {
    /// The queue of a call that has sent nothing.
    pub(crate) fn new(ids: Vec<Id>, max_group: usize, isolates: bool) -> IdQueue {
        IdQueue {
            pool: IdRanges::first(ids.len()),
            outcomes: Outcomes::new(ids),
            waiting: Vec::new(),
            max_group,
            isolates,
            bad_share: BadShareEstimate::default(),
            refusals: 0,
            ignores_names: false,
            latest_size: max_group,
            is_closed: false,
        }
    }

    /// The earliest time at which the next group may be sent. `None`: no id waits. `is_probing`:
    /// one request at a time finds out whether the service is back.
    pub(crate) fn next_due(&self, now: Instant, is_probing: bool) -> Option<Instant> {
        match self.choose(now, is_probing) {
            Some(index) => self.waiting.get(index).map(|waiting| waiting.due),
            None => (!self.pool.is_empty()).then_some(Instant::ORIGIN),
        }
    }

    /// Takes the next group to send, and its ids. `is_smaller`: a new group has half as many ids as
    /// the one before.
    pub(crate) fn take(&mut self, now: Instant, is_probing: bool, is_smaller: bool) -> Option<Group> {
        match self.choose(now, is_probing) {
            // First in, first out.
            Some(index) => Some(self.waiting.remove(index).group),
            None => self.take_from_pool(is_smaller),
        }
    }

    /// Records that a group is sent now, and returns its ids.
    pub(crate) fn send(&mut self, group: &mut Group) -> Vec<Id> {
        group.counted_attempts = group.counted_attempts.saturating_add(1);
        self.outcomes.send(group)
    }

    /// Ends a group that was accepted.
    pub(crate) fn accept(&mut self, mut group: Group, receipt: Receipt) {
        self.outcomes.accept(&mut group, receipt);
        self.refusals = 0;
        self.ignores_names |= group.origin == Origin::Named;
        self.learn(&group, false);
        if !group.rest.is_empty() {
            self.search(group.rest);
        }
    }

    /// Records a refusal, which names GUIDs. If the group has several ids, those at fault are
    /// searched for.
    pub(crate) fn refuse(&mut self, mut group: Group, error: Rc<Error>, named: &[u128]) {
        let is_final = group.len() == 1 || !self.isolates;
        self.outcomes.fail(&mut group, error, !is_final);
        if is_final || self.is_closed {
            self.outcomes.end(group.ids.positions());
        }
        if !self.isolates || self.is_closed {
            return;
        }
        self.refusals = self.refusals.saturating_add(1);
        self.learn(&group, true);
        self.pool.insert(group.rest);
        if is_final {
            return;
        }
        match self.split_by_name(&group.ids, named) {
            Some(Naming { named, unnamed }) => {
                // What the names are worth shows soon: the others may be accepted together.
                if unnamed.len() > self.max_group {
                    self.pool.insert(unnamed);
                } else {
                    self.wait(Instant::ORIGIN, unnamed, Origin::Unnamed);
                }
                for position in named {
                    self.wait(Instant::ORIGIN, position.into(), Origin::Named);
                }
            }
            None => self.search(group.ids),
        }
    }

    /// Records that a group is too large. No later one is larger than its half.
    pub(crate) fn shrink(&mut self, group: Group, error: Rc<Error>) {
        self.max_group = self.max_group.min(group.len() / 2).max(1);
        let Some(group) = self.keep(group, error) else { return };
        self.pool.insert(group.rest);
        self.pool.insert(group.ids);
    }

    /// Splits a group on which the service fails, because an id of it may be at fault.
    pub(crate) fn halve(&mut self, group: Group, due: Instant, error: Rc<Error>) {
        let Some(mut group) = self.keep(group, error) else { return };
        let size = group.len().div_ceil(2).min(self.max_group);
        self.pool.insert(group.rest);
        while !group.ids.is_empty() {
            let part = group.ids.take(0, size);
            self.wait(due, part, Origin::FailedPart);
        }
    }

    /// Puts a group aside, to be sent again when it is due.
    pub(crate) fn retry(&mut self, group: Group, due: Instant, error: Rc<Error>) {
        let kept = self.keep(group, error);
        self.waiting.extend(kept.map(|group| Waiting { due, group }));
    }

    /// Ends a group with an error.
    pub(crate) fn fail(&mut self, mut group: Group, error: Rc<Error>) {
        self.outcomes.fail(&mut group, error, false);
        self.outcomes.end(group.ids.positions());
        self.pool.insert(group.rest);
    }

    /// Ends what is not in flight: nothing more is sent.
    pub(crate) fn close<'a>(&mut self, in_flight: impl Iterator<Item = &'a mut Group>) {
        self.is_closed = true;
        self.pool.clear();
        self.waiting.clear();
        self.outcomes.end_all_but(in_flight.map(|group| {
            group.rest.clear();
            &*group
        }));
    }

    /// Records the error of a group that may be sent again; none if the call has ended, and the
    /// group with it.
    fn keep(&mut self, mut group: Group, error: Rc<Error>) -> Option<Group> {
        self.outcomes.fail(&mut group, error, false);
        if self.is_closed {
            self.outcomes.end(group.ids.positions());
            return None;
        }
        Some(group)
    }

    /// The waiting group to send next; none if the next group comes from the pool.
    fn choose(&self, now: Instant, is_probing: bool) -> Option<usize> {
        if is_probing && !self.pool.is_empty() {
            return None;
        }
        let is_due = |waiting: &Waiting| waiting.due <= now || self.pool.is_empty();
        let waiting = self.waiting.iter().enumerate().filter(|(_, waiting)| is_due(waiting));
        // Probes rotate over the groups: an outage uses up the attempts of none while others have
        // more left.
        let (index, first) = waiting.min_by_key(|(_, Waiting { due, group })| match is_probing {
            true => ((*due).max(now), group.counted_attempts),
            false => (*due, 0),
        })?;
        // Names lead from one bad id of a cluster to the next.
        let is_elsewhere = self.is_in_a_cluster() && !self.pool.is_empty();
        (!is_elsewhere || !first.group.follows_names()).then_some(index)
    }

    /// Adds a group to those that wait.
    fn wait(&mut self, due: Instant, ids: IdRanges, origin: Origin) {
        self.waiting.push(Waiting { due, group: Group::new(ids, IdRanges::default(), origin) });
    }

    fn take_from_pool(&mut self, is_smaller: bool) -> Option<Group> {
        // A cluster of bad ids does not keep the good ones waiting.
        let from = if self.is_in_a_cluster() { self.pool.split_longest()? } else { 0 };
        let largest = if is_smaller { (self.latest_size / 2).max(1) } else { usize::MAX };
        self.latest_size = self.bad_share.group_size(self.max_group).min(largest);
        let ids = self.pool.take(from, self.latest_size);
        (!ids.is_empty()).then(|| Group::new(ids, IdRanges::default(), Origin::Untested))
    }

    /// Whether so much was refused in a row that the next group comes from elsewhere.
    fn is_in_a_cluster(&self) -> bool {
        self.refusals >= CLUSTER_REFUSALS && self.refusals.is_multiple_of(ELSEWHERE)
    }

    /// Sends the first part of ids that contain a bad one.
    fn search(&mut self, mut ids: IdRanges) {
        let count = ids.len();
        let size = if count > 1 { self.bad_share.split_size(count).min(self.max_group) } else { 1 };
        let first = ids.take(0, size);
        self.waiting.push(Waiting { due: Instant::ORIGIN, group: Group::new(first, ids, Origin::Suspect) });
    }

    /// Learns from a response to a group about the share of bad ids; nothing if the group exists
    /// because of names.
    fn learn(&mut self, group: &Group, is_refused: bool) {
        let size = group.len();
        let total = match group.origin {
            Origin::Untested | Origin::FailedPart => None,
            Origin::Suspect => Some(size.saturating_add(group.rest.len())),
            Origin::Named | Origin::Unnamed => return,
        };
        self.bad_share.learn(size, total, is_refused);
    }

    /// Which ids a refusal names, if it names some of them, but not all, and if names mean
    /// something. Where most ids are bad, a name would take two requests for each of them.
    fn split_by_name(&self, ids: &IdRanges, named: &[u128]) -> Option<Naming> {
        if named.is_empty() || self.ignores_names || self.refusals >= CLUSTER_REFUSALS {
            return None;
        }
        let mut naming = Naming { named: Vec::new(), unnamed: IdRanges::default() };
        for position in ids.positions() {
            if self.outcomes.id(position).is_some_and(|id| named.contains(&id.number())) {
                naming.named.push(position);
            } else {
                naming.unnamed.push(position);
            }
        }
        (!naming.named.is_empty() && !naming.unnamed.is_empty()).then_some(naming)
    }
}

/// Refusals since the last acceptance after which some groups are taken from the middle of the
/// longest range of ids.
const CLUSTER_REFUSALS: u32 = 8;

/// After [`CLUSTER_REFUSALS`], a group comes from the middle of the longest range of ids whenever
/// the number of refusals is a multiple of this.
const ELSEWHERE: u32 = 4;

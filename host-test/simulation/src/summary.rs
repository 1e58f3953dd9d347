//! The totals of many runs.

use std::collections::BTreeMap;
use std::time::Duration;

use graph_model::{Arrival, FaultKind};
use host_test::reader::queries::Event;

use crate::instances_run::InstancesRun;
use crate::list_run::ListRun;
use crate::record::CallRecord;
use crate::run::Run;
use crate::violation::Violation;

/// The totals of many runs.
#[derive(Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Calls.
    pub calls: u64,
    /// Calls of the resource.
    pub driven: u64,
    /// Each `next` of these.
    pub nexts: u64,
    /// Each `stop` of these.
    pub stops: u64,
    /// Those that were dropped before they were over.
    pub abandoned: u64,
    /// Runs with several calls open at the same time.
    pub overlaps: u64,
    /// Ids given.
    pub ids: u64,
    /// Requests that the plugin sent.
    pub requests: u64,
    /// Virtual time spent in calls.
    pub elapsed: Duration,
    /// Faults by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Batches by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Violated invariants, with their seeds.
    pub violations: Vec<(u64, Violation)>,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, run: Run) {
        self.overlaps += u64::from(run.calls.windows(2).any(|pair| pair[1].started < pair[0].ended));
        self.add_calls(run.plan.seed, &run.calls, run.violations);
    }

    /// Adds a run of many instances.
    pub fn add_instances(&mut self, run: InstancesRun) {
        self.add_calls(run.plan.seed, run.calls.iter().flatten(), run.violations);
    }

    /// Adds a run of the reader, in which a list is a call, and an entry an id.
    pub fn add_lists(&mut self, run: ListRun) {
        self.runs += 1;
        self.overlaps += u64::from(run.plan.overlaps);
        for list in &run.lists {
            self.calls += 1;
            self.driven += 1;
            self.nexts += list.nexts.len() as u64;
            self.abandoned += u64::from(list.is_abandoned);
            self.elapsed += list.ended - list.started;
            self.add_arrivals(&list.arrivals);
            let entries =
                list.nexts.iter().map(|next| if let Event::Page(page) = &next.event { page.len() } else { 0 });
            self.ids += entries.sum::<usize>() as u64;
            let outcome = match &list.result {
                _ if list.is_abandoned => "dropped",
                Ok(None) => "complete",
                Ok(Some(_)) => "ended",
                Err(_) => "stopped",
            };
            *self.outcomes.entry(outcome).or_default() += 1;
        }
        self.violations.extend(run.violations.into_iter().map(|violation| (run.plan.seed, violation)));
    }

    fn add_arrivals(&mut self, arrivals: &[Arrival]) {
        self.requests += arrivals.len() as u64;
        for fault in arrivals.iter().filter_map(|arrival| arrival.fault.as_ref()) {
            *self.faults.entry(fault.kind).or_default() += 1;
        }
    }

    fn add_calls<'a>(
        &mut self,
        seed: u64,
        calls: impl IntoIterator<Item = &'a CallRecord>,
        violations: Vec<Violation>,
    ) {
        self.runs += 1;
        for call in calls {
            self.calls += 1;
            self.driven += u64::from(!call.nexts.is_empty());
            self.nexts += call.nexts.len() as u64;
            self.stops += call.stops.len() as u64;
            self.abandoned += u64::from(call.is_abandoned);
            self.ids += call.call.ids.len() as u64;
            self.elapsed += call.ended - call.started;
            self.add_arrivals(&call.arrivals);
            for batch in call.batches() {
                *self.outcomes.entry(batch.outcome.name()).or_default() += 1;
            }
        }
        self.violations.extend(violations.into_iter().map(|violation| (seed, violation)));
    }

    /// Violations by invariant.
    pub fn violated(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        self.violations.iter().for_each(|(_, violation)| *counts.entry(violation.invariant).or_default() += 1);
        counts
    }

    /// Adds another summary.
    pub fn merge(&mut self, other: Summary) {
        self.runs += other.runs;
        self.calls += other.calls;
        self.driven += other.driven;
        self.nexts += other.nexts;
        self.stops += other.stops;
        self.abandoned += other.abandoned;
        self.overlaps += other.overlaps;
        self.ids += other.ids;
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        other.faults.into_iter().for_each(|(kind, count)| *self.faults.entry(kind).or_default() += count);
        other.outcomes.into_iter().for_each(|(name, count)| *self.outcomes.entry(name).or_default() += count);
        self.violations.extend(other.violations);
    }
}

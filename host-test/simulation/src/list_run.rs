//! One seeded run of the reader: the lists of one instance with a model of Microsoft Graph, in
//! virtual time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Arrival, Graph};
use host_test::clock::virtual_time;
use host_test::host::{Host, Outbound};
use host_test::reader::queries::{Error, Event, Query};
use host_test::reader::{Reader, ReaderComponent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep, sleep_until};

use crate::check::check_lists;
use crate::list_plan::{List, ListPlan};
use crate::runaway_guard::RunawayGuard;
use crate::token_log::{TokenLog, TokenRecord};
use crate::violation::Violation;

/// A run of the reader and the invariants that it violated.
#[derive(Debug)]
pub struct ListRun {
    /// What was planned.
    pub plan: ListPlan,
    /// What happened, list by list.
    pub lists: Vec<ListRecord>,
    /// The violated invariants.
    pub violations: Vec<Violation>,
}

/// One list and everything known about it. Times are since the start of the host.
#[derive(Debug, Clone)]
pub struct ListRecord {
    /// Its number among the lists of the plan.
    pub number: usize,
    /// The arguments.
    pub list: List,
    /// When it began.
    pub started: Duration,
    /// When it was over, or dropped.
    pub ended: Duration,
    /// Each `next`: when it was called and when it returned, the longest time that it was given,
    /// and what it returned.
    pub nexts: Vec<ListNext>,
    /// It was dropped before it was over.
    pub is_abandoned: bool,
    /// The requests that it sent, in their order.
    pub arrivals: Vec<Arrival>,
    /// Its token requests, in their order.
    pub tokens: Vec<TokenRecord>,
    /// What ended it, or why it did not end.
    pub result: Result<Option<Error>, String>,
}

/// One `next`.
#[derive(Debug, Clone)]
pub struct ListNext {
    /// When it was called.
    pub began: Duration,
    /// When it returned.
    pub ended: Duration,
    /// The longest time that it was given.
    pub wait_ms: Option<u32>,
    /// What it returned.
    pub event: Event,
}

impl ListRun {
    /// Plays the run of a seed.
    ///
    /// # Errors
    /// If the reader cannot be instantiated.
    pub fn play(reader: &ReaderComponent, seed: u64) -> wasmtime::Result<ListRun> {
        let plan = ListPlan::draw(seed);
        let lists = virtual_time(record(reader, &plan))?;
        let violations = check_lists(&plan, &lists);
        Ok(ListRun { plan, lists, violations })
    }
}

/// A list that is being read.
struct Open {
    query: Query,
    record: ListRecord,
    /// When its `next` is due.
    due: Duration,
}

async fn record(component: &ReaderComponent, plan: &ListPlan) -> wasmtime::Result<Vec<ListRecord>> {
    let (start, tokens, latency) = (Instant::now(), TokenLog::default(), plan.tokens.latency);
    let graph = Arc::new(Graph::new(plan.graph.clone()));
    let service = Arc::new(RunawayGuard::new(graph.clone()));
    let source = tokens.token_source(&plan.tokens, plan.seed);
    let host = Host::new(Outbound::InProcess(service.clone()), source, plan.seed).token_latency(move || latency);
    let mut reader = Reader::of(component, host).await?;
    let rng = &mut StdRng::seed_from_u64(plan.seed.wrapping_add(1));
    let mut waiting = plan.lists.iter().enumerate().peekable();
    let (mut open, mut records): (Vec<Open>, Vec<ListRecord>) = (Vec::new(), Vec::new());
    let mut idle_since = Duration::ZERO;
    // After a trap the instance is unusable.
    while records.iter().all(|list| list.result.is_ok()) {
        open.sort_by_key(|list| list.due);
        let due = open.first().map(|list| list.due);
        let may_start = open.is_empty() || plan.overlaps;
        let starts = waiting.peek().filter(|_| may_start).map(|(_, list)| idle_since + list.pause);
        let Some(at) = due.into_iter().chain(starts).min() else { break };
        sleep_until(start + at).await;
        if due == Some(at) {
            let mut list = open.remove(0);
            tokens.begin(list.record.number);
            let is_over = step(&mut reader, &service, &mut list, start, rng).await;
            match is_over {
                true => records.push(list.record),
                false => open.push(list),
            }
            if open.is_empty() && !plan.overlaps {
                idle_since = start.elapsed();
            }
        } else if let Some((number, list)) = waiting.next() {
            let (started, filter) = (start.elapsed(), list.filter_text());
            let begun = reader.start(list.named(), filter.as_deref(), list.options.clone()).await;
            let record = ListRecord::new(number, list, started);
            match begun {
                Ok(query) => open.push(Open { query, record, due: started }),
                Err(text) => records.push(ListRecord { result: Err(format!("invalid argument: {text}")), ..record }),
            }
        }
    }
    // What is still on its way arrives.
    sleep(Duration::from_secs(60)).await;
    let sent: HashMap<String, Duration> = reader
        .host()
        .exchanges()
        .iter()
        .filter_map(|exchange| {
            Some((exchange.request.headers().get("client-request-id")?.to_str().ok()?.to_owned(), exchange.sent))
        })
        .collect();
    records.sort_by_key(|list| list.number);
    for list in &mut records {
        let own = graph.arrivals(0).into_iter().filter(|arrival| arrival.list == Some(list.list.collection));
        let own = own.map(|arrival| {
            let sent = sent.get(&arrival.client_request_id).copied().unwrap_or(arrival.sent);
            Arrival { sent, ..arrival }
        });
        list.arrivals = own.filter(|arrival| (list.started..=list.ended).contains(&arrival.sent)).collect();
        list.arrivals.sort_by_key(|arrival| arrival.sent);
        list.tokens = tokens.records().into_iter().filter(|token| token.call == list.number).collect();
    }
    Ok(records)
}

/// Does what is due for a list. Returns whether it is over.
async fn step(reader: &mut Reader, service: &RunawayGuard, open: &mut Open, start: Instant, rng: &mut StdRng) -> bool {
    let Open { query, record, due } = open;
    let caller = record.list.caller.clone();
    if caller.dropped_after.is_some_and(|after| record.started + after <= start.elapsed()) {
        record.is_abandoned = true;
        record.ended = start.elapsed();
        reader.drop_query(*query).await;
        return true;
    }
    loop {
        let wait_ms = caller.wait_ms(rng, record.nexts.len());
        let began = start.elapsed();
        let event = service.watch(reader.try_next(*query, wait_ms)).await;
        record.ended = start.elapsed();
        let event = match event {
            Ok(event) => event,
            Err(why) => {
                record.result = Err(why);
                return true;
            }
        };
        // A further `next` changes nothing.
        let was_over = record.nexts.last().is_some_and(|next| matches!(next.event, Event::Over(_)));
        record.nexts.push(ListNext { began, ended: record.ended, wait_ms, event: event.clone() });
        let Event::Over(end) = event else {
            *due = start.elapsed() + caller.pause(rng, record.nexts.len());
            return false;
        };
        record.result = Ok(end);
        if was_over {
            reader.drop_query(*query).await;
            return true;
        }
    }
}

impl ListRecord {
    /// A list that begins at `started`.
    pub(crate) fn new(number: usize, list: &List, started: Duration) -> ListRecord {
        ListRecord {
            number,
            list: list.clone(),
            started,
            ended: started,
            nexts: Vec::new(),
            is_abandoned: false,
            arrivals: Vec::new(),
            tokens: Vec::new(),
            result: Ok(None),
        }
    }
}

impl fmt::Display for ListRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = &self.plan.graph;
        writeln!(f, "seed {}", self.plan.seed)?;
        writeln!(f, "responds in {:?}, faults {}, {} empty pages", graph.latency, graph.faults, graph.empty_pages)?;
        writeln!(f, "limits: users {:?}, sign-ins {:?}", graph.users, graph.sign_ins)?;
        writeln!(f, "{:?}, {:?}, {:?}", graph.network, graph.others, self.plan.tokens)?;
        graph.outages.iter().try_for_each(|outage| writeln!(f, "{outage:?}"))?;
        for record in &self.lists {
            let list = &record.list;
            let all = graph.entries.get(&list.collection).map_or(0, Vec::len);
            writeln!(f, "\n{:?} {:?} of {all}, {:?}, {:?}", list.collection, list.filter, list.caller, list.options)?;
            let mut lines: Vec<_> = record.arrivals.iter().map(|arrival| (arrival.sent, arrival.to_string())).collect();
            lines.extend(record.tokens.iter().map(|token| (token.asked, format!("token {:?}", token.answer))));
            lines.extend(record.nexts.iter().map(|next| {
                let event = match &next.event {
                    Event::Page(page) => format!("{} entries", page.len()),
                    Event::Waiting(progress) => format!("waiting, {progress:?}"),
                    Event::Over(end) => format!("over {end:?}"),
                };
                (next.began, format!("next {:?} until {:?}: {event}", next.wait_ms, next.ended))
            }));
            lines.sort_by_key(|(at, _)| *at);
            lines.iter().try_for_each(|(at, line)| writeln!(f, "{at:>12?} {line}"))?;
            writeln!(f, "{:>12?} {:?}", record.ended, record.result)?;
        }
        self.violations.iter().try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

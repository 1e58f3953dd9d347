//! Performs the calls of a tenant in its instance of the plugin, in turn and a little at a time, so
//! that none waits for the end of another.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug, info};
use wasmtime::component::ResourceAny;

use crate::bindings::calls::{self, Event};
use crate::instance::Instance;
use crate::library::Library;
use crate::order::Order;
use crate::task::Task;
use crate::tenants::Tenant;
use crate::tenants::lease::Lease;
use crate::{Batch, Error, ErrorKind};

/// A call that is open in an instance.
struct OpenCall {
    task: Task,
    resource: ResourceAny,
    /// Whether to ask the plugin, without waiting, what the call does next.
    has_news: bool,
    /// Before this time, the call sends nothing, because a list of its tenant was being read.
    starts_at: Option<Instant>,
    /// When the call last sent a request.
    sent_at: Option<Instant>,
    /// How long nothing can happen to the call, because nothing is in flight and nothing is due.
    idle: Duration,
    /// The progress that was published last, and when.
    published: Option<(calls::Progress, Instant)>,
    end: Option<End>,
}

/// Why a call is closed.
enum End {
    Over(Option<Error>),
    Abandoned,
}

/// Performs the calls of a tenant until none remains.
pub(crate) async fn work(library: Arc<Library>, tenant: Tenant) {
    loop {
        let mut lease = Lease::wait_for(&library.tenants, &tenant).await;
        perform(&library, &mut lease).await;
        if !lease.end() {
            return;
        }
    }
}

async fn perform(library: &Library, lease: &mut Lease<Instance, Task>) {
    let mut orders = lease.orders();
    let mut open: Vec<OpenCall> = Vec::new();
    loop {
        // Orders that come from here on end the sleep below.
        orders.borrow_and_update();
        let Some(tasks) = lease.accept(!open.is_empty()) else { break };
        for task in tasks {
            if !task.state.admit() {
                task.report(0);
            } else if let Err(reason) = start(library, lease, task, &mut open).await {
                stop_plugin(lease, &mut open, &reason);
            }
        }
        if let Some(instance) = &mut lease.instance {
            instance.attend(open.iter().map(|call| Arc::clone(&call.task.state)).collect(), &orders);
            if let Err(reason) = round(instance, &mut open).await {
                stop_plugin(lease, &mut open, &reason);
            }
        }
        let idle = open.iter().map(|call| call.idle).min().unwrap_or_default();
        if !idle.is_zero() {
            select! {
                () = sleep(idle) => {}
                _ = orders.changed() => {}
            }
        }
    }
    if let Some(instance) = &mut lease.instance {
        instance.attend(Vec::new(), &orders);
    }
}

/// Starts a call, in a new instance if there is none. An error means that the plugin was stopped.
async fn start(
    library: &Library,
    lease: &mut Lease<Instance, Task>,
    mut task: Task,
    open: &mut Vec<OpenCall>,
) -> Result<(), String> {
    let instance = match lease.instance.take() {
        Some(instance) => Ok(instance),
        None => {
            lease.make_room();
            library.instance(&task.tenant).await
        }
    };
    let instance = match instance {
        Ok(instance) => lease.instance.insert(instance),
        Err(reason) => {
            lease.discard();
            task.stopped(&reason);
            return Ok(());
        }
    };
    let ids: Vec<String> = task.state.ids().iter().map(|id| id.as_str().to_owned()).collect();
    match instance.start(&mut task.usage, task.action.into(), &ids, &task.options).await {
        Ok(Ok(resource)) => {
            let limit = task.action.definition().limit;
            let window = task.options.rate_limit.map_or(limit.rate_limit().window_ms, |limit| limit.window_ms);
            open.push(OpenCall {
                starts_at: instance.may_send_at(limit, Duration::from_millis(window.into())),
                task,
                resource,
                has_news: true,
                sent_at: None,
                idle: Duration::ZERO,
                published: None,
                end: None,
            });
            Ok(())
        }
        // This does not happen: the same code has checked the arguments before.
        Ok(Err(rule)) => {
            task.state.end_unsent(Error::new(ErrorKind::InvalidArgument, rule));
            task.report(instance.memory_bytes());
            Ok(())
        }
        Err(reason) => {
            lease.discard();
            task.stopped(&reason);
            Err(reason)
        }
    }
}

/// Lets the plugin work on every open call for a share of the time. An error means that the plugin
/// was stopped.
async fn round(instance: &mut Instance, open: &mut Vec<OpenCall>) -> Result<(), String> {
    let share = u32::try_from(open.len()).ok().and_then(|calls| ROUND.checked_div(calls)).unwrap_or_default();
    // The calls share a rate limit: the one that has not sent for the longest time comes first.
    open.sort_by_key(|call| call.sent_at);
    for call in open.iter_mut() {
        let span = call.task.span.clone();
        call.step(instance, share).instrument(span).await?;
    }
    while let Some(index) = open.iter().position(|call| call.end.is_some()) {
        let mut call = open.remove(index);
        let closed = instance.close(&mut call.task.usage, call.resource).await;
        call.finish(instance.memory_bytes());
        closed?;
    }
    Ok(())
}

/// Drops the instance, and with it every open call.
fn stop_plugin(lease: &mut Lease<Instance, Task>, open: &mut Vec<OpenCall>, reason: &str) {
    lease.discard();
    open.drain(..).for_each(|call| call.task.stopped(reason));
}

impl OpenCall {
    /// Follows an order, and lets the plugin work on the call for a while.
    async fn step(&mut self, instance: &mut Instance, share: Duration) -> Result<(), String> {
        let Task { state, usage, .. } = &mut self.task;
        match state.take_order() {
            Some(Order::Abandon) => {
                self.end = Some(End::Abandoned);
                return Ok(());
            }
            Some(Order::Stop(grace)) => instance.stop(usage, self.resource, grace).await?,
            None => {}
        }
        if let Some(at) = self.starts_at.filter(|at| Instant::now() < *at) {
            self.idle = at.saturating_duration_since(Instant::now());
            return Ok(());
        }
        let wait = if mem::take(&mut self.has_news) { Duration::ZERO } else { share };
        self.idle = Duration::ZERO;
        let requests = usage.requests;
        let event = instance.next(usage, self.resource, state, wait).await?;
        if usage.requests > requests {
            self.sent_at = Some(Instant::now());
        }
        match event {
            Event::Ended(batches) => {
                state.ended(batches.into_iter().map(Batch::from).collect(), usage.requests);
                self.has_news = true;
            }
            Event::Waiting(progress) => {
                if let (0, Some(ms)) = (progress.in_flight, progress.next_send_ms) {
                    self.idle = Duration::from_millis(ms.into()).min(MAX_IDLE);
                    self.has_news = !self.idle.is_zero();
                }
                self.waiting(progress);
            }
            Event::Over(cause) => self.end = Some(End::Over(cause.map(Error::from))),
        }
        Ok(())
    }

    /// Publishes progress, and logs why something is repeated: whenever that changes, and otherwise
    /// once a second.
    fn waiting(&mut self, progress: calls::Progress) {
        let (is_news, is_due, is_new_failure) = match &self.published {
            Some((last, at)) => {
                let is_new_failure = (&last.error, last.requests) != (&progress.error, progress.requests);
                let is_news = is_new_failure || (last.in_flight, last.left) != (progress.in_flight, progress.left);
                (is_news, at.elapsed() >= PROGRESS_INTERVAL, is_new_failure)
            }
            None => (true, true, true),
        };
        if !is_news && !is_due {
            return;
        }
        let error = progress.error.clone().map(Error::from);
        let next_send = progress.next_send_ms.map(|ms| Duration::from_millis(ms.into()));
        if let Some(error) = error.as_ref().filter(|_| is_new_failure) {
            let (reason, status) = (error.kind.name(), error.response.as_ref().map(|response| response.status));
            match next_send {
                Some(wait) if wait >= LONG_WAIT => info!(reason, status, ?wait, "waiting before the next request"),
                Some(wait) => debug!(reason, status, ?wait, "waiting before the next request"),
                None => debug!(reason, status, "waiting for requests in flight"),
            }
        }
        self.task.state.waiting(|known| {
            known.requests = progress.requests;
            known.in_flight = progress.in_flight;
            known.next_send = next_send;
            known.error = error;
        });
        self.published = Some((progress, Instant::now()));
    }

    fn finish(self, memory_bytes: usize) {
        match self.end {
            Some(End::Over(cause)) => {
                self.task.state.over(cause);
                self.task.report(memory_bytes);
            }
            Some(End::Abandoned) | None => {
                self.task.state.over(None);
                self.task.span.in_scope(|| info!("abandoned"));
            }
        }
    }
}

/// How long it takes to let the plugin work on each open call of a tenant once, and so to notice an
/// order while something is in flight.
const ROUND: Duration = Duration::from_millis(100);

/// The longest sleep: the plugin counts no more time than this between two `next` of a call.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// How often progress is published while a call waits.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest wait that the log reports at `INFO`.
const LONG_WAIT: Duration = Duration::from_secs(5);

//! What the handle of a call shares with the worker that performs it.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use entra_risk_engine::contract::id::Id;
use tokio::sync::watch;

use crate::asker::Asker;
use crate::order::Order;
use crate::{Batch, Error, ErrorKind, Outcome, Progress, Report, TokenSourceError};

/// A call: what it has reported, and what its handle asks for.
pub(crate) struct CallState {
    /// The ids of the call, each once, in the order given.
    ids: Vec<Id>,
    progress: watch::Receiver<Progress>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The batches in the order in which they ended.
    ended: Vec<Batch>,
    /// Whether a worker has begun to perform the call.
    is_admitted: bool,
    is_over: bool,
    cause: Option<Error>,
    token_source_error: Option<Arc<dyn StdError + Send + Sync>>,
    /// Publishes the progress. `None` once the call is over.
    progress: Option<watch::Sender<Progress>>,
    /// The order that the worker has not taken yet.
    order: Option<Order>,
    /// Wakes the task that waits for the next batch or the end of the call.
    waker: Option<Waker>,
}

impl CallState {
    pub(crate) fn new(ids: Vec<Id>) -> CallState {
        let (sender, progress) = watch::channel(Progress { left: ids.len(), ..Progress::default() });
        // Every id of an empty list has its outcome already.
        let is_over = ids.is_empty();
        let sender = (!is_over).then_some(sender);
        CallState { ids, progress, inner: Mutex::new(Inner { is_over, progress: sender, ..Inner::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner().is_over
    }

    pub(crate) fn cause(&self) -> Option<Error> {
        self.inner().cause.clone()
    }
}

/// The functions that the handle of the call uses.
impl CallState {
    /// The batch with this index, in the order in which they ended. `None` if the call is over
    /// without it.
    pub(crate) fn poll_batch(&self, index: usize, context: &Context<'_>) -> Poll<Option<Batch>> {
        let mut inner = self.inner();
        match inner.ended.get(index) {
            Some(batch) => Poll::Ready(Some(batch.clone())),
            None => inner.poll_over(context).map(|_| None),
        }
    }

    /// Waits until the call is over, and returns how many batches it has.
    pub(crate) fn poll_over(&self, context: &Context<'_>) -> Poll<usize> {
        self.inner().poll_over(context)
    }

    /// The outcomes so far, in the order in which the ids were given.
    pub(crate) fn report(&self) -> Report {
        let inner = self.inner();
        let positions: HashMap<_, _> = self.ids.iter().map(Id::number).zip(0_usize..).collect();
        let position = |id: &str| Id::parse(id).and_then(|id| positions.get(&id.number())).copied();
        let mut runs: Vec<(usize, Batch)> = Vec::new();
        for batch in &inner.ended {
            let mut next = None;
            for id in &batch.ids {
                let at = position(id).unwrap_or_default();
                match runs.last_mut() {
                    Some((_, run)) if next == Some(at) => run.ids.push(id.clone()),
                    _ => runs.push((at, Batch { ids: vec![id.clone()], ..without_ids(batch) })),
                }
                next = at.checked_add(1);
            }
        }
        runs.sort_by_key(|(at, _)| *at);
        Report { batches: runs.into_iter().map(|(_, batch)| batch).collect(), cause: inner.cause.clone() }
    }

    /// The report of a call that is over, or the error of its token source.
    pub(crate) fn result(&self) -> Result<Report, TokenSourceError> {
        let error = self.inner().token_source_error.clone();
        let report = self.report();
        match error {
            Some(error) => Err(TokenSourceError { error, report }),
            None => Ok(report),
        }
    }

    /// Leaves an order for the worker, and returns whether it is news. A call that no worker
    /// performs yet is over immediately.
    pub(crate) fn order(&self, order: Order) -> bool {
        let mut inner = self.inner();
        if inner.is_over {
            return false;
        }
        if !inner.is_admitted {
            drop(inner);
            self.end_unsent(Error::new(ErrorKind::Cancelled, "the call was stopped before it began"));
            return false;
        }
        inner.order = Some(order.after(inner.order));
        true
    }
}

/// The functions that the worker of the call uses.
impl CallState {
    /// Begins the call. Returns false if it is over already.
    pub(crate) fn admit(&self) -> bool {
        let mut inner = self.inner();
        inner.is_admitted = true;
        !inner.is_over
    }

    pub(crate) fn take_order(&self) -> Option<Order> {
        self.inner().order.take()
    }

    /// Records the outcome of ids.
    pub(crate) fn ended(&self, batches: Vec<Batch>, requests: u32) {
        self.waiting(|progress| {
            batches.iter().for_each(|batch| progress.count(batch));
            progress.requests = requests;
        });
        let mut inner = self.inner();
        inner.ended.extend(batches);
        inner.wake();
    }

    /// Publishes progress while the call waits. Whoever looks at the progress holds its lock, so
    /// the lock of the call is released first.
    pub(crate) fn waiting(&self, update: impl FnOnce(&mut Progress)) {
        let sender = self.inner().progress.clone();
        if let Some(sender) = sender {
            sender.send_modify(update);
        }
    }

    /// Ends the call: every id has been reported, or the call was abandoned.
    pub(crate) fn over(&self, cause: Option<Error>) {
        self.waiting(|progress| {
            (progress.in_flight, progress.next_send, progress.error) = (0, None, None);
        });
        let mut inner = self.inner();
        inner.is_over = true;
        inner.cause = cause;
        inner.progress = None;
        inner.wake();
    }

    /// Ends the call before anything was sent.
    pub(crate) fn end_unsent(&self, cause: Error) {
        let error = Error::new(ErrorKind::NotAttempted, "never sent, because the call ended before");
        self.end_rest(0, Outcome::NotApplied(error), cause);
    }

    /// Ends the call because the plugin was stopped. Which ids its requests carried is lost with
    /// it.
    pub(crate) fn plugin_stopped(&self, reason: &str, requests: u32) {
        let cause = Error::new(ErrorKind::PluginStopped, reason);
        if requests == 0 {
            self.end_unsent(cause);
        } else {
            self.end_rest(requests, Outcome::Unknown(cause.clone()), cause);
        }
    }

    /// Gives this outcome to every id that has none yet, and ends the call.
    fn end_rest(&self, attempts: u32, outcome: Outcome, cause: Error) {
        let reported: HashSet<_> = self
            .inner()
            .ended
            .iter()
            .flat_map(|batch| &batch.ids)
            .filter_map(|id| Id::parse(id))
            .map(|id| id.number())
            .collect();
        let rest = self.ids.iter().filter(|id| !reported.contains(&id.number()));
        let batch = Batch { ids: rest.map(|id| id.as_str().to_owned()).collect(), attempts, outcome };
        let batches = if batch.ids.is_empty() { Vec::new() } else { vec![batch] };
        self.ended(batches, attempts);
        self.over(Some(cause));
    }
}

impl Asker for CallState {
    fn has_order(&self) -> bool {
        self.inner().order.is_some()
    }

    fn token_source_failed(&self, error: Arc<dyn StdError + Send + Sync>) {
        self.inner().token_source_error.get_or_insert(error);
    }
}

impl Inner {
    fn poll_over(&mut self, context: &Context<'_>) -> Poll<usize> {
        if self.is_over {
            return Poll::Ready(self.ended.len());
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn without_ids(batch: &Batch) -> Batch {
    Batch { ids: Vec::new(), attempts: batch.attempts, outcome: batch.outcome.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::Receipt;

    fn id(number: u32) -> String {
        format!("{number:08x}-0000-0000-0000-000000000000")
    }

    fn state(count: u32) -> CallState {
        CallState::new((1..=count).map(|number| Id::parse(&id(number)).unwrap()).collect())
    }

    fn accepted(numbers: &[u32]) -> Batch {
        Batch {
            ids: numbers.iter().copied().map(id).collect(),
            attempts: 1,
            outcome: Outcome::Accepted(Receipt::default()),
        }
    }

    #[test]
    fn a_report_has_the_order_of_the_ids_given() {
        let state = state(6);
        state.ended(vec![accepted(&[4, 5])], 1);
        state.ended(vec![accepted(&[1, 2, 6]), accepted(&[3])], 3);
        let batches = state.report().batches;
        let ids: Vec<_> = batches.iter().map(|batch| batch.ids.clone()).collect();
        assert_eq!(ids, [vec![id(1), id(2)], vec![id(3)], vec![id(4), id(5)], vec![id(6)]]);
    }

    #[test]
    fn a_report_can_be_read_while_progress_is_looked_at() {
        let state = Arc::new(state(1));
        let progress = state.progress();
        let looked_at = progress.borrow();
        let (worker, reader) = (Arc::clone(&state), Arc::clone(&state));
        let ended = thread::spawn(move || worker.ended(vec![accepted(&[1])], 1));
        thread::sleep(Duration::from_millis(100));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(reader.report()));
        let report = receiver.recv_timeout(Duration::from_secs(20));
        drop(looked_at);
        assert_eq!(report, Ok(Report::default()));
        ended.join().unwrap();
        assert_eq!(state.report().accepted().count(), 1);
    }

    #[test]
    fn what_has_ended_stays_when_the_plugin_is_stopped() {
        let state = state(4);
        state.ended(vec![accepted(&[2])], 2);
        state.plugin_stopped("it executed too much", 2);
        let report = state.report();
        assert_eq!(report.accepted().collect::<Vec<_>>(), [id(2)]);
        assert_eq!(report.to_retry().collect::<Vec<_>>(), [id(1), id(3), id(4)]);
        assert!(report.batches.iter().filter_map(|b| b.outcome.error()).all(|e| e.kind == ErrorKind::PluginStopped));
        assert_eq!(report.cause.map(|cause| cause.kind), Some(ErrorKind::PluginStopped));
        let progress = state.progress().borrow().clone();
        assert_eq!((progress.done(), progress.left, progress.accepted, progress.unknown), (4, 0, 1, 3));
    }

    #[test]
    fn a_call_that_waits_for_an_instance_is_stopped_immediately() {
        let state = state(2);
        assert!(!state.order(Order::Stop(None)));
        assert!(state.is_over() && !state.admit());
        let report = state.report();
        assert_eq!(report.to_retry().count(), 2);
        assert_eq!(report.batches[0].outcome.error().unwrap().kind, ErrorKind::NotAttempted);
        assert_eq!(report.cause.unwrap().kind, ErrorKind::Cancelled);
    }
}

//! The handle of a call.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::watch;

use crate::call_state::CallState;
use crate::order::Order;
use crate::{Batch, Progress, Report, TokenSourceError};

/// A call of an action: a stream of its batches, each of which comes as soon as its ids have their
/// outcome.
///
/// A task performs the call, whether its handle is polled or not. Dropping the handle abandons the
/// call: nothing more is sent, and the ids of requests in flight may have been applied. To keep the
/// outcomes, [`stop`](Call::stop) it, and take what it still yields.
#[must_use = "dropping a call abandons it"]
pub struct Call {
    state: Arc<CallState>,
    /// Wakes the worker to take an order.
    orders: watch::Sender<()>,
    /// How many batches the stream has yielded.
    yielded: usize,
}

impl Call {
    pub(crate) fn new(state: Arc<CallState>, orders: watch::Sender<()>) -> Call {
        Call { state, orders, yielded: 0 }
    }

    /// The next batch, in the order in which they end. `None`: the call is over, and every id has
    /// been reported.
    ///
    /// A future that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Batch> {
        poll_fn(|context| self.poll_batch(context)).await
    }

    /// The outcomes so far, including those that the stream has not yielded yet. The cause is known
    /// once the call is over.
    pub fn report(&self) -> Report {
        self.state.report()
    }

    /// How far the call has come: a channel that holds the latest state. It changes when ids get
    /// their outcome, when something is sent or fails, and about once a second while the call
    /// waits, but not while the token source does not return. The last state has no ids without an
    /// outcome, and then the channel is closed.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.state.progress()
    }

    /// Ends the call: nothing new is sent. The stream yields the remaining outcomes, and the cause
    /// is `ErrorKind::Cancelled` unless every id was accepted.
    ///
    /// `grace` is how long requests in flight may still take; `None` is 10 s. After that, their ids
    /// are `Outcome::Unknown`. A later stop can only shorten the grace. A call notices a stop
    /// immediately while it waits to send or for a token, and within about 100 ms while requests
    /// are in flight.
    pub fn stop(&self, grace: Option<Duration>) {
        self.order(Order::Stop(grace));
    }

    /// Waits until the call is over, and returns the outcome of every id, also of those that the
    /// stream has yielded.
    ///
    /// A future that is dropped loses nothing: stop the call then, and finish it again.
    ///
    /// # Errors
    /// If the token source itself failed ([`TokenError::Failed`](crate::TokenError::Failed)). The
    /// error contains the report.
    pub async fn finish(&mut self) -> Result<Report, TokenSourceError> {
        self.yielded = poll_fn(|context| self.state.poll_over(context)).await;
        self.state.result()
    }

    fn order(&self, order: Order) {
        if self.state.order(order) {
            self.orders.send_replace(());
        }
    }

    fn poll_batch(&mut self, context: &Context<'_>) -> Poll<Option<Batch>> {
        let polled = self.state.poll_batch(self.yielded, context);
        if let Poll::Ready(Some(_)) = polled {
            self.yielded = self.yielded.saturating_add(1);
        }
        polled
    }
}

impl Stream for Call {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        self.poll_batch(context)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.order(Order::Abandon);
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("progress", &*self.state.progress().borrow()).finish_non_exhaustive()
    }
}

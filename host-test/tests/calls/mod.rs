//! Calls that report while they run, driven in virtual time by every kind of host.

mod drop;
mod events;
mod limits;
mod next;
mod pause;
mod progress;
mod reentry;
mod report;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service, TransportError};
use host_test::bindings::actions::{Batch, Error, Options};
use host_test::bindings::calls::{Call, Event, Progress};
use host_test::plugin::{Action, Plugin};
use host_test::script::{Script, accepted};

use crate::request::one_by_one;

/// An instance of the plugin with an open call.
struct Open {
    plugin: Plugin,
    call: Call,
}

impl Open {
    async fn start(service: Arc<dyn Service>, action: Action, ids: &[String], options: Options) -> Open {
        Open::with(Plugin::before(service).await, action, ids, options).await
    }

    async fn with(mut plugin: Plugin, action: Action, ids: &[String], options: Options) -> Open {
        let call = plugin.start(action, ids, Some(&options)).await.expect("no trap").expect("valid arguments");
        Open { plugin, call }
    }

    async fn next(&mut self, wait_ms: Option<u32>) -> Event {
        self.plugin.next(self.call, wait_ms).await.expect("no trap")
    }

    async fn stop(&mut self, grace_ms: Option<u32>) {
        self.plugin.stop(self.call, grace_ms).await.expect("no trap");
    }

    async fn report(&mut self) -> Vec<Batch> {
        self.plugin.report(self.call).await.expect("no trap")
    }

    /// The outcomes until the call is over, each with the time since the host's start, and what
    /// ended it.
    async fn finish(&mut self) -> (Vec<(u64, String)>, Option<Error>) {
        let mut outcomes = Vec::new();
        loop {
            match self.next(None).await {
                Event::Ended(batches) => {
                    outcomes.extend(batches.iter().map(|batch| (self.now_ms(), batch.case())));
                }
                Event::Over(cause) => return (outcomes, cause),
                Event::Waiting(progress) => panic!("a wait without end ended: {progress:?}"),
            }
        }
    }

    /// The time since the host's start.
    fn now_ms(&self) -> u64 {
        self.plugin.now().as_millis() as u64
    }

    /// When the requests that the service has received were sent.
    fn sent_ms(&self) -> Vec<u64> {
        self.plugin.exchanges().iter().map(|exchange| exchange.sent.as_millis() as u64).collect()
    }
}

/// One id in a request, one request at a time.
fn in_turn() -> Options {
    Options { max_in_flight: Some(1), ..one_by_one() }
}

/// A service that replies like this, each after its number of milliseconds.
fn script(replies: impl IntoIterator<Item = (u64, Behavior)>) -> Arc<Script> {
    Script::new(replies.into_iter().map(|(ms, behavior)| Reply::at_once(behavior).after(Duration::from_millis(ms))))
}

/// A service that accepts every request after this time.
struct AcceptAll(u64);

impl Service for AcceptAll {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once(accepted()).after(Duration::from_millis(self.0))
    }
}

/// A service that accepts this number of requests, each after this time.
fn accepting(requests: usize, ms: u64) -> Arc<Script> {
    script(std::iter::repeat_n((ms, accepted()), requests))
}

fn unreachable() -> Behavior {
    Behavior::Failed(TransportError::ConnectionRefused)
}

/// Passes the time while nobody calls `next`.
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// The outcomes of an event.
#[track_caller]
fn ended(event: Event) -> Vec<String> {
    let Event::Ended(batches) = event else { panic!("nothing ended: {event:?}") };
    batches.iter().map(Batch::case).collect()
}

#[track_caller]
fn waiting(event: Event) -> Progress {
    let Event::Waiting(progress) = event else { panic!("the call does not wait: {event:?}") };
    progress
}

/// What ended a call.
#[track_caller]
fn over(event: Event) -> Option<&'static str> {
    let Event::Over(cause) = event else { panic!("the call is not over: {event:?}") };
    cause.map(|cause| cause.case())
}

/// Asserts a time in milliseconds. Tokio's timers fire on whole milliseconds.
#[track_caller]
fn assert_at(actual_ms: u64, expected_ms: u64) {
    assert!((expected_ms..=expected_ms + 1).contains(&actual_ms), "{actual_ms} ms, not {expected_ms} ms");
}

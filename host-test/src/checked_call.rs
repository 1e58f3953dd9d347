//! One call of a new plugin instance and its result, checked for what must hold in every call.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Service};
use http::header::AUTHORIZATION;
use tokio::time::Instant;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::bindings::actions::{Batch, Error, ErrorKind, Failure, Options, Outcome};
use crate::bindings::calls::Event;
use crate::bindings::credentials::TokenRequest;
use crate::component::PluginComponent;
use crate::host::{Host, Outbound, RecordedExchange, TokenSource};
use crate::plugin::{Action, CANARY, Driven, Plugin, canary};
use crate::script::Script;

/// A call that was checked.
#[derive(Debug)]
pub struct CheckedCall {
    /// What the plugin returned.
    pub result: Result<Vec<Batch>, Failure>,
    /// Every request that it sent.
    pub exchanges: Vec<RecordedExchange>,
    /// Every token request that it made.
    pub token_requests: Vec<TokenRequest>,
    /// What `next` returned, if it was not a call of a function.
    pub events: Vec<(Duration, Event)>,
    /// The time until it returned.
    pub elapsed: Duration,
    /// The size of the instance's linear memory in bytes after it.
    pub memory: usize,
}

impl CheckedCall {
    /// Calls an action with [`CANARY`] as token and a service that follows this script.
    pub async fn scripted<I: AsRef<str>>(
        action: Action,
        ids: &[I],
        options: Options,
        behaviors: impl IntoIterator<Item = Behavior>,
    ) -> CheckedCall {
        CheckedCall::before(Script::at_once(behaviors), canary(), action, ids, options).await
    }

    /// Calls an action with any service and any source of tokens.
    pub async fn before<I: AsRef<str>>(
        service: Arc<dyn Service>,
        token_source: TokenSource,
        action: Action,
        ids: &[I],
        options: Options,
    ) -> CheckedCall {
        CheckedCall::of(Plugin::with(Outbound::InProcess(service), token_source).await, action, ids, options).await
    }

    /// Calls an action with a host that fails the first requests with these errors, and then
    /// follows this script.
    pub async fn failing_first<I: AsRef<str>>(
        errors: impl IntoIterator<Item = ErrorCode>,
        behaviors: impl IntoIterator<Item = Behavior>,
        action: Action,
        ids: &[I],
        options: Options,
    ) -> CheckedCall {
        let host = Host::new(Outbound::InProcess(Script::at_once(behaviors)), canary(), 0).fail_first(errors);
        let plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin does not start");
        CheckedCall::of(plugin, action, ids, options).await
    }

    /// Makes the first call of a plugin: through the function of the action, if there is one.
    ///
    /// # Panics
    /// If the plugin traps, omits or repeats an id, reports a wrong number of attempts, or reveals
    /// its token.
    pub async fn of<I: AsRef<str>>(mut plugin: Plugin, action: Action, ids: &[I], options: Options) -> CheckedCall {
        if !Action::FUNCTIONS.contains(&action) {
            return CheckedCall::driven(plugin, action, ids, options, None).await;
        }
        let ids = texts(ids);
        let start = Instant::now();
        let result = plugin.call(action, &ids, Some(&options)).await.expect("the plugin trapped");
        CheckedCall::checked(&plugin, &ids, result, Vec::new(), start.elapsed())
    }

    /// Makes the first call of a plugin, with one `next` after the other, each as long as
    /// `wait_ms`.
    ///
    /// # Panics
    /// As [`CheckedCall::of`], and if the events do not report each id once.
    pub async fn driven<I: AsRef<str>>(
        mut plugin: Plugin,
        action: Action,
        ids: &[I],
        options: Options,
        wait_ms: Option<u32>,
    ) -> CheckedCall {
        let ids = texts(ids);
        let start = Instant::now();
        let driven = plugin.drive(action, &ids, Some(&options), wait_ms).await.expect("the plugin trapped");
        let (result, events) = match driven {
            Err(message) => {
                let cause = Error { kind: ErrorKind::InvalidArgument, message, response: None };
                (Err(Failure { cause, batches: Vec::new() }), Vec::new())
            }
            Ok(driven) => {
                driven.check();
                let Driven { events, report: batches } = driven;
                match events.last() {
                    Some((_, Event::Over(Some(cause)))) => (Err(Failure { cause: cause.clone(), batches }), events),
                    _ => (Ok(batches), events),
                }
            }
        };
        CheckedCall::checked(&plugin, &ids, result, events, start.elapsed())
    }

    fn checked(
        plugin: &Plugin,
        ids: &[String],
        result: Result<Vec<Batch>, Failure>,
        events: Vec<(Duration, Event)>,
        elapsed: Duration,
    ) -> CheckedCall {
        let (exchanges, token_requests) = (plugin.exchanges(), plugin.token_requests().to_vec());
        let call = CheckedCall { result, exchanges, token_requests, events, elapsed, memory: plugin.memory() };
        call.check(ids);
        call
    }

    fn check(&self, ids: &[String]) {
        let output = format!("{:?} {:?} {:?}", self.result, self.events, self.token_requests);
        let mut runs = CANARY.as_bytes().windows(HIDDEN_RUN_BYTES).map(String::from_utf8_lossy);
        assert!(!runs.any(|run| output.contains(&*run)), "the output contains the token");
        for RecordedExchange { request, .. } in &self.exchanges {
            let contains_token = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            let others = request.headers().iter().filter(|(name, _)| **name != AUTHORIZATION);
            assert!(
                !contains_token(request.uri().to_string().as_bytes()) && !contains_token(request.body()),
                "the token is in {request:?}"
            );
            assert!(
                others.into_iter().all(|(_, value)| !contains_token(value.as_bytes())),
                "the token is in {request:?}"
            );
        }
        if let Err(failure) = &self.result {
            failure.cause.check();
        }
        if let Err(Failure { cause: Error { kind: ErrorKind::InvalidArgument, .. }, batches }) = &self.result {
            assert!(batches.is_empty() && self.exchanges.is_empty() && self.token_requests.is_empty(), "{self:#?}");
            return;
        }
        let batches = self.batches();
        let is_complete = batches.iter().all(|batch| batch.outcome == Outcome::Accepted);
        assert_eq!(is_complete, self.result.is_ok(), "{self:#?}");
        let reported: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
        let mut seen = BTreeSet::new();
        let distinct: Vec<&String> = ids.iter().filter(|id| seen.insert(id.to_lowercase())).collect();
        assert_eq!(reported, distinct, "every id exactly once, in the order given");
        let carried = self.requests_by_id();
        for batch in batches {
            batch.check();
            for id in &batch.ids {
                let requests = carried.get(id).copied().unwrap_or_default();
                assert_eq!(batch.attempts, requests, "the reported attempts are not the requests for {id}");
            }
        }
    }

    /// The number of requests that carried each id.
    fn requests_by_id(&self) -> HashMap<String, u32> {
        let mut requests = HashMap::new();
        for RecordedExchange { request, .. } in &self.exchanges {
            let body: HashMap<String, Vec<String>> = serde_json::from_slice(request.body()).expect("a body of ids");
            body.into_values().flatten().for_each(|id| *requests.entry(id).or_default() += 1);
        }
        requests
    }

    /// The batches of the result.
    pub fn batches(&self) -> &[Batch] {
        match &self.result {
            Ok(batches) => batches,
            Err(failure) => &failure.batches,
        }
    }

    /// The batches of a call that was accepted.
    #[track_caller]
    pub fn accepted(&self) -> &[Batch] {
        match &self.result {
            Ok(batches) => batches,
            Err(failure) => panic!("not accepted: {failure:#?}"),
        }
    }

    /// The failure of a call that was not accepted.
    #[track_caller]
    pub fn failure(&self) -> &Failure {
        match &self.result {
            Ok(batches) => panic!("accepted: {batches:#?}"),
            Err(failure) => failure,
        }
    }

    /// The message of a call that failed with this kind.
    #[track_caller]
    pub fn message(&self, kind: ErrorKind) -> &str {
        let cause = &self.failure().cause;
        assert_eq!(cause.kind, kind, "{cause:?}");
        &cause.message
    }

    /// The case of each batch's outcome, such as `refused(client-error)`.
    pub fn outcomes(&self) -> Vec<String> {
        self.batches().iter().map(|batch| batch.case()).collect()
    }

    /// The only batch of a call that was not accepted.
    #[track_caller]
    pub fn batch(&self) -> &Batch {
        match self.failure().batches.as_slice() {
            [batch] => batch,
            batches => panic!("expected one batch: {batches:#?}"),
        }
    }
}

fn texts<I: AsRef<str>>(ids: &[I]) -> Vec<String> {
    ids.iter().map(|id| id.as_ref().to_owned()).collect()
}

/// No run of this many characters of a token may appear in a text.
const HIDDEN_RUN_BYTES: usize = 24;

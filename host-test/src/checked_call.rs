//! One call of a new plugin instance and its result, checked for what must hold in every call.

use std::collections::BTreeSet;
use std::sync::Arc;

use graph_model::{Behavior, Service};
use http::header::AUTHORIZATION;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::bindings::actions::{Batch, Error, Failure, Options, Outcome};
use crate::bindings::credentials::TokenRequest;
use crate::component::PluginComponent;
use crate::host::{Exchange, Host, Outbound, TokenSource};
use crate::plugin::{Action, CANARY, Plugin, canary};
use crate::script::Script;

/// A call that was checked.
#[derive(Debug)]
pub struct CheckedCall {
    /// What the plugin returned.
    pub result: Result<Vec<Batch>, Failure>,
    /// Every request that it sent.
    pub exchanges: Vec<Exchange>,
    /// Every token request that it made.
    pub token_requests: Vec<TokenRequest>,
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

    /// Calls an action with a host that fails the first requests with these errors, and then follows this script.
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

    /// Makes the first call of a plugin.
    ///
    /// # Panics
    /// If the plugin traps, omits or repeats an id, reports a wrong number of attempts, or reveals its token.
    pub async fn of<I: AsRef<str>>(mut plugin: Plugin, action: Action, ids: &[I], options: Options) -> CheckedCall {
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let result = plugin.call(action, &ids, Some(&options)).await.expect("the plugin trapped");
        let call =
            CheckedCall { result, exchanges: plugin.exchanges(), token_requests: plugin.token_requests().to_vec() };
        call.check(&ids);
        call
    }

    fn check(&self, ids: &[String]) {
        let output = format!("{:?} {:?}", self.result, self.token_requests);
        assert!(!output.contains(CANARY), "the output contains the token");
        for Exchange { request, .. } in &self.exchanges {
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
        if let Err(Failure { cause: Error::InvalidArgument(_), batches }) = &self.result {
            assert!(batches.is_empty() && self.exchanges.is_empty() && self.token_requests.is_empty(), "{self:#?}");
            return;
        }
        let batches = self.batches();
        let is_complete = batches.iter().all(|batch| matches!(batch.outcome, Outcome::Accepted(_)));
        assert_eq!(is_complete, self.result.is_ok(), "{self:#?}");
        let reported: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
        let mut seen = BTreeSet::new();
        let distinct: Vec<&String> = ids.iter().filter(|id| seen.insert(id.to_lowercase())).collect();
        assert_eq!(reported, distinct, "every id exactly once, in the order given");
        for batch in batches {
            for id in &batch.ids {
                let carried =
                    |exchange: &&Exchange| exchange.request.body().windows(id.len()).any(|part| part == id.as_bytes());
                let attempts = self.exchanges.iter().filter(carried).count();
                assert_eq!(batch.attempts as usize, attempts, "the reported attempts are not the requests for {id}");
            }
        }
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

    /// The only batch of a call that was not accepted.
    #[track_caller]
    pub fn batch(&self) -> &Batch {
        match self.failure().batches.as_slice() {
            [batch] => batch,
            batches => panic!("expected one batch: {batches:#?}"),
        }
    }
}

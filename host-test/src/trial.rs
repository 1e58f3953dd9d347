//! One call of a fresh plugin and what came of it, checked for what must hold whatever happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::header::AUTHORIZATION;

use crate::bindings::actions::{Batch, Error, Failure, Options, Outcome, Receipt};
use crate::bindings::credentials::TokenRequest;
use crate::exchange::{Fate, Service};
use crate::host::{Exchange, TokenSource, Way};
use crate::plugin::{Action, CANARY, Plugin, canary};
use crate::script::Script;

/// What came of a call.
#[derive(Debug)]
pub struct Trial {
    /// What the plugin returned.
    pub result: Result<Vec<Receipt>, Failure>,
    /// Every request that left it.
    pub exchanges: Vec<Exchange>,
    /// Every token that it asked for.
    pub token_requests: Vec<TokenRequest>,
}

impl Trial {
    /// Calls an action with [`CANARY`] as token, before a script of these fates.
    pub async fn scripted<I: AsRef<str>>(
        action: Action,
        ids: &[I],
        options: Options,
        fates: impl IntoIterator<Item = Fate>,
    ) -> Trial {
        Trial::before(Script::at_once(fates), canary(), action, ids, options).await
    }

    /// Calls an action before any service, with any source of tokens.
    pub async fn before<I: AsRef<str>>(
        service: Arc<dyn Service>,
        token_source: TokenSource,
        action: Action,
        ids: &[I],
        options: Options,
    ) -> Trial {
        Trial::of(Plugin::with(Way::Stub(service), token_source).await, action, ids, options).await
    }

    /// Makes the first call of a plugin.
    ///
    /// # Panics
    /// Where the plugin traps, loses or doubles an id, miscounts its attempts, or shows its token.
    pub async fn of<I: AsRef<str>>(mut plugin: Plugin, action: Action, ids: &[I], options: Options) -> Trial {
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let result = plugin.call(action, &ids, Some(&options)).await.expect("the plugin trapped");
        let trial = Trial { result, exchanges: plugin.exchanges(), token_requests: plugin.token_requests().to_vec() };
        trial.check(&ids);
        trial
    }

    fn check(&self, ids: &[String]) {
        let told = format!("{:?} {:?}", self.result, self.token_requests);
        assert!(!told.contains(CANARY), "the token shows");
        for Exchange { request, .. } in &self.exchanges {
            let shown = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            let elsewhere = request.headers().iter().filter(|(name, _)| **name != AUTHORIZATION);
            assert!(
                !shown(request.uri().to_string().as_bytes()) && !shown(request.body()),
                "the token is in {request:?}"
            );
            assert!(elsewhere.into_iter().all(|(_, value)| !shown(value.as_bytes())), "the token is in {request:?}");
        }
        let (accounted, attempts): (Vec<&String>, u32) = match &self.result {
            Err(Failure { cause: Error::InvalidArgument(_), batches }) => {
                assert!(batches.is_empty() && self.exchanges.is_empty() && self.token_requests.is_empty(), "{self:#?}");
                return;
            }
            Err(Failure { batches, .. }) => {
                assert!(!batches.iter().all(|batch| matches!(batch.outcome, Outcome::Accepted(_))), "{self:#?}");
                (
                    batches.iter().flat_map(|batch| &batch.ids).collect(),
                    batches.iter().map(|batch| batch.attempts).sum(),
                )
            }
            Ok(receipts) => (
                receipts.iter().flat_map(|receipt| &receipt.ids).collect(),
                receipts.iter().map(|receipt| receipt.attempts).sum(),
            ),
        };
        let mut seen = BTreeSet::new();
        let distinct: Vec<&String> = ids.iter().filter(|id| seen.insert(id.to_lowercase())).collect();
        assert_eq!(accounted, distinct, "every id exactly once, in the order given");
        assert_eq!(attempts as usize, self.exchanges.len(), "attempts are what was sent");
    }

    /// The receipts of a call that was accepted.
    #[track_caller]
    pub fn receipts(&self) -> &[Receipt] {
        match &self.result {
            Ok(receipts) => receipts,
            Err(failure) => panic!("not accepted: {failure:#?}"),
        }
    }

    /// The account of a call that was not.
    #[track_caller]
    pub fn failure(&self) -> &Failure {
        match &self.result {
            Ok(receipts) => panic!("accepted: {receipts:#?}"),
            Err(failure) => failure,
        }
    }

    /// The batch of a call that had only one, and was not accepted.
    #[track_caller]
    pub fn batch(&self) -> &Batch {
        match self.failure().batches.as_slice() {
            [batch] => batch,
            batches => panic!("not one batch: {batches:#?}"),
        }
    }
}

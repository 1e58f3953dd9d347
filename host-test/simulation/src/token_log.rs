//! The token provider of a run, and the record of its requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::host::TokenSource;
use host_test::plugin::CANARY;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::plan::TokenProvider;

/// One token request.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// When it was made.
    pub asked: Duration,
    /// When it was answered.
    pub answered: Duration,
    /// What was requested.
    pub request: TokenRequest,
    /// How it was answered.
    pub answer: TokenAnswer,
    /// The number of the call that it is for.
    pub call: usize,
}

/// How a token request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAnswer {
    /// With a token, or that the host attaches one.
    Usable,
    /// `unavailable`
    Unavailable,
    /// `denied` or an unusable token.
    EndsCall,
    /// No token request but a use of the key-value store, during which the plugin notices nothing
    /// either.
    Store,
}

impl TokenRecord {
    /// The request of a record that is a use of the store.
    pub(crate) fn of_store() -> TokenRequest {
        TokenRequest { tenant: None, audience: String::new(), endpoint: String::new(), refresh: false, claims: None }
    }
}

/// The record of a run.
#[derive(Clone, Default)]
pub(super) struct TokenLog {
    records: Arc<Mutex<Vec<TokenRecord>>>,
    /// The number of the call that the plugin works on.
    call: Arc<AtomicUsize>,
}

impl TokenLog {
    pub(super) fn records(&self) -> Vec<TokenRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of token requests so far.
    pub(super) fn len(&self) -> usize {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The requests that follow are for this call.
    pub(super) fn begin(&self, call: usize) {
        self.call.store(call, Ordering::Relaxed);
    }

    /// A cache of one token, as in most hosts: only `refresh` requests a new one.
    pub(super) fn token_source(&self, provider: &TokenProvider, seed: u64) -> TokenSource {
        let log = self.clone();
        let provider = provider.clone();
        let mut rng = StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let mut generation = 0;
        let mut has_returned = false;
        Box::new(move |request| {
            let asked = start.elapsed();
            let is_outage = provider.outage.is_some_and(|(from, until)| from <= asked && asked < until);
            let result = if rng.random_bool(provider.ends) {
                match rng.random() {
                    true => Err(TokenError::Denied("the secret has expired".into())),
                    false => Ok(Credential::of("")),
                }
            } else if is_outage || rng.random_bool(provider.unavailable) {
                let rest = "-".repeat(200);
                // A careless provider repeats the token that it returned last.
                Err(TokenError::Unavailable(match has_returned {
                    true => format!("{}{CANARY}{generation}", &rest[..100]),
                    false => rest,
                }))
            } else {
                generation += u32::from(request.refresh);
                has_returned = !provider.is_attached;
                let bearer = (!provider.is_attached).then(|| format!("{CANARY}{generation}"));
                Ok(Credential { bearer })
            };
            let answer = match &result {
                Ok(Credential { bearer: Some(token) }) if token.is_empty() => TokenAnswer::EndsCall,
                Ok(_) => TokenAnswer::Usable,
                Err(TokenError::Unavailable(_)) => TokenAnswer::Unavailable,
                Err(_) => TokenAnswer::EndsCall,
            };
            let answered = asked + provider.latency;
            let call = log.call.load(Ordering::Relaxed);
            let record = TokenRecord { asked, answered, request: request.clone(), answer, call };
            log.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
            result
        })
    }
}

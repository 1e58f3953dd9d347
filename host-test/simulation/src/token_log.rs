//! The token provider of a run, and the record of its requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::host::TokenSource;
use host_test::plugin::CANARY;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::Plan;

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
}

/// How a token request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAnswer {
    /// With a token, or that the host attaches one.
    Usable,
    /// `unavailable`
    Unavailable,
    /// `denied`, `cancelled` or an unusable token.
    EndsCall,
    /// No token request but a use of the key-value store, during which the plugin notices nothing either.
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
pub(super) struct TokenLog(Arc<Mutex<Vec<TokenRecord>>>);

impl TokenLog {
    pub(super) fn records(&self) -> Vec<TokenRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A cache of one token, as in most hosts: only `refresh` requests a new one.
    pub(super) fn token_source(&self, plan: &Plan) -> TokenSource {
        let log = self.clone();
        let provider = plan.tokens.clone();
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let start = Instant::now();
        let mut generation = 0;
        let mut has_returned = false;
        Box::new(move |request| {
            let asked = start.elapsed();
            let is_outage = provider.outage.is_some_and(|(from, until)| from <= asked && asked < until);
            let result = if rng.random_bool(provider.ends) {
                match rng.random_range(0..3) {
                    0 => Err(TokenError::Denied("the secret has expired".into())),
                    1 => Err(TokenError::Cancelled),
                    _ => Ok(Credential::Bearer(String::new())),
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
                match provider.is_attached {
                    true => Ok(Credential::AttachedByHost),
                    false => Ok(Credential::Bearer(format!("{CANARY}{generation}"))),
                }
            };
            let answer = match &result {
                Ok(Credential::Bearer(token)) if token.is_empty() => TokenAnswer::EndsCall,
                Ok(_) => TokenAnswer::Usable,
                Err(TokenError::Unavailable(_)) => TokenAnswer::Unavailable,
                Err(_) => TokenAnswer::EndsCall,
            };
            let answered = asked + provider.latency;
            let record = TokenRecord { asked, answered, request: request.clone(), answer };
            log.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
            result
        })
    }
}

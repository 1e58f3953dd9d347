//! The tokens of a call: one is requested before each attempt, and a rejected one is refreshed once.

use crate::backoff::{MAX_PROBE_WAIT, backoff};
use crate::contract::arguments::Settings;
use crate::contract::error::Error;
use crate::contract::token::{Authorization, Credential, Secrets, TokenError, TokenRequest};
use crate::http::response::MAX_TEXT_BYTES;
use crate::random::Random;
use crate::time::Nanos;

/// What is known of the token provider.
#[derive(Default)]
pub(crate) struct Tokens {
    /// For the next attempt.
    ready: Option<Authorization>,
    /// The tokens that were returned, to keep them out of texts.
    secrets: Secrets,
    /// Tokens that were refreshed: a rejection of an older one is no reason to refresh again.
    refreshes: u32,
    /// The current token was rejected, with these claims.
    rejection: Option<Rejected>,
    /// `unavailable` in a row.
    failures: u32,
    /// No token is requested before.
    retry_at: Nanos,
    /// When the token provider was asked.
    asked_at: Nanos,
}

#[derive(Default)]
struct Rejected {
    claims: Option<String>,
}

/// What the answer of the token provider means for the call.
pub(crate) enum TokenVerdict {
    /// There is a token for the next attempt.
    Ready,
    /// There may be one later.
    Later(Error),
    /// The call ends.
    End(Error),
}

impl Tokens {
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// When the next token may be requested, a time that may have passed.
    pub(crate) fn retry_at(&self) -> Nanos {
        self.retry_at
    }

    /// The request to the token provider, made at `now`.
    pub(crate) fn request(&mut self, settings: &Settings, now: Nanos) -> TokenRequest {
        self.asked_at = now;
        TokenRequest {
            tenant: settings.tenant.clone(),
            audience: settings.audience.clone(),
            endpoint: settings.endpoint.to_string(),
            refresh: self.rejection.is_some(),
            claims: self.rejection.as_ref().and_then(|rejected| rejected.claims.clone()),
        }
    }

    /// Takes in the answer of the token provider. Returns the time it took too.
    pub(crate) fn answered(
        &mut self,
        result: Result<Credential, TokenError>,
        now: Nanos,
        random: &mut Random,
    ) -> (TokenVerdict, Nanos) {
        let verdict = match result {
            Ok(credential) => match Authorization::parse(credential) {
                Ok(authorization) => {
                    self.failures = 0;
                    self.refreshes = self.refreshes.saturating_add(self.rejection.take().is_some().into());
                    self.ready = Some(self.secrets.add(authorization));
                    TokenVerdict::Ready
                }
                Err(rule) => TokenVerdict::End(Error::no_token("the token provider's token is not usable", &rule)),
            },
            Err(TokenError::Unavailable(text)) => {
                self.failures = self.failures.saturating_add(1);
                self.retry_at = now.saturating_add(backoff(self.failures, MAX_PROBE_WAIT, random));
                TokenVerdict::Later(self.error("the token provider has no token right now", &text))
            }
            Err(TokenError::Denied(text)) => TokenVerdict::End(self.error("the token provider denied a token", &text)),
        };
        (verdict, now.saturating_sub(self.asked_at))
    }

    /// Takes the token for an attempt, and the number by which to report its rejection.
    pub(crate) fn take(&mut self) -> Option<(Authorization, u32)> {
        Some((self.ready.take()?, self.refreshes))
    }

    /// The tokens that were returned.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Records that the token with this number was rejected.
    pub(crate) fn rejected(&mut self, number: u32, claims: Option<String>) {
        if number == self.refreshes {
            self.ready = None;
            let rejection = self.rejection.get_or_insert_default();
            rejection.claims = rejection.claims.take().or(claims);
        }
    }

    fn error(&self, what: &str, text: &str) -> Error {
        Error::no_token(what, &self.secrets.sanitize(text, MAX_TEXT_BYTES))
    }
}

//! The requests for tokens: one before each attempt, and one for a fresh token after a rejection.

use crate::backoff::{MAX_PROBE_WAIT, backoff};
use crate::contract::arguments::ResolvedOptions;
use crate::contract::error::Error;
use crate::contract::token::{Authorization, Credential, Secrets, TokenError, TokenRequest};
use crate::http::response::MAX_TEXT_BYTES;
use crate::random::Random;
use crate::time::{Duration, Instant};

/// What a call knows of its tokens and their provider.
#[derive(Default)]
pub(crate) struct TokenRequests {
    /// The authorization of the next attempt.
    ready: Option<Authorization>,
    /// The tokens that were returned, to keep them out of texts.
    secrets: Secrets,
    /// How many tokens were refreshed. The rejection of an older token is no reason to refresh
    /// again.
    refreshes: u32,
    /// Set while the current token is rejected.
    rejection: Option<TokenRejection>,
    /// How often in a row the provider had no token.
    failures: u32,
    /// No token is requested before this time.
    retry_at: Instant,
    /// When the provider was asked last.
    asked_at: Instant,
}

/// Microsoft Graph rejected a token.
#[derive(Default)]
struct TokenRejection {
    /// The claims that a fresh token must have.
    claims: Option<String>,
}

/// The authorization of one attempt.
pub(crate) struct Issued {
    pub(crate) authorization: Authorization,
    /// How many tokens were refreshed before, by which a rejection is reported.
    pub(crate) refreshes: u32,
}

/// What the result of the token provider means for the call.
pub(crate) enum TokenVerdict {
    /// There is a token for the next attempt.
    Ready,
    /// There may be a token later.
    Later(Error),
    /// There will be no token, so that the call ends.
    Never(Error),
}

impl TokenRequests {
    /// Whether there is a token for the next attempt.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// The earliest time at which the next token may be requested.
    pub(crate) fn retry_at(&self) -> Instant {
        self.retry_at
    }

    /// The tokens that were returned.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The request to the token provider, made at `now`.
    pub(crate) fn request(&mut self, options: &ResolvedOptions, now: Instant) -> TokenRequest {
        self.asked_at = now;
        TokenRequest {
            tenant: options.tenant.clone(),
            audience: options.audience.clone(),
            endpoint: options.endpoint.to_string(),
            refresh: self.rejection.is_some(),
            claims: self.rejection.as_ref().and_then(|rejection| rejection.claims.clone()),
        }
    }

    /// The time that the token provider has taken by `now`.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.since(self.asked_at)
    }

    /// Records the result of the token provider.
    pub(crate) fn on_token(
        &mut self,
        result: Result<Credential, TokenError>,
        now: Instant,
        random: &mut Random,
    ) -> TokenVerdict {
        match result {
            Ok(credential) => match Authorization::parse(credential) {
                Ok(authorization) => {
                    self.failures = 0;
                    self.refreshes = self.refreshes.saturating_add(self.rejection.take().is_some().into());
                    self.ready = Some(self.secrets.add(authorization));
                    TokenVerdict::Ready
                }
                Err(rule) => TokenVerdict::Never(Error::no_token("the token provider's token is not usable", &rule)),
            },
            Err(TokenError::Unavailable(text)) => {
                self.failures = self.failures.saturating_add(1);
                self.retry_at = now.saturating_add(backoff(self.failures, MAX_PROBE_WAIT, random));
                TokenVerdict::Later(self.error("the token provider has no token right now", &text))
            }
            Err(TokenError::Denied(text)) => {
                TokenVerdict::Never(self.error("the token provider denied a token", &text))
            }
        }
    }

    /// Takes the token for an attempt.
    pub(crate) fn take(&mut self) -> Option<Issued> {
        Some(Issued { authorization: self.ready.take()?, refreshes: self.refreshes })
    }

    /// Records the rejection of a token, before which `refreshes` tokens had been refreshed.
    pub(crate) fn rejected(&mut self, refreshes: u32, claims: Option<String>) {
        if refreshes == self.refreshes {
            self.ready = None;
            let rejection = self.rejection.get_or_insert_default();
            rejection.claims = rejection.claims.take().or(claims);
        }
    }

    fn error(&self, what: &str, text: &str) -> Error {
        Error::no_token(what, &self.secrets.sanitize(text, MAX_TEXT_BYTES))
    }
}

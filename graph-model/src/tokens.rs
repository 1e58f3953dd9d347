//! The tokens that the service has seen, and those that are no longer valid.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;

use crate::request::token;
use crate::response::ResponseContext;
use crate::{Request, Response};

/// The tokens of all requests. It has no `Debug`, so that none is printed.
#[derive(Default)]
pub(crate) struct Tokens {
    /// Every token so far, in the order of their appearance.
    seen: Vec<Bytes>,
    /// Tokens that are no longer valid, and the status of the claims challenge with which Microsoft
    /// Graph reports that, if it does.
    revoked: BTreeMap<Bytes, Option<StatusCode>>,
}

impl Tokens {
    /// The position of a token among those so far.
    pub(crate) fn number(&mut self, token: &[u8]) -> usize {
        self.seen.iter().position(|known| known == token).unwrap_or_else(|| {
            self.seen.push(Bytes::copy_from_slice(token));
            self.seen.len() - 1
        })
    }

    /// Revokes the token of a request, and returns the response that says so. `challenge` is the
    /// status of a claims challenge, if that is how Microsoft Graph says it.
    pub(crate) fn revoke(
        &mut self,
        request: &Request,
        challenge: Option<StatusCode>,
        context: &ResponseContext,
    ) -> Response {
        if let Some(token) = token(request) {
            self.revoked.insert(Bytes::copy_from_slice(token), challenge);
        }
        rejection(challenge, context)
    }

    /// The response to a request without a token that is valid: one that begins with `valid` and
    /// was not revoked.
    pub(crate) fn reject(&self, valid: &str, request: &Request, context: &ResponseContext) -> Option<Response> {
        match token(request) {
            None => Some(context.unauthenticated("Access token is empty.")),
            Some(token) if !token.starts_with(valid.as_bytes()) => {
                Some(context.unauthenticated("Access token validation failure. Invalid audience."))
            }
            Some(token) => self.revoked.get(token).map(|challenge| rejection(*challenge, context)),
        }
    }
}

fn rejection(challenge: Option<StatusCode>, context: &ResponseContext) -> Response {
    match challenge {
        Some(status) => context.challenge(status),
        None => context.unauthenticated("Lifetime validation failed, the token is expired."),
    }
}

//! The credential for a request: asked from the host for each attempt, checked, and never printed.

use crate::bindings::entra::risk::credentials::{self, Credential, TokenError, TokenRequest};
use crate::error::Error;

/// How a request is authorized.
pub enum Authorization {
    /// By a token in the `authorization` header.
    Bearer(Token),
    /// By the host, which adds the header.
    AttachedByHost,
}

/// An access token: 1 to 65 536 bytes of visible ASCII. It has no `Debug`, so that nothing prints it by accident.
pub struct Token(String);

/// Why a token is asked for anew: Microsoft Graph refused the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The claims challenge that came with it, decoded.
    pub claims: Option<String>,
}

impl Authorization {
    /// Asks the host for the credential of one attempt.
    pub fn get(audience: &str, refusal: Option<Refusal>) -> Result<Authorization, Error> {
        let request = TokenRequest {
            audience: audience.to_owned(),
            refresh: refusal.is_some(),
            claims: refusal.and_then(|refusal| refusal.claims),
        };
        match credentials::get_token(&request) {
            Ok(Credential::Bearer(token)) => Token::parse(token).map(Authorization::Bearer).map_err(Error::NoToken),
            Ok(Credential::AttachedByHost) => Ok(Authorization::AttachedByHost),
            Err(TokenError::Unavailable(text)) => Err(Error::NoToken(format!("unavailable, try again later: {text}"))),
            Err(TokenError::Denied(text)) => Err(Error::NoToken(format!("denied, do not try again unchanged: {text}"))),
        }
    }

    /// The same text with the token, where it stands in it, replaced: for what comes from outside.
    pub fn redact(&self, text: String) -> String {
        let Authorization::Bearer(Token(token)) = self else { return text };
        let mut redacted = String::new();
        let mut rest = text.as_str();
        // Visible ASCII, so that what is found begins and ends between characters.
        while let Some(start) = rest.as_bytes().windows(token.len()).position(|part| part == token.as_bytes()) {
            redacted.push_str(rest.get(..start).unwrap_or_default());
            redacted.push_str("[token]");
            rest = rest.get(start.saturating_add(token.len())..).unwrap_or_default();
        }
        redacted.push_str(rest);
        redacted
    }
}

impl Token {
    /// Parses a token. The error says what is wrong without showing any of it.
    pub fn parse(token: String) -> Result<Token, String> {
        if token.is_empty() {
            return Err("the host supplied an empty token".to_owned());
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!("the token is longer than {MAX_TOKEN_BYTES} bytes"));
        }
        match token.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(position) => Err(format!("the token has a byte that is not visible ASCII, at position {position}")),
            None => Ok(Token(token)),
        }
    }

    /// The value of the `authorization` header (RFC 6750, section 2.1).
    pub fn header_value(&self) -> Vec<u8> {
        format!("Bearer {}", self.0).into_bytes()
    }
}

/// Hosts bound the headers of a request, wasmtime to 128 KiB by a trap: a token stays well below.
const MAX_TOKEN_BYTES: usize = 65_536;

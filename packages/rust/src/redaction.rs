//! Keeps tokens out of the texts of a report. The plugin cannot do that here, because it does not
//! know them: a response may repeat the `authorization` header of its request.

use std::collections::HashSet;

use entra_risk_engine::token::{Authorization, Secrets, Token};

use crate::AccessToken;

/// The tokens of a call.
pub(crate) struct Redaction<'a> {
    secrets: Secrets,
    /// Every run of [`RUN_BYTES`] of each token: most texts contain none, which is found fast.
    runs: HashSet<&'a [u8]>,
    /// Tokens that are shorter.
    short: Vec<&'a str>,
}

impl<'a> Redaction<'a> {
    pub(crate) fn of(tokens: &'a [AccessToken]) -> Redaction<'a> {
        let mut redaction = Redaction { secrets: Secrets::default(), runs: HashSet::new(), short: Vec::new() };
        for token in tokens.iter().map(AccessToken::secret) {
            if let Ok(token) = Token::parse(token.to_owned()) {
                let _ = redaction.secrets.add(Authorization::Bearer(token));
            }
            if token.len() < RUN_BYTES {
                redaction.short.push(token);
            }
            redaction.runs.extend(token.as_bytes().windows(RUN_BYTES));
        }
        redaction
    }

    /// Replaces in a text of the plugin every run of 24 characters of a token.
    pub(crate) fn clean(&self, text: String) -> String {
        let found = text.as_bytes().windows(RUN_BYTES).any(|run| self.runs.contains(run))
            || self.short.iter().any(|token| text.contains(token));
        if found { self.secrets.sanitize(&text, text.len().max(MAX_TEXT_BYTES)) } else { text }
    }
}

/// The contract: no run of 24 characters of a token appears in a text.
const RUN_BYTES: usize = 24;

/// The contract: the longest text has 512 bytes.
const MAX_TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_every_run_of_24_characters_of_a_token() {
        let tokens = ["abcdefghijklmnopqrstuvwxyz0123456789", "short"].map(|token| AccessToken::new(token).unwrap());
        let clean = |text: &str| Redaction::of(&tokens).clean(text.to_owned());
        assert_eq!(clean("x abcdefghijklmnopqrstuvwx y"), "x [token] y");
        assert_eq!(clean("x abcdefghijklmnopqrstuvw"), "x abcdefghijklmnopqrstuvw");
        assert_eq!(clean("Bearer abcdefghijklmnopqrstuvwxyz0123456789"), "Bearer [token]");
        assert_eq!(clean("a short text"), "a [token] text");
    }
}

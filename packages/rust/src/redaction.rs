//! Keeps tokens out of texts: a response may repeat the `authorization` header of its request, or
//! of an earlier one. The plugin does not know the tokens, so the library must do it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entra_risk_engine::contract::printable::printable;
use entra_risk_engine::contract::token::{Authorization, Secrets, Token};
use entra_risk_engine::query::page::Page;

use crate::AccessToken;

/// The tokens that a text may repeat: the latest ones, the last one at the end, and those that a
/// request in flight keeps known.
#[derive(Clone, Default)]
pub(crate) struct KnownTokens(Arc<Mutex<VecDeque<Arc<AccessToken>>>>);

/// A request in flight. Its token, and those before it, stay known.
#[derive(Clone)]
pub(crate) struct InFlight {
    latest: Vec<Arc<AccessToken>>,
    known: KnownTokens,
}

/// Replaces tokens in texts.
pub(crate) struct Redaction {
    secrets: Secrets,
    /// Keeps every token in `secrets`, which drops the oldest of more than 80 unless they are kept
    /// elsewhere.
    _kept: Vec<Authorization>,
}

impl KnownTokens {
    /// Adds a token as the latest one.
    pub(crate) fn add(&self, token: AccessToken) {
        let mut tokens = self.lock();
        let known = tokens.iter().position(|known| **known == token).and_then(|position| tokens.remove(position));
        tokens.push_back(known.unwrap_or_else(|| Arc::new(token)));
        let mut older = tokens.len().saturating_sub(MAX_LATEST);
        tokens.retain(|token| {
            let is_older = older > 0;
            older = older.saturating_sub(1);
            !is_older || Arc::strong_count(token) > 1
        });
    }

    /// Keeps the latest tokens known until the response to a request has been read.
    pub(crate) fn in_flight(&self) -> InFlight {
        let tokens = self.lock();
        let latest = tokens.iter().skip(tokens.len().saturating_sub(MAX_LATEST)).cloned().collect();
        InFlight { latest, known: self.clone() }
    }

    /// Forgets every token, because no call is open.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    /// Prepares to clean a text that arrives now.
    pub(crate) fn redaction(&self) -> Redaction {
        Redaction::of(self.lock().iter())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<AccessToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Prepares to clean the texts of the response, now that they arrive.
    pub(crate) fn redaction(&self) -> Redaction {
        Redaction::of(self.latest.iter().chain(self.known.lock().iter()))
    }
}

impl Redaction {
    fn of<'a>(tokens: impl Iterator<Item = &'a Arc<AccessToken>>) -> Redaction {
        let mut secrets = Secrets::default();
        let tokens = tokens.filter_map(|token| Token::parse(token.secret().to_owned()).ok());
        let kept = tokens.map(|token| secrets.add(Authorization::Bearer(token))).collect();
        Redaction { secrets, _kept: kept }
    }

    /// The page in a body, without tokens. `None`: it is no page.
    pub(crate) fn page(&self, body: &[u8]) -> Option<Page> {
        let mut page = Page::parse(body, &self.secrets)?;
        page.next_link = page.next_link.map(|link| self.secrets.sanitize(&link, link.len()));
        Some(page)
    }

    /// Cuts a text to the longest one of the contract, 512 bytes, replaces every run of 24
    /// characters of a token, and makes the rest printable.
    pub(crate) fn clean(&self, text: &str) -> String {
        printable(&self.secrets.sanitize(text, MAX_TEXT_BYTES))
    }
}

/// How many tokens stay known: that of a request, the 40 before it, and those of the others in
/// flight, which may reach the service in another order.
const MAX_LATEST: usize = 80;

/// The longest text of the contract, in bytes.
const MAX_TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> AccessToken {
        AccessToken::new(format!("the-token-number-{number}-of-a-call")).unwrap()
    }

    fn is_known(redaction: &Redaction, number: usize) -> bool {
        redaction.clean(token(number).secret()) == "[token]"
    }

    #[test]
    fn replaces_every_run_of_24_characters_of_a_token() {
        let known = KnownTokens::default();
        for token in ["abcdefghijklmnopqrstuvwxyz0123456789", "short"] {
            known.add(AccessToken::new(token).unwrap());
        }
        let clean = |text: &str| known.redaction().clean(text);
        assert_eq!(clean("x abcdefghijklmnopqrstuvwx y"), "x [token] y");
        assert_eq!(clean("x abcdefghijklmnopqrstuvw"), "x abcdefghijklmnopqrstuvw");
        assert_eq!(clean("Bearer abcdefghijklmnopqrstuvwxyz0123456789"), "Bearer [token]");
        assert_eq!(clean("a short\ntext"), "a [token] text");
    }

    #[test]
    fn the_latest_tokens_are_known() {
        let known = KnownTokens::default();
        for number in 0..100 {
            known.add(token(number));
            known.add(token(0));
        }
        let redaction = known.redaction();
        let is_known = |number: &usize| is_known(&redaction, *number);
        assert_eq!((0..100).filter(is_known).collect::<Vec<_>>(), [vec![0], (21..100).collect()].concat());
    }

    #[test]
    fn a_request_in_flight_keeps_its_token_and_those_before_known_to_all() {
        let known = KnownTokens::default();
        (0..90).for_each(|number| known.add(token(number)));
        let in_flight = known.in_flight();
        (90..300).for_each(|number| known.add(token(number)));
        for redaction in [known.redaction(), in_flight.redaction()] {
            let expected: Vec<_> = (10..90).chain(220..300).collect();
            assert_eq!((0..300).filter(|number| is_known(&redaction, *number)).collect::<Vec<_>>(), expected);
        }
        drop(in_flight);
        known.add(token(300));
        assert!(!is_known(&known.redaction(), 89));
        known.forget();
        assert!(!is_known(&known.redaction(), 300));
    }
}

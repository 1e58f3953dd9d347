//! Tokens that were issued, each kept until shortly before it expires.

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};

/// A second, in nanoseconds of the monotonic clock.
const SECOND: u64 = 1_000_000_000;

/// How long before its end a token is renewed: that of the Azure SDKs. A short-lived one is renewed at half its life.
const MARGIN: u64 = 300 * SECOND;

/// How long a failed renewal is not repeated, while the old token is still good.
const PAUSE: u64 = 30 * SECOND;

/// A token that was just issued. It cannot be printed.
pub(crate) struct Token {
    pub(crate) value: String,
    /// Its lifetime.
    pub(crate) seconds: u64,
}

/// The tokens of each audience.
pub(crate) struct Cache(Vec<Entry>);

struct Entry {
    audience: String,
    value: String,
    renew_at: u64,
    expires_at: u64,
}

impl Cache {
    /// Nothing kept.
    pub(crate) const fn new() -> Self {
        Cache(Vec::new())
    }

    /// The token kept, or else a new one. A token that Microsoft Graph refused is forgotten, whatever `fetch` says; one
    /// that is only about to expire serves on while `fetch` says that there is none now.
    pub(crate) fn token(
        &mut self,
        request: &TokenRequest,
        now: u64,
        fetch: impl FnOnce() -> Result<Token, TokenError>,
    ) -> Result<String, TokenError> {
        if request.refresh || request.claims.is_some() {
            self.0.retain(|entry| entry.audience != request.audience);
        }
        let kept = self.0.iter_mut().find(|entry| entry.audience == request.audience);
        if let Some(entry) = &kept
            && now < entry.renew_at
        {
            return Ok(entry.value.clone());
        }
        match (fetch(), kept) {
            (Ok(token), _) => {
                let life = token.seconds.saturating_mul(SECOND);
                let expires_at = now.saturating_add(life);
                let renew_at = expires_at.saturating_sub(MARGIN.min(life / 2));
                let (audience, value) = (request.audience.clone(), token.value.clone());
                self.0.retain(|entry| entry.audience != audience);
                self.0.push(Entry { audience, value, renew_at, expires_at });
                Ok(token.value)
            }
            (Err(TokenError::Unavailable(_)), Some(entry)) if now.saturating_add(PAUSE) < entry.expires_at => {
                entry.renew_at = now.saturating_add(PAUSE);
                Ok(entry.value.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks at `second`; the endpoint would answer with `answer`. Gives the token, and whether the endpoint was asked.
    fn ask(cache: &mut Cache, second: u64, answer: Option<&str>, refresh: bool) -> (Option<String>, bool) {
        let mut asked = false;
        let request = TokenRequest { audience: "https://graph.example".to_owned(), refresh, claims: None };
        let token = cache.token(&request, second * SECOND, || {
            asked = true;
            let unavailable = || TokenError::Unavailable(String::new());
            answer.map(|value| Token { value: value.to_owned(), seconds: 3600 }).ok_or_else(unavailable)
        });
        (token.ok(), asked)
    }

    fn gives(token: &str, asked: bool) -> (Option<String>, bool) {
        (Some(token.to_owned()), asked)
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_end() {
        let mut cache = Cache::new();
        assert_eq!(ask(&mut cache, 0, Some("a"), false), gives("a", true));
        assert_eq!(ask(&mut cache, 3299, Some("b"), false), gives("a", false));
        assert_eq!(ask(&mut cache, 3300, Some("b"), false), gives("b", true));
        assert_eq!(ask(&mut cache, 3301, Some("c"), false), gives("b", false));
    }

    #[test]
    fn a_token_about_to_expire_serves_on_while_the_endpoint_is_down() {
        let mut cache = Cache::new();
        assert_eq!(ask(&mut cache, 0, Some("a"), false), gives("a", true));
        assert_eq!(ask(&mut cache, 3300, None, false), gives("a", true));
        assert_eq!(ask(&mut cache, 3329, None, false), gives("a", false));
        assert_eq!(ask(&mut cache, 3330, None, false), gives("a", true));
        assert_eq!(ask(&mut cache, 3600, None, false), (None, true));
    }

    #[test]
    fn a_refused_token_is_never_given_again() {
        let mut cache = Cache::new();
        assert_eq!(ask(&mut cache, 0, Some("a"), false), gives("a", true));
        assert_eq!(ask(&mut cache, 1, None, true), (None, true));
        assert_eq!(ask(&mut cache, 2, Some("b"), false), gives("b", true));
        assert_eq!(ask(&mut cache, 3, Some("c"), true), gives("c", true));
        assert_eq!(ask(&mut cache, 4, Some("d"), false), gives("c", false));
    }

    #[test]
    fn a_token_of_a_short_or_unknown_life_is_renewed_in_time() {
        for (seconds, kept_at) in [(60, Some(29)), (0, None)] {
            let mut cache = Cache::new();
            let request = TokenRequest { audience: String::new(), refresh: false, claims: None };
            let fetch = |value: &str| Ok(Token { value: value.to_owned(), seconds });
            assert!(cache.token(&request, 0, || fetch("a")).is_ok_and(|token| token == "a"));
            let later = cache.token(&request, kept_at.unwrap_or(0) * SECOND, || fetch("b"));
            assert!(later.is_ok_and(|token| token == if kept_at.is_some() { "a" } else { "b" }));
            assert!(cache.token(&request, 30 * SECOND, || fetch("c")).is_ok_and(|token| token == "c"));
        }
    }
}

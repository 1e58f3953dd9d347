//! Issued tokens, each kept until shortly before it expires, and the pauses that token endpoints
//! ask for.

use entra_risk_engine::time::{Duration, Instant};

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};
use crate::outcome::{Failure, Token};

/// Time before its expiry at which a token is renewed, as in the Azure SDKs. A short-lived token is
/// renewed at half its lifetime.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// Time for which a failed renewal is not repeated while the old token is still valid.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// The tokens, one for each tenant and audience.
pub(crate) struct Cache(Vec<Entry>);

struct Entry {
    tenant: Option<String>,
    audience: String,
    token: Option<Kept>,
    pause: Option<Pause>,
}

struct Kept {
    value: String,
    renew_at: Instant,
    expires_at: Instant,
}

/// A time in which no token is requested.
struct Pause {
    until: Instant,
    /// Why the token endpoint must not be asked yet.
    message: String,
}

impl Cache {
    /// An empty cache.
    pub(crate) const fn new() -> Self {
        Cache(Vec::new())
    }

    /// Returns the kept token, or else a new one. A token that Microsoft Graph rejected is removed,
    /// whatever `fetch` returns. A token about to expire is returned if `fetch` fails. After a
    /// `Retry-After`, nothing is fetched until its time is over.
    pub(crate) fn token(
        &mut self,
        request: &TokenRequest,
        now: Instant,
        fetch: impl FnOnce() -> Result<Token, Failure>,
    ) -> Result<String, TokenError> {
        self.0.retain_mut(|entry| entry.is_useful(now));
        let is_requested = |entry: &Entry| entry.audience == request.audience && entry.tenant == request.tenant;
        let mut entry = match self.0.iter().position(is_requested) {
            Some(position) => self.0.swap_remove(position),
            None => {
                let (tenant, audience) = (request.tenant.clone(), request.audience.clone());
                Entry { tenant, audience, token: None, pause: None }
            }
        };
        if request.refresh || request.claims.is_some() {
            entry.token = None;
        }
        let token = entry.token(now, fetch);
        self.0.push(entry);
        token
    }
}

impl Entry {
    /// Removes what is over, and returns whether anything is left.
    fn is_useful(&mut self, now: Instant) -> bool {
        self.token.take_if(|token| token.expires_at <= now);
        self.pause.take_if(|pause| pause.until <= now);
        self.token.is_some() || self.pause.is_some()
    }

    fn token(&mut self, now: Instant, fetch: impl FnOnce() -> Result<Token, Failure>) -> Result<String, TokenError> {
        match (&self.token, &self.pause) {
            (Some(token), _) if now < token.renew_at => return Ok(token.value.clone()),
            (Some(token), Some(_)) => return Ok(token.value.clone()),
            (None, Some(pause)) => return Err(TokenError::Unavailable(pause.message.clone())),
            _ => {}
        }
        let Failure { error, retry_at, .. } = match fetch() {
            Ok(token) => {
                let lifetime = Duration::from_secs(token.seconds);
                let expires_at = now.saturating_add(lifetime);
                let renew_at = expires_at.saturating_sub(RENEWAL_MARGIN.min(lifetime.part(2)));
                self.token = Some(Kept { value: token.value.clone(), renew_at, expires_at });
                return Ok(token.value);
            }
            Err(failure) => failure,
        };
        let (TokenError::Unavailable(message) | TokenError::Denied(message)) = &error;
        let pause = |until| Some(Pause { until, message: message.clone() });
        let retry_at = retry_at.unwrap_or_default();
        let next = now.saturating_add(RETRY_PAUSE);
        match &self.token {
            Some(token) if next < token.expires_at => {
                self.pause = pause(retry_at.max(next));
                Ok(token.value.clone())
            }
            _ => {
                self.pause = pause(retry_at);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tenant: Option<&str>, refresh: bool) -> TokenRequest {
        let [audience, endpoint] = ["https://graph.example"; 2].map(str::to_owned);
        TokenRequest { tenant: tenant.map(str::to_owned), audience, endpoint, refresh, claims: None }
    }

    fn at(second: u64) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_secs(second))
    }

    /// What the token endpoint would return.
    #[derive(Clone, Copy)]
    enum Issuer {
        Token(&'static str),
        Unavailable,
        /// `Retry-After`, as a time of the clock in seconds.
        RetryAt(u64),
        Denied,
    }
    use Issuer::{Denied, RetryAt, Unavailable};

    /// Requests a token at `second`. Returns the token, and whether the endpoint was called.
    fn get(cache: &mut Cache, second: u64, issuer: Issuer, refresh: bool) -> (Option<String>, bool) {
        let mut fetched = false;
        let token = cache.token(&request(None, refresh), at(second), || {
            fetched = true;
            let unavailable = |retry_at| Failure { retry_at, ..TokenError::Unavailable(String::new()).into() };
            match issuer {
                Issuer::Token(value) => Ok(Token { value: value.to_owned(), seconds: 3600 }),
                Unavailable => Err(unavailable(None)),
                RetryAt(second) => Err(unavailable(Some(at(second)))),
                Denied => Err(TokenError::Denied(String::new()).into()),
            }
        });
        (token.ok(), fetched)
    }

    const A: Issuer = Issuer::Token("a");
    const B: Issuer = Issuer::Token("b");
    const C: Issuer = Issuer::Token("c");

    fn returns(token: &str, fetched: bool) -> (Option<String>, bool) {
        (Some(token.to_owned()), fetched)
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_expiry() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, A, false), returns("a", true));
        assert_eq!(get(&mut cache, 3299, B, false), returns("a", false));
        assert_eq!(get(&mut cache, 3300, B, false), returns("b", true));
        assert_eq!(get(&mut cache, 3301, C, false), returns("b", false));
    }

    #[test]
    fn a_token_about_to_expire_is_returned_if_it_cannot_be_renewed() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, A, false), returns("a", true));
        assert_eq!(get(&mut cache, 3300, Unavailable, false), returns("a", true));
        assert_eq!(get(&mut cache, 3329, Unavailable, false), returns("a", false));
        assert_eq!(get(&mut cache, 3330, Unavailable, false), returns("a", true));
        assert_eq!(get(&mut cache, 3360, Denied, false), returns("a", true));
        assert_eq!(get(&mut cache, 3600, Denied, false), (None, true));
    }

    #[test]
    fn a_rejected_token_is_never_returned_again() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, A, false), returns("a", true));
        assert_eq!(get(&mut cache, 1, Unavailable, true), (None, true));
        assert_eq!(get(&mut cache, 2, B, false), returns("b", true));
        assert_eq!(get(&mut cache, 3, C, true), returns("c", true));
        assert_eq!(get(&mut cache, 4, A, false), returns("c", false));
    }

    #[test]
    fn nothing_is_fetched_until_a_retry_after_is_over() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, RetryAt(60), false), (None, true));
        assert_eq!(get(&mut cache, 59, A, false), (None, false));
        assert_eq!(get(&mut cache, 59, A, true), (None, false));
        assert_eq!(get(&mut cache, 60, A, false), returns("a", true));
        assert_eq!(get(&mut cache, 3360, RetryAt(3420), false), returns("a", true));
        assert_eq!(get(&mut cache, 3419, B, false), returns("a", false));
        assert_eq!(get(&mut cache, 3419, B, true), (None, false));
        assert_eq!(get(&mut cache, 3420, B, false), returns("b", true));
    }

    #[test]
    fn a_failure_without_retry_after_is_repeated_immediately() {
        let mut cache = Cache::new();
        for failure in [Unavailable, Denied] {
            assert_eq!(get(&mut cache, 0, failure, false), (None, true));
        }
        assert_eq!(get(&mut cache, 0, A, false), returns("a", true));
    }

    #[test]
    fn each_tenant_has_its_own_token() {
        let mut cache = Cache::new();
        for (tenant, issued, expected) in
            [(None, "a", "a"), (Some("b"), "b", "b"), (None, "c", "a"), (Some("b"), "d", "b")]
        {
            let token =
                cache.token(&request(tenant, false), at(0), || Ok(Token { value: issued.to_owned(), seconds: 3600 }));
            assert!(token.is_ok_and(|token| token == expected), "{tenant:?}");
        }
    }

    #[test]
    fn a_token_with_a_short_lifetime_is_renewed_in_time() {
        for (seconds, kept_at) in [(60, Some(29)), (0, None)] {
            let mut cache = Cache::new();
            let fetch = |value: &str| Ok(Token { value: value.to_owned(), seconds });
            assert!(cache.token(&request(None, false), at(0), || fetch("a")).is_ok_and(|token| token == "a"));
            let later = cache.token(&request(None, false), at(kept_at.unwrap_or(0)), || fetch("b"));
            assert!(later.is_ok_and(|token| token == if kept_at.is_some() { "a" } else { "b" }));
            assert!(cache.token(&request(None, false), at(30), || fetch("c")).is_ok_and(|token| token == "c"));
        }
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut cache = Cache::new();
        for tenant in ["a", "b", "c"] {
            let fetched =
                cache.token(&request(Some(tenant), false), at(0), || Err(TokenError::Denied(String::new()).into()));
            assert!(fetched.is_err());
        }
        assert_eq!(get(&mut cache, 0, A, false), returns("a", true));
        assert_eq!(cache.0.len(), 1, "only the token is left");
    }
}

//! Issued tokens, each kept until shortly before it expires.

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};

/// A second in nanoseconds of the monotonic clock.
const SECOND_NS: u64 = 1_000_000_000;

/// Time before its expiry at which a token is renewed, as in the Azure SDKs. A short-lived token is renewed at half its
/// lifetime.
const RENEWAL_MARGIN_NS: u64 = 300 * SECOND_NS;

/// Time for which a failed renewal is not repeated while the old token is still valid.
const RETRY_PAUSE_NS: u64 = 30 * SECOND_NS;

/// A token that was just issued. It cannot be printed.
pub(crate) struct Token {
    pub(crate) value: String,
    /// Its lifetime; 0 if it is not known.
    pub(crate) seconds: u64,
}

/// The tokens, one for each tenant and audience.
pub(crate) struct Cache(Vec<Entry>);

struct Entry {
    tenant: Option<String>,
    audience: String,
    value: String,
    renew_at_ns: u64,
    expires_at_ns: u64,
}

impl Cache {
    /// An empty cache.
    pub(crate) const fn new() -> Self {
        Cache(Vec::new())
    }

    /// Returns the kept token, or else a new one. A token that Microsoft Graph rejected is removed, whatever `fetch`
    /// returns. A token about to expire is returned while `fetch` returns `unavailable`.
    pub(crate) fn token(
        &mut self,
        request: &TokenRequest,
        now_ns: u64,
        fetch: impl FnOnce() -> Result<Token, TokenError>,
    ) -> Result<String, TokenError> {
        let is_requested = |entry: &Entry| entry.audience == request.audience && entry.tenant == request.tenant;
        let rejected = request.refresh || request.claims.is_some();
        self.0.retain(|entry| now_ns < entry.expires_at_ns && !(rejected && is_requested(entry)));
        let kept = self.0.iter_mut().find(|entry| is_requested(entry));
        if let Some(entry) = &kept
            && now_ns < entry.renew_at_ns
        {
            return Ok(entry.value.clone());
        }
        match (fetch(), kept) {
            (Ok(token), _) => {
                let lifetime_ns = token.seconds.saturating_mul(SECOND_NS);
                let expires_at_ns = now_ns.saturating_add(lifetime_ns);
                let renew_at_ns = expires_at_ns.saturating_sub(RENEWAL_MARGIN_NS.min(lifetime_ns / 2));
                self.0.retain(|entry| !is_requested(entry));
                self.0.push(Entry {
                    tenant: request.tenant.clone(),
                    audience: request.audience.clone(),
                    value: token.value.clone(),
                    renew_at_ns,
                    expires_at_ns,
                });
                Ok(token.value)
            }
            (Err(TokenError::Unavailable(_)), Some(entry))
                if now_ns.saturating_add(RETRY_PAUSE_NS) < entry.expires_at_ns =>
            {
                entry.renew_at_ns = now_ns.saturating_add(RETRY_PAUSE_NS);
                Ok(entry.value.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may fail")]
mod tests {
    use super::*;

    fn request(tenant: Option<&str>, refresh: bool) -> TokenRequest {
        let [audience, endpoint] = ["https://graph.example"; 2].map(str::to_owned);
        TokenRequest { tenant: tenant.map(str::to_owned), audience, endpoint, refresh, claims: None }
    }

    /// Requests a token at `second`; the endpoint would issue `issued`. Returns the token, and whether the endpoint was
    /// called.
    fn get(cache: &mut Cache, second: u64, issued: Option<&str>, refresh: bool) -> (Option<String>, bool) {
        let mut fetched = false;
        let token = cache.token(&request(None, refresh), second * SECOND_NS, || {
            fetched = true;
            let unavailable = || TokenError::Unavailable(String::new());
            issued.map(|value| Token { value: value.to_owned(), seconds: 3600 }).ok_or_else(unavailable)
        });
        (token.ok(), fetched)
    }

    fn returns(token: &str, fetched: bool) -> (Option<String>, bool) {
        (Some(token.to_owned()), fetched)
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_expiry() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, Some("a"), false), returns("a", true));
        assert_eq!(get(&mut cache, 3299, Some("b"), false), returns("a", false));
        assert_eq!(get(&mut cache, 3300, Some("b"), false), returns("b", true));
        assert_eq!(get(&mut cache, 3301, Some("c"), false), returns("b", false));
    }

    #[test]
    fn a_token_about_to_expire_is_returned_while_the_endpoint_is_unavailable() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, Some("a"), false), returns("a", true));
        assert_eq!(get(&mut cache, 3300, None, false), returns("a", true));
        assert_eq!(get(&mut cache, 3329, None, false), returns("a", false));
        assert_eq!(get(&mut cache, 3330, None, false), returns("a", true));
        assert_eq!(get(&mut cache, 3600, None, false), (None, true));
    }

    #[test]
    fn a_rejected_token_is_never_returned_again() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, 0, Some("a"), false), returns("a", true));
        assert_eq!(get(&mut cache, 1, None, true), (None, true));
        assert_eq!(get(&mut cache, 2, Some("b"), false), returns("b", true));
        assert_eq!(get(&mut cache, 3, Some("c"), true), returns("c", true));
        assert_eq!(get(&mut cache, 4, Some("d"), false), returns("c", false));
    }

    #[test]
    fn each_tenant_has_its_own_token() {
        let mut cache = Cache::new();
        for (tenant, issued, expected) in
            [(None, "a", "a"), (Some("b"), "b", "b"), (None, "c", "a"), (Some("b"), "d", "b")]
        {
            let token =
                cache.token(&request(tenant, false), 0, || Ok(Token { value: issued.to_owned(), seconds: 3600 }));
            assert!(token.is_ok_and(|token| token == expected), "{tenant:?}");
        }
    }

    #[test]
    fn a_token_with_a_short_or_unknown_lifetime_is_renewed_in_time() {
        for (seconds, kept_at) in [(60, Some(29)), (0, None)] {
            let mut cache = Cache::new();
            let fetch = |value: &str| Ok(Token { value: value.to_owned(), seconds });
            assert!(cache.token(&request(None, false), 0, || fetch("a")).is_ok_and(|token| token == "a"));
            let later = cache.token(&request(None, false), kept_at.unwrap_or(0) * SECOND_NS, || fetch("b"));
            assert!(later.is_ok_and(|token| token == if kept_at.is_some() { "a" } else { "b" }));
            assert!(cache.token(&request(None, false), 30 * SECOND_NS, || fetch("c")).is_ok_and(|token| token == "c"));
        }
    }
}

//! One request for a token, before it is sent.

use entra_risk_engine::contract::endpoint::Endpoint;

/// One request for a token. It contains a secret, so it cannot be printed.
pub(crate) struct TokenCall {
    /// Where the request is sent.
    pub(crate) issuer: Issuer,
    /// The path and query of the request.
    pub(crate) path: String,
    /// The headers of the request besides those that every request has.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The form to `POST`. Without a form, the method is `GET`.
    pub(crate) form: Option<String>,
}

/// A token endpoint, and what to report when it issues no token.
pub(crate) struct Issuer {
    /// The address of the token endpoint.
    pub(crate) address: Endpoint,
    /// The environment variable that the address comes from, or could come from.
    pub(crate) variable: &'static str,
    /// What to check when the endpoint refuses a request, given the AADSTS code of its response.
    pub(crate) advice: fn(Option<u64>) -> &'static str,
    /// The statuses besides 408, 429 and 5xx after which the same request may succeed.
    pub(crate) transient: &'static [u16],
}

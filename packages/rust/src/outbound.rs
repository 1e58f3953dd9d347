//! The components' way out: requests reach allowed endpoints only, with the token that they
//! never see, over connections that all instances share.

use std::sync::Arc;
use std::time::Duration;

use entra_risk_engine::contract::action::ServiceLimit;
use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::contract::id::Id;
use http::header::{AUTHORIZATION, AsHeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, debug_span, field, warn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::connector::Connector;
use crate::received::{self, REQUEST_ID};
use crate::redaction::KnownTokens;
use crate::sends::Sender;
use crate::transport_error::{causes, transport_error};
use crate::{AccessToken, Settings, SetupError};

/// The connections of all instances, and where they may lead.
pub(crate) struct HttpClient {
    client: Client<Connector, WasiBody>,
    allowed: Vec<Endpoint>,
}

/// The requests of one instance.
pub(crate) struct Outbound {
    http_client: Arc<HttpClient>,
    sender: Sender,
    /// The latest token, and the endpoint it is for. The open calls of an instance share it,
    /// because they have the tenant, the endpoint and the audience in common.
    attached: Option<(String, HeaderValue)>,
    /// The tokens that were attached since the instance was idle.
    tokens: KnownTokens,
    /// How many requests were sent since `take_requests`.
    requests: u32,
}

/// A response, and the work that continues while its body is read: none here, because the
/// connection has a task of its own.
type Received = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);
type Receiving = Box<dyn Future<Output = Result<Received, Error>> + Send>;

impl HttpClient {
    pub(crate) fn new(settings: &Settings) -> Result<HttpClient, SetupError> {
        let parse = |name: &str, text: &str| {
            Endpoint::parse(text).map_err(|rule| SetupError(format!("{name}: {text:?} {rule}")))
        };
        let mut allowed = vec![parse("cloud", settings.cloud.graph_root())?];
        for endpoint in &settings.allowed_endpoints {
            allowed.push(parse("allowed_endpoints", endpoint)?);
        }
        if let Some(endpoint) = &settings.endpoint {
            parse("endpoint", endpoint)?;
        }
        if let Some(audience) = &settings.audience {
            parse("audience", audience)?;
        }
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            // Otherwise each attempt would wait for its timeout on a connection that no longer
            // leads anywhere.
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .build(Connector::new(settings)?);
        Ok(HttpClient { client, allowed })
    }

    /// Whether requests may go to an endpoint in the spelling of the plugin.
    fn allows(&self, endpoint: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.to_string() == endpoint)
    }
}

impl Outbound {
    pub(crate) fn new(http_client: Arc<HttpClient>, sender: Sender) -> Outbound {
        Outbound { http_client, sender, attached: None, tokens: KnownTokens::default(), requests: 0 }
    }

    /// When a new call or list may send its first request, because of requests of other instances.
    /// `None`: now.
    pub(crate) fn may_send_at(&self, limit: ServiceLimit, window: Duration) -> Option<Instant> {
        self.sender.may_send_at(limit, window)
    }

    /// Whether requests may go to an endpoint in the spelling of the plugin.
    pub(crate) fn allows(&self, endpoint: &str) -> bool {
        self.http_client.allows(endpoint)
    }

    /// Attaches a token to the next requests to this endpoint, which must be allowed. Returns
    /// whether a header can contain it.
    pub(crate) fn attach(&mut self, endpoint: String, token: AccessToken) -> bool {
        let Some(header) = token.header_value() else { return false };
        self.attached = Some((endpoint, header));
        self.tokens.add(token);
        true
    }

    /// Returns how many requests were sent since the last time.
    pub(crate) fn take_requests(&mut self) -> u32 {
        std::mem::take(&mut self.requests)
    }

    /// The tokens that a text may repeat.
    pub(crate) fn tokens(&self) -> &KnownTokens {
        &self.tokens
    }

    /// Forgets every token, because no call is open.
    pub(crate) fn forget_tokens(&mut self) {
        self.attached = None;
        self.tokens.forget();
    }

    /// Adds the token to a request. Returns false if the request may not be sent: there is a token
    /// for allowed endpoints only.
    fn authorize(&self, uri: &Uri, headers: &mut HeaderMap) -> bool {
        let Some(endpoint) = endpoint(uri) else { return false };
        match &self.attached {
            Some((of_token, token)) if *of_token == endpoint => {
                headers.insert(AUTHORIZATION, token.clone());
                true
            }
            _ => false,
        }
    }
}

impl WasiHttpHooks for Outbound {
    /// Leaves the header to the client, which adds it to HTTP/1.1 requests; HTTP/2 has none.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Receiving {
        let uri = request.uri().clone();
        if !self.authorize(&uri, request.headers_mut()) {
            warn!(
                scheme = uri.scheme_str(),
                authority = uri.authority().map(|a| a.as_str()),
                "denied: not an allowed endpoint"
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        self.requests = self.requests.saturating_add(1);
        self.sender.sent(&uri);
        let reads = request.method() == Method::GET;
        let span = debug_span!(
            "request",
            path = uri.path(),
            client_request_id = guid(request.headers(), "client-request-id"),
            status = field::Empty,
            request_id = field::Empty,
        );
        let in_flight = self.tokens.in_flight();
        let receiving = self.http_client.client.request(request);
        Box::new(
            async move {
                let response = receiving.await.map_err(|error| {
                    let code = transport_error(&error);
                    // The text may contain a token: a certificate can name anything.
                    warn!(error = in_flight.redaction().clean(&causes(&error)), "{code}");
                    code
                })?;
                let span = Span::current();
                let status = response.status().as_u16();
                span.record("status", status);
                if let 408 | 421 | 429 | 500.. = status {
                    debug!(status, "this request is to be repeated");
                }
                let response = received::clean(response, reads, in_flight);
                span.record("request_id", guid(response.headers(), REQUEST_ID));
                Ok((response, Box::new(async { Ok(()) }) as _))
            }
            .instrument(span),
        )
    }
}

/// Returns the endpoint of an address, in the spelling of the plugin.
fn endpoint(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Returns the value of a header if it is a GUID: nothing else of a response belongs in a span.
fn guid(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().filter(|text| Id::parse(text).is_some())
}

/// How often an idle HTTP/2 connection is probed: well below the minutes after which load balancers
/// drop one.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

//! Between the types of this library and those of the plugin's interface.

use crate::bindings::{actions as wit, credentials};
use crate::redaction::Redaction;
use crate::{
    ApiVersion, Batch, Cloud, Error, Failure, GraphError, Options, Outcome, RateLimit, Receipt, Settings, TokenError,
    TokenRequest,
};

impl wit::Options {
    pub(crate) fn new(options: &Options, settings: &Settings) -> wit::Options {
        wit::Options {
            tenant: options.tenant.clone(),
            cloud: Some(settings.cloud.into()),
            endpoint: settings.endpoint.clone(),
            audience: settings.audience.clone(),
            api_version: options.api_version.map(Into::into),
            ids_per_request: options.ids_per_request,
            max_in_flight: options.max_in_flight,
            max_attempts: options.max_attempts,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline_ms: options.deadline_ms,
            patience_ms: options.patience_ms,
            isolate_refused: options.isolate_refused,
            rate_limit: options
                .rate_limit
                .map(|RateLimit { requests, window_ms }| wit::RateLimit { requests, window_ms }),
        }
    }
}

impl From<Cloud> for wit::Cloud {
    fn from(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Global => wit::Cloud::Global,
            Cloud::UsGovL4 => wit::Cloud::UsGovL4,
            Cloud::UsGovL5 => wit::Cloud::UsGovL5,
            Cloud::China => wit::Cloud::China,
        }
    }
}

impl From<ApiVersion> for wit::ApiVersion {
    fn from(version: ApiVersion) -> Self {
        match version {
            ApiVersion::V1 => wit::ApiVersion::V1,
            ApiVersion::Beta => wit::ApiVersion::Beta,
        }
    }
}

impl From<credentials::TokenRequest> for TokenRequest {
    fn from(request: credentials::TokenRequest) -> Self {
        let credentials::TokenRequest { tenant, audience, endpoint, refresh, claims } = request;
        TokenRequest { tenant, audience, endpoint, refresh, claims }
    }
}

impl From<TokenError> for credentials::TokenError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unavailable(text) => credentials::TokenError::Unavailable(text),
            TokenError::Denied(text) => credentials::TokenError::Denied(text),
            TokenError::Cancelled => credentials::TokenError::Cancelled,
        }
    }
}

impl Redaction<'_> {
    /// The result of a call, without tokens.
    pub(crate) fn result(&self, result: Result<Vec<wit::Batch>, wit::Failure>) -> Result<Vec<Batch>, Failure> {
        let batches = |batches: Vec<wit::Batch>| batches.into_iter().map(|batch| self.batch(batch)).collect();
        match result {
            Ok(accepted) => Ok(batches(accepted)),
            Err(failure) => Err(Failure { cause: self.error(failure.cause), batches: batches(failure.batches) }),
        }
    }

    fn batch(&self, batch: wit::Batch) -> Batch {
        let outcome = match batch.outcome {
            wit::Outcome::Accepted(receipt) => Outcome::Accepted(Receipt {
                request_id: receipt.request_id.map(|text| self.clean(text)),
                client_request_id: receipt.client_request_id,
                date: receipt.date.map(|text| self.clean(text)),
            }),
            wit::Outcome::Refused(error) => Outcome::Refused(self.error(error)),
            wit::Outcome::NotApplied(error) => Outcome::NotApplied(self.error(error)),
            wit::Outcome::Unknown(error) => Outcome::Unknown(self.error(error)),
        };
        Batch { ids: batch.ids, attempts: batch.attempts, outcome }
    }

    fn error(&self, error: wit::Error) -> Error {
        match error {
            wit::Error::InvalidArgument(text) => Error::InvalidArgument(in_rust(&text)),
            wit::Error::NoToken(text) => Error::NoToken(self.clean(text)),
            wit::Error::DeniedByHost(text) => Error::DeniedByHost(self.clean(text)),
            wit::Error::Unauthenticated(error) => Error::Unauthenticated(self.graph_error(error)),
            wit::Error::Forbidden(error) => Error::Forbidden(self.graph_error(error)),
            wit::Error::ClientError(error) => Error::ClientError(self.graph_error(error)),
            wit::Error::Throttled(error) => Error::Throttled(self.graph_error(error)),
            wit::Error::ServerError(error) => Error::ServerError(self.graph_error(error)),
            wit::Error::UnexpectedStatus(error) => Error::UnexpectedStatus(self.graph_error(error)),
            wit::Error::Unreachable(text) => Error::Unreachable(self.clean(text)),
            wit::Error::NoResponse(text) => Error::NoResponse(self.clean(text)),
            wit::Error::DeadlineExceeded => Error::DeadlineExceeded,
            wit::Error::Cancelled => Error::Cancelled,
            wit::Error::NotAttempted => Error::NotAttempted,
            wit::Error::Other(text) => Error::Other(self.clean(text)),
        }
    }

    fn graph_error(&self, error: wit::GraphError) -> GraphError {
        GraphError {
            status: error.status,
            code: self.clean(error.code),
            message: self.clean(error.message),
            request_id: error.request_id.map(|text| self.clean(text)),
            client_request_id: error.client_request_id,
            date: error.date.map(|text| self.clean(text)),
            retry_after_ms: error.retry_after_ms,
        }
    }
}

/// Spells the argument in a message of the plugin as in Rust: `options.max-in-flight: …` as `max_in_flight: …`.
fn in_rust(text: &str) -> String {
    let (argument, rest) = text.split_once(": ").unwrap_or(("", text));
    let argument = argument.strip_prefix("options.").unwrap_or(argument).replace('-', "_");
    if argument.is_empty() { rest.to_owned() } else { format!("{argument}: {rest}") }
}

//! Conversions between the types of the contract and those of the engine.

use std::rc::Rc;

use entra_risk_engine::contract::action;
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::collection::{COLLECTIONS, Collection};
use entra_risk_engine::contract::error::{Error, ErrorKind, Response};
use entra_risk_engine::query::Progress;
use entra_risk_engine::query::page::Entry;
use entra_risk_engine::time::Duration;

use crate::bindings::exports::entra::risk::queries;

impl From<queries::Collection> for &Collection {
    fn from(collection: queries::Collection) -> Self {
        let [risky_users, sign_ins, risky_service_principals] = &COLLECTIONS;
        match collection {
            queries::Collection::RiskyUsers => risky_users,
            queries::Collection::SignIns => sign_ins,
            queries::Collection::RiskyServicePrincipals => risky_service_principals,
        }
    }
}

impl From<queries::Options> for Options {
    fn from(options: queries::Options) -> Self {
        let queries::Options { tenant, endpoint, audience, .. } = options;
        Options {
            tenant,
            endpoint,
            audience,
            cloud: options.cloud.map(Into::into),
            api_version: options.api_version.map(|version| match version {
                queries::ApiVersion::V1 => action::ApiVersion::V1,
                queries::ApiVersion::Beta => action::ApiVersion::Beta,
            }),
            ids_per_request: options.page_size,
            max_attempts: options.max_attempts,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline_ms: options.deadline_ms,
            patience_ms: options.patience_ms,
            rate_limit: options.rate_limit.map(Into::into),
            ..Options::default()
        }
    }
}

impl From<queries::Cloud> for action::Cloud {
    fn from(cloud: queries::Cloud) -> Self {
        match cloud {
            queries::Cloud::Global => action::Cloud::Global,
            queries::Cloud::UsGovL4 => action::Cloud::UsGovL4,
            queries::Cloud::UsGovL5 => action::Cloud::UsGovL5,
            queries::Cloud::China => action::Cloud::China,
        }
    }
}

impl From<queries::RateLimit> for action::RateLimit {
    fn from(queries::RateLimit { requests, window_ms }: queries::RateLimit) -> Self {
        action::RateLimit { requests, window_ms }
    }
}

impl From<Entry> for queries::Entry {
    fn from(entry: Entry) -> Self {
        let Entry { id, name, risk_level, risk_state, risk_detail, last_updated, deleted, processing, .. } = entry;
        queries::Entry { id, name, risk_level, risk_state, risk_detail, last_updated, deleted, processing }
    }
}

impl From<Progress> for queries::Progress {
    fn from(Progress { pages, requests, next_send, error }: Progress) -> Self {
        let next_send_ms = next_send.map(Duration::as_millis);
        queries::Progress { pages, requests, next_send_ms, error: error.map(Into::into) }
    }
}

impl From<Rc<Error>> for queries::Error {
    fn from(error: Rc<Error>) -> Self {
        let Error { kind, message, response, .. } = Rc::unwrap_or_clone(error);
        queries::Error { kind: kind.into(), message, response: response.map(Into::into) }
    }
}

impl From<ErrorKind> for queries::ErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NoToken => queries::ErrorKind::NoToken,
            ErrorKind::DeniedByHost => queries::ErrorKind::DeniedByHost,
            ErrorKind::Unauthenticated => queries::ErrorKind::Unauthenticated,
            ErrorKind::Forbidden => queries::ErrorKind::Forbidden,
            ErrorKind::ClientError => queries::ErrorKind::ClientError,
            ErrorKind::Throttled => queries::ErrorKind::Throttled,
            ErrorKind::ServerError => queries::ErrorKind::ServerError,
            ErrorKind::UnexpectedStatus => queries::ErrorKind::UnexpectedStatus,
            ErrorKind::Unreachable => queries::ErrorKind::Unreachable,
            ErrorKind::NoResponse => queries::ErrorKind::NoResponse,
            ErrorKind::DeadlineExceeded => queries::ErrorKind::DeadlineExceeded,
            // The others end no query.
            ErrorKind::InvalidArgument | ErrorKind::Cancelled | ErrorKind::NotAttempted | ErrorKind::Other => {
                queries::ErrorKind::Other
            }
        }
    }
}

impl From<Response> for queries::Response {
    fn from(response: Response) -> Self {
        let Response { status, code, message, request_id, client_request_id, date, retry_after_ms } = response;
        queries::Response { status, code, message, request_id, client_request_id, date, retry_after_ms }
    }
}

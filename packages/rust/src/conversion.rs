//! Conversions between the types of this library, those of the engine and those of the plugin's
//! interface.

use std::time::Duration;

use entra_risk_engine::contract::{action, arguments};

use crate::bindings::{actions as wit, queries};
use crate::{ApiVersion, Batch, Cloud, Error, ErrorKind, Options, Outcome, RateLimit, Receipt, Response, Settings};

impl Options {
    /// Combines the options of a call with the settings that apply to every call.
    pub(crate) fn with(&self, settings: &Settings) -> arguments::Options {
        arguments::Options {
            tenant: self.tenant.clone(),
            cloud: Some(settings.cloud.into()),
            endpoint: settings.endpoint.clone(),
            audience: settings.audience.clone(),
            api_version: self.api_version.map(action::ApiVersion::from),
            ids_per_request: self.ids_per_request,
            max_in_flight: self.max_in_flight,
            max_attempts: self.max_attempts,
            attempt_timeout_ms: self.attempt_timeout.map(in_ms),
            deadline_ms: self.deadline.map(in_ms),
            patience_ms: self.patience.map(in_ms),
            isolate_refused: self.isolate_refused,
            rate_limit: self
                .rate_limit
                .map(|RateLimit { requests, window }| action::RateLimit { requests, window_ms: in_ms(window) }),
        }
    }
}

impl From<arguments::Options> for wit::Options {
    fn from(options: arguments::Options) -> Self {
        wit::Options {
            tenant: options.tenant,
            cloud: options.cloud.map(wit::Cloud::from),
            endpoint: options.endpoint,
            audience: options.audience,
            api_version: options.api_version.map(wit::ApiVersion::from),
            ids_per_request: options.ids_per_request,
            max_in_flight: options.max_in_flight,
            max_attempts: options.max_attempts,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline_ms: options.deadline_ms,
            patience_ms: options.patience_ms,
            isolate_refused: options.isolate_refused,
            rate_limit: options
                .rate_limit
                .map(|action::RateLimit { requests, window_ms }| wit::RateLimit { requests, window_ms }),
        }
    }
}

impl From<arguments::Options> for queries::Options {
    fn from(options: arguments::Options) -> Self {
        queries::Options {
            tenant: options.tenant,
            cloud: options.cloud.map(queries::Cloud::from),
            endpoint: options.endpoint,
            audience: options.audience,
            api_version: options.api_version.map(queries::ApiVersion::from),
            page_size: options.ids_per_request,
            max_attempts: options.max_attempts,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline_ms: options.deadline_ms,
            patience_ms: options.patience_ms,
            rate_limit: options
                .rate_limit
                .map(|action::RateLimit { requests, window_ms }| queries::RateLimit { requests, window_ms }),
        }
    }
}

/// Converts one enum into another that has the same cases.
macro_rules! same_cases {
    ($from:ty => $to:ty: $($case:ident)+) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value {
                    $(<$from>::$case => <$to>::$case,)+
                }
            }
        }
    };
}

same_cases!(Cloud => action::Cloud: Global UsGovL4 UsGovL5 China);
same_cases!(action::Cloud => wit::Cloud: Global UsGovL4 UsGovL5 China);
same_cases!(action::Cloud => queries::Cloud: Global UsGovL4 UsGovL5 China);
same_cases!(ApiVersion => action::ApiVersion: V1 Beta);
same_cases!(action::ApiVersion => wit::ApiVersion: V1 Beta);
same_cases!(action::ApiVersion => queries::ApiVersion: V1 Beta);
same_cases!(queries::ErrorKind => ErrorKind: NoToken DeniedByHost Unauthenticated Forbidden ClientError Throttled
    ServerError UnexpectedStatus Unreachable NoResponse DeadlineExceeded Other);

impl From<wit::Batch> for Batch {
    fn from(batch: wit::Batch) -> Self {
        let wit::Batch { ids, attempts, outcome, receipt, error } = batch;
        let error = || error.map_or_else(|| Error::new(ErrorKind::Other, "no error was reported"), Error::from);
        let outcome = match outcome {
            wit::Outcome::Accepted => Outcome::Accepted(receipt.map_or_else(Receipt::default, Receipt::from)),
            wit::Outcome::Refused => Outcome::Refused(error()),
            wit::Outcome::NotApplied => Outcome::NotApplied(error()),
            wit::Outcome::Unknown => Outcome::Unknown(error()),
        };
        Batch { ids, attempts, outcome }
    }
}

impl From<wit::Receipt> for Receipt {
    fn from(receipt: wit::Receipt) -> Self {
        let wit::Receipt { request_id, client_request_id, date } = receipt;
        Receipt { request_id, client_request_id, date }
    }
}

/// Converts the error of an interface, which each component has of its own.
macro_rules! same_error {
    ($error:ty) => {
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                let response = error.response.map(|response| Response {
                    status: response.status,
                    code: response.code,
                    message: response.message,
                    request_id: response.request_id,
                    client_request_id: response.client_request_id,
                    date: response.date,
                    retry_after: response.retry_after_ms.map(|ms| Duration::from_millis(ms.into())),
                });
                Error { kind: error.kind.into(), message: error.message, response }
            }
        }
    };
}

same_error!(wit::Error);
same_error!(queries::Error);

/// Converts a duration to milliseconds, rounded up.
pub(crate) fn in_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

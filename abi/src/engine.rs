//! The arguments and results of the plugin, as types of the engine.
//!
//! ```text
//!   host ── arguments ──▶ Arguments ──▶ engine ──▶ Result ◀── points to ── Returned.raw ──▶ host
//!                                                  └────── kept in Returned until post-return ──────┘
//! ```

use entra_risk_engine::action::{ApiVersion, Cloud, RateLimit};
use entra_risk_engine::arguments::Options;
use entra_risk_engine::error::{Error, GraphError};
use entra_risk_engine::report::{Batch, Failure, Outcome};
use entra_risk_engine::response::Receipt;

use crate::{
    Arguments, List, RawApiVersion, RawBatch, RawCloud, RawError, RawFailure, RawGraphError, RawOption, RawOptions,
    RawOutcome, RawRateLimit, RawReceipt, RawResult, RawString, optional, string,
};

/// A result in memory. Its strings stay where the engine put them, and `raw` points to them until the host has read it.
pub struct Returned {
    raw: RawResult,
    _batches: Box<[RawBatch]>,
    _ids: Box<[RawString]>,
    _result: Result<Vec<Batch>, Failure>,
}

impl Arguments {
    /// Takes the parameters over from the host.
    ///
    /// # Safety
    /// `arguments` must be what the canonical ABI passes to an exported action, and is freed.
    #[expect(unsafe_code, reason = "the canonical ABI")]
    pub unsafe fn take(arguments: *mut u8) -> (Vec<String>, Options) {
        // SAFETY: the host has allocated memory of this size, and has written the parameters in this layout.
        let Arguments { ids, options: raw_options } = *unsafe { Box::from_raw(arguments.cast::<Arguments>()) };
        // SAFETY: as above, for the list.
        let ids = unsafe { ids.into_vec() };
        let options = match raw_options {
            RawOption::None => Options::default(),
            RawOption::Some(raw) => options(raw),
        };
        (ids.into_iter().map(text).collect(), options)
    }
}

/// The options, taken over from the host.
fn options(options: RawOptions) -> Options {
    Options {
        tenant: options.tenant.map(text),
        cloud: options.cloud.map(|cloud| match cloud {
            RawCloud::Global => Cloud::Global,
            RawCloud::UsGovL4 => Cloud::UsGovL4,
            RawCloud::UsGovL5 => Cloud::UsGovL5,
            RawCloud::China => Cloud::China,
        }),
        endpoint: options.endpoint.map(text),
        audience: options.audience.map(text),
        api_version: options.api_version.map(|version| match version {
            RawApiVersion::V1 => ApiVersion::V1,
            RawApiVersion::Beta => ApiVersion::Beta,
        }),
        ids_per_request: options.ids_per_request.map(u32::from),
        max_in_flight: options.max_in_flight.map(u32::from),
        max_attempts: options.max_attempts.map(u32::from),
        attempt_timeout_ms: options.attempt_timeout_ms.map(u32::from),
        deadline_ms: options.deadline_ms.map(u32::from),
        patience_ms: options.patience_ms.map(u32::from),
        isolate_refused: options.isolate_refused.map(bool::from),
        rate_limit: options.rate_limit.map(|RawRateLimit { requests, window_ms }| RateLimit { requests, window_ms }),
    }
}

impl Returned {
    /// A result in memory, to be kept until the host has read it.
    pub fn new(result: Result<Vec<Batch>, Failure>) -> Returned {
        let batches = match &result {
            Ok(batches) => batches,
            Err(failure) => &failure.batches,
        };
        let ids: Box<[RawString]> = batches.iter().flat_map(|batch| &batch.ids).map(|id| string(id)).collect();
        let mut rest = &*ids;
        let raw_batches = batches.iter().map(|batch| {
            let (ids, others) = rest.split_at_checked(batch.ids.len()).unwrap_or_default();
            rest = others;
            RawBatch { ids: List::of(ids), attempts: batch.attempts, outcome: RawOutcome::of(&batch.outcome) }
        });
        let raw_batches: Box<[RawBatch]> = raw_batches.collect();
        let raw = match &result {
            Ok(_) => RawResult::Ok(List::of(&raw_batches)),
            Err(Failure { cause, .. }) => {
                RawResult::Err(RawFailure { cause: RawError::of(cause), batches: List::of(&raw_batches) })
            }
        };
        Returned { raw, _batches: raw_batches, _ids: ids, _result: result }
    }

    /// Where the host finds the result.
    pub fn address(&self) -> *mut u8 {
        (&raw const self.raw).cast_mut().cast()
    }
}

impl RawOutcome {
    fn of(outcome: &Outcome) -> RawOutcome {
        match outcome {
            Outcome::Accepted(receipt) => RawOutcome::Accepted(RawReceipt::of(receipt)),
            Outcome::Refused(error) => RawOutcome::Refused(RawError::of(error)),
            Outcome::NotApplied(error) => RawOutcome::NotApplied(RawError::of(error)),
            Outcome::Unknown(error) => RawOutcome::Unknown(RawError::of(error)),
        }
    }
}

impl RawReceipt {
    fn of(receipt: &Receipt) -> RawReceipt {
        RawReceipt {
            request_id: optional(&receipt.request_id),
            client_request_id: string(&receipt.client_request_id),
            date: optional(&receipt.date),
        }
    }
}

impl RawError {
    fn of(error: &Error) -> RawError {
        match error {
            Error::InvalidArgument(text) => RawError::InvalidArgument(string(text)),
            Error::NoToken(text) => RawError::NoToken(string(text)),
            Error::DeniedByHost(text) => RawError::DeniedByHost(string(text)),
            Error::Unauthenticated(error) => RawError::Unauthenticated(RawGraphError::of(error)),
            Error::Forbidden(error) => RawError::Forbidden(RawGraphError::of(error)),
            Error::ClientError(error) => RawError::ClientError(RawGraphError::of(error)),
            Error::Throttled(error) => RawError::Throttled(RawGraphError::of(error)),
            Error::ServerError(error) => RawError::ServerError(RawGraphError::of(error)),
            Error::UnexpectedStatus(error) => RawError::UnexpectedStatus(RawGraphError::of(error)),
            Error::Unreachable(text) => RawError::Unreachable(string(text)),
            Error::NoResponse(text) => RawError::NoResponse(string(text)),
            Error::DeadlineExceeded => RawError::DeadlineExceeded,
            Error::Cancelled => RawError::Cancelled,
            Error::NotAttempted => RawError::NotAttempted,
            Error::Other(text) => RawError::Other(string(text)),
        }
    }
}

impl RawGraphError {
    fn of(error: &GraphError) -> RawGraphError {
        RawGraphError {
            status: error.status,
            code: string(&error.code),
            message: string(&error.message),
            request_id: optional(&error.request_id),
            client_request_id: string(&error.client_request_id),
            date: optional(&error.date),
            retry_after_ms: RawOption::of(error.retry_after_ms, u32::from),
        }
    }
}

#[expect(unsafe_code, reason = "the canonical ABI")]
fn text(string: RawString) -> String {
    // SAFETY: only strings of arguments, which come from the host, are converted, each one once.
    unsafe { string.into_string() }
}

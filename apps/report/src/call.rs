//! The functions of the plugin, in place of the generated ones: see [`entra_risk_abi`].

#![expect(unsafe_code, reason = "the canonical ABI")]

use std::mem::MaybeUninit;

use entra_risk_abi::{
    Arguments, List, RawApiVersion, RawBatch, RawCloud, RawError, RawGraphError, RawOption, RawOptions, RawOutcome,
    RawRateLimit, RawReceipt, RawResult, RawString, optional, string,
};

use crate::CallResult;
use crate::actions::{ApiVersion, Batch, Cloud, Error, Failure, GraphError, Options, Outcome, RateLimit, Receipt};

/// Declares the functions of the plugin.
macro_rules! imports {
    ($($function:ident: $name:literal)*) => {
        $(pub(crate) fn $function(ids: &[String], options: Option<&Options>) -> CallResult {
            #[cfg(target_arch = "wasm32")]
            #[link(wasm_import_module = "entra:risk/actions@0.1.0")]
            unsafe extern "C" {
                #[link_name = $name]
                fn import(arguments: *const Arguments, result: *mut RawResult);
            }
            #[cfg(not(target_arch = "wasm32"))]
            unsafe extern "C" fn import(_: *const Arguments, _: *mut RawResult) {
                unreachable!("only the component calls the plugin")
            }
            call(import, ids, options)
        })*
    };
}
imports! {
    dismiss_sign_ins: "dismiss-sign-ins"
    confirm_sign_ins_safe: "confirm-sign-ins-safe"
    confirm_sign_ins_compromised: "confirm-sign-ins-compromised"
    dismiss_risky_users: "dismiss-risky-users"
}

fn call(
    import: unsafe extern "C" fn(*const Arguments, *mut RawResult),
    ids: &[String],
    options: Option<&Options>,
) -> CallResult {
    let ids: Vec<RawString> = ids.iter().map(|id| string(id)).collect();
    let arguments = Arguments { ids: List::of(&ids), options: RawOption::of(options, RawOptions::from) };
    let mut result = MaybeUninit::uninit();
    // SAFETY: the arguments are valid until the call returns, which writes a whole result.
    let result = unsafe {
        import(&raw const arguments, result.as_mut_ptr());
        result.assume_init()
    };
    match result {
        RawResult::Ok(batches) => Ok(taken(batches, Batch::from)),
        RawResult::Err(failure) => {
            Err(Failure { cause: failure.cause.into(), batches: taken(failure.batches, Batch::from) })
        }
    }
}

impl From<&Options> for RawOptions {
    fn from(options: &Options) -> RawOptions {
        RawOptions {
            tenant: optional(&options.tenant),
            cloud: RawOption::of(options.cloud, |cloud| match cloud {
                Cloud::Global => RawCloud::Global,
                Cloud::UsGovL4 => RawCloud::UsGovL4,
                Cloud::UsGovL5 => RawCloud::UsGovL5,
                Cloud::China => RawCloud::China,
            }),
            endpoint: optional(&options.endpoint),
            audience: optional(&options.audience),
            api_version: RawOption::of(options.api_version, |version| match version {
                ApiVersion::V1 => RawApiVersion::V1,
                ApiVersion::Beta => RawApiVersion::Beta,
            }),
            ids_per_request: RawOption::of(options.ids_per_request, u32::from),
            max_in_flight: RawOption::of(options.max_in_flight, u32::from),
            max_attempts: RawOption::of(options.max_attempts, u32::from),
            attempt_timeout_ms: RawOption::of(options.attempt_timeout_ms, u32::from),
            deadline_ms: RawOption::of(options.deadline_ms, u32::from),
            patience_ms: RawOption::of(options.patience_ms, u32::from),
            isolate_refused: RawOption::of(options.isolate_refused, bool::from),
            rate_limit: RawOption::of(options.rate_limit, |RateLimit { requests, window_ms }| RawRateLimit {
                requests,
                window_ms,
            }),
        }
    }
}

impl From<RawBatch> for Batch {
    fn from(batch: RawBatch) -> Batch {
        Batch { ids: taken(batch.ids, text), attempts: batch.attempts, outcome: batch.outcome.into() }
    }
}

impl From<RawOutcome> for Outcome {
    fn from(outcome: RawOutcome) -> Outcome {
        match outcome {
            RawOutcome::Accepted(receipt) => Outcome::Accepted(receipt.into()),
            RawOutcome::Refused(error) => Outcome::Refused(error.into()),
            RawOutcome::NotApplied(error) => Outcome::NotApplied(error.into()),
            RawOutcome::Unknown(error) => Outcome::Unknown(error.into()),
        }
    }
}

impl From<RawReceipt> for Receipt {
    fn from(receipt: RawReceipt) -> Receipt {
        Receipt {
            request_id: receipt.request_id.map(text),
            client_request_id: text(receipt.client_request_id),
            date: receipt.date.map(text),
        }
    }
}

impl From<RawError> for Error {
    #[inline(never)]
    fn from(error: RawError) -> Error {
        match error {
            RawError::InvalidArgument(string) => Error::InvalidArgument(text(string)),
            RawError::NoToken(string) => Error::NoToken(text(string)),
            RawError::DeniedByHost(string) => Error::DeniedByHost(text(string)),
            RawError::Unauthenticated(error) => Error::Unauthenticated(error.into()),
            RawError::Forbidden(error) => Error::Forbidden(error.into()),
            RawError::ClientError(error) => Error::ClientError(error.into()),
            RawError::Throttled(error) => Error::Throttled(error.into()),
            RawError::ServerError(error) => Error::ServerError(error.into()),
            RawError::UnexpectedStatus(error) => Error::UnexpectedStatus(error.into()),
            RawError::Unreachable(string) => Error::Unreachable(text(string)),
            RawError::NoResponse(string) => Error::NoResponse(text(string)),
            RawError::DeadlineExceeded => Error::DeadlineExceeded,
            RawError::Cancelled => Error::Cancelled,
            RawError::NotAttempted => Error::NotAttempted,
            RawError::Other(string) => Error::Other(text(string)),
        }
    }
}

impl From<RawGraphError> for GraphError {
    fn from(error: RawGraphError) -> GraphError {
        GraphError {
            status: error.status,
            code: text(error.code),
            message: text(error.message),
            request_id: error.request_id.map(text),
            client_request_id: text(error.client_request_id),
            date: error.date.map(text),
            retry_after_ms: error.retry_after_ms.map(u32::from),
        }
    }
}

/// The items of a list of a result.
fn taken<Raw, Item>(list: List<Raw>, map: impl Fn(Raw) -> Item) -> Vec<Item> {
    // SAFETY: only lists of results are taken, which come from the host, each one once.
    unsafe { list.into_vec() }.into_iter().map(map).collect()
}

/// A string of a result.
fn text(string: RawString) -> String {
    // SAFETY: only strings of results are taken, which come from the host, each one once.
    unsafe { string.into_string() }
}

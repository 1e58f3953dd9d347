//! The types of the exported interface as the canonical ABI lays them out in memory, and their mapping to the engine's.
//!
//! `#[repr(C)]` gives records, and `#[repr(C, u8)]` gives variants, the layout of the canonical ABI. So a result needs
//! no generated code that copies it case by case, which takes 27 kB for this interface: its strings stay where the
//! engine put them, and the types here only point to them until the host has read the result.
//!
//! ```text
//!   host ── arguments ──▶ Arguments ──▶ engine ──▶ Result ◀── points to ── Returned.raw ──▶ host
//!                                                  └────── kept in Returned until post-return ──────┘
//! ```
//!
//! Source: <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>.

#![expect(dead_code, reason = "the host reads and writes these types")]

use entra_risk_engine::action::{ApiVersion, Cloud, RateLimit};
use entra_risk_engine::arguments::Options;
use entra_risk_engine::error::{Error, GraphError};
use entra_risk_engine::report::{Batch, Failure, Outcome};
use entra_risk_engine::response::Receipt;

/// A result in memory, and what it points to.
pub(crate) struct Returned {
    raw: RawResult,
    _batches: Box<[RawBatch]>,
    _ids: Box<[RawString]>,
    _result: Result<Vec<Batch>, Failure>,
}

/// The parameters of an action.
#[repr(C)]
pub(crate) struct Arguments {
    ids: List<RawString>,
    options: RawOption<RawOptions>,
}

/// `list<T>`
#[repr(C)]
struct List<T> {
    items: *const T,
    len: usize,
}

/// `string`
type RawString = List<u8>;

/// `option<T>`
#[repr(C, u8)]
enum RawOption<T> {
    None,
    Some(T),
}

/// `record options`
#[repr(C)]
struct RawOptions {
    tenant: RawOption<RawString>,
    cloud: RawOption<RawCloud>,
    endpoint: RawOption<RawString>,
    audience: RawOption<RawString>,
    api_version: RawOption<RawApiVersion>,
    ids_per_request: RawOption<u32>,
    max_in_flight: RawOption<u32>,
    max_attempts: RawOption<u32>,
    attempt_timeout_ms: RawOption<u32>,
    deadline_ms: RawOption<u32>,
    patience_ms: RawOption<u32>,
    isolate_refused: RawOption<bool>,
    rate_limit: RawOption<RawRateLimit>,
}

/// `enum cloud`
#[repr(u8)]
enum RawCloud {
    Global,
    UsGovL4,
    UsGovL5,
    China,
}

/// `enum api-version`
#[repr(u8)]
enum RawApiVersion {
    V1,
    Beta,
}

/// `record rate-limit`
#[repr(C)]
struct RawRateLimit {
    requests: u32,
    window_ms: u32,
}

/// `result<list<batch>, failure>`
#[repr(C, u8)]
enum RawResult {
    Ok(List<RawBatch>),
    Err(RawFailure),
}

/// `record failure`
#[repr(C)]
struct RawFailure {
    cause: RawError,
    batches: List<RawBatch>,
}

/// `record batch`
#[repr(C)]
struct RawBatch {
    ids: List<RawString>,
    attempts: u32,
    outcome: RawOutcome,
}

/// `variant outcome`
#[repr(C, u8)]
enum RawOutcome {
    Accepted(RawReceipt),
    Refused(RawError),
    NotApplied(RawError),
    Unknown(RawError),
}

/// `record receipt`
#[repr(C)]
struct RawReceipt {
    request_id: RawOption<RawString>,
    client_request_id: RawString,
    date: RawOption<RawString>,
}

/// `variant error`
#[repr(C, u8)]
enum RawError {
    InvalidArgument(RawString),
    NoToken(RawString),
    DeniedByHost(RawString),
    Unauthenticated(RawGraphError),
    Forbidden(RawGraphError),
    ClientError(RawGraphError),
    Throttled(RawGraphError),
    ServerError(RawGraphError),
    UnexpectedStatus(RawGraphError),
    Unreachable(RawString),
    NoResponse(RawString),
    DeadlineExceeded,
    Cancelled,
    NotAttempted,
    Other(RawString),
}

/// `record graph-error`
#[repr(C)]
struct RawGraphError {
    status: u16,
    code: RawString,
    message: RawString,
    request_id: RawOption<RawString>,
    client_request_id: RawString,
    date: RawOption<RawString>,
    retry_after_ms: RawOption<u32>,
}

/// The sizes that the canonical ABI computes for these types.
const _: () = {
    assert!(size_of::<Arguments>() == 8 + 4 + 108);
    assert!(size_of::<RawOptions>() == 108);
    assert!(size_of::<RawGraphError>() == 4 + 3 * 8 + 2 * 12 + 8);
    assert!(size_of::<RawError>() == 4 + size_of::<RawGraphError>());
    assert!(size_of::<RawBatch>() == 8 + 4 + 4 + size_of::<RawError>());
    assert!(size_of::<RawResult>() == 4 + size_of::<RawError>() + 8);
};

impl Arguments {
    /// Takes the parameters over from the host.
    ///
    /// # Safety
    /// `arguments` must be what the canonical ABI passes to an exported action, and is freed.
    #[expect(unsafe_code, reason = "the canonical ABI")]
    pub(crate) unsafe fn take(arguments: *mut u8) -> (Vec<String>, Options) {
        // SAFETY: the host has allocated memory of this size, and has written the parameters in this layout.
        let Arguments { ids, options } = *unsafe { Box::from_raw(arguments.cast::<Arguments>()) };
        // SAFETY: as above, for the list.
        let ids = unsafe { ids.into_vec() };
        let options = match options {
            RawOption::None => Options::default(),
            RawOption::Some(options) => options.into(),
        };
        (ids.into_iter().map(String::from).collect(), options)
    }
}

impl<T> List<T> {
    fn of(items: &[T]) -> List<T> {
        List { items: items.as_ptr(), len: items.len() }
    }

    /// # Safety
    /// The list must come from the host, and only once.
    #[expect(unsafe_code, reason = "the canonical ABI")]
    unsafe fn into_vec(self) -> Vec<T> {
        // SAFETY: the host allocates lists by `cabi_realloc`, with this length as their capacity.
        unsafe { Vec::from_raw_parts(self.items.cast_mut(), self.len, self.len) }
    }
}

impl From<RawString> for String {
    #[expect(unsafe_code, reason = "the canonical ABI")]
    fn from(string: RawString) -> String {
        // SAFETY: strings that are converted come from the host, which passes UTF-8 and passes each one once.
        unsafe { String::from_utf8_unchecked(string.into_vec()) }
    }
}

impl<T> RawOption<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Option<U> {
        match self {
            RawOption::None => None,
            RawOption::Some(value) => Some(map(value)),
        }
    }

    fn of<U>(option: Option<U>, map: impl FnOnce(U) -> T) -> RawOption<T> {
        option.map_or(RawOption::None, |value| RawOption::Some(map(value)))
    }
}

impl From<RawOptions> for Options {
    fn from(options: RawOptions) -> Options {
        Options {
            tenant: options.tenant.map(String::from),
            cloud: options.cloud.map(|cloud| match cloud {
                RawCloud::Global => Cloud::Global,
                RawCloud::UsGovL4 => Cloud::UsGovL4,
                RawCloud::UsGovL5 => Cloud::UsGovL5,
                RawCloud::China => Cloud::China,
            }),
            endpoint: options.endpoint.map(String::from),
            audience: options.audience.map(String::from),
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
            rate_limit: options
                .rate_limit
                .map(|RawRateLimit { requests, window_ms }| RateLimit { requests, window_ms }),
        }
    }
}

impl Returned {
    /// A result in memory, to be kept until the host has read it.
    pub(crate) fn new(result: Result<Vec<Batch>, Failure>) -> Returned {
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
    pub(crate) fn address(&self) -> *mut u8 {
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

fn string(text: &str) -> RawString {
    List::of(text.as_bytes())
}

fn optional(text: &Option<String>) -> RawOption<RawString> {
    RawOption::of(text.as_deref(), string)
}

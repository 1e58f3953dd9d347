//! The types of the exported interface as the canonical ABI lays them out in memory, for the plugin, which receives arguments and
//! returns results, and for the apps, which do the reverse. [`engine`] maps them to the types of the engine.
//!
//! `#[repr(C)]` gives records, and `#[repr(C, u8)]` gives variants, the layout of the canonical ABI. So neither side needs
//! generated code that copies values case by case: for this interface it takes 27 kB in the plugin and 14 kB in an app.
//!
//! Source: <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>.

#![expect(missing_docs, reason = "wit/actions.wit documents the fields and cases")]

pub mod engine;

/// The parameters of an action.
#[repr(C)]
pub struct Arguments {
    pub ids: List<RawString>,
    pub options: RawOption<RawOptions>,
}

/// `list<T>`
#[repr(C)]
pub struct List<T> {
    items: *const T,
    len: usize,
}

/// `string`
pub type RawString = List<u8>;

/// `option<T>`
#[repr(C, u8)]
pub enum RawOption<T> {
    None,
    Some(T),
}

/// `record options`
#[repr(C)]
pub struct RawOptions {
    pub tenant: RawOption<RawString>,
    pub cloud: RawOption<RawCloud>,
    pub endpoint: RawOption<RawString>,
    pub audience: RawOption<RawString>,
    pub api_version: RawOption<RawApiVersion>,
    pub ids_per_request: RawOption<u32>,
    pub max_in_flight: RawOption<u32>,
    pub max_attempts: RawOption<u32>,
    pub attempt_timeout_ms: RawOption<u32>,
    pub deadline_ms: RawOption<u32>,
    pub patience_ms: RawOption<u32>,
    pub isolate_refused: RawOption<bool>,
    pub rate_limit: RawOption<RawRateLimit>,
}

/// `enum cloud`
#[repr(u8)]
pub enum RawCloud {
    Global,
    UsGovL4,
    UsGovL5,
    China,
}

/// `enum api-version`
#[repr(u8)]
pub enum RawApiVersion {
    V1,
    Beta,
}

/// `record rate-limit`
#[repr(C)]
pub struct RawRateLimit {
    pub requests: u32,
    pub window_ms: u32,
}

/// `result<list<batch>, failure>`
#[repr(C, u8)]
pub enum RawResult {
    Ok(List<RawBatch>),
    Err(RawFailure),
}

/// `record failure`
#[repr(C)]
pub struct RawFailure {
    pub cause: RawError,
    pub batches: List<RawBatch>,
}

/// `record batch`
#[repr(C)]
pub struct RawBatch {
    pub ids: List<RawString>,
    pub attempts: u32,
    pub outcome: RawOutcome,
}

/// `variant outcome`
#[repr(C, u8)]
pub enum RawOutcome {
    Accepted(RawReceipt),
    Refused(RawError),
    NotApplied(RawError),
    Unknown(RawError),
}

/// `record receipt`
#[repr(C)]
pub struct RawReceipt {
    pub request_id: RawOption<RawString>,
    pub client_request_id: RawString,
    pub date: RawOption<RawString>,
}

/// `variant error`
#[repr(C, u8)]
pub enum RawError {
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
pub struct RawGraphError {
    pub status: u16,
    pub code: RawString,
    pub message: RawString,
    pub request_id: RawOption<RawString>,
    pub client_request_id: RawString,
    pub date: RawOption<RawString>,
    pub retry_after_ms: RawOption<u32>,
}

/// The sizes that the canonical ABI computes for these types.
#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<Arguments>() == 8 + 4 + 108);
    assert!(size_of::<RawOptions>() == 108);
    assert!(size_of::<RawGraphError>() == 4 + 3 * 8 + 2 * 12 + 8);
    assert!(size_of::<RawError>() == 4 + size_of::<RawGraphError>());
    assert!(size_of::<RawBatch>() == 8 + 4 + 4 + size_of::<RawError>());
    assert!(size_of::<RawResult>() == 4 + size_of::<RawError>() + 8);
};

impl<T> List<T> {
    /// A list that is valid as long as these items.
    pub fn of(items: &[T]) -> List<T> {
        List { items: items.as_ptr(), len: items.len() }
    }

    /// Takes a list over.
    ///
    /// # Safety
    /// The list must come from the other side of a call, and only once.
    #[expect(unsafe_code, reason = "the canonical ABI")]
    pub unsafe fn into_vec(self) -> Vec<T> {
        // SAFETY: lists are passed in memory of `cabi_realloc`, with this length as their capacity.
        unsafe { Vec::from_raw_parts(self.items.cast_mut(), self.len, self.len) }
    }
}

impl RawString {
    /// Takes a string over.
    ///
    /// # Safety
    /// As [`List::into_vec`].
    #[expect(unsafe_code, reason = "the canonical ABI")]
    pub unsafe fn into_string(self) -> String {
        // SAFETY: strings are passed as UTF-8.
        unsafe { String::from_utf8_unchecked(self.into_vec()) }
    }
}

impl<T> RawOption<T> {
    /// The same option with its value mapped.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Option<U> {
        match self {
            RawOption::None => None,
            RawOption::Some(value) => Some(map(value)),
        }
    }

    /// An option with its value mapped.
    pub fn of<U>(option: Option<U>, map: impl FnOnce(U) -> T) -> RawOption<T> {
        option.map_or(RawOption::None, |value| RawOption::Some(map(value)))
    }
}

/// A string that is valid as long as the text.
pub fn string(text: &str) -> RawString {
    List::of(text.as_bytes())
}

/// An optional string that is valid as long as the text.
pub fn optional(text: &Option<String>) -> RawOption<RawString> {
    RawOption::of(text.as_deref(), string)
}

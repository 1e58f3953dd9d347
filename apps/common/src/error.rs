//! The errors of the plugin: their names for programs, their texts for people.

use entra_risk_engine::contract::error;

use crate::actions::{Error, ErrorKind};

/// The name of a kind, which the engine has under the same identifier.
macro_rules! name {
    ($kind:expr, $($case:ident)+) => {
        match $kind {
            $(ErrorKind::$case => error::ErrorKind::$case.name(),)+
        }
    };
}

impl ErrorKind {
    /// The name of this kind in the contract, such as `no-token`.
    pub fn name(self) -> &'static str {
        name!(self, InvalidArgument NoToken DeniedByHost Unauthenticated Forbidden ClientError Throttled ServerError
            UnexpectedStatus Unreachable NoResponse DeadlineExceeded Cancelled NotAttempted Other)
    }
}

impl Error {
    /// The HTTP status of the response that this error is about, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// The kind and the message, such as `forbidden, HTTP 403: a permission, a role or a license is
    /// missing`. The message of an error with a response begins with the status.
    pub fn text(&self) -> String {
        let separator = if self.response.is_some() { ", HTTP " } else { ": " };
        [self.kind.name(), separator, &self.message].concat()
    }
}

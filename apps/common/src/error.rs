//! The errors of the plugin: their names for programs, their texts for people.

use crate::actions::{Error, ErrorKind};

impl ErrorKind {
    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid-argument",
            ErrorKind::NoToken => "no-token",
            ErrorKind::DeniedByHost => "denied-by-host",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::ClientError => "client-error",
            ErrorKind::Throttled => "throttled",
            ErrorKind::ServerError => "server-error",
            ErrorKind::UnexpectedStatus => "unexpected-status",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::NoResponse => "no-response",
            ErrorKind::DeadlineExceeded => "deadline-exceeded",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::NotAttempted => "not-attempted",
            ErrorKind::Other => "other",
        }
    }
}

impl Error {
    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }
}

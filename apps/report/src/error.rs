//! The errors of the plugin: their names for programs, their texts for people.

use crate::actions::{Error, GraphError};

impl Error {
    /// The name of the case in the contract.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::InvalidArgument(_) => "invalid-argument",
            Error::NoToken(_) => "no-token",
            Error::DeniedByHost(_) => "denied-by-host",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) => "forbidden",
            Error::ClientError(_) => "client-error",
            Error::Throttled(_) => "throttled",
            Error::ServerError(_) => "server-error",
            Error::UnexpectedStatus(_) => "unexpected-status",
            Error::Unreachable(_) => "unreachable",
            Error::NoResponse(_) => "no-response",
            Error::DeadlineExceeded => "deadline-exceeded",
            Error::Cancelled => "cancelled",
            Error::NotAttempted => "not-attempted",
            Error::Other(_) => "other",
        }
    }

    /// The response of Microsoft Graph, if the error contains one.
    pub fn graph(&self) -> Option<&GraphError> {
        match self {
            Error::Unauthenticated(graph)
            | Error::Forbidden(graph)
            | Error::ClientError(graph)
            | Error::Throttled(graph)
            | Error::ServerError(graph)
            | Error::UnexpectedStatus(graph) => Some(graph),
            _ => None,
        }
    }

    /// The error for people: the message of the response if there is one, or else the plugin's text. It may come from
    /// the network: make it `printable` first.
    pub fn text(&self) -> &str {
        match self {
            Error::InvalidArgument(text)
            | Error::NoToken(text)
            | Error::DeniedByHost(text)
            | Error::Unreachable(text)
            | Error::NoResponse(text)
            | Error::Other(text) => text,
            Error::DeadlineExceeded => "the deadline passed",
            Error::Cancelled => "the token provider asked to stop",
            Error::NotAttempted => "never sent, because an earlier error ended the call",
            _ => self.graph().map_or("", |graph| &graph.message),
        }
    }
}

/// Text from the network without control characters, which a terminal could execute.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

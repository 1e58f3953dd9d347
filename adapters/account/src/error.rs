//! An error of the plugin as programs and people read it.

use crate::actions::{Error, GraphError};

impl Error {
    /// The name of the error's case in the contract.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::InvalidArgument(_) => "invalid-argument",
            Error::NoToken(_) => "no-token",
            Error::DeniedByHost(_) => "denied-by-host",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) => "forbidden",
            Error::Rejected(_) => "rejected",
            Error::Throttled(_) => "throttled",
            Error::Unavailable(_) => "unavailable",
            Error::Unexpected(_) => "unexpected",
            Error::Unreachable(_) => "unreachable",
            Error::NoAnswer(_) => "no-answer",
            Error::DeadlinePassed => "deadline-passed",
            Error::Stopped => "stopped",
            Error::Other(_) => "other",
        }
    }

    /// The answer of Microsoft Graph that the error tells of, where it tells of one.
    pub fn graph(&self) -> Option<&GraphError> {
        match self {
            Error::Unauthenticated(graph)
            | Error::Forbidden(graph)
            | Error::Rejected(graph)
            | Error::Throttled(graph)
            | Error::Unavailable(graph)
            | Error::Unexpected(graph) => Some(graph),
            _ => None,
        }
    }

    /// What the error says for people: the message of the answer where there is one, or the plugin's own words. It may
    /// come from the network: print it only after taking out control characters.
    pub fn text(&self) -> &str {
        match self {
            Error::InvalidArgument(text)
            | Error::NoToken(text)
            | Error::DeniedByHost(text)
            | Error::Unreachable(text)
            | Error::NoAnswer(text)
            | Error::Other(text) => text,
            Error::DeadlinePassed => "the deadline passed, or would pass before the next request may be sent",
            Error::Stopped => "not tried, as an earlier error ended the call",
            _ => self.graph().map_or("", |graph| &graph.message),
        }
    }
}

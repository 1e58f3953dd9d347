//! Plays a fate to a client: what the in-process stub and the loopback server have in common.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::exchange::{Fate, Reply};

/// The body of a response, of which the end may not come.
pub(crate) struct Body {
    given: Option<Bytes>,
    rest: Rest,
}

/// What comes after the part of the body that is given.
#[derive(Clone, Copy, PartialEq)]
enum Rest {
    End,
    Reset,
    Broken,
    Again,
    Nothing,
}

/// Waits as long as the reply says, then gives what the client sees: a response, or the error where there is none. A
/// client whose connection closed without an answer sees what wasmtime calls an HTTP protocol error.
pub(crate) async fn play(reply: Reply) -> Result<http::Response<Body>, ErrorCode> {
    tokio::time::sleep(reply.after).await;
    let (response, rest) = match reply.fate {
        Fate::Answered(response) => (response, Rest::End),
        Fate::Truncated(response) => (response, Rest::Reset),
        Fate::Endless(response) => (response, Rest::Again),
        Fate::Stalled(response) => (response, Rest::Nothing),
        Fate::Silence => match std::future::pending::<Infallible>().await {},
        Fate::Reset => return Err(ErrorCode::HttpProtocolError),
        Fate::Failed(code) => return Err(code),
    };
    Ok(response.map(|given| Body { given: Some(given).filter(|bytes| !bytes.is_empty()), rest }))
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let body = self.get_mut();
        let part = if body.rest == Rest::Again { body.given.clone() } else { body.given.take() };
        match (part, body.rest) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, Rest::End) => Poll::Ready(None),
            (None, Rest::Reset) => {
                // Not at once: a server sends what it was given while it waits for more.
                body.rest = Rest::Broken;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Rest::Broken) => Poll::Ready(Some(Err(ErrorCode::HttpProtocolError))),
            // Nobody wakes the client: it has to give up by itself.
            (None, Rest::Again | Rest::Nothing) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.given.is_none() && self.rest == Rest::End
    }

    fn size_hint(&self) -> SizeHint {
        match (self.rest, &self.given) {
            (Rest::End, given) => SizeHint::with_exact(given.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}

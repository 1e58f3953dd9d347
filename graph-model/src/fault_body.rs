//! Plays a reply to a client, including the faults of its body. Shared by the loopback server and
//! hosts that call a service without a connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{Behavior, Reply, TransportError};

/// The body of a response. Its end may never arrive.
#[derive(Debug)]
pub struct FaultBody {
    part: Option<Bytes>,
    rest: Rest,
}

/// What follows the given part of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rest {
    End,
    Reset,
    Broken,
    Again,
    Nothing,
}

/// Waits for the time of the reply, then returns what the client sees: a response, or an error if
/// there is none. A connection that is closed without a response is an HTTP protocol error, as in
/// wasmtime.
pub async fn play(reply: Reply) -> Result<http::Response<FaultBody>, TransportError> {
    tokio::time::sleep(reply.after).await;
    let (response, rest) = match reply.behavior {
        Behavior::Complete(response) => (response, Rest::End),
        Behavior::Truncated(response) => (response, Rest::Reset),
        Behavior::Endless(response) => (response, Rest::Again),
        Behavior::Stalled(response) => (response, Rest::Nothing),
        Behavior::Silence => match std::future::pending::<Infallible>().await {},
        Behavior::Reset => return Err(TransportError::HttpProtocolError),
        Behavior::Failed(error) => return Err(error),
    };
    Ok(response.map(|body| FaultBody { part: Some(body).filter(|bytes| !bytes.is_empty()), rest }))
}

impl http_body::Body for FaultBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let body = self.get_mut();
        let part = if body.rest == Rest::Again { body.part.clone() } else { body.part.take() };
        match (part, body.rest) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, Rest::End) => Poll::Ready(None),
            (None, Rest::Reset) => {
                // Pending once, because a server sends the first part while it waits for more.
                body.rest = Rest::Broken;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Rest::Broken) => Poll::Ready(Some(Err(TransportError::HttpProtocolError))),
            // No wake-up follows: the client must give up by itself.
            (None, Rest::Again | Rest::Nothing) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.part.is_none() && self.rest == Rest::End
    }

    fn size_hint(&self) -> SizeHint {
        match (self.rest, &self.part) {
            (Rest::End, part) => SizeHint::with_exact(part.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}

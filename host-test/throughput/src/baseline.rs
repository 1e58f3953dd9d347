//! How others do the same job, before the same Microsoft Graph: what common playbooks and the Graph SDKs amount to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::exchange::{Fate, Request, Service};
use crate::graph::Graph;

/// A way to send many ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// One id a request, each after the answer to the one before.
    OneByOne,
    /// Chunks of 60, each after the answer to the one before.
    ChunksInTurn,
    /// Chunks of 60, all at once.
    ChunksAtOnce,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Ids that Microsoft Graph accepted.
    pub accepted: usize,
}

impl Peer {
    /// Dismisses the risk of users before a service that starts now.
    pub async fn dismiss(self, graph: Arc<Graph>, ids: &[String]) -> Outcome {
        let start = Instant::now();
        let mut accepted = 0;
        let mut under_way = JoinSet::new();
        for chunk in ids.chunks(if self == Peer::OneByOne { 1 } else { 60 }) {
            under_way.spawn(send(Arc::clone(&graph), start, chunk.to_vec()));
            if self != Peer::ChunksAtOnce {
                accepted += under_way.join_next().await.and_then(Result::ok).unwrap_or_default();
            }
        }
        accepted += under_way.join_all().await.into_iter().sum::<usize>();
        Outcome { took: start.elapsed(), accepted }
    }
}

/// The retry rule of the Graph SDKs: 3 retries of 429, 503 and 504, after `Retry-After` or else 3 s doubling.
async fn send(graph: Arc<Graph>, start: Instant, ids: Vec<String>) -> usize {
    for backoff in [3, 6, 12, 0] {
        let reply = graph.serve(start.elapsed(), request(&ids));
        sleep(reply.after).await;
        let Fate::Answered(answer) = reply.fate else { return 0 };
        match answer.status().as_u16() {
            204 => return ids.len(),
            429 | 503 | 504 => {}
            _ => return 0,
        }
        let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        sleep(Duration::from_secs(asked.unwrap_or(backoff))).await;
    }
    0
}

fn request(ids: &[String]) -> Request {
    let body = serde_json::json!({ "userIds": ids }).to_string();
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() =
        http::Uri::from_static("https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss");
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer peer"));
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    request
}

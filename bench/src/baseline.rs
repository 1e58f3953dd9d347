//! Simpler clients for the same job: common playbooks, with the retry rule of the Graph SDKs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Request};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::World;

/// A simpler client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// One id per request, each after the response to the previous one.
    OneByOne,
    /// Chunks of 60 ids, each after the response to the previous one.
    ChunksInTurn,
    /// Chunks of 60 ids, all at once.
    ChunksAtOnce,
}

/// The result of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Time from the first request to the last response.
    pub elapsed: Duration,
    /// Ids that Microsoft Graph accepted.
    pub accepted: usize,
}

impl Baseline {
    /// Dismisses the risk of users in a world that starts now.
    pub async fn dismiss(self, world: Arc<World>, ids: &[String]) -> Outcome {
        let start = Instant::now();
        let mut accepted = 0;
        let mut tasks = JoinSet::new();
        for chunk in ids.chunks(if self == Baseline::OneByOne { 1 } else { 60 }) {
            tasks.spawn(send(Arc::clone(&world), start, chunk.to_vec()));
            if self != Baseline::ChunksAtOnce {
                accepted += tasks.join_next().await.and_then(Result::ok).unwrap_or_default();
            }
        }
        accepted += tasks.join_all().await.into_iter().sum::<usize>();
        Outcome { elapsed: start.elapsed(), accepted }
    }
}

/// The retry rule of the Graph SDKs: 3 retries of 429, 503 and 504, after `Retry-After` up to 180 s, or else 3 s
/// doubling.
async fn send(world: Arc<World>, start: Instant, ids: Vec<String>) -> usize {
    for backoff in [3, 6, 12, 0] {
        sleep(world.delay()).await;
        let reply = world.arrive(start.elapsed(), request(&ids));
        sleep(reply.after).await;
        let Behavior::Complete(response) = reply.behavior else { return 0 };
        match response.status().as_u16() {
            204 => return ids.len(),
            429 | 503 | 504 => {}
            _ => return 0,
        }
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        sleep(Duration::from_secs(retry_after.unwrap_or(backoff).min(180))).await;
    }
    0
}

fn request(ids: &[String]) -> Request {
    let body = serde_json::json!({ "userIds": ids }).to_string();
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() =
        http::Uri::from_static("https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss");
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer baseline"));
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    request
}

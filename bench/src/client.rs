//! The clients that dismiss the risk of many users in virtual time: the plugin, and simpler ones
//! with the retry rule of the Graph SDKs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Request, Service, Settings};
use host_test::bindings::actions::Outcome as BatchOutcome;
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// One call of a new instance of the plugin.
    Plugin,
    /// One id per request, each after the response to the previous one.
    OneByOne,
    /// Requests of 60 ids, each after the response to the previous one.
    InSequence,
    /// Requests of 60 ids, all sent simultaneously.
    Simultaneously,
}

/// What a client achieved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Time from the first request to the last response.
    pub(crate) elapsed: Duration,
    /// Ids that the client knows to be accepted.
    pub(crate) accepted: usize,
    /// Requests that arrived at the service.
    pub(crate) requests: usize,
    /// Requests that were answered 429.
    pub(crate) throttled: usize,
}

impl Client {
    /// Dismisses the risk of these users, with a new service. The seed of the service is also that
    /// of the plugin's random numbers.
    pub(crate) fn dismiss(self, ids: &[String], settings: Settings) -> wasmtime::Result<Outcome> {
        let seed = settings.seed;
        let graph = Arc::new(Graph::new(settings));
        let (elapsed, accepted) = virtual_time(async {
            let start = Instant::now();
            let accepted = match self {
                Client::Plugin => call_plugin(Arc::clone(&graph), ids, seed).await?,
                _ => self.send_all(&graph, start, ids).await,
            };
            wasmtime::error::Ok((start.elapsed(), accepted))
        })?;
        let throttled = graph.count(StatusCode::TOO_MANY_REQUESTS);
        Ok(Outcome { elapsed, accepted, requests: graph.arrivals(0).len(), throttled })
    }

    /// Sends the requests of a simpler client, and returns how many ids were accepted.
    async fn send_all(self, graph: &Arc<Graph>, start: Instant, ids: &[String]) -> usize {
        let mut accepted = 0;
        let mut tasks = JoinSet::new();
        for chunk in ids.chunks(if self == Client::OneByOne { 1 } else { 60 }) {
            tasks.spawn(send(Arc::clone(graph), start, chunk.to_vec()));
            if self != Client::Simultaneously {
                accepted += tasks.join_next().await.and_then(Result::ok).unwrap_or_default();
            }
        }
        accepted + tasks.join_all().await.into_iter().sum::<usize>()
    }
}

/// The ids of this many users.
pub(crate) fn ids(users: usize) -> Vec<String> {
    (1..=users).map(|number| Uuid::from_u128(number as u128).to_string()).collect()
}

/// The middle one of these values, or the greater one of the two in the middle.
pub(crate) fn median<T: Ord>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort();
    values.swap_remove(values.len() / 2)
}

async fn call_plugin(graph: Arc<Graph>, ids: &[String], seed: u64) -> wasmtime::Result<usize> {
    let host = Host::new(Outbound::InProcess(graph), canary(), seed);
    let mut plugin = Plugin::new(PluginComponent::shared(), host).await?;
    let result = plugin.call(Action::DismissRiskyUsers, ids, None).await?;
    let batches = result.unwrap_or_else(|failure| failure.batches);
    let accepted = batches.iter().filter(|batch| batch.outcome == BatchOutcome::Accepted);
    Ok(accepted.map(|batch| batch.ids.len()).sum())
}

/// Sends one request by the retry rule of the Graph SDKs: 3 retries of 429, 503 and 504, after
/// `Retry-After` up to 180 s, or else after 3 s, doubling. Returns how many ids were accepted.
async fn send(graph: Arc<Graph>, start: Instant, ids: Vec<String>) -> usize {
    let request = request(&ids);
    for backoff in [3, 6, 12, 0] {
        sleep(graph.delay(start.elapsed(), &request)).await;
        let reply = graph.serve(start.elapsed(), request.clone());
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
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer token"));
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    request
}

//! The gateway in `wasmtime serve`, with a Microsoft Graph on the loopback interface: how long
//! callers wait. Fails if a response or the audit log is not as expected.
//!
//! By default, many requests with an immediate response: every tenth has a wrong key, and every
//! third of the others closes its connection soon. With `--callers 20`, 20 callers at the same time
//! with the limit of Microsoft Graph, and one instance of the gateway as in `deploy/`; then,
//! for comparison, an instance for each request.

mod caller;
mod gateway;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use graph_model::{Graph, Reply, Request, Server, Service, Settings};
use host_test::script::accepted;
use http::StatusCode;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wasmtime::error::Context;
use wasmtime::{Result, ensure};

use self::caller::{Caller, ids};
use self::gateway::{Gateway, Instances};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The gateway composed with env-token.
    gateway: String,
    /// The wasmtime command.
    #[arg(long, default_value = "wasmtime")]
    wasmtime: String,
    /// The number of requests.
    #[arg(long, default_value_t = 1000)]
    requests: u32,
    /// Concurrent connections.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// Measure this number of callers at the same time instead.
    #[arg(long)]
    callers: Option<u32>,
    /// Users in the request of each caller.
    #[arg(long, default_value_t = 60, requires = "callers")]
    users: u32,
}

/// Accepts all requests and records their ids.
#[derive(Default)]
struct AcceptAll(Mutex<Vec<String>>);

impl Service for AcceptAll {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let ids = body["userIds"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        Reply::at_once(accepted())
    }
}

/// Runs the gateway, and prints what was measured.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn measure(arguments: Arguments) -> Result<()> {
    match arguments.callers {
        Some(callers) => {
            let measured = measure_callers(&arguments, callers, Instances::One).await?;
            ensure!(measured.statuses == [(200, callers)].into(), "not every response was 200");
            ensure!(measured.throttled <= 2, "more than two requests were answered 429");
            measure_callers(&arguments, callers, Instances::PerRequest).await?;
            Ok(())
        }
        None => measure_requests(arguments).await,
    }
}

/// What callers at the same time received.
struct Measured {
    /// The number of responses with each status.
    statuses: BTreeMap<u16, u32>,
    /// Requests that Microsoft Graph answered 429.
    throttled: usize,
}

async fn measure_callers(arguments: &Arguments, callers: u32, instances: Instances) -> Result<Measured> {
    let graph = Arc::new(Graph::new(Settings::default()));
    let server = Server::start(Arc::clone(&graph) as Arc<dyn Service>, 0).await?;
    let gateway = Gateway::start(&arguments.wasmtime, &arguments.gateway, &server.endpoint(), instances)?;
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..callers {
        let (address, ids) = (gateway.address().to_owned(), ids(number, arguments.users));
        calls.spawn(async move { Caller::connect(&address).await?.call(&ids, true).await });
    }
    let mut statuses = BTreeMap::new();
    for result in calls.join_all().await {
        *statuses.entry(result?.0.as_u16()).or_default() += 1;
    }
    let elapsed = start.elapsed();
    let logged = gateway.logged((callers * arguments.users) as usize).await?;
    ensure!(logged.len() == (callers * arguments.users) as usize, "{} ids are logged", logged.len());
    let (sent, throttled) = (graph.arrivals(0).len(), graph.count(StatusCode::TOO_MANY_REQUESTS));
    println!("{callers} callers with {} users each, instances: {instances:?}", arguments.users);
    println!("{statuses:?} in {elapsed:.1?}; {sent} requests to Graph, {throttled} of them answered 429");
    Ok(Measured { statuses, throttled })
}

async fn measure_requests(arguments: Arguments) -> Result<()> {
    let Arguments { gateway, wasmtime, requests, connections, .. } = arguments;
    let graph = Arc::new(AcceptAll::default());
    let server = Server::start(Arc::clone(&graph) as Arc<dyn Service>, 0).await?;
    let gateway = Gateway::start(&wasmtime, &gateway, &server.endpoint(), Instances::PerRequest)?;
    let before = gateway.memory();
    let next = Arc::new(AtomicU32::new(0));
    let mut callers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..connections {
        let (next, address) = (Arc::clone(&next), gateway.address().to_owned());
        callers.spawn(async move {
            let mut caller = Caller::connect(&address).await?;
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(times);
                }
                let (ids, is_wrong) = (ids(number, 1), number.is_multiple_of(10));
                if !is_wrong && number.is_multiple_of(3) {
                    // From immediately to after the response.
                    caller.hang_up(&ids, Duration::from_millis(u64::from(number % 8) * 4)).await?;
                    caller = Caller::connect(&address).await?;
                    continue;
                }
                let (status, time) = caller.call(&ids, !is_wrong).await?;
                ensure!(status == if is_wrong { 401 } else { 200 }, "{number}: {status}");
                times.push(time);
            }
        });
    }
    let results: Vec<Result<Vec<Duration>>> = callers.join_all().await;
    let elapsed = start.elapsed();
    let mut times: Vec<Duration> = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
    times.sort();
    let percentile = |percent: usize| times.get(times.len() * percent / 100).or(times.last()).context("no response");
    println!("{requests} requests over {connections} connections in {elapsed:.1?}; {} responses", times.len());
    println!("p50 {:.1?}, p99 {:.1?}", percentile(50)?, percentile(99)?);
    println!("memory of wasmtime serve: {before} before, {} after", gateway.memory());

    let sent = || graph.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // What callers left behind may still be in progress.
    sleep(Duration::from_secs(1)).await;
    let logged = gateway.logged(sent().len()).await?;
    let sent = sent();
    let distinct: BTreeSet<&String> = sent.iter().collect();
    ensure!(distinct.len() == sent.len(), "an id was sent twice");
    ensure!(logged.keys().collect::<BTreeSet<_>>() == distinct, "the log differs from what was sent");
    ensure!(logged.values().all(|outcome| outcome == "accepted"), "an id is not logged as accepted");
    let wrong = requests.div_ceil(10);
    let valid = (0..requests).filter(|number| !number.is_multiple_of(10));
    let hung_up = valid.filter(|number| number.is_multiple_of(3)).count();
    println!("{wrong} wrong keys, {hung_up} closed connections; {} ids sent, each logged once", sent.len());
    Ok(())
}

//! `graph-model` serves the model of Microsoft Graph on the loopback interface, for any client.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use clap::{Parser, ValueEnum};
use graph_model::{
    Collection, Entry, Fault, FaultKind, Graph, Limit, Naming, Outage, Reply, Request, Server, Service, Settings,
};
use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Serves a model of Microsoft Graph on the loopback interface: the actions on risk and the lists
/// of what is at risk, with their service limits, and faults on demand. Prints its address and a
/// line for each request. Runs until a signal stops it.
#[derive(Parser)]
struct Arguments {
    /// The port to listen on; 0 selects a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Accept only tokens that begin with this [default: any token].
    #[arg(long, default_value = "", hide_default_value = true)]
    token: String,
    /// Let only tokens that contain this read lists [default: every valid token].
    #[arg(long, value_name = "TEXT")]
    read_permission: Option<String>,
    /// Let only tokens that contain this perform actions [default: every valid token].
    #[arg(long, value_name = "TEXT")]
    write_permission: Option<String>,
    /// The number of users at risk. The n-th one is user<n>@contoso.example, and its id ends with n
    /// in hexadecimal. In turn, the level is high, medium and low, and the risk 0 to 59 days old.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    risky_users: usize,
    /// The number of sign-ins at risk, likewise; their ids begin with 00000001.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    risky_sign_ins: usize,
    /// The number of service principals at risk, likewise, with the names app<n>; their ids begin
    /// with 00000002.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    risky_service_principals: usize,
    /// The id of something at risk that is deleted: it is listed, and the actions refuse it. May be
    /// repeated.
    #[arg(long, value_name = "ID")]
    deleted: Vec<Uuid>,
    /// The time between the acceptance of an action and the change of a state, in milliseconds.
    /// Until then, isProcessing is true.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    changes_after_ms: u64,
    /// The id of something at risk that never changes, although the actions accept it. May be
    /// repeated.
    #[arg(long, value_name = "ID")]
    unchanged: Vec<Uuid>,
    /// Let a page begin after as many entries that pass the filter as were read before, so that a
    /// list may miss an entry when others change.
    #[arg(long)]
    pages_shift: bool,
    /// Empty pages before each page of a list.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    empty_pages: usize,
    /// The time until each response, in milliseconds.
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// The time until the slowest response, in milliseconds: each takes a random time between
    /// --latency-ms and this one [default: --latency-ms].
    #[arg(long)]
    slowest_ms: Option<u64>,
    /// The share of requests that meet a random fault, from 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    faults: f64,
    /// The seed from which faults are drawn: the same seed gives the same faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The share of requests that are answered 503, from 0 to 1. Half of them are applied before.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    unavailable: f64,
    /// Revoke the token in use once, this many seconds after the first request.
    #[arg(long, value_name = "SECONDS")]
    revoke_after: Option<u64>,
    /// Write one line of JSON to this file for each request: when it arrived, its status, its ids
    /// or those of the page, and whether the action was really applied.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The service limit: requests per second for users, service principals and agents, and per 10
    /// seconds for sign-ins [default: as documented, 1 and 5].
    #[arg(long)]
    limit: Option<usize>,
    /// Stop after this many seconds [default: run until a signal].
    #[arg(long = "for", value_name = "SECONDS")]
    time: Option<u64>,
    /// An id that the tenant does not have: Microsoft Graph refuses every request that contains it.
    /// May be repeated.
    #[arg(long, value_name = "ID")]
    absent: Vec<Uuid>,
    /// Which ids the message of a refusal names.
    #[arg(long, value_enum, default_value_t = NamingName::First)]
    naming: NamingName,
    /// An id on which the service fails: every request that contains it is answered 500. May be
    /// repeated.
    #[arg(long, value_name = "ID")]
    failing: Vec<Uuid>,
    /// An id on which the service hangs: no request that contains it is answered. May be repeated.
    #[arg(long, value_name = "ID")]
    silent: Vec<Uuid>,
    /// Answer every request like this: the cloud lacks the action (400), the method is not allowed
    /// (405), a web filter blocks it (404), or it is misdirected (421).
    #[arg(long, value_enum, value_name = "RESPONSE")]
    always: Option<Always>,
    /// A command to run against the service, whose address is in GRAPH_ENDPOINT. When the command
    /// ends, so does the service, with the same exit code.
    #[arg(trailing_var_arg = true, conflicts_with = "time")]
    command: Vec<OsString>,
}

/// Which ids a refusal names.
#[derive(Clone, Copy, ValueEnum)]
enum NamingName {
    /// The first id at fault.
    First,
    /// All ids at fault.
    All,
    /// No id.
    None,
    /// An id that is not at fault.
    Wrong,
    /// All ids of the request.
    Echo,
}

impl From<NamingName> for Naming {
    fn from(name: NamingName) -> Self {
        match name {
            NamingName::First => Naming::First,
            NamingName::All => Naming::All,
            NamingName::None => Naming::None,
            NamingName::Wrong => Naming::Wrong,
            NamingName::Echo => Naming::Echo,
        }
    }
}

/// The response to every request.
#[derive(Clone, Copy, ValueEnum)]
enum Always {
    Segment,
    Unsupported,
    BlockPage,
    Misdirected,
}

impl Always {
    fn outage(self) -> Outage {
        let fault = Fault::of(match self {
            Always::Segment => FaultKind::Segment,
            Always::Unsupported => FaultKind::Unsupported,
            Always::BlockPage => FaultKind::BlockPage,
            Always::Misdirected => FaultKind::Misdirected,
        });
        Outage { from: Duration::ZERO, until: Duration::MAX, fault }
    }
}

impl Arguments {
    /// What is at risk in this collection.
    fn entries(&self, collection: Collection) -> Vec<Entry> {
        let (deleted, unchanged): (BTreeSet<_>, BTreeSet<_>) =
            (self.deleted.iter().collect(), self.unchanged.iter().collect());
        let count = match collection {
            Collection::RiskyUsers => self.risky_users,
            Collection::SignIns => self.risky_sign_ins,
            Collection::RiskyServicePrincipals => self.risky_service_principals,
        };
        let mut entries = Entry::many(collection, count, SystemTime::now());
        for entry in &mut entries {
            entry.is_deleted = deleted.contains(&entry.id);
            let delay = Duration::from_millis(self.changes_after_ms);
            entry.changes_after = Some(delay).filter(|_| !unchanged.contains(&entry.id));
        }
        entries
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1, such as 0.05".into())
}

/// The service, with the faults that the command line asks for and a line for each request.
struct Logging {
    graph: Graph,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    unavailable: f64,
    /// `None` once the token has been revoked.
    revoke_after: Option<Duration>,
    first: Option<Duration>,
    record: Option<File>,
}

impl Service for Logging {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        let target = format!("{} {}", request.method(), request.uri().path());
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now - *state.first.get_or_insert(now);
        // A request that Microsoft Graph refuses does not revoke the token: the next one does.
        if state.revoke_after.is_some_and(|after| after <= age) {
            self.graph.plan([Some(Fault::of(FaultKind::Challenged))]);
        } else if state.rng.random_bool(state.unavailable) {
            let fault = Fault::of(FaultKind::ServerError);
            self.graph.plan([Some(if state.rng.random() { fault.applied() } else { fault })]);
        }
        let (reply, arrival) = self.graph.serve_recorded(now, request);
        if arrival.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Challenged) {
            state.revoke_after = None;
        }
        println!("{arrival} {target}");
        if let Some(file) = &mut state.record {
            let (at, status) = (arrival.at.as_secs_f64(), arrival.status.map(|status| status.as_u16()));
            let line = json!({ "at": at, "status": status, "applied": arrival.applied, "ids": arrival.ids });
            if let Err(error) = writeln!(file, "{line}") {
                eprintln!("the record is incomplete: {error}");
            }
        }
        reply
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let latency = Duration::from_millis(arguments.latency_ms);
    let slowest = arguments.slowest_ms.map_or(latency, Duration::from_millis).max(latency);
    let limit = |documented: Limit| Limit { requests: arguments.limit.unwrap_or(documented.requests), ..documented };
    let mut internal_error = Fault::of(FaultKind::ServerError);
    internal_error.status = StatusCode::INTERNAL_SERVER_ERROR;
    let entries = Collection::ALL.map(|collection| (collection, arguments.entries(collection))).into();
    let failing = arguments.failing.into_iter().map(|id| (id, internal_error.clone()));
    let silent = arguments.silent.into_iter().map(|id| (id, Fault::of(FaultKind::Silence)));
    let graph = Graph::new(Settings {
        entries,
        pages_shift: arguments.pages_shift,
        empty_pages: arguments.empty_pages,
        read_permission: arguments.read_permission,
        write_permission: arguments.write_permission,
        token: Some(arguments.token),
        users: limit(Limit::USERS),
        sign_ins: limit(Limit::SIGN_INS),
        latency: latency..=slowest,
        faults: arguments.faults,
        seed: arguments.seed,
        absent: arguments.absent.into_iter().collect(),
        naming: arguments.naming.into(),
        id_faults: failing.chain(silent).collect(),
        outages: arguments.always.map(Always::outage).into_iter().collect(),
        epoch: SystemTime::now(),
        ..Settings::default()
    });
    let state = State {
        rng: StdRng::seed_from_u64(arguments.seed),
        unavailable: arguments.unavailable,
        revoke_after: arguments.revoke_after.map(Duration::from_secs),
        first: None,
        record: arguments.record.map(File::create).transpose()?,
    };
    let service = Logging { graph, state: Mutex::new(state) };
    let server = Server::start(Arc::new(service), arguments.port).await?;
    if let [program, own @ ..] = arguments.command.as_slice() {
        let mut command = Command::new(program);
        command.args(own).env("GRAPH_ENDPOINT", server.endpoint());
        let status = spawn_blocking(move || command.status()).await??;
        return Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
    }
    println!("{}", server.endpoint());
    match arguments.time {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
    Ok(ExitCode::SUCCESS)
}

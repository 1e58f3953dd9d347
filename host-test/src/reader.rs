//! One instance of the reader, and the lists that it reads, checked for what must hold in each.

use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use graph_model::{Behavior, Service};
use http::Method;
use http::header::AUTHORIZATION;
use tokio::time::Instant;
use wasmtime::component::{Component, InstancePre};
use wasmtime::{Config, Store};

use crate::bindings::credentials::TokenRequest;
pub use crate::bindings::queries;
use crate::bindings::{Reader as Exports, ReaderPre};
use crate::component::grant;
use crate::host::{Host, Outbound, RecordedExchange, TokenSource};
use crate::plugin::{CANARY, canary};
use crate::reentry::{Into, PlannedReentry, Reentry};
use crate::script::Script;

use queries::{Collection, Entry, Error, Event, Options, Query};

/// The file of the reader, the same bytes as `target/dist/entra-risk-reader.wasm`.
pub const FILE: &str = env!("READER_WASM");

/// An instance of the reader and its host.
pub struct Reader {
    store: Store<Host>,
    exports: Arc<Exports>,
}

/// The reader of this process, linked to the imports of the plugin and nothing else.
///
/// # Panics
/// If the reader cannot be loaded.
pub fn instance_pre() -> &'static InstancePre<Host> {
    pre().instance_pre()
}

fn pre() -> &'static ReaderPre<Host> {
    &ReaderComponent::shared().0
}

/// The reader compiled by a wasmtime engine, ready to be instantiated.
#[derive(Clone)]
pub struct ReaderComponent(ReaderPre<Host>);

impl ReaderComponent {
    /// The reader of this process.
    ///
    /// # Panics
    /// If the reader cannot be loaded.
    pub fn shared() -> &'static ReaderComponent {
        static SHARED: OnceLock<ReaderComponent> = OnceLock::new();
        let load = || Self::from_binary(&fs::read(FILE)?);
        SHARED.get_or_init(|| load().unwrap_or_else(|error| panic!("{FILE}: {error:?}")))
    }

    /// Compiles a reader. Fails if it imports more than is granted, or if it is not a reader.
    pub fn from_binary(bytes: &[u8]) -> wasmtime::Result<ReaderComponent> {
        let engine = wasmtime::Engine::new(&Config::new())?;
        let component = Component::from_binary(&engine, bytes)?;
        Ok(ReaderComponent(ReaderPre::new(grant(&engine)?.instantiate_pre(&component)?)?))
    }
}

impl Reader {
    /// Instantiates the reader in a host.
    ///
    /// # Panics
    /// If the reader does not load.
    pub async fn new(host: Host) -> Reader {
        let reader = Reader::of(ReaderComponent::shared(), host).await;
        reader.unwrap_or_else(|error| panic!("the reader does not start: {error:?}"))
    }

    /// Instantiates a reader in a host.
    pub async fn of(ReaderComponent(pre): &ReaderComponent, host: Host) -> wasmtime::Result<Reader> {
        let mut store = Store::new(pre.engine(), host);
        store.limiter(|host| &mut host.memory);
        let exports = pre.instantiate_async(&mut store).await?;
        Ok(Reader { store, exports: Arc::new(exports) })
    }

    /// The reader with any service and any source of tokens.
    pub async fn with(service: Arc<dyn Service>, token_source: TokenSource) -> Reader {
        Reader::new(Host::new(Outbound::InProcess(service), token_source, 0)).await
    }

    /// The reader with a service that follows this script, and with [`CANARY`] as its token.
    pub async fn scripted(behaviors: impl IntoIterator<Item = Behavior>) -> Reader {
        Reader::with(Script::at_once(behaviors), canary()).await
    }

    /// Starts a query.
    ///
    /// # Panics
    /// If the reader traps.
    pub async fn start(
        &mut self,
        collection: Collection,
        filter: Option<&str>,
        options: Options,
    ) -> Result<Query, String> {
        let query = self.exports.entra_risk_queries().query();
        query.call_start(&mut self.store, collection, filter, Some(&options)).await.expect("the reader trapped")
    }

    /// Works on a query.
    ///
    /// # Panics
    /// If the reader traps.
    pub async fn next(&mut self, query: Query, wait_ms: Option<u32>) -> Event {
        self.try_next(query, wait_ms).await.expect("the reader trapped")
    }

    /// Works on a query. The error is a trap.
    pub async fn try_next(&mut self, query: Query, wait_ms: Option<u32>) -> wasmtime::Result<Event> {
        self.exports.entra_risk_queries().query().call_next(&mut self.store, query, wait_ms).await
    }

    /// Plans a use of a query from within the next token request.
    pub fn reenter(&mut self, query: Query, reentry: Reentry) {
        let into = Into::Query(Arc::clone(&self.exports), query);
        self.store.data_mut().reentry = Some(PlannedReentry { into, reentry, skipped: 0 });
    }

    /// Drops a query.
    ///
    /// # Panics
    /// If the reader traps.
    pub async fn drop_query(&mut self, query: Query) {
        query.resource_drop_async(&mut self.store).await.expect("the reader trapped");
    }

    /// Reads a list to its end, with one `next` after the other, each as long as `wait_ms`.
    ///
    /// # Panics
    /// If the reader traps, shows its token, or sends anything but requests for pages.
    pub async fn read_with(
        &mut self,
        collection: Collection,
        filter: Option<&str>,
        options: Options,
        wait_ms: Option<u32>,
    ) -> Listing {
        let start = Instant::now();
        let query = self.start(collection, filter, options).await.unwrap_or_else(|error| panic!("{error}"));
        let mut events = Vec::new();
        let end = loop {
            let event = self.next(query, wait_ms).await;
            events.push((start.elapsed(), event.clone()));
            if let Event::Over(end) = event {
                assert_eq!(self.next(query, wait_ms).await, Event::Over(end.clone()), "`over` is final");
                break end;
            }
        };
        self.drop_query(query).await;
        let listing = Listing {
            events,
            end,
            exchanges: self.host().exchanges(),
            token_requests: self.store.data().token_requests.clone(),
            elapsed: start.elapsed(),
            memory: self.memory(),
        };
        listing.check();
        listing
    }

    /// Reads a list of risky users to its end.
    pub async fn read(&mut self, options: Options) -> Listing {
        self.read_with(Collection::RiskyUsers, None, options, None).await
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        self.store.data()
    }

    /// The size of the instance's linear memory in bytes. It never shrinks.
    pub fn memory(&self) -> usize {
        self.store.data().memory.size
    }
}

/// A list that was read.
#[derive(Debug)]
pub struct Listing {
    /// What each `next` returned, and when.
    pub events: Vec<(Duration, Event)>,
    /// What ended the list before it was complete.
    pub end: Option<Error>,
    /// Every request of the instance.
    pub exchanges: Vec<RecordedExchange>,
    /// Every token request of the instance.
    pub token_requests: Vec<TokenRequest>,
    /// The time until the list ended.
    pub elapsed: Duration,
    /// The size of the instance's linear memory in bytes after it.
    pub memory: usize,
}

impl Listing {
    /// The entries of all pages.
    pub fn entries(&self) -> Vec<&Entry> {
        self.pages().into_iter().flatten().collect()
    }

    /// The entries of each page.
    pub fn pages(&self) -> Vec<&[Entry]> {
        let pages = self.events.iter().filter_map(|(_, event)| match event {
            Event::Page(entries) => Some(entries.as_slice()),
            _ => None,
        });
        pages.collect()
    }

    /// The error of a list that is not complete.
    #[track_caller]
    pub fn error(&self) -> &Error {
        self.end.as_ref().unwrap_or_else(|| panic!("the list is complete: {:#?}", self.events))
    }

    fn check(&self) {
        let output = format!("{:?} {:?}", self.events, self.token_requests);
        let mut runs = CANARY.as_bytes().windows(24).map(String::from_utf8_lossy);
        assert!(!runs.any(|run| output.contains(&*run)), "the output contains the token");
        assert!(self.pages().iter().all(|page| !page.is_empty()), "an empty page: {:#?}", self.events);
        for RecordedExchange { request, .. } in &self.exchanges {
            assert_eq!((request.method(), request.body().len()), (&Method::GET, 0), "{request:?}");
            let path = request.uri().path();
            let paths =
                ["identityProtection/riskyUsers", "auditLogs/signIns", "identityProtection/riskyServicePrincipals"];
            let is_known = |version: &str| path.strip_prefix(version).is_some_and(|path| paths.contains(&path));
            assert!(is_known("/v1.0/") || is_known("/beta/"), "{path}");
            assert!(!request.uri().to_string().contains(CANARY), "the token is in {request:?}");
            let mut others = request.headers().iter().filter(|(name, _)| **name != AUTHORIZATION);
            let contains_token = |value: &[u8]| value.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            assert!(!others.any(|(_, value)| contains_token(value.as_bytes())), "the token is in {request:?}");
        }
        if let Some(Error { message, response, .. }) = &self.end {
            assert!((1..=512).contains(&message.len()), "{message}");
            if let Some(response) = response {
                let texts = [&response.code, &response.client_request_id].into_iter();
                let texts = texts.chain(&response.request_id).chain(&response.date);
                assert!(texts.into_iter().all(|text| text.len() <= 128), "{response:?}");
                assert!(response.message.len() <= 512, "{response:?}");
            }
        }
    }
}

impl Default for Options {
    /// No field set, so that each has the default that the contract documents.
    fn default() -> Self {
        Options {
            tenant: None,
            cloud: None,
            endpoint: None,
            audience: None,
            api_version: None,
            page_size: None,
            max_attempts: None,
            attempt_timeout_ms: None,
            deadline_ms: None,
            patience_ms: None,
            rate_limit: None,
        }
    }
}

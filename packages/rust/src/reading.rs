//! Reads a list in an instance of the reader, page by page.

use std::sync::Arc;
use std::time::Duration;

use entra_risk_engine::contract::collection::Collection;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tracing::{Span, field, info, info_span};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::asker::Asker;
use crate::bindings::queries::{self, Event};
use crate::conversion::in_ms;
use crate::host::Host;
use crate::library::Library;
use crate::listing::{ListState, Message};
use crate::{Entry, Error, ErrorKind, ListError, ListOptions};

/// A list that a task reads.
pub(crate) struct Reading {
    pub(crate) library: Arc<Library>,
    pub(crate) collection: &'static Collection,
    pub(crate) options: ListOptions,
    pub(crate) pages: mpsc::Sender<Message>,
    pub(crate) state: Arc<ListState>,
}

impl Reading {
    /// Reads the list to its end, or until its handle is dropped.
    pub(crate) async fn read(self) {
        let span = info_span!(
            "entra_risk_list",
            collection = self.collection.name,
            tenant = self.options.tenant.as_deref(),
            requests = field::Empty,
            entries = field::Empty,
            outcome = field::Empty,
        );
        let error = match self.try_read(&span).await {
            Ok(error) => error,
            Err(reason) => Some(Error::new(ErrorKind::PluginStopped, reason)),
        };
        span.record("outcome", error.as_ref().map_or("complete", |error| error.kind.name()));
        span.in_scope(|| info!("ended"));
        let error = error.map(|error| self.state.token_source_error().unwrap_or(ListError::Failed(error)));
        // The handle may be gone.
        drop(self.pages.send(Message::Over(error)).await);
    }

    /// Returns what ended the list before it was complete. The outer error is why the reader was
    /// stopped, in words.
    async fn try_read(&self, span: &Span) -> Result<Option<Error>, String> {
        let Reading { library, collection, options, .. } = self;
        // As many lists are read simultaneously as there are instances of the plugin.
        let _permit = library.readers.acquire().await.map_err(|error| error.to_string())?;
        let (reader, mut store) = library.reader(&options.tenant).await?;
        let asker: Arc<dyn Asker> = self.state.clone();
        store.data_mut().attend(vec![Arc::clone(&asker)], &self.state.orders.subscribe());
        store.data_mut().current = Some(asker);
        let queries = reader.entra_risk_queries();
        let resolved = options.with(&library.settings);
        let window = resolved.rate_limit.unwrap_or_else(|| collection.limit.rate_limit()).window_ms;
        let window = Duration::from_millis(window.into());
        let filter = options.filter.as_deref();
        let started = queries.query().call_start(&mut store, named(collection), filter, Some(&resolved.into())).await;
        // The same code has checked the arguments before.
        let query = match started.map_err(|error| store.data().reason(&error))? {
            Ok(query) => query,
            Err(rule) => return Ok(Some(Error::new(ErrorKind::InvalidArgument, rule))),
        };
        if let Some(at) = store.data().outbound.may_send_at(collection.limit, window) {
            sleep_until(at).await;
        }
        let mut entries: usize = 0;
        let error = loop {
            if self.state.has_order() {
                return Ok(None);
            }
            match next(queries, &mut store, query).await? {
                Event::Page(page) => {
                    entries = entries.saturating_add(page.len());
                    let page = page.into_iter().map(Entry::from).collect();
                    if self.pages.send(Message::Page(page)).await.is_err() {
                        return Ok(None);
                    }
                }
                Event::Waiting(progress) => {
                    span.record("requests", progress.requests);
                    sleep(
                        progress.next_send_ms.map_or(Duration::ZERO, |ms| Duration::from_millis(ms.into())).min(STEP),
                    )
                    .await;
                }
                Event::Over(error) => break error.map(Error::from),
            }
        };
        span.record("entries", entries);
        Ok(error)
    }
}

async fn next(queries: &queries::Guest, store: &mut Store<Host>, query: ResourceAny) -> Result<Event, String> {
    let event = queries.query().call_next(&mut *store, query, Some(in_ms(STEP))).await;
    event.map_err(|error| store.data().reason(&error))
}

fn named(collection: &Collection) -> queries::Collection {
    match collection.name {
        "sign-ins" => queries::Collection::SignIns,
        "risky-service-principals" => queries::Collection::RiskyServicePrincipals,
        _ => queries::Collection::RiskyUsers,
    }
}

/// How long it may take until a dropped handle is noticed.
const STEP: Duration = Duration::from_millis(100);

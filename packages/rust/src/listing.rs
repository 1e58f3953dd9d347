//! The handle of a list that is being read.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use entra_risk_engine::contract::printable::printable;
use futures_core::Stream;
use tokio::sync::{mpsc, watch};

use crate::asker::Asker;
use crate::{Entry, Error, ErrorKind};

/// A list that is being read: a stream of its entries. It ends after the last one, or after an
/// error, in which case the entries so far are not the whole list.
///
/// A task reads the list, at most two pages ahead. Dropping the handle ends it.
#[must_use = "dropping a list ends it"]
pub struct Listing {
    pages: mpsc::Receiver<Message>,
    entries: VecDeque<Entry>,
    is_over: bool,
    state: Arc<ListState>,
}

/// Why a list ended before it was complete.
#[derive(Debug, Clone)]
pub enum ListError {
    /// What went wrong.
    Failed(Error),
    /// The token source itself failed.
    TokenSource(Arc<dyn StdError + Send + Sync>),
}

/// What the task that reads a list sends to its handle.
pub(crate) enum Message {
    Page(Vec<Entry>),
    Over(Option<ListError>),
}

/// What the handle of a list shares with the task that reads it.
pub(crate) struct ListState {
    is_dropped: AtomicBool,
    token_source_error: Mutex<Option<Arc<dyn StdError + Send + Sync>>>,
    /// Announces that the handle was dropped, to a task that waits for a token.
    pub(crate) orders: watch::Sender<()>,
}

impl Listing {
    pub(crate) fn new() -> (Listing, mpsc::Sender<Message>, Arc<ListState>) {
        let (sender, pages) = mpsc::channel(1);
        let state = Arc::new(ListState {
            is_dropped: AtomicBool::new(false),
            token_source_error: Mutex::default(),
            orders: watch::Sender::new(()),
        });
        let listing = Listing { pages, entries: VecDeque::new(), is_over: false, state: Arc::clone(&state) };
        (listing, sender, state)
    }

    /// The next entry. `None`: the list is over.
    ///
    /// A future that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<Entry, ListError>> {
        poll_fn(|context| self.poll_entry(context)).await
    }

    /// Every entry that is left.
    ///
    /// # Errors
    /// If the list ends before it is complete.
    pub async fn all(mut self) -> Result<Vec<Entry>, ListError> {
        let mut all = Vec::new();
        while let Some(entry) = self.next().await {
            all.push(entry?);
        }
        Ok(all)
    }

    fn poll_entry(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Entry, ListError>>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            match self.pages.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Message::Page(entries))) => self.entries.extend(entries),
                Poll::Ready(Some(Message::Over(error))) => {
                    self.is_over = true;
                    return Poll::Ready(error.map(Err));
                }
                Poll::Ready(None) => {
                    self.is_over = true;
                    let reason = "the task that read the list is gone: the runtime has stopped, or the token source \
                                  has panicked";
                    return Poll::Ready(Some(Err(Error::new(ErrorKind::PluginStopped, reason).into())));
                }
            }
        }
    }
}

impl ListState {
    /// The error of the token source, if that ended the list.
    pub(crate) fn token_source_error(&self) -> Option<ListError> {
        let error = self.token_source_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        error.map(ListError::TokenSource)
    }
}

impl Asker for ListState {
    fn has_order(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed)
    }

    fn token_source_failed(&self, error: Arc<dyn StdError + Send + Sync>) {
        self.token_source_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

impl Stream for Listing {
    type Item = Result<Entry, ListError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_entry(context)
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.state.is_dropped.store(true, Ordering::Relaxed);
        self.state.orders.send_replace(());
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl From<Error> for ListError {
    fn from(error: Error) -> Self {
        ListError::Failed(error)
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::Failed(error) => error.fmt(f),
            ListError::TokenSource(error) => write!(f, "the token source failed: {}", printable(&error.to_string())),
        }
    }
}

impl StdError for ListError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            ListError::Failed(_) => None,
            ListError::TokenSource(error) => Some(&**error),
        }
    }
}

//! The key-value store of the host, and the time of day.

use std::cell::RefCell;

use crate::bindings::wasi::clocks::wall_clock;
use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{Bucket, Error, open};
use crate::queue::Store;
use crate::time::{Nanos, SECOND};

/// The bucket that contains the entries of all queues.
const BUCKET: &str = "entra-risk";

thread_local! {
    static OPENED: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

/// Performs operations on the bucket. It stays open for later calls unless one of the operations
/// fails.
pub(crate) fn with<T>(perform: impl FnOnce(&Bucket) -> Result<T, String>) -> Result<T, String> {
    let bucket = OPENED.take().map_or_else(|| open(BUCKET).map_err(text), Ok)?;
    let result = perform(&bucket)?;
    OPENED.set(Some(bucket));
    Ok(result)
}

impl Store for Bucket {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Bucket::get(self, key).map_err(text)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        Bucket::set(self, key, value).map_err(text)
    }

    fn increment(&self, key: &str) -> Result<u64, String> {
        atomics::increment(self, key, 1).map_err(text)
    }

    fn now(&self) -> Nanos {
        let time = wall_clock::now();
        time.seconds.saturating_mul(SECOND).saturating_add(time.nanoseconds.into())
    }
}

fn text(error: Error) -> String {
    match error {
        Error::NoSuchStore => "the host has no bucket entra-risk: create it in the key-value store".to_owned(),
        Error::AccessDenied => "the host denies access to the bucket entra-risk: grant it to this component".to_owned(),
        Error::Other(text) => text,
    }
}

//! A key-value store that several hosts share, `wasi:keyvalue@0.2.0-draft`, with latency, conflicts
//! and failures that are drawn from a seed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;
use wasmtime::component::Resource;
use wasmtime_wasi::WasiView;

use crate::host::Host;

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/deps/keyvalue",
        inline: "
            package entra:host-test-keyvalue;
            world keyvalue {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        imports: { default: async },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
    });
}

pub(crate) use generated::wasi::keyvalue::{atomics, store};
use store::{Error, KeyResponse};

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time of each operation.
    pub latency: RangeInclusive<Duration>,
    /// The share of increments that fail, 0 to 1.
    pub conflicts: f64,
    /// An increment is a read and a conditional write, as in wasmCloud on NATS JetStream: it fails
    /// if another comes between.
    pub compares_and_swaps: bool,
    /// Times in which every operation fails, since the start of the store.
    pub outages: Vec<(Duration, Duration)>,
    /// The share of operations that take effect and are reported as failed, 0 to 1.
    pub lost_responses: f64,
    /// Times at which all entries are deleted, since the start of the store.
    pub deletions: Vec<Duration>,
    /// The seed of everything that is drawn.
    pub seed: u64,
}

/// A store with one bucket.
#[derive(Debug)]
pub struct KeyValue {
    settings: Settings,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    rng: StdRng,
    operations: u64,
    deletions: usize,
}

/// One host's use of a store.
#[derive(Debug, Clone)]
pub struct StoreClient {
    store: Arc<KeyValue>,
    times: Arc<Mutex<Vec<(Duration, Duration)>>>,
    /// Readings of the guest's clock at the latest operation: the plugin reads it between two uses.
    readings: u64,
    latest: Arc<AtomicU64>,
}

/// An open bucket.
#[derive(Debug)]
pub struct Bucket;

impl KeyValue {
    /// An empty store that starts now.
    pub fn new(settings: Settings) -> Self {
        let rng = StdRng::seed_from_u64(settings.seed);
        let state = State { entries: BTreeMap::new(), rng, operations: 0, deletions: 0 };
        KeyValue { settings, start: Instant::now(), state: Mutex::new(state) }
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The keys of all entries.
    pub fn keys(&self) -> Vec<String> {
        self.state().entries.keys().cloned().collect()
    }

    /// Performs an operation in the middle of its time, unless the store fails.
    async fn perform<T>(&self, operation: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
        let latency = {
            let mut state = self.state();
            state.operations += 1;
            state.rng.random_range(self.settings.latency.clone())
        };
        tokio::time::sleep(latency / 2).await;
        let now = self.start.elapsed();
        let mut result = Err(Error::Other("timed out".into()));
        if !self.settings.outages.iter().any(|(from, until)| (*from..*until).contains(&now)) {
            let value = operation(&mut self.state());
            if !self.loses_response() {
                result = Ok(value);
            }
        }
        tokio::time::sleep(latency / 2).await;
        result
    }

    fn loses_response(&self) -> bool {
        self.state().rng.random_bool(self.settings.lost_responses)
    }

    /// The state, after the deletions that are due.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        let now = self.start.elapsed();
        let deletions = self.settings.deletions.iter().filter(|at| **at <= now).count();
        if std::mem::replace(&mut state.deletions, deletions) < deletions {
            state.entries.clear();
        }
        state
    }

    async fn increment(&self, key: String, delta: u64) -> Result<u64, Error> {
        let (conflicts, swaps) = (self.settings.conflicts, self.settings.compares_and_swaps);
        let read = self.perform(|state| {
            let value =
                state.entries.get(&key).and_then(|bytes| Some(u64::from_be_bytes(bytes.as_slice().try_into().ok()?)));
            if !swaps && !state.rng.random_bool(conflicts) {
                let value = value.unwrap_or_default() + delta;
                state.entries.insert(key.clone(), value.to_be_bytes().into());
                return Ok(value);
            }
            Err(value)
        });
        let value = match read.await? {
            Ok(incremented) => return Ok(incremented),
            Err(value) => value,
        };
        let is_lost = swaps && self.loses_response();
        let mut state = self.state();
        let result = match value {
            _ if !swaps => Err(Error::Other("conflict".into())),
            // An entry that does not exist is written without a look at what others have written
            // since.
            None => {
                state.entries.insert(key, delta.to_be_bytes().into());
                Ok(delta)
            }
            Some(value) => {
                let is_unchanged = state.entries.get(&key).is_some_and(|bytes| **bytes == value.to_be_bytes());
                if !is_unchanged || state.rng.random_bool(conflicts) {
                    return Err(Error::Other("wrong last sequence".into()));
                }
                state.entries.insert(key, (value + delta).to_be_bytes().into());
                Ok(value + delta)
            }
        };
        result.and_then(|value| if is_lost { Err(Error::Other("timed out".into())) } else { Ok(value) })
    }
}

impl StoreClient {
    /// A client of a store.
    pub fn new(store: Arc<KeyValue>) -> Self {
        StoreClient { store, times: Arc::default(), readings: 0, latest: Arc::default() }
    }

    /// The beginning and the end of each use so far, since the start of the store. Operations
    /// between two readings of the clock are one use.
    pub fn times(&self) -> Vec<(Duration, Duration)> {
        lock(&self.times).clone()
    }

    async fn perform<T>(&self, operation: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
        self.timed(self.store.perform(operation)).await
    }

    async fn timed<T>(&self, operation: impl Future<Output = T>) -> T {
        let from = self.store.start.elapsed();
        let result = operation.await;
        let until = self.store.start.elapsed();
        let is_same = self.latest.swap(self.readings, Ordering::Relaxed) == self.readings;
        let mut times = lock(&self.times);
        match times.last_mut() {
            Some((_, end)) if is_same => *end = until,
            _ => times.push((from, until)),
        }
        result
    }
}

impl Host {
    fn client(&self) -> Result<StoreClient, Error> {
        let readings = self.clock_readings.load(Ordering::Relaxed);
        Ok(StoreClient { readings, ..self.store.clone().ok_or(Error::NoSuchStore)? })
    }
}

impl store::Host for Host {
    async fn open(&mut self, _: String) -> Result<Resource<Bucket>, Error> {
        self.client()?.perform(|_| ()).await?;
        self.ctx().table.push(Bucket).map_err(|error| Error::Other(error.to_string()))
    }
}

impl store::HostBucket for Host {
    async fn get(&mut self, _: Resource<Bucket>, key: String) -> Result<Option<Vec<u8>>, Error> {
        self.client()?.perform(|state| state.entries.get(&key).cloned()).await
    }

    async fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.client()?.perform(|state| drop(state.entries.insert(key, value))).await
    }

    async fn delete(&mut self, _: Resource<Bucket>, key: String) -> Result<(), Error> {
        self.client()?.perform(|state| drop(state.entries.remove(&key))).await
    }

    async fn exists(&mut self, _: Resource<Bucket>, key: String) -> Result<bool, Error> {
        self.client()?.perform(|state| state.entries.contains_key(&key)).await
    }

    async fn list_keys(&mut self, _: Resource<Bucket>, _: Option<u64>) -> Result<KeyResponse, Error> {
        let keys = self.client()?.perform(|state| state.entries.keys().cloned().collect()).await?;
        Ok(KeyResponse { keys, cursor: None })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.ctx().table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Host {
    async fn increment(&mut self, _: Resource<Bucket>, key: String, delta: u64) -> Result<u64, Error> {
        let client = self.client()?;
        client.timed(client.store.increment(key, delta)).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

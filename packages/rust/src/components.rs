//! The plugin and the reader as compiled components, and the linker that grants the imports of
//! their worlds and nothing else.

use std::sync::{Mutex, PoisonError};

use wasmtime::component::{Component, HasData, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings::{PluginPre, ReaderPre, credentials};
use crate::host::Host;
use crate::{Allocation, Settings};

/// The plugin, the same bytes as `target/dist/entra-risk.wasm`.
const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/entra-risk.wasm"));

/// The reader, the same bytes as `target/dist/entra-risk-reader.wasm`.
const READER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/entra-risk-reader.wasm"));

/// The compiled plugin with memory allocated on demand, which all clients of this process share.
static ON_DEMAND: Mutex<Option<PluginPre<Host>>> = Mutex::new(None);

/// The compiled reader, which all clients of this process share.
static READER_ON_DEMAND: Mutex<Option<ReaderPre<Host>>> = Mutex::new(None);

/// Returns the compiled reader. It is compiled once in a process.
pub(crate) fn reader() -> wasmtime::Result<ReaderPre<Host>> {
    once(&READER_ON_DEMAND, || ReaderPre::new(compile(READER, InstanceAllocationStrategy::OnDemand)?))
}

/// Returns the compiled plugin. It is compiled once in a process, and once for each pool.
pub(crate) fn plugin(settings: &Settings) -> wasmtime::Result<PluginPre<Host>> {
    match settings.allocation {
        Allocation::OnDemand => {
            once(&ON_DEMAND, || PluginPre::new(compile(PLUGIN, InstanceAllocationStrategy::OnDemand)?))
        }
        Allocation::Pooled => {
            let instances = settings.max_instances;
            // The component contains up to four core modules.
            let modules = instances.saturating_mul(4);
            let mut pool = PoolingAllocationConfig::new();
            pool.total_component_instances(instances).total_core_instances(modules).total_tables(modules);
            pool.total_memories(instances).total_stacks(instances).max_memory_size(settings.max_memory_bytes);
            PluginPre::new(compile(PLUGIN, InstanceAllocationStrategy::Pooling(pool))?)
        }
    }
}

/// Returns what the first use has compiled.
fn once<T: Clone>(compiled: &Mutex<Option<T>>, compile: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<T> {
    let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(component) = &*compiled {
        return Ok(component.clone());
    }
    Ok(compiled.insert(compile()?).clone())
}

fn compile(bytes: &[u8], allocation: InstanceAllocationStrategy) -> wasmtime::Result<InstancePre<Host>> {
    let mut config = Config::new();
    config.allocation_strategy(allocation).consume_fuel(true);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, bytes)?;
    grant(&engine)?.instantiate_pre(&component)
}

/// Selects the table of resources from the host: wasi:io needs nothing else.
struct HasIo;

impl HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// Grants the interfaces that both worlds import, and no other.
fn grant(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    credentials::add_to_linker::<Host, HasSelf<Host>>(l, |host| host)?;
    http::outgoing_handler::add_to_linker::<Host, WasiHttp>(l, Host::http)?;
    http::types::add_to_linker::<Host, WasiHttp>(l, &Default::default(), Host::http)?;
    io::error::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    io::poll::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    io::streams::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    clocks::monotonic_clock::add_to_linker::<Host, WasiClocks>(l, Host::clocks)?;
    random::random::add_to_linker::<Host, WasiRandom>(l, |host| host.ctx().ctx.random())?;
    Ok(linker)
}

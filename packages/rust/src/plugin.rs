//! The plugin as a compiled component, and the linker that grants the imports of its world and
//! nothing else.

use std::sync::{Mutex, PoisonError};

use wasmtime::component::{Component, HasData, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings::{PluginPre, credentials};
use crate::host::Host;
use crate::{Allocation, Settings};

/// The plugin, the same bytes as `target/dist/entra-risk.wasm`.
const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/entra-risk.wasm"));

/// The compiled plugin with memory allocated on demand, which all clients of this process share.
static ON_DEMAND: Mutex<Option<PluginPre<Host>>> = Mutex::new(None);

/// Returns the compiled plugin. It is compiled once in a process, and once for each pool.
pub(crate) fn load(settings: &Settings) -> wasmtime::Result<PluginPre<Host>> {
    match settings.allocation {
        Allocation::OnDemand => {
            let mut on_demand = ON_DEMAND.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(plugin) = &*on_demand {
                return Ok(plugin.clone());
            }
            let plugin = compile(InstanceAllocationStrategy::OnDemand)?;
            *on_demand = Some(plugin.clone());
            Ok(plugin)
        }
        Allocation::Pooled => {
            let instances = settings.max_instances;
            // The component contains up to four core modules.
            let modules = instances.saturating_mul(4);
            let mut pool = PoolingAllocationConfig::new();
            pool.total_component_instances(instances).total_core_instances(modules).total_tables(modules);
            pool.total_memories(instances).total_stacks(instances).max_memory_size(settings.max_memory_bytes);
            compile(InstanceAllocationStrategy::Pooling(pool))
        }
    }
}

fn compile(allocation: InstanceAllocationStrategy) -> wasmtime::Result<PluginPre<Host>> {
    let mut config = Config::new();
    config.allocation_strategy(allocation).consume_fuel(true);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, BYTES)?;
    PluginPre::new(grant(&engine)?.instantiate_pre(&component)?)
}

/// Selects the table of resources from the host: wasi:io needs nothing else.
struct HasIo;

impl HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// Grants the interfaces that the plugin's world imports, and no other.
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

//! The component, compiled once, and the linker that grants what its world names and nothing else.

use std::path::Path;
use std::sync::OnceLock;

use wasmtime::component::{Component, HasData, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings::{PluginPre, credentials};
use crate::host::Host;

/// Where `build.rs` put the component.
pub const COMPONENT: &str = env!("ENTRA_RISK_WASM");

/// A wasmtime engine and the component in it, ready to be instantiated.
#[derive(Clone)]
pub struct Engine {
    pub(crate) plugin: PluginPre<Host>,
}

impl Engine {
    /// The engine of this process, with memory allocated on demand.
    ///
    /// # Panics
    /// Where the component that was just built cannot be loaded.
    pub fn shared() -> &'static Engine {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| {
            Engine::load(Path::new(COMPONENT), &Config::new()).unwrap_or_else(|error| panic!("{COMPONENT}: {error:?}"))
        })
    }

    /// An engine whose instances come from a pool of at most `instances`, for hosts that make many of them.
    pub fn pooled(instances: u32) -> wasmtime::Result<Engine> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances).total_core_instances(instances.saturating_mul(4));
        pool.total_memories(instances).total_tables(instances.saturating_mul(4)).total_stacks(instances);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Engine::load(Path::new(COMPONENT), &config)
    }

    /// Compiles the component in a file. Fails where it asks for more than is granted, or is no plugin.
    pub fn load(file: &Path, config: &Config) -> wasmtime::Result<Engine> {
        let engine = wasmtime::Engine::new(config)?;
        let component = Component::from_file(&engine, file)?;
        Ok(Engine { plugin: PluginPre::new(grant(&engine)?.instantiate_pre(&component)?)? })
    }

    /// The component.
    pub fn component(&self) -> &Component {
        self.plugin.instance_pre().component()
    }
}

/// Stands for the table of resources, which is all that wasi:io needs.
struct HasIo;

impl HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// What the plugin's world names, interface by interface, and no other.
pub fn grant(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Host>> {
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

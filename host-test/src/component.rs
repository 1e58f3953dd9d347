//! The plugin as a compiled component, and the linker that grants the imports of its world and
//! nothing else.

use std::path::Path;
use std::sync::OnceLock;

use wasmtime::component::{Component, HasData, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, StoreContextMut};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings::PluginPre;
use crate::host::Host;
use crate::keyvalue;

/// The file of the plugin, the same bytes as `target/dist/entra-risk.wasm`.
pub const FILE: &str = env!("PLUGIN_WASM");

/// The plugin compiled by a wasmtime engine, ready to be instantiated.
#[derive(Clone)]
pub struct PluginComponent {
    pub(crate) pre: PluginPre<Host>,
}

impl PluginComponent {
    /// The plugin of this process, with memory allocated on demand.
    ///
    /// # Panics
    /// If the plugin cannot be loaded.
    pub fn shared() -> &'static PluginComponent {
        static SHARED: OnceLock<PluginComponent> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::load(Path::new(FILE), &Config::new()).unwrap_or_else(|error| panic!("{FILE}: {error:?}"))
        })
    }

    /// The plugin with a pool of at most `instances` instances, for hosts that create many of them.
    pub fn pooled(instances: u32) -> wasmtime::Result<PluginComponent> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances).total_core_instances(instances.saturating_mul(4));
        pool.total_memories(instances).total_tables(instances.saturating_mul(4)).total_stacks(instances);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Self::load(Path::new(FILE), &config)
    }

    /// Compiles the plugin in a file. Fails if it imports more than is granted, or if it is not a
    /// plugin.
    pub fn load(file: &Path, config: &Config) -> wasmtime::Result<PluginComponent> {
        let engine = wasmtime::Engine::new(config)?;
        let component = Component::from_file(&engine, file)?;
        Ok(PluginComponent { pre: PluginPre::new(grant(&engine)?.instantiate_pre(&component)?)? })
    }

    /// Compiles the plugin with `keyvalue-turns`, which imports a key-value store and the time of
    /// day too.
    pub fn from_binary_with_store(bytes: &[u8], config: &Config) -> wasmtime::Result<PluginComponent> {
        let engine = wasmtime::Engine::new(config)?;
        let mut linker = grant(&engine)?;
        let l = &mut linker;
        keyvalue::store::add_to_linker::<Host, HasSelf<Host>>(l, |host| host)?;
        keyvalue::atomics::add_to_linker::<Host, HasSelf<Host>>(l, |host| host)?;
        clocks::wall_clock::add_to_linker::<Host, WasiClocks>(l, Host::clocks)?;
        let component = Component::from_binary(&engine, bytes)?;
        Ok(PluginComponent { pre: PluginPre::new(linker.instantiate_pre(&component)?)? })
    }

    /// The component, linked to its imports.
    pub fn instance_pre(&self) -> &InstancePre<Host> {
        self.pre.instance_pre()
    }

    /// The component.
    pub fn component(&self) -> &Component {
        self.instance_pre().component()
    }
}

/// Selects the table of resources, because wasi:io needs nothing else.
struct HasIo;

impl HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// Grants the interfaces that the plugin's world imports, and no other.
pub fn grant(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    l.instance("entra:risk/credentials@0.1.0")?.func_wrap_async(
        "get-token",
        |mut store: StoreContextMut<'_, Host>, (request,)| {
            Box::new(async move {
                if let Some(planned) = store.data_mut().due_reentry() {
                    planned.perform(&mut store).await?;
                }
                Ok((store.data_mut().get_token(request).await,))
            })
        },
    )?;
    http::outgoing_handler::add_to_linker::<Host, WasiHttp>(l, Host::http)?;
    http::types::add_to_linker::<Host, WasiHttp>(l, &Default::default(), Host::http)?;
    io::error::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    io::poll::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    io::streams::add_to_linker::<Host, HasIo>(l, |host| host.ctx().table)?;
    clocks::monotonic_clock::add_to_linker::<Host, WasiClocks>(l, Host::clocks)?;
    random::random::add_to_linker::<Host, WasiRandom>(l, |host| host.ctx().ctx.random())?;
    Ok(linker)
}

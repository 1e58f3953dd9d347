//! The fronts of the plugin, the command and the gateway, each composed with it, and the plugin composed with a token
//! adapter: in a host that grants all of WASI, so that what they ask for is theirs to say.

use std::path::Path;
use std::sync::OnceLock;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::error::Context;

use crate::bindings::{PluginPre, credentials};
use crate::engine::COMPONENT;
use crate::host::Host;

/// Where `build.rs` put the command, without the plugin.
pub const COMMAND: &str = env!("ENTRA_RISK_CLI_WASM");

/// Where `build.rs` put the gateway, without the plugin.
pub const GATEWAY: &str = env!("ENTRA_RISK_GATEWAY_WASM");

/// The command with the plugin, ready to be instantiated.
///
/// # Panics
/// Where the components that were just built do not fit together or cannot be loaded.
pub fn command() -> &'static InstancePre<Host> {
    static COMPOSED: OnceLock<InstancePre<Host>> = OnceLock::new();
    COMPOSED.get_or_init(|| load(COMPONENT, COMMAND).expect("the command and the plugin"))
}

/// The gateway with the plugin, ready to be instantiated.
///
/// # Panics
/// Where the components that were just built do not fit together or cannot be loaded.
pub fn gateway() -> &'static InstancePre<Host> {
    static COMPOSED: OnceLock<InstancePre<Host>> = OnceLock::new();
    COMPOSED.get_or_init(|| load(COMPONENT, GATEWAY).expect("the gateway and the plugin"))
}

/// What the component in this file imports.
///
/// # Panics
/// Where it cannot be loaded.
pub fn imports(file: &str) -> Vec<String> {
    let engine = wasmtime::Engine::default();
    let component = Component::from_file(&engine, file).expect(file);
    component.component_type().imports(&engine).map(|(name, _)| name.to_owned()).collect()
}

/// The plugin with the token adapter in this file, ready to be instantiated.
///
/// # Panics
/// Where the two do not fit together or cannot be loaded.
pub fn plugin_with(adapter: &str) -> PluginPre<Host> {
    load(adapter, COMPONENT).and_then(PluginPre::new).expect(adapter)
}

fn load(plug: &str, socket: &str) -> wasmtime::Result<InstancePre<Host>> {
    let engine = wasmtime::Engine::default();
    let component = Component::from_binary(&engine, &compose(plug, socket)?)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    credentials::add_to_linker::<Host, HasSelf<Host>>(&mut linker, |host| host)?;
    linker.instantiate_pre(&component)
}

/// The component in which the socket calls the plug, and which asks its host for what is left.
fn compose(plug: &str, socket: &str) -> wasmtime::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut package = |name: &str, file: &str| {
        let package =
            Package::from_file(name, None, Path::new(file), graph.types_mut()).map_err(wasmtime::Error::msg)?;
        graph.register_package(package).context("registered")
    };
    let (plug, socket) = (package("entra:plug", plug)?, package("entra:socket", socket)?);
    wac_graph::plug(&mut graph, vec![plug], socket)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

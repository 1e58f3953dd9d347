//! Loads files of `target/dist` into a host that grants all of WASI.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use host_test::bindings::PluginPre;
use host_test::host::Host;
use packaging::PRODUCTS;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::error::Context;
use wit_parser::decoding::{DecodedWasm, decode};

/// The file of a product. The first use writes all products, so that they are up to date.
pub(crate) fn file(name: &str) -> PathBuf {
    static WRITE: Once = Once::new();
    WRITE.call_once(|| drop(packaging::write().expect("target/dist")));
    PRODUCTS.iter().find(|product| product.name == name).expect(name).file()
}

/// A product, compiled once by this process.
pub(crate) fn component(name: &str) -> &'static Component {
    static COMPILED: [OnceLock<Component>; PRODUCTS.len()] = [const { OnceLock::new() }; PRODUCTS.len()];
    let position = PRODUCTS.iter().position(|product| product.name == name).expect(name);
    COMPILED[position].get_or_init(|| Component::from_file(&wasmtime::Engine::default(), file(name)).expect(name))
}

/// The command with env-token, ready to be instantiated.
pub(crate) fn command() -> &'static InstancePre<Host> {
    static COMMAND: OnceLock<InstancePre<Host>> = OnceLock::new();
    COMMAND.get_or_init(|| match std::env::var_os(COMPILED_COMMAND) {
        Some(file) => link(&compiled(Path::new(&file))).expect("the compiled command"),
        None => link(component("entra-risk-cli")).expect("the command"),
    })
}

/// The variable that names the file of the command as another process compiled it.
pub(crate) const COMPILED_COMMAND: &str = "ENTRA_RISK_TEST_COMPILED_COMMAND";

#[expect(unsafe_code, reason = "the file was written by the process that started this one")]
fn compiled(file: &Path) -> Component {
    unsafe { Component::deserialize_file(&wasmtime::Engine::default(), file) }.expect("a component")
}

/// The gateway with env-token, ready to be instantiated.
pub(crate) fn gateway() -> &'static InstancePre<Host> {
    static GATEWAY: OnceLock<InstancePre<Host>> = OnceLock::new();
    GATEWAY.get_or_init(|| link(component("entra-risk-gateway")).expect("the gateway"))
}

/// The plugin with a token adapter, ready to be instantiated.
pub(crate) fn plugin_with(adapter: &str) -> PluginPre<Host> {
    let bytes = plug(&file(adapter), &file("entra-risk")).expect(adapter);
    let component = Component::from_binary(&wasmtime::Engine::default(), &bytes).expect(adapter);
    link(&component).and_then(PluginPre::new).expect(adapter)
}

/// The imports of a product, sorted.
pub(crate) fn imports(name: &str) -> Vec<String> {
    let DecodedWasm::Component(resolve, world) = decode(&fs::read(file(name)).expect(name)).expect(name) else {
        panic!("{name} is not a component");
    };
    let imports = resolve.worlds[world].imports.keys();
    let mut imports: Vec<String> = imports.map(|key| resolve.name_world_key(key)).collect();
    imports.sort();
    imports
}

/// The names of a product's imports, sorted, without the version of WASI that all must have.
pub(crate) fn wasi_imports(name: &str) -> String {
    let of_wasi = |import: &String| Some(import.strip_prefix("wasi:")?.strip_suffix("@0.2.2")?.to_owned());
    let imports: Vec<String> = imports(name).iter().map(|import| of_wasi(import).expect(import)).collect();
    imports.join(" ")
}

/// A component, ready to be instantiated in a host that grants all of WASI.
pub(crate) fn link(component: &Component) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = Linker::new(component.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.instantiate_pre(component)
}

/// The composition that `wac plug SOCKET --plug PLUG` makes.
fn plug(plug: &Path, socket: &Path) -> wasmtime::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut package = |name: &str, file: &Path| {
        let package = Package::from_file(name, None, file, graph.types_mut()).map_err(wasmtime::Error::msg)?;
        graph.register_package(package).context("registered")
    };
    let (plug, socket) = (package("entra:plug", plug)?, package("entra:socket", socket)?);
    wac_graph::plug(&mut graph, vec![plug], socket)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

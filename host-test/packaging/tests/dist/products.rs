//! What users get: what it asks for, how large it is, what it says of itself, and that anybody can make the same bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use host_test::dist::{PRODUCTS, workspace};
use wasm_metadata::Payload;
use wasmtime::Engine;
use wasmtime::component::Component;
use wit_parser::decoding::{DecodedWasm, decode};

/// 128 KiB for the plugin, with all that it says of itself.
const MAX_PLUGIN_SIZE: usize = 131_072;

/// 400 KiB for what is composed of three components.
const MAX_SIZE: usize = 409_600;

/// What each product may import, by its name without the flavour: interfaces of WASI and of the contract, or their
/// beginnings.
const IMPORTS: &[(&str, &[&str])] = &[
    ("entra-risk", &["clocks/monotonic-clock", "http/", "io/", "random/random", "risk/credentials"]),
    ("entra-risk-env-token", &["cli/environment"]),
    ("entra-risk-client-credentials", &["cli/environment", "clocks/monotonic-clock", "http/", "io/"]),
    ("entra-risk-cli", &["cli/", "clocks/", "filesystem/", "http/", "io/", "random/random"]),
    ("entra-risk-gateway", &["cli/environment", "clocks/monotonic-clock", "http/", "io/", "random/random"]),
];

#[test]
fn each_product_asks_for_no_more_than_it_needs() {
    let engine = Engine::default();
    for product in PRODUCTS {
        let component = Component::from_binary(&engine, &product.build().unwrap()).unwrap();
        let (_, allowed) = IMPORTS.iter().rfind(|(name, _)| product.name.starts_with(name)).unwrap();
        for (import, _) in component.component_type().imports(&engine) {
            let (_, interface) = import.split_once(':').unwrap();
            assert!(allowed.iter().any(|prefix| interface.starts_with(prefix)), "{} imports {import}", product.name);
        }
    }
}

#[test]
fn each_product_is_small_and_says_what_it_is() {
    for product in PRODUCTS {
        let bytes = product.build().unwrap();
        let most = if product.name == "entra-risk" { MAX_PLUGIN_SIZE } else { MAX_SIZE };
        assert!(bytes.len() <= most, "{}: {} bytes", product.name, bytes.len());
        let payload = Payload::from_binary(&bytes).unwrap();
        let metadata = payload.metadata();
        assert_eq!(metadata.name.as_deref(), Some(product.name));
        assert_eq!(metadata.version.as_ref().unwrap().to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata.licenses.as_ref().unwrap().to_string(), "Apache-2.0 OR MIT");
        assert!(metadata.description.is_some() && metadata.source.is_some());
    }
}

#[test]
fn documentation_is_inside_where_tools_look_for_it() {
    for product in PRODUCTS {
        let DecodedWasm::Component(resolve, world) = decode(&product.build().unwrap()).unwrap() else {
            panic!("{} is no component", product.name);
        };
        let docs = resolve.worlds[world].docs.contents.as_deref().unwrap_or_default();
        match product.name {
            "entra-risk" => assert!(docs.contains("dismiss-risky-users: Dismisses the risk of users"), "{docs}"),
            "entra-risk-env-token" | "entra-risk-client-credentials" => assert_eq!(docs, ""),
            _ => assert!(docs.contains("entra-risk as a"), "{docs}"),
        }
    }
}

#[test]
fn nothing_tells_on_which_machine_it_was_made() {
    let here = workspace().canonicalize().unwrap();
    let home = std::env::home_dir().unwrap();
    for product in PRODUCTS {
        let bytes = product.build().unwrap();
        for path in [&here, &home] {
            let path = path.to_str().unwrap().as_bytes();
            assert!(!bytes.windows(path.len()).any(|window| window == path), "{} names a folder", product.name);
        }
    }
}

#[test]
#[ignore = "builds every component again, which takes minutes"]
fn two_folders_give_the_same_bytes() {
    const PARTS: &[(&str, &str)] = &[
        ("entra-risk", env!("ENTRA_RISK_WASM")),
        ("entra-risk-env-token", env!("ENTRA_RISK_ENV_TOKEN_WASM")),
        ("entra-risk-client-credentials", env!("ENTRA_RISK_CLIENT_CREDENTIALS_WASM")),
        ("entra-risk-cli", env!("ENTRA_RISK_CLI_WASM")),
        ("entra-risk-gateway", env!("ENTRA_RISK_GATEWAY_WASM")),
    ];
    let folder = tempfile::tempdir().unwrap();
    for part in ["Cargo.toml", "Cargo.lock", ".cargo", "wit", "src", "adapters", "host-test"] {
        copy(&workspace().join(part), &folder.path().join(part));
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder.path()).args(["build", "--locked", "--release", "--target", "wasm32-unknown-unknown"]);
    cargo.args(["--target-dir", "elsewhere", "--config", env!("COMPONENT_CONFIG")]);
    cargo.args(PARTS.iter().flat_map(|(package, _)| ["-p", package]));
    assert!(cargo.status().unwrap().success());
    let there = folder.path().join("elsewhere/wasm32-unknown-unknown/release");
    for (package, here) in PARTS {
        let there = fs::read(there.join(package.replace('-', "_")).with_extension("wasm")).unwrap();
        assert!(fs::read(here).unwrap() == there, "{package} differs");
    }
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

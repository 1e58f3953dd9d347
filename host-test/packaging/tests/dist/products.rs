//! The files of `target/dist`: imports, sizes, metadata, documentation, and reproducibility.

use std::fs;
use std::path::Path;

use artifact::{Cargo, workspace};
use packaging::PRODUCTS;
use wasm_metadata::Payload;
use wit_parser::decoding::{DecodedWasm, decode};

use crate::compositions::{file, imports};

const KIB: usize = 1024;

/// Maximum size in bytes by a prefix of the name, including metadata and documentation.
const MAX_SIZES: &[(&str, usize)] = &[
    ("entra-risk", 120 * KIB),
    ("entra-risk-env-token", 20 * KIB),
    ("entra-risk-client-credentials", 120 * KIB),
    ("entra-risk-cli", 400 * KIB),
    ("entra-risk-gateway", 370 * KIB),
];

/// Prefixes of the interfaces that each product may import, by a prefix of its name.
const IMPORTS: &[(&str, &[&str])] = &[
    ("entra-risk", &["clocks/monotonic-clock", "http/", "io/", "random/random", "risk/credentials"]),
    ("entra-risk-env-token", &["cli/environment"]),
    ("entra-risk-client-credentials", &["cli/environment", "clocks/monotonic-clock", "http/", "io/"]),
    ("entra-risk-cli", &["cli/", "clocks/", "filesystem/", "http/", "io/", "random/random"]),
    ("entra-risk-gateway", &["cli/environment", "cli/stderr", "clocks/", "http/", "io/", "random/random"]),
];

#[test]
fn products_import_only_allowed_interfaces() {
    for product in PRODUCTS {
        let allowed = by_prefix(IMPORTS, product.name);
        for import in imports(product.name) {
            let (_, interface) = import.split_once(':').unwrap();
            assert!(allowed.iter().any(|prefix| interface.starts_with(prefix)), "{} imports {import}", product.name);
        }
    }
}

#[test]
fn products_are_small_and_contain_metadata() {
    for product in PRODUCTS {
        let bytes = read(product.name);
        println!("{}: {} bytes", product.name, bytes.len());
        assert!(bytes.len() <= by_prefix(MAX_SIZES, product.name), "{}: {} bytes", product.name, bytes.len());
        let payload = Payload::from_binary(&bytes).unwrap();
        let metadata = payload.metadata();
        assert_eq!(metadata.name.as_deref(), Some(product.name));
        assert_eq!(metadata.version.as_ref().unwrap().to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata.licenses.as_ref().unwrap().to_string(), "Apache-2.0 OR MIT");
        assert!(metadata.description.is_some());
    }
}

#[test]
fn products_contain_their_documentation() {
    for product in PRODUCTS {
        let DecodedWasm::Component(resolve, world) = decode(&read(product.name)).unwrap() else {
            panic!("{} is not a component", product.name);
        };
        let docs = resolve.worlds[world].docs.contents.as_deref().unwrap_or_default();
        match product.name {
            "entra-risk" => assert!(docs.contains("dismiss-risky-users: Dismisses the risk of users"), "{docs}"),
            "entra-risk-env-token" | "entra-risk-client-credentials" => assert_eq!(docs, ""),
            _ => assert!(docs.starts_with("entra-risk as a"), "{docs}"),
        }
    }
}

#[test]
fn products_contain_no_path_of_this_machine() {
    let here = workspace().canonicalize().unwrap();
    let home = std::env::home_dir().unwrap();
    for product in PRODUCTS {
        let bytes = read(product.name);
        for path in [&here, &home] {
            let path = path.to_str().unwrap().as_bytes();
            assert!(!bytes.windows(path.len()).any(|window| window == path), "{} contains a path", product.name);
        }
    }
}

/// Documentation of a composition is written by hand: it must name every package of WASI that the composition imports,
/// and the variables that its token adapter reads.
#[test]
fn documentation_of_compositions_names_their_imports_and_variables() {
    let is_app =
        |name: &str| ["entra-risk-cli", "entra-risk-gateway"].contains(&name.trim_end_matches("-client-credentials"));
    for product in PRODUCTS.iter().filter(|product| is_app(product.name)) {
        let DecodedWasm::Component(resolve, world) = decode(&read(product.name)).unwrap() else { panic!("a package") };
        let world = &resolve.worlds[world];
        let docs = world.docs.contents.as_deref().unwrap_or_default();
        for import in world.imports.keys().map(|key| resolve.name_world_key(key)) {
            let package = import.split_once('/').expect("an interface").0;
            assert!(docs.contains(package), "{}: {package} is not documented", product.name);
        }
        for (variable, adapter) in [("GRAPH_TOKEN", false), ("AZURE_CLIENT_ID", true)] {
            assert_eq!(docs.contains(variable), product.name.ends_with("client-credentials") == adapter);
        }
    }
}

#[test]
fn the_plugin_is_the_one_that_its_tests_load() {
    assert!(read("entra-risk") == fs::read(host_test::component::FILE).unwrap());
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
    for entry in fs::read_dir(workspace()).unwrap() {
        let name = entry.unwrap().file_name();
        // Not part of the workspace: `target` and `examples` contain gigabytes that no component is built from.
        if !["target", ".git", "examples", "fuzz"].iter().any(|other| name == *other) {
            copy(&workspace().join(&name), &folder.path().join(&name));
        }
    }
    let cargo = Cargo {
        folder: folder.path().to_owned(),
        manifest: folder.path().join("Cargo.toml"),
        target_dir: folder.path().join("elsewhere"),
    };
    for (package, here) in PARTS {
        let there = cargo.build(package).unwrap();
        assert!(fs::read(here).unwrap() == fs::read(there).unwrap(), "{package} differs");
    }
}

/// The value of the longest prefix that the name begins with.
fn by_prefix<T: Copy>(values: &[(&str, T)], name: &str) -> T {
    let prefixes = values.iter().filter(|(prefix, _)| name.starts_with(prefix));
    prefixes.max_by_key(|(prefix, _)| prefix.len()).expect(name).1
}

fn read(name: &str) -> Vec<u8> {
    fs::read(file(name)).unwrap()
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

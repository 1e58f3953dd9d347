//! The files of `target/dist`: imports, sizes, metadata and documentation.

use std::fs;

use packaging::{PRODUCTS, workspace};
use wasm_metadata::Payload;
use wit_parser::decoding::{DecodedWasm, decode};

use crate::compositions::{file, imports};

const KIB: usize = 1024;

/// The maximum size in bytes of a product, including metadata and documentation, and the prefixes
/// of the interfaces that it may import.
const PRODUCT_LIMITS: &[(&str, usize, &[&str])] = &[
    ("entra-risk", 163 * KIB, &["clocks/monotonic-clock", "http/", "io/", "random/random", "risk/credentials"]),
    ("entra-risk-with-turns", 168 * KIB, PLUGIN_WITH_TURNS),
    ("entra-risk-reader", 130 * KIB, &["clocks/monotonic-clock", "http/", "io/", "random/random", "risk/credentials"]),
    ("entra-risk-keyvalue-turns", 32 * KIB, &["clocks/wall-clock", "keyvalue/"]),
    ("entra-risk-keyvalue", 200 * KIB, &["clocks/", "http/", "io/", "keyvalue/", "random/random", "risk/credentials"]),
    ("entra-risk-env-token", 36 * KIB, &["cli/environment"]),
    ("entra-risk-default-credential", 136 * KIB, &["cli/environment", "clocks/", "filesystem/", "http/", "io/"]),
    ("entra-risk-cli", 788 * KIB, &["cli/", "clocks/", "filesystem/", "http/", "io/", "random/random"]),
    (
        "entra-risk-gateway",
        520 * KIB,
        &["cli/environment", "cli/stderr", "clocks/", "filesystem/", "http/", "io/", "random/random"],
    ),
    (
        "entra-risk-gateway-uncomposed",
        212 * KIB,
        &[
            "cli/environment",
            "cli/stderr",
            "clocks/",
            "http/types",
            "io/",
            "random/random",
            "risk/actions",
            "risk/calls",
        ],
    ),
    (
        "entra-risk-command",
        648 * KIB,
        &["cli/", "clocks/", "filesystem/", "http/", "io/", "random/random", "risk/credentials"],
    ),
];

const PLUGIN_WITH_TURNS: &[&str] =
    &["clocks/monotonic-clock", "http/", "io/", "random/random", "risk/credentials", "risk/turns"];

/// The apps, each composed with the plugin and the adapter for every credential.
const APPS: [&str; 2] = ["entra-risk-cli", "entra-risk-gateway"];

/// The variables that the documentation of an app names.
const VARIABLES: [&str; 6] = [
    "GRAPH_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "IDENTITY_ENDPOINT",
    "ENTRA_RISK_CREDENTIAL",
    "ENTRA_RISK_ALLOWED_ENDPOINTS",
];

#[test]
fn products_import_only_allowed_interfaces() {
    for product in PRODUCTS {
        let (_, allowed) = limits(product.name);
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
        let (max, _) = limits(product.name);
        assert!(bytes.len() <= max, "{}: {} bytes", product.name, bytes.len());
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
            "entra-risk" | "entra-risk-with-turns" => {
                assert!(docs.contains("dismiss-risky-users: Dismisses the risk of users"), "{docs}")
            }
            "entra-risk-reader" => assert!(docs.contains("Lists what is at risk") && docs.contains("next: "), "{docs}"),
            "entra-risk-keyvalue" => assert!(docs.starts_with("entra-risk for many instances"), "{docs}"),
            name if APPS.contains(&name) => assert!(docs.starts_with("entra-risk as a"), "{docs}"),
            _ => assert_eq!(docs, ""),
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

/// Documentation of a composition is written by hand: it must name every package of WASI that the
/// composition imports, and the variables that choose a credential.
#[test]
fn documentation_of_compositions_names_their_imports_and_variables() {
    for app in APPS {
        let DecodedWasm::Component(resolve, world) = decode(&read(app)).unwrap() else { panic!("a package") };
        let world = &resolve.worlds[world];
        let docs = world.docs.contents.as_deref().unwrap_or_default();
        for import in world.imports.keys().map(|key| resolve.name_world_key(key)) {
            let package = import.split_once('/').expect("an interface").0;
            assert!(docs.contains(package), "{app}: {package} is not documented");
        }
        for variable in VARIABLES {
            assert!(docs.contains(variable), "{app}: {variable} is not documented");
        }
    }
}

#[test]
fn plugin_and_reader_are_those_that_their_tests_load() {
    assert!(read("entra-risk") == fs::read(host_test::component::FILE).unwrap());
    assert!(read("entra-risk-reader") == fs::read(host_test::reader::FILE).unwrap());
}

/// The maximum size and the allowed imports of a product.
fn limits(name: &str) -> (usize, &'static [&'static str]) {
    let (_, size, imports) = PRODUCT_LIMITS.iter().find(|(known, ..)| *known == name).expect(name);
    (*size, imports)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(file(name)).unwrap()
}

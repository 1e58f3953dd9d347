//! Builds the components that the tests load, with a cargo of its own for the WebAssembly target, and tells where they
//! are: `ENTRA_RISK_WASM` for the package `entra-risk`, and so on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-unknown-unknown";

/// Packages that are components, and what each is built from, relative to the workspace.
const COMPONENTS: &[(&str, &[&str])] = &[
    ("entra-risk", &["src", "wit"]),
    ("entra-risk-cli", &["adapters/account", "adapters/cli"]),
    ("entra-risk-gateway", &["adapters/account", "adapters/gateway"]),
    ("entra-risk-env-token", &["adapters/env-token"]),
    ("entra-risk-client-credentials", &["adapters/client-credentials"]),
    ("bare-request", &["host-test/guests/bare-request/src"]),
];

/// Variables of the cargo that runs this script. They say how to build for the host, and would replace the flags of
/// `.cargo/config.toml` or put clippy in the compiler's place.
const OUTER: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "MAKEFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];
const OUTER_PREFIXES: &[&str] = &["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PROFILE_", "CARGO_TARGET_WASM32_"];

fn main() {
    let workspace = path("CARGO_MANIFEST_DIR").join("..");
    // Beside the outer cargo's `debug` and `release`, whose locks it holds while this script runs.
    let target_dir = path("OUT_DIR").ancestors().nth(4).map(|target| target.join("component")).unwrap_or_default();

    println!("cargo::rerun-if-changed=build.rs");
    for input in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }

    add_target();
    let config = config();
    println!("cargo::rustc-env=COMPONENT_CONFIG={config}");
    let mut cargo = cargo(&workspace, &target_dir);
    cargo.args(["--config", &config]);
    for (package, inputs) in COMPONENTS {
        for input in *inputs {
            println!("cargo::rerun-if-changed={}", workspace.join(input).display());
        }
        cargo.args(["-p", package]);
    }
    run(&mut cargo, "the component does not build: see above");

    for (package, _) in COMPONENTS {
        let file = package.replace('-', "_");
        let built = target_dir.join(TARGET).join("release").join(&file).with_extension("wasm");
        println!("cargo::rustc-env={}_WASM={}", file.to_uppercase(), built.display());
    }
}

/// Flags that keep the folder of the crates, which differs from machine to machine, out of the components. Cargo adds
/// them to those of `.cargo/config.toml`.
fn config() -> String {
    let home = env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", env::var("HOME").unwrap_or_default()));
    format!("target.{TARGET}.rustflags=['--remap-path-prefix={home}=cargo']")
}

fn path(variable: &str) -> PathBuf {
    PathBuf::from(env::var_os(variable).unwrap_or_default())
}

fn cargo(workspace: &Path, target_dir: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace).args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(target_dir);
    for (name, _) in env::vars_os() {
        let outer =
            name.to_str().is_some_and(|n| OUTER.contains(&n) || OUTER_PREFIXES.iter().any(|p| n.starts_with(p)));
        if outer {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Adds the WebAssembly target where the compiler lacks it.
fn add_target() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let present = libdir.is_ok_and(|out| Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir());
    if !present {
        run(
            Command::new("rustup").args(["target", "add", TARGET]),
            "the compiler has no target wasm32-unknown-unknown, and it could not be added.\n\
             Type: rustup target add wasm32-unknown-unknown\n\
             (without rustup: install the standard library for that target as your system provides it)",
        );
    }
}

/// Runs a command, or ends the build with `otherwise`.
fn run(command: &mut Command, otherwise: &str) {
    let failed = match command.status() {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    eprintln!("{}: {failed}\n\n{otherwise}", command.get_program().display());
    exit(1);
}

//! Builds components with a cargo of their own: it has its own target folder, and none of the
//! environment variables by which the outer cargo configures builds for the host.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of the components.
const PROFILE: &str = "component";

/// Variables of the outer cargo. They configure builds for the host, and would replace the flags of
/// `.cargo/config.toml` or run clippy instead of the compiler.
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

/// A package that is a component.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The name of the package.
    pub package: &'static str,
    /// The feature that it is built with, if it is not built without features. It is part of the
    /// names of the file and of the variable.
    pub feature: Option<&'static str>,
    /// The files and folders it is built from, relative to the workspace. Those that do not exist
    /// are ignored.
    pub inputs: &'static [&'static str],
}

/// How to build components.
#[derive(Debug, Clone)]
pub struct Cargo {
    /// The folder in which cargo runs: the `.cargo/config.toml` in it applies.
    pub folder: PathBuf,
    /// The manifest of the workspace.
    pub manifest: PathBuf,
    /// The target folder.
    pub target_dir: PathBuf,
}

impl Cargo {
    /// Builds a component and returns its file. Each component is built by itself, because features
    /// of a dependency that only one of them needs would become part of all that are built
    /// together.
    ///
    /// # Errors
    /// If the component does not build, or if the compiler lacks the WebAssembly target and it
    /// cannot be installed.
    pub fn build(&self, package: &str, feature: Option<&str>) -> Result<PathBuf> {
        self.build_with(package, feature, &[])
    }

    /// Does the same as [`Cargo::build`] without optimizing across crates: the component behaves
    /// the same, and builds several times as fast.
    ///
    /// # Errors
    /// As [`Cargo::build`].
    pub fn build_quickly(&self, package: &str, feature: Option<&str>) -> Result<PathBuf> {
        self.build_with(package, feature, &["profile.component.lto=false", "profile.component.codegen-units=16"])
    }

    fn build_with(&self, package: &str, feature: Option<&str>, configuration: &[&str]) -> Result<PathBuf> {
        add_target()?;
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.folder).args(["build", "--profile", PROFILE, "--target", TARGET, "--package", package]);
        cargo.arg("--manifest-path").arg(&self.manifest).arg("--target-dir").arg(&self.target_dir);
        cargo.args(feature.iter().flat_map(|feature| ["--features", feature]));
        cargo.args(["--config", &remap_path_prefix()]);
        cargo.args(configuration.iter().flat_map(|value| ["--config", value]));
        for (name, _) in env::vars_os() {
            let outer =
                name.to_str().is_some_and(|n| OUTER.contains(&n) || OUTER_PREFIXES.iter().any(|p| n.starts_with(p)));
            if outer {
                cargo.env_remove(name);
            }
        }
        run(&mut cargo).with_context(|| format!("the component {package} does not build"))?;
        let folder = self.target_dir.join(TARGET).join(PROFILE);
        let built = folder.join(package.replace('-', "_")).with_extension("wasm");
        // Cargo gives the package the same name with every feature.
        let name = [Some(package), feature].into_iter().flatten().collect::<Vec<_>>().join("-");
        let file = folder.join(name).with_extension("wasm");
        fs::copy(built, &file)?;
        Ok(file)
    }
}

/// The body of a build script: builds components of this workspace, sets `ENTRA_RISK_WASM` to the
/// file of the package `entra-risk`, `ENTRA_RISK_TURNS_WASM` to that of its feature `turns` and
/// so on, makes the script run again whenever an input changes, and returns the files.
///
/// # Errors
/// As [`Cargo::build`].
pub fn build_script<const N: usize>(components: [Component; N]) -> Result<[PathBuf; N]> {
    let workspace = workspace();
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    // Outside `debug` and `release`, because the outer cargo holds their locks while a build script
    // runs.
    let target_dir = target_dir(&out_dir).context("OUT_DIR is not in a target folder")?.join("component");
    let cargo = Cargo { folder: workspace.clone(), manifest: workspace.join("Cargo.toml"), target_dir };

    println!("cargo::rerun-if-changed=build.rs");
    let inputs = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"];
    let inputs = inputs.iter().chain(components.iter().flat_map(|component| component.inputs));
    // A path that does not exist would make the script run every time.
    for path in inputs.map(|input| workspace.join(input)).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let mut files = [const { PathBuf::new() }; N];
    for (component, file) in components.iter().zip(&mut files) {
        *file = cargo.build(component.package, component.feature)?;
        let name = [Some(component.package), component.feature].into_iter().flatten().collect::<Vec<_>>().join("_");
        let variable = name.replace('-', "_").to_uppercase();
        println!("cargo::rustc-env={variable}_WASM={}", file.display());
    }
    Ok(files)
}

/// The target folder that contains `OUT_DIR`, which is `target/PROFILE/build/PACKAGE/out`.
pub fn target_dir(out_dir: &Path) -> Option<&Path> {
    out_dir.ancestors().nth(4)
}

/// A configuration that keeps the folder of cargo's registry, which differs between machines, out
/// of the components. Cargo adds these flags to those of `.cargo/config.toml`.
pub fn remap_path_prefix() -> String {
    let home = env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", env::var("HOME").unwrap_or_default()));
    format!("target.{TARGET}.rustflags=['--remap-path-prefix={home}=cargo']")
}

/// Adds the WebAssembly target if the compiler lacks it.
fn add_target() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    if libdir.is_ok_and(|out| Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir()) {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", TARGET])).context(
        "the compiler has no target wasm32-unknown-unknown, and it could not be added.\n\
         Run: rustup target add wasm32-unknown-unknown\n\
         (without rustup: install the standard library for that target as your system provides it)",
    )
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| program.clone())?;
    ensure!(output.status.success(), "{program}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(())
}

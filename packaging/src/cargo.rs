//! Builds components with a cargo of their own: it has its own target folder, and none of the
//! environment variables by which the outer cargo configures builds for the host.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of the components.
const PROFILE: &str = "component";

/// Builds without optimizing across crates: the components behave the same, and build several times
/// as fast.
const QUICK: [&str; 4] = ["--config", "profile.component.lto=false", "--config", "profile.component.codegen-units=16"];

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

/// How to build components.
#[derive(Debug, Clone)]
pub struct Cargo {
    /// The folder in which cargo runs: the `.cargo/config.toml` in it applies.
    pub folder: PathBuf,
    /// The manifest of the workspace.
    pub manifest: PathBuf,
    /// The target folder.
    pub target_dir: PathBuf,
    /// Builds in less time components that are larger.
    pub is_quick: bool,
}

impl Cargo {
    /// Builds the components of this workspace, as they are published, in a folder of this target
    /// folder.
    pub fn of_workspace(target_dir: &Path) -> Cargo {
        Cargo {
            folder: workspace(),
            manifest: workspace().join("Cargo.toml"),
            // Outside `debug` and `release`, because the outer cargo holds their locks while a build
            // script runs.
            target_dir: target_dir.join("component"),
            is_quick: false,
        }
    }

    /// Builds the components of these packages together, and returns their bytes. A feature that
    /// one of the packages needs of a dependency becomes part of all of them.
    ///
    /// # Errors
    /// If a component does not build, or if the compiler lacks the WebAssembly target and it cannot
    /// be installed.
    pub fn build<const N: usize>(&self, packages: [&str; N], feature: Option<&str>) -> Result<[Vec<u8>; N]> {
        add_target()?;
        fs::create_dir_all(&self.target_dir)?;
        // The file of a package has the same name with every feature: no other process may replace it
        // until it is read.
        let lock = File::create(self.target_dir.join("packaging.lock"))?;
        lock.lock()?;

        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.folder).args(["build", "--profile", PROFILE, "--target", TARGET]);
        cargo.arg("--manifest-path").arg(&self.manifest).arg("--target-dir").arg(&self.target_dir);
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        cargo.args(feature.iter().flat_map(|feature| ["--features", feature]));
        cargo.args(["--config", &remap_path_prefix()]);
        if self.is_quick {
            cargo.args(QUICK);
        }
        for (name, _) in env::vars_os() {
            let outer =
                name.to_str().is_some_and(|n| OUTER.contains(&n) || OUTER_PREFIXES.iter().any(|p| n.starts_with(p)));
            if outer {
                cargo.env_remove(name);
            }
        }
        run(&mut cargo).with_context(|| format!("these components do not build: {}", packages.join(", ")))?;

        let folder = self.target_dir.join(TARGET).join(PROFILE);
        let mut components = [const { Vec::new() }; N];
        for (package, component) in packages.iter().zip(&mut components) {
            let file = folder.join(package.replace('-', "_")).with_extension("wasm");
            *component = fs::read(&file).with_context(|| file.display().to_string())?;
        }
        Ok(components)
    }
}

/// A configuration that keeps the folder of cargo's registry, which differs between machines, out
/// of the components. Cargo adds these flags to those of `.cargo/config.toml`.
fn remap_path_prefix() -> String {
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

//! Contains no code. Cargo builds a dependency once for each set of features, and each command selects packages of its own: with the
//! features in `Cargo.toml`, `cargo run -p host-test` and `cargo test --workspace` share one build of wasmtime.

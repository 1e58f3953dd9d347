//! Tests of the engine, in one program: it is linked once.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may fail"
)]

mod bisection;
mod faults;
mod fuzz_seeds;
mod imports;
mod properties;
mod query;
mod rate;
mod sequences;
mod service;
mod turns;

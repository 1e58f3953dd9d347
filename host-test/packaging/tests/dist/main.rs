//! Tests of what users get: the apps, the token adapters, and all files of `target/dist`.

mod cli;
mod compositions;
mod gateway;
mod products;
mod token_adapters;
mod token_upload;

//! Tests of what users get: the apps, the token adapters, and all files of `target/dist`.

mod cli;
mod cli_endings;
mod cli_files;
mod cli_interruption;
mod cli_log_time;
mod cli_progress;
mod cli_terminal;
mod compositions;
mod gateway;
mod gateway_audit;
mod gateway_audit_time;
mod gateway_call;
mod gateway_instance;
mod gateway_keys;
mod playbooks;
mod products;
mod shell;
mod token_adapter;
mod token_adapters;
mod token_compositions;
mod token_destinations;
mod token_managed_identity;
mod token_retries;
mod token_upload;
mod token_workload_identity;
mod tools;

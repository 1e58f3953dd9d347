//! `bench` measures the plugin and the gateway against the model of Microsoft Graph. The results
//! are in `docs/benchmarks.md`.

mod client;
mod figures;
mod gateway_load;
mod tenants;

use clap::Parser;

/// Measures the plugin and the gateway against the model of Microsoft Graph.
#[derive(Parser)]
enum Command {
    /// Measures large runs, network conditions and the search for bad ids in virtual time, and
    /// writes their tables and plots. The same sources give the same bytes.
    Figures(figures::Arguments),
    /// Runs many tenants in one process, each with its own instance, and prints the cost of one.
    Tenants(tenants::Arguments),
    /// Measures the gateway in `wasmtime serve`, and checks its responses and its audit log.
    GatewayLoad(gateway_load::Arguments),
}

fn main() -> wasmtime::Result<()> {
    match Command::parse() {
        Command::Figures(arguments) => figures::write(&arguments),
        Command::Tenants(arguments) => tenants::measure(&arguments),
        Command::GatewayLoad(arguments) => gateway_load::measure(arguments),
    }
}

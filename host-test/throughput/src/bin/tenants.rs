//! `tenants` keeps many tenants in one process, each with an instance of its own, all at work at the same time, and
//! prints what one costs.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use host_test::engine::Engine;
use host_test::graph::{Graph, Settings};
use host_test::host::{Host, Way};
use host_test::plugin::{Action, Plugin, canary};
use host_test::simulation::virtual_time;
use tokio::task::JoinSet;
use uuid::Uuid;
use wasmtime::error::Context;

/// Keeps many tenants in one process, each with an instance of its own, all at work at the same time in virtual time.
#[derive(Parser)]
struct Arguments {
    /// Tenants.
    #[arg(long, default_value_t = 1_000)]
    tenants: u32,
    /// Risky users of each.
    #[arg(long, default_value_t = 600)]
    users: u32,
}

fn main() -> wasmtime::Result<()> {
    let Arguments { tenants, users } = Arguments::parse();
    let engine = Engine::shared();
    let ids: Arc<Vec<String>> = Arc::new((1..=users).map(|n| Uuid::from_u128(n.into()).to_string()).collect());
    virtual_time(async {
        let before = resident()?;
        let mut plugins = Vec::new();
        for tenant in 0..tenants {
            let graph = Arc::new(Graph::new(Settings { seed: tenant.into(), ..Settings::default() }));
            plugins.push(Plugin::new(engine, Host::new(Way::Stub(graph), canary(), tenant.into())).await?);
        }
        let idle = resident()?;

        let (wall, processor) = (Instant::now(), processor_nanos()?);
        let passed = tokio::time::Instant::now();
        let mut work = JoinSet::new();
        for mut plugin in plugins {
            let ids = Arc::clone(&ids);
            work.spawn(async move {
                let said = plugin.call(Action::DismissRiskyUsers, &ids, None).await;
                said.map(|said| (plugin, said.is_ok()))
            });
        }
        let mut done = Vec::new();
        for said in work.join_all().await {
            let (plugin, whole) = said?;
            wasmtime::ensure!(whole, "a tenant's users were not all dismissed");
            done.push(plugin);
        }
        let busy = resident()?;
        let processor = processor_nanos()? - processor;
        let requests = u64::from(tenants) * u64::from(users.div_ceil(60));
        let memory = done.iter().map(Plugin::memory).max().unwrap_or_default();
        let each = |bytes: u64| bytes / 1_024 / u64::from(tenants);
        println!(
            "{tenants} tenants of {users} users: {requests} requests in {:.1} s of virtual time",
            passed.elapsed().as_secs_f64()
        );
        println!(
            "resident memory a tenant: {} KiB before its call, {} KiB after",
            each(idle - before),
            each(busy - before)
        );
        println!("linear memory a tenant: at most {} KiB", memory / 1_024);
        println!("processor time a request: {:.0} µs", processor as f64 / 1e3 / requests as f64);
        println!("real time: {:.2} s", wall.elapsed().as_secs_f64());
        Ok(())
    })
}

/// Bytes of this process that are in memory, as Linux counts them.
fn resident() -> wasmtime::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}

/// Nanoseconds that this thread had a processor, as Linux counts them.
fn processor_nanos() -> wasmtime::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().context("no time in schedstat")?.parse()?)
}

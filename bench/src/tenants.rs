//! Many tenants in one process at the same time, each with its own instance: the cost of one.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use tokio::task::JoinSet;
use wasmtime::error::Context;
use wasmtime::{Result, ensure};

use crate::client::ids;

/// How many tenants to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The number of tenants.
    #[arg(long, default_value_t = 1_000)]
    tenants: u32,
    /// Risky users of each tenant.
    #[arg(long, default_value_t = 600)]
    users: u32,
}

/// Runs the tenants in virtual time, and prints what one costs.
pub(crate) fn measure(&Arguments { tenants, users }: &Arguments) -> Result<()> {
    // Without a pool, 10,000 instances take more mappings than Linux allows a process: 65,530.
    let component = PluginComponent::pooled(tenants)?;
    let ids: Arc<Vec<String>> = Arc::new(ids(users as usize));
    virtual_time(async {
        let before = memory("VmRSS:")?;
        let mut plugins = Vec::new();
        for tenant in 0..tenants {
            let graph = Arc::new(Graph::new(Settings { seed: tenant.into(), ..Settings::default() }));
            plugins
                .push(Plugin::new(&component, Host::new(Outbound::InProcess(graph), canary(), tenant.into())).await?);
        }
        let idle = memory("VmRSS:")?;

        let (wall, processor) = (Instant::now(), processor_nanos()?);
        let virtual_start = tokio::time::Instant::now();
        let mut calls = JoinSet::new();
        for mut plugin in plugins {
            let ids = Arc::clone(&ids);
            calls.spawn(async move {
                let result = plugin.call(Action::DismissRiskyUsers, &ids, None).await;
                result.map(|result| (plugin, result.is_ok()))
            });
        }
        let mut done = Vec::new();
        for call in calls.join_all().await {
            let (plugin, accepted) = call?;
            ensure!(accepted, "some users were not dismissed");
            done.push(plugin);
        }
        let (after, peak) = (memory("VmRSS:")?, memory("VmHWM:")?);
        let processor = processor_nanos()? - processor;
        let requests = u64::from(tenants) * u64::from(users.div_ceil(60));
        let linear = done.iter().map(Plugin::memory).max().unwrap_or_default();
        let each = |bytes: u64| bytes / 1_024 / u64::from(tenants);
        println!(
            "{tenants} tenants of {users} users: {requests} requests in {:.1} s of virtual time",
            virtual_start.elapsed().as_secs_f64()
        );
        println!(
            "resident memory per tenant, with its model of Microsoft Graph: {} KiB idle, {} KiB at the peak, {} KiB after",
            each(idle - before),
            each(peak - before),
            each(after - before)
        );
        println!("linear memory per tenant: at most {} KiB", linear / 1_024);
        println!("processor time per request: {:.0} µs", processor as f64 / 1e3 / requests as f64);
        println!("real time: {:.2} s", wall.elapsed().as_secs_f64());
        Ok(())
    })
}

/// Resident memory of this process in bytes, now or at its peak, from Linux.
fn memory(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}

/// Processor time of this thread in nanoseconds, from Linux.
fn processor_nanos() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().context("no time in schedstat")?.parse()?)
}

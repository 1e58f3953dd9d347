//! The cost of the plugin for its host: of an instance, and of a warm call that sends one request,
//! compared with a guest that only sends the same request. The service responds immediately, in
//! this process; time is virtual.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use graph_model::{Behavior, Reply, Request, Response, Service};
use host_test::bindings::actions::{Options, RateLimit};
use host_test::component::{PluginComponent, grant};
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, CANARY, Plugin, canary};
use packaging::{Cargo, workspace};
use tokio::runtime::Runtime;
use uuid::Uuid;
use wasmtime::Store;
use wasmtime::component::{Component, InstancePre, TypedFunc};

/// Accepts every request.
struct AcceptAll;

impl Service for AcceptAll {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        Reply::at_once(Behavior::Complete(response))
    }
}

type Dismiss<'a> = TypedFunc<(&'a [String], &'a str), (u16,)>;

fn host() -> Host {
    Host::new(Outbound::InProcess(Arc::new(AcceptAll)), canary(), 0)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// The guest that only sends, in the same engine. It is built like the plugin.
fn bare(plugin: &PluginComponent) -> InstancePre<Host> {
    let engine = plugin.component().engine();
    let cargo = Cargo::of_workspace(&workspace().join("target"));
    let [bytes] = cargo.build(["bare-request"], None).expect("the bare guest builds");
    let component = Component::from_binary(engine, &bytes).expect("the bare guest");
    grant(engine).and_then(|linker| linker.instantiate_pre(&component)).expect("the bare guest")
}

fn instances(criterion: &mut Criterion) {
    let plugin = PluginComponent::pooled(10).expect("the plugin");
    let bare = bare(&plugin);
    let runtime = runtime();
    // Instantiation alone, the same for both. The typed functions of wasmtime's bindings then
    // compare the types of all exports, name by name, in every instance: that is work of the host,
    // shown by itself.
    let mut group = criterion.benchmark_group("instance");
    for (name, component) in [("plugin", plugin.instance_pre()), ("bare request", &bare)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut store = Store::new(component.engine(), host());
                runtime.block_on(component.instantiate_async(&mut store)).expect("an instance")
            });
        });
    }
    group.bench_function("plugin, with typed functions", |bencher| {
        bencher.iter(|| runtime.block_on(Plugin::new(&plugin, host())).expect("an instance"));
    });
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let plugin = PluginComponent::pooled(10).expect("the plugin");
    let bare = bare(&plugin);
    let runtime = runtime();
    // High enough that no call waits.
    let rate_limit = RateLimit { requests: 1_000, window_ms: 1 };
    let options = Options { rate_limit: Some(rate_limit), ..Options::default() };
    for count in [1, 60] {
        let ids: Vec<String> = (1..=count).map(|n| Uuid::from_u128(n).to_string()).collect();
        let mut group = criterion.benchmark_group(format!("warm call, ids: {count}"));
        // An instance per sample, because its host records every request.
        group.bench_function("plugin", |bencher| {
            bencher.iter_custom(|iterations| {
                let mut plugin = runtime.block_on(Plugin::new(&plugin, host())).expect("an instance");
                warm(iterations, || {
                    let result = runtime.block_on(plugin.call(Action::DismissRiskyUsers, &ids, Some(&options)));
                    assert!(result.expect("no trap").is_ok());
                })
            });
        });
        group.bench_function("plugin, through calls", |bencher| {
            bencher.iter_custom(|iterations| {
                let mut plugin = runtime.block_on(Plugin::new(&plugin, host())).expect("an instance");
                warm(iterations, || {
                    let driven = runtime.block_on(plugin.drive(Action::DismissRiskyUsers, &ids, Some(&options), None));
                    assert!(driven.expect("no trap").is_ok());
                })
            });
        });
        group.bench_function("bare request", |bencher| {
            bencher.iter_custom(|iterations| {
                let mut store = Store::new(bare.engine(), host());
                let instance = runtime.block_on(bare.instantiate_async(&mut store)).expect("an instance");
                let dismiss: Dismiss = instance.get_typed_func(&mut store, "dismiss").expect("its export");
                warm(iterations, || {
                    let result = runtime.block_on(dismiss.call_async(&mut store, (&ids[..], CANARY)));
                    assert_eq!(result.expect("no trap"), (204,));
                })
            });
        });
        group.finish();
    }
}

/// The time of this many calls after a first one.
fn warm(iterations: u64, mut call: impl FnMut()) -> Duration {
    call();
    let start = Instant::now();
    (0..iterations).for_each(|_| call());
    start.elapsed()
}

criterion_group!(benches, instances, calls);
criterion_main!(benches);

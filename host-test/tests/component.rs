//! The plugin as users get it: its imports, exports, size and memory.

use std::collections::BTreeSet;
use std::fs;

use host_test::bindings::actions::Options;
use host_test::component::{FILE, PluginComponent, grant};
use host_test::examples::EXAMPLES;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::{Script, accepted};
use uuid::Uuid;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

const KIB: usize = 1024;

#[test]
fn imports_are_those_of_the_world() {
    let component = PluginComponent::shared().component();
    let ty = component.component_type();
    let imports: BTreeSet<&str> = ty.imports(component.engine()).map(|(name, _)| name).collect();
    let granted = BTreeSet::from([
        "entra:risk/credentials@0.1.0",
        "wasi:clocks/monotonic-clock@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
        "wasi:random/random@0.2.2",
    ]);
    assert_eq!(imports, granted);
}

#[test]
fn exports_are_the_four_functions_and_calls() {
    let component = PluginComponent::shared().component();
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(component.engine()).collect();
    let [("entra:risk/actions@0.1.0", actions), ("entra:risk/calls@0.1.0", calls)] = exports.as_slice() else {
        panic!("exports: {exports:?}")
    };
    let functions = |interface: &ComponentItem| -> Vec<String> {
        let ComponentItem::ComponentInstance(interface) = interface else { panic!("{interface:?}") };
        let exports = interface.exports(component.engine());
        let functions = exports.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
        functions.map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(functions(&actions.ty), Action::FUNCTIONS.map(Action::name));
    let calls = functions(&calls.ty);
    assert_eq!(calls, ["[static]call.start", "[method]call.next", "[method]call.stop", "[method]call.report"]);
    assert_eq!(EXAMPLES.map(|example| example.action), Action::ALL);
}

#[test]
fn a_component_with_another_import_is_rejected() {
    // The same component with one import renamed; both names have the same length.
    let mut bytes = fs::read(FILE).expect("the plugin");
    let (clock, more) = (b"wasi:clocks/monotonic-clock@", b"wasi:sockets/ip-name-lookup@");
    let mut found = 0;
    for at in 0..bytes.len() - clock.len() {
        if bytes[at..].starts_with(clock) {
            bytes[at..at + clock.len()].copy_from_slice(more);
            found += 1;
        }
    }
    assert!(found > 0);
    let engine = PluginComponent::shared().component().engine();
    let component = Component::new(engine, &bytes).expect("a valid component");
    let refusal = grant(engine).and_then(|linker| linker.instantiate_pre(&component)).err().expect("rejected");
    assert!(format!("{refusal:?}").contains("wasi:sockets/ip-name-lookup"), "{refusal:?}");
}

#[test]
fn size_is_at_most_163_kib() {
    let size = fs::metadata(FILE).expect("the plugin").len() as usize;
    println!("{size} bytes");
    assert!(size <= 163 * KIB, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn initial_memory_is_at_most_192_kib() {
    let memory = Plugin::before(Script::new([])).await.memory();
    println!("{} KiB", memory / KIB);
    assert!(memory <= 192 * KIB, "{memory} bytes");
}

#[tokio::test(start_paused = true)]
async fn memory_for_a_hundred_thousand_ids_is_at_most_16_mib() {
    let ids: Vec<String> = (1..=100_000).map(|id| Uuid::from_u128(id).to_string()).collect();
    for (action, ids_per_request) in [(Action::DismissRiskyUsers, 60), (Action::DismissSignIns, 10_000)] {
        let requests = ids.len().div_ceil(ids_per_request as usize);
        let mut plugin = Plugin::before(Script::at_once((0..requests).map(|_| accepted()))).await;
        let options = Options { ids_per_request: Some(ids_per_request), ..Options::default() };
        let batches = plugin.call(action, &ids, Some(&options)).await.expect("no trap").expect("accepted");
        assert_eq!(batches.len(), requests);
        println!("{action:?} in {ids_per_request}: {} KiB", plugin.memory() / KIB);
        assert!(plugin.memory() <= 16 * KIB * KIB, "{action:?}: {} bytes", plugin.memory());
    }
}

#[tokio::test(start_paused = true)]
async fn runs_in_a_pool_of_instances() {
    let component = PluginComponent::pooled(4).expect("a pool");
    for _ in 0..8 {
        let host = Host::new(Outbound::InProcess(Script::at_once([accepted()])), canary(), 0);
        let mut plugin = Plugin::new(&component, host).await.expect("an instance");
        let ids: Vec<String> = EXAMPLES[0].ids.iter().map(|id| (*id).to_owned()).collect();
        assert!(plugin.call(Action::DismissSignIns, &ids, None).await.expect("no trap").is_ok());
    }
}

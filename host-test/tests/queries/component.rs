//! The reader as users get it: its imports, exports, size and memory.

use std::collections::BTreeSet;
use std::fs;

use host_test::reader::{FILE, Reader, instance_pre};
use wasmtime::component::types::ComponentItem;

const KIB: usize = 1024;

#[test]
fn imports_are_those_of_the_plugin() {
    let names = |component: &wasmtime::component::Component| -> BTreeSet<String> {
        component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
    };
    let plugin = host_test::component::PluginComponent::shared().component();
    assert_eq!(names(instance_pre().component()), names(plugin));
}

#[test]
fn it_exports_queries_and_no_action() {
    let component = instance_pre().component();
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(component.engine()).collect();
    let [("entra:risk/queries@0.1.0", queries)] = exports.as_slice() else { panic!("exports: {exports:?}") };
    let ComponentItem::ComponentInstance(queries) = &queries.ty else { panic!("{queries:?}") };
    let exports = queries.exports(component.engine());
    let functions = exports.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
    let functions: Vec<&str> = functions.map(|(name, _)| name).collect();
    assert_eq!(functions, ["[static]query.start", "[method]query.next"]);
}

#[test]
fn size_is_at_most_130_kib() {
    let size = fs::metadata(FILE).expect("the reader").len() as usize;
    println!("{size} bytes");
    assert!(size <= 130 * KIB, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn initial_memory_is_at_most_192_kib() {
    let memory = Reader::scripted([]).await.memory();
    println!("{} KiB", memory / KIB);
    assert!(memory <= 192 * KIB, "{memory} bytes");
}

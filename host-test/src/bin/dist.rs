//! Makes everything that users get, in `target/dist/`, and prints the size and the imports of each.

use std::fs;

use anyhow::Result;
use host_test::dist::{PRODUCTS, workspace};
use wasmtime::Engine;
use wasmtime::component::Component;

fn main() -> Result<()> {
    let folder = workspace().join("target/dist");
    fs::create_dir_all(&folder)?;
    let engine = Engine::default();
    for product in PRODUCTS {
        let bytes = product.build()?;
        let component = Component::from_binary(&engine, &bytes)?;
        println!("target/dist/{}.wasm: {} bytes; it imports", product.name, bytes.len());
        component.component_type().imports(&engine).for_each(|(name, _)| println!("    {name}"));
        fs::write(folder.join(product.name).with_extension("wasm"), bytes)?;
    }
    Ok(())
}

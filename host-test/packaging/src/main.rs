//! Makes everything that users get, in `target/dist/`.

use std::fs;

use anyhow::Result;
use host_test::dist::{PRODUCTS, workspace};

fn main() -> Result<()> {
    let folder = workspace().join("target/dist");
    fs::create_dir_all(&folder)?;
    for product in PRODUCTS {
        let bytes = product.build()?;
        println!("target/dist/{}.wasm: {} bytes", product.name, bytes.len());
        fs::write(folder.join(product.name).with_extension("wasm"), bytes)?;
    }
    Ok(())
}

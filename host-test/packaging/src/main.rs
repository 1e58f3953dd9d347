//! Writes everything that users get to `target/dist`.

use anyhow::Result;

fn main() -> Result<()> {
    for (name, size) in packaging::write()? {
        println!("target/dist/{name}.wasm: {size} bytes");
    }
    Ok(())
}

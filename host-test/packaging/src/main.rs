//! Writes everything that users get to `target/dist`.

use anyhow::Result;

fn main() -> Result<()> {
    for (file, size) in packaging::write()? {
        println!("{}: {size} bytes", file.display());
    }
    Ok(())
}

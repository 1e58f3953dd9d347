//! Builds the plugin and the reader as they are published into `OUT_DIR`, so that the library
//! contains them.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    packaging::build_script()?;
    Ok(())
}

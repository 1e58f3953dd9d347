//! Builds the plugin as it is published into `OUT_DIR`, so that the library contains it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    packaging::build_script()?;
    Ok(())
}

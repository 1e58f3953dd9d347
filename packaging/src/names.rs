//! Removes the names of a component's inner items. Only disassemblers show them, and they are 5 kB
//! of the plugin.

use anyhow::Result;
use wasmparser::{Parser, Payload};

/// Returns the component without its `component-name` section.
///
/// # Errors
/// If the bytes are not a component.
pub fn strip_names(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::new();
    let (mut depth, mut section_start) = (0_i32, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let section_end = match &payload {
            Payload::Version { range, .. } => range.end,
            Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                unchecked_range.end
            }
            other => other.as_section().map_or(section_start, |(_, range)| range.end),
        };
        let is_names = matches!(&payload, Payload::CustomSection(section) if section.name() == "component-name");
        if depth == 0 {
            if !is_names {
                kept.extend_from_slice(&bytes[usize::try_from(section_start)?..usize::try_from(section_end)?]);
            }
            section_start = section_end;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    Ok(kept)
}

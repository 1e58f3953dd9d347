//! The file with the assertion, in a directory that the host grants.

use entra_risk_adapter_common::directory::within;

use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

/// Maximum size of the file in bytes: many times that of a service account token, which has 1 to 2
/// KB.
const MAX_BYTES: usize = 65_536;

/// Reads the file. The error contains neither its path nor its content.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    let directories = get_directories();
    let found = directories.iter().filter_map(|(directory, name)| Some((directory, within(name, path)?)));
    let Some((directory, rest)) = found.min_by_key(|(_, rest)| rest.len()) else {
        return Err("the host grants no such directory (--dir)".to_owned());
    };
    // Opening a pipe waits for whoever writes it, and nothing limits that time.
    if directory.stat_at(PathFlags::SYMLINK_FOLLOW, rest).map_err(describe)?.type_ != DescriptorType::RegularFile {
        return Err("it is not a regular file".to_owned());
    }
    // Kubernetes replaces the file by replacing a symbolic link.
    let file = directory.open_at(PathFlags::SYMLINK_FOLLOW, rest, OpenFlags::empty(), DescriptorFlags::READ);
    let file = file.map_err(describe)?;
    let mut bytes = Vec::new();
    loop {
        let (part, is_end) = file.read(MAX_BYTES as u64, bytes.len() as u64).map_err(describe)?;
        // A host may return nothing without reporting the end.
        let is_end = is_end || part.is_empty();
        bytes.extend(part);
        if bytes.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        if is_end {
            return Ok(bytes);
        }
    }
}

fn describe(code: ErrorCode) -> String {
    match code {
        ErrorCode::NoEntry => "no such file",
        ErrorCode::Access | ErrorCode::NotPermitted => "the host does not permit reading it",
        _ => "it cannot be read",
    }
    .to_owned()
}

//! Files in the directories that the runtime grants.

use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use crate::stdio::MAX_INPUT_BYTES;

/// Reads a whole file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let mut bytes = Vec::new();
    loop {
        let (part, end) = file.read(64 << 10, bytes.len() as u64).map_err(|code| failed(path, code))?;
        bytes.extend(part);
        if end {
            return Ok(bytes);
        }
        if bytes.len() > MAX_INPUT_BYTES {
            return Err(format!("{path}: expected at most {MAX_INPUT_BYTES} bytes"));
        }
    }
}

/// A file with a list of ids that is rewritten during the run.
pub(crate) struct List {
    path: String,
    file: Descriptor,
}

impl List {
    /// Opens or creates the file. Its content stays until the first `write`.
    pub(crate) fn open(path: String) -> Result<Self, String> {
        let file = open(&path, OpenFlags::CREATE, DescriptorFlags::WRITE)?;
        Ok(List { path, file })
    }

    /// Replaces the content of the file by these ids, one a line.
    pub(crate) fn write<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let text: String = ids.flat_map(|id| [id, "\n"]).collect();
        self.replace(text.as_bytes()).map_err(|code| failed(&self.path, code))
    }

    fn replace(&self, text: &[u8]) -> Result<(), ErrorCode> {
        let mut written = 0_usize;
        while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..64 << 10).unwrap_or(rest);
            written = written.saturating_add(self.file.write(part, written as u64)? as usize);
        }
        self.file.set_size(text.len() as u64)
    }
}

fn open(path: &str, how: OpenFlags, access: DescriptorFlags) -> Result<Descriptor, String> {
    let directories = get_directories();
    let found = directories.iter().filter_map(|(directory, name)| Some((directory, within(name, path)?)));
    let Some((directory, rest)) = found.min_by_key(|(_, rest)| rest.len()) else {
        return Err(format!(
            "{path}: the runtime grants no directory that contains it; grant one, for example with wasmtime run --dir ."
        ));
    };
    directory.open_at(PathFlags::SYMLINK_FOLLOW, rest, how, access).map_err(|code| failed(path, code))
}

/// The path relative to the directory with this name, if the directory contains it.
fn within<'a>(directory: &str, path: &'a str) -> Option<&'a str> {
    let plain = |path: &'a str| path.trim_start_matches("./");
    match directory.trim_end_matches('/') {
        "." => Some(plain(path)).filter(|path| !path.starts_with('/')),
        "" => path.strip_prefix('/'),
        directory => plain(path).strip_prefix(directory.trim_start_matches("./"))?.strip_prefix('/'),
    }
    .filter(|rest| !rest.is_empty())
}

fn failed(path: &str, code: ErrorCode) -> String {
    // After a comma, the message continues with the name of the error in POSIX.
    format!("{path}: {}", code.message().split(',').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_directory_that_contains_it() {
        let cases = [
            (".", "ids.txt", Some("ids.txt")),
            (".", "./a/ids.txt", Some("a/ids.txt")),
            (".", "/data/ids.txt", None),
            ("/", "/data/ids.txt", Some("data/ids.txt")),
            ("/data", "/data/ids.txt", Some("ids.txt")),
            ("/data/", "/data/ids.txt", Some("ids.txt")),
            ("/data", "/datafs/ids.txt", None),
            ("/data", "ids.txt", None),
            ("data", "data/ids.txt", Some("ids.txt")),
            ("./data", "./data/ids.txt", Some("ids.txt")),
            ("data", "data", None),
        ];
        for (directory, path, expected) in cases {
            assert_eq!(within(directory, path), expected, "{path} in {directory}");
        }
    }
}

//! Files in the directories that the runtime grants.

use std::rc::Rc;

use entra_risk_engine::directory::within;

use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use crate::bindings::wasi::io::streams::StreamError;
use crate::stdio::{MAX_INPUT_BYTES, reason};

/// Where a file is, whether or not it exists.
pub(crate) struct Place {
    /// The path as the user wrote it.
    path: String,
    /// The granted directory that contains it, and its path there.
    directory: Rc<Descriptor>,
    inner: String,
}

impl Place {
    /// Finds the directory that contains this path.
    pub(crate) fn find(path: &str) -> Result<Place, String> {
        let directories = get_directories().into_iter();
        let found = directories.filter_map(|(directory, name)| Some((directory, within(&name, path)?.to_owned())));
        let Some((directory, inner)) = found.min_by_key(|(_, inner)| inner.len()) else {
            return Err(format!(
                "{path}: the runtime grants no directory that contains it; grant one, for example with wasmtime run \
                 --dir ."
            ));
        };
        Ok(Place { path: path.to_owned(), directory: Rc::new(directory), inner })
    }

    /// What is there; none if nothing is.
    pub(crate) fn kind(&self) -> Result<Option<DescriptorType>, String> {
        match self.directory.stat_at(PathFlags::empty(), &self.inner) {
            Ok(stat) => Ok(Some(stat.type_)),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(self.failed(code)),
        }
    }

    /// Opens the file.
    pub(crate) fn open(&self, how: OpenFlags, access: DescriptorFlags) -> Result<Descriptor, String> {
        let file = self.directory.open_at(PathFlags::SYMLINK_FOLLOW, &self.inner, how, access);
        file.map_err(|code| self.failed(code))
    }

    /// The path as the user wrote it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Reads the whole file.
    pub(crate) fn read(&self) -> Result<Vec<u8>, String> {
        let file = self.open(OpenFlags::empty(), DescriptorFlags::READ)?;
        let mut bytes = Vec::new();
        loop {
            let (part, end) = file.read(64 << 10, bytes.len() as u64).map_err(|code| self.failed(code))?;
            bytes.extend(part);
            if end {
                return Ok(bytes);
            }
            if bytes.len() > MAX_INPUT_BYTES {
                return Err(format!("{}: expected at most {MAX_INPUT_BYTES} bytes", self.path));
            }
        }
    }

    /// Checks that the file can be opened like this, or can be created, without creating it.
    pub(crate) fn check(&self, access: DescriptorFlags) -> Result<(), String> {
        match self.directory.open_at(PathFlags::SYMLINK_FOLLOW, &self.inner, OpenFlags::empty(), access) {
            Ok(_) => Ok(()),
            // Either the file is missing, or the folder that contains it.
            Err(ErrorCode::NoEntry) => self.inner.rsplit_once('/').map_or(Ok(()), |(folder, _)| {
                let stat = self.directory.stat_at(PathFlags::SYMLINK_FOLLOW, folder);
                stat.map(drop).map_err(|code| self.failed(code))
            }),
            Err(code) => Err(self.failed(code)),
        }
    }

    /// A file next to this one, whose name other programs do not use.
    pub(crate) fn neighbor(&self) -> Place {
        let (folder, name) = self.inner.rsplit_once('/').map_or(("", &*self.inner), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        let inner = format!("{folder}{slash}.{name}.entra-risk");
        // The user knows only the path of the file itself.
        Place { path: self.path.clone(), directory: Rc::clone(&self.directory), inner }
    }

    /// Puts this file in the place of another one in the same directory, in one step.
    pub(crate) fn replace(&self, other: &Place) -> Result<(), String> {
        let renamed = self.directory.rename_at(&self.inner, &other.directory, &other.inner);
        renamed.map_err(|code| self.failed(code))
    }

    /// An error for people.
    pub(crate) fn failed(&self, code: ErrorCode) -> String {
        // After a comma, the message continues with the name of the error in POSIX.
        format!("{}: {}", self.path, code.message().split(',').next().unwrap_or_default())
    }

    /// The error of a stream of the file for people.
    pub(crate) fn stream_failed(&self, error: &StreamError) -> String {
        match error {
            StreamError::Closed => format!("{}: the runtime closed the file", self.path),
            StreamError::LastOperationFailed(error) => match filesystem_error_code(error) {
                Some(code) => self.failed(code),
                None => format!("{}: {}", self.path, reason(error)),
            },
        }
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    Place::find(path)?.read()
}

/// Whether two paths certainly name the same file.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let plain =
        |path: &str| path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect::<Vec<_>>();
    one.starts_with('/') == other.starts_with('/') && plain(one) == plain(other)
}

/// Makes the content of a file durable, where the file system can.
pub(crate) fn sync(file: &Descriptor) -> Result<(), ErrorCode> {
    match file.sync_data() {
        Err(ErrorCode::Unsupported | ErrorCode::Invalid) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_path_may_be_spelled_differently() {
        for (one, other, expected) in
            [("a", "./a", true), ("d//a", "d/./a", true), ("/a", "a", false), ("a", "A", false), ("d/a", "a", false)]
        {
            assert_eq!(is_same(one, other), expected, "{one} {other}");
        }
    }
}

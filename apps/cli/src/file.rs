//! Files in the directories that the runtime grants.

use std::io;
use std::rc::Rc;

use entra_risk_adapter_common::directory::within;
use entra_risk_common::io::streams::StreamError;

use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use crate::stdio::reason;

/// Where a file is, whether or not it exists.
pub(crate) struct Place {
    /// The path as the user wrote it.
    path: String,
    /// The granted directory that contains it, and its path there.
    directory: Rc<Descriptor>,
    inner: String,
}

/// What a path names: the same for every path of a file, with `..`, links and granted directories
/// resolved.
#[derive(PartialEq, Eq)]
pub(crate) enum Identity {
    /// A file that exists.
    File(u64, u64),
    /// A file that does not: its folder, and its name in lower case, because not every file system
    /// distinguishes case.
    Name(u64, u64, String),
}

impl Place {
    /// Finds the directory that contains this path.
    pub(crate) fn find(path: &str) -> Result<Place, String> {
        let directories = get_directories().into_iter();
        let found = directories.filter_map(|(directory, name)| Some((directory, within(&name, path)?.to_owned())));
        let found = found.filter(|(_, inner)| !leaves(inner));
        let Some((directory, inner)) = found.min_by_key(|(_, inner)| inner.len()) else {
            let folder = match path.rsplit_once('/') {
                Some(("", _)) => "/",
                Some((folder, _)) => folder,
                None => ".",
            };
            return Err(format!(
                "{path}: the runtime grants no directory that contains it; grant one, for example with wasmtime run \
                 --dir {folder}"
            ));
        };
        Ok(Place { path: path.to_owned(), directory: Rc::new(directory), inner })
    }

    /// What the path names, without following it if it is a link.
    pub(crate) fn identity(&self) -> Result<Identity, String> {
        self.identity_with(PathFlags::empty())
    }

    /// What there is to write to: a file or a device; none if nothing is there. Links are not
    /// followed, because somebody else may have placed them.
    pub(crate) fn kind(&self) -> Result<Option<DescriptorType>, String> {
        match self.directory.stat_at(PathFlags::empty(), &self.inner) {
            Ok(stat) => self.checked(stat.type_).map(Some),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(self.failed(code)),
        }
    }

    /// Opens a file or a device for reading and writing at its end, and creates a missing file if
    /// `how` says so.
    pub(crate) fn open(&self, how: OpenFlags) -> Result<Descriptor, String> {
        let access = DescriptorFlags::READ | DescriptorFlags::WRITE;
        self.kind()?;
        let file = self.directory.open_at(PathFlags::empty(), &self.inner, how, access);
        let file = file.map_err(|code| self.failed(code))?;
        // Something else may have taken its place since the first look.
        file.get_type().map_err(|code| self.failed(code)).and_then(|kind| self.checked(kind))?;
        Ok(file)
    }

    /// Creates an empty file for writing. Whatever had its name is removed, not followed or opened.
    pub(crate) fn create(&self) -> Result<Descriptor, String> {
        self.remove()?;
        let how = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let file = self.directory.open_at(PathFlags::empty(), &self.inner, how, DescriptorFlags::WRITE);
        file.map_err(|code| self.failed(code))
    }

    /// Removes the file, if there is one.
    pub(crate) fn remove(&self) -> Result<(), String> {
        match self.directory.unlink_file_at(&self.inner) {
            Ok(()) | Err(ErrorCode::NoEntry) => Ok(()),
            Err(code) => Err(self.failed(code)),
        }
    }

    /// Whether `create` would fail, because a folder has the name.
    pub(crate) fn is_folder(&self) -> bool {
        let stat = self.directory.stat_at(PathFlags::empty(), &self.inner);
        stat.is_ok_and(|stat| stat.type_ == DescriptorType::Directory)
    }

    /// The path as the user wrote it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The content of the file, without following the path if it is a link.
    pub(crate) fn content(&self) -> Result<Content, String> {
        self.content_with(PathFlags::empty())
    }

    fn content_with(&self, links: PathFlags) -> Result<Content, String> {
        let stat = self.directory.stat_at(links, &self.inner).map_err(|code| self.failed(code))?;
        // Opening a FIFO would wait until something writes to it.
        self.checked(stat.type_)?;
        let file = self.directory.open_at(links, &self.inner, OpenFlags::empty(), DescriptorFlags::READ);
        let file = file.map_err(|code| self.failed(code))?;
        Ok(Content { path: self.path.clone(), file, position: 0 })
    }

    /// A file next to this one, whose name other programs do not use: it ends with this extension.
    pub(crate) fn neighbor(&self, extension: &str) -> Place {
        let (folder, name) = self.folder_and_name();
        let inner = format!("{folder}/.{name}.{extension}");
        // The user knows only the path of the file itself.
        Place { path: self.path.clone(), directory: Rc::clone(&self.directory), inner }
    }

    /// Puts this file in the place of another one in the same directory, in one step.
    pub(crate) fn replace(&self, other: &Place) -> Result<(), String> {
        let renamed = self.directory.rename_at(&self.inner, &other.directory, &other.inner);
        renamed.map_err(|code| self.failed(code))
    }

    fn identity_with(&self, links: PathFlags) -> Result<Identity, String> {
        match self.directory.metadata_hash_at(links, &self.inner) {
            Ok(hash) => Ok(Identity::File(hash.upper, hash.lower)),
            Err(ErrorCode::NoEntry) => {
                let (folder, name) = self.folder_and_name();
                let hash = self.directory.metadata_hash_at(PathFlags::SYMLINK_FOLLOW, folder);
                let hash = hash.map_err(|code| self.failed(code))?;
                Ok(Identity::Name(hash.upper, hash.lower, name.to_lowercase()))
            }
            Err(code) => Err(self.failed(code)),
        }
    }

    /// The folder of the file in the granted directory, and the name of the file.
    fn folder_and_name(&self) -> (&str, &str) {
        self.inner.rsplit_once('/').unwrap_or((".", &self.inner))
    }

    /// Checks that something is a file or a device.
    fn checked(&self, kind: DescriptorType) -> Result<DescriptorType, String> {
        match kind {
            DescriptorType::RegularFile | DescriptorType::CharacterDevice => Ok(kind),
            DescriptorType::SymbolicLink => {
                Err(format!("{}: is a symbolic link: name the file that it points to", self.path))
            }
            _ => Err(format!("{}: is not a file", self.path)),
        }
    }

    /// An error for people.
    pub(crate) fn failed(&self, code: ErrorCode) -> String {
        failed(&self.path, code)
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

/// The content of a file, which is read from its beginning.
pub(crate) struct Content {
    path: String,
    file: Descriptor,
    position: u64,
}

/// The errors are messages for people.
impl io::Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer.len() as u64, self.position);
        let (part, _) = read.map_err(|code| io::Error::other(failed(&self.path, code)))?;
        self.position = self.position.saturating_add(part.len() as u64);
        io::Read::read(&mut part.as_slice(), buffer)
    }
}

/// The content of a file. The path may be a link.
pub(crate) fn content(path: &str) -> Result<Content, String> {
    Place::find(path)?.content_with(PathFlags::SYMLINK_FOLLOW)
}

fn failed(path: &str, code: ErrorCode) -> String {
    // After a comma, the message continues with the name of the error in POSIX.
    format!("{path}: {}", code.message().split(',').next().unwrap_or_default())
}

/// Whether a relative path leaves the directory that it begins in. The runtime would refuse it.
fn leaves(path: &str) -> bool {
    let mut depth = 0_usize;
    path.split('/').any(|name| {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth = depth.saturating_sub(1),
            _ => depth = depth.saturating_add(1),
        }
        false
    })
}

/// What a path names, after links.
pub(crate) fn followed_identity(path: &str) -> Result<Identity, String> {
    Place::find(path)?.identity_with(PathFlags::SYMLINK_FOLLOW)
}

/// Makes the content of a file durable, where the file system can.
pub(crate) fn sync(file: &Descriptor) -> Result<(), ErrorCode> {
    match file.sync_data() {
        Err(ErrorCode::Unsupported | ErrorCode::Invalid) => Ok(()),
        result => result,
    }
}

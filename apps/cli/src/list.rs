//! A file with a list of ids, which is replaced in one step: it always contains a whole list, the
//! old one or the new one, however the process ends.

use crate::bindings::wasi::filesystem::types::{DescriptorType, ErrorCode};
use crate::file::{Place, sync};
use crate::ids::Ids;

/// The file. It does not exist before the first `write`, or has its old content until then.
pub(crate) struct List {
    place: Place,
    /// The file that replaces it.
    next: Place,
}

impl List {
    /// Checks that the file can be written, without changing or creating anything.
    pub(crate) fn open(path: &str) -> Result<Self, String> {
        let place = Place::find(path)?;
        // A file would replace a device, or a link while the file that it points to keeps its
        // content.
        if place.kind()?.is_some_and(|kind| kind != DescriptorType::RegularFile) {
            return Err(format!("{path}: is not a file"));
        }
        let next = place.neighbor();
        if next.is_folder() {
            return Err(format!("{path}: a folder has the name of the temporary file next to it"));
        }
        Ok(List { place, next })
    }

    /// The ids in the file; none if it does not exist. `flag` is the option that names it.
    pub(crate) fn read(&self, flag: &str) -> Result<Vec<String>, String> {
        if self.place.kind()?.is_none() {
            return Ok(Vec::new());
        }
        let path = self.place.path();
        let mut ids = Ids::default();
        ids.add_lines(&self.place.read()?, path);
        let error = |_| format!("{flag} {path}: contains lines that are not ids and would be lost; name another file");
        ids.finish().map(|(ids, _)| ids).map_err(error)
    }

    /// Replaces the content of the file by these ids, one a line.
    pub(crate) fn write<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let text: String = ids.flat_map(|id| [id, "\n"]).collect();
        self.write_next(text.as_bytes())?;
        self.next.replace(&self.place)
    }

    fn write_next(&self, text: &[u8]) -> Result<(), String> {
        let file = self.next.create()?;
        let mut written = 0_usize;
        while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..64 << 10).unwrap_or(rest);
            match file.write(part, written as u64) {
                Ok(0) => return Err(self.next.failed(ErrorCode::Io)),
                Ok(bytes) => written = written.saturating_add(bytes as usize),
                Err(code) => return Err(self.next.failed(code)),
            }
        }
        // Before the new name: otherwise a loss of power could leave an empty file.
        sync(&file).map_err(|code| self.next.failed(code))
    }
}

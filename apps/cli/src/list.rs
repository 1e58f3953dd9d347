//! A file with a list of ids, which is replaced in one step: it always contains a whole list, the
//! old one or the new one, however the process ends.

use entra_risk_common::stream;
use entra_risk_engine::contract::action::Action;

use crate::bindings::wasi::filesystem::types::DescriptorType;
use crate::file::{Place, sync};
use crate::ids::Ids;
use crate::plain_list::read_list;
use crate::text::{HEAD_BYTES, Text};

/// The extension of the file that replaces a list.
pub(crate) const NEXT: &str = "entra-risk";

/// A list in a file. The file does not exist before the first `write`, or has its old content until
/// then.
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
        let next = place.neighbor(NEXT);
        if next.is_folder() {
            return Err(format!("{path}: a folder has the name of the temporary file next to it"));
        }
        Ok(List { place, next })
    }

    /// Whether there is a file.
    pub(crate) fn exists(&self) -> Result<bool, String> {
        self.place.kind().map(|kind| kind.is_some())
    }

    /// The ids in the file; none if it does not exist. `flag` is the option that names it.
    pub(crate) fn read(&self, flag: &str, action: &'static Action) -> Result<Vec<String>, String> {
        if !self.exists()? {
            return Ok(Vec::new());
        }
        let path = self.path();
        let mut ids = Ids::new(action);
        read_list(&mut self.text()?, &mut ids, path)?;
        let error = |_| format!("{flag} {path}: contains lines that are not ids and would be lost; name another file");
        ids.finish(&[]).map(|input| input.ids).map_err(error)
    }

    /// Replaces the content of the file by these ids, one a line.
    pub(crate) fn write<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let file = self.next.create()?;
        let stream = file.write_via_stream(0).map_err(|code| self.next.failed(code))?;
        let write =
            |part: &str| stream::write(&stream, part.as_bytes(), None).map_err(|error| self.next.stream_failed(&error));
        let mut part = String::new();
        for id in ids {
            part.extend([id, "\n"]);
            if part.len() >= HEAD_BYTES {
                write(&part)?;
                part.clear();
            }
        }
        write(&part)?;
        // Before the new name: otherwise a loss of power could leave an empty file.
        sync(&file).map_err(|code| self.next.failed(code))?;
        self.next.replace(&self.place)
    }

    /// Whether the file still contains what `write` wrote.
    pub(crate) fn contains<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<bool, String> {
        let mut text = self.text()?;
        let mut line = Vec::new();
        for id in ids {
            line.clear();
            text.read_line(&mut line, HEAD_BYTES).map_err(|error| error.to_string())?;
            if line != id.as_bytes() {
                return Ok(false);
            }
        }
        text.peek().map(<[u8]>::is_empty).map_err(|error| error.to_string())
    }

    fn text(&self) -> Result<Text<'static>, String> {
        Text::new(Box::new(self.place.content()?)).map_err(|error| error.to_string())
    }

    /// The path as the user wrote it.
    pub(crate) fn path(&self) -> &str {
        self.place.path()
    }

    /// The file of the list.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

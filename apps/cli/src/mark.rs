//! The file beside a list of remaining ids, which names the input that the list belongs to: its
//! action, the number of its ids, and their SHA-256.

use std::fmt::Write;

use entra_risk_common::stream;
use entra_risk_engine::contract::action::Action;
use sha2::{Digest, Sha256};

use crate::bindings::wasi::filesystem::types::DescriptorType;
use crate::file::{Place, sync};
use crate::ids::number;
use crate::text::Text;

/// The extension of the file.
pub(crate) const MARK: &str = "entra-risk-input";

/// The mark of an input, and its file.
pub(crate) struct Mark {
    place: Place,
    text: String,
}

/// What the file of a mark contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// This mark.
    Same,
    /// The mark of another input.
    Other,
    /// None, or the part of one that a killed run left.
    Nothing,
}

impl Mark {
    /// The mark of these ids beside a list, without changing or creating anything.
    pub(crate) fn new(list: &Place, action: &Action, ids: &[String]) -> Result<Self, String> {
        let place = list.neighbor(MARK);
        if place.is_folder() {
            return Err(format!("{}: a folder has the name of the file next to it that names the input", list.path()));
        }
        let mut hash = Sha256::new();
        for id in ids {
            hash.update(number(id).to_be_bytes());
        }
        let hash = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let text = format!("{{\"action\":\"{}\",\"ids\":{},\"sha256\":\"{hash}\"}}\n", action.name, ids.len());
        Ok(Mark { place, text })
    }

    /// What the file contains.
    pub(crate) fn found(&self) -> Result<Found, String> {
        // What else has the name is removed before a mark is written.
        if !matches!(self.place.kind(), Ok(Some(DescriptorType::RegularFile))) {
            return Ok(Found::Nothing);
        }
        let text = Text::new(Box::new(self.place.content()?)).map_err(|error| error.to_string())?;
        Ok(match text.head() {
            text if text == self.text.as_bytes() => Found::Same,
            text if text.ends_with(b"\n") => Found::Other,
            _ => Found::Nothing,
        })
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> Result<(), String> {
        self.place.remove()
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> Result<(), String> {
        let file = self.place.create()?;
        let stream = file.write_via_stream(0).map_err(|code| self.place.failed(code))?;
        stream::write(&stream, self.text.as_bytes(), None).map_err(|error| self.place.stream_failed(&error))?;
        sync(&file).map_err(|code| self.place.failed(code))
    }
}

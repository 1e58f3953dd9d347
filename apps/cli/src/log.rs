//! The log: a line of JSON for each batch, appended as soon as the outcome is known, so that
//! nothing is lost with the process.

use entra_risk_common::actions::Batch;
use entra_risk_common::io::streams::OutputStream;
use entra_risk_common::{Action, stream, timestamp};

use crate::bindings::wasi::filesystem::types::{Descriptor, DescriptorType, ErrorCode, OpenFlags};
use crate::file::{Place, sync};
use crate::ids::Labels;
use crate::job::Job;
use crate::json::is_whole;
use crate::log_line::{log_lines, verified_lines};
use crate::stdio::since_1970;
use crate::verify::Verified;

/// Bytes to search for the end of the last whole line: more than a line has, with labels.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// What every line of a log begins with.
pub(crate) const LINE_START: &[u8] = br#"{"time":""#;

/// The file of `--log`, which exists.
pub(crate) struct Log {
    // Dropped before the file, from which it comes.
    stream: OutputStream,
    file: Descriptor,
    place: Place,
}

impl Log {
    /// Opens or creates the file, and repairs its end if an earlier run ended in the middle of a
    /// line.
    pub(crate) fn open(path: &str) -> Result<Self, String> {
        let place = Place::find(path)?;
        let file = place.open(OpenFlags::CREATE)?;
        let begins_in_line = repair(&file).map_err(|code| place.failed(code))?;
        let stream = file.append_via_stream().map_err(|code| place.failed(code))?;
        let log = Log { stream, file, place };
        if begins_in_line {
            log.append(b"\n")?;
        }
        Ok(log)
    }

    /// Checks that the file can be written, without changing or creating it.
    pub(crate) fn check(path: &str) -> Result<(), String> {
        let place = Place::find(path)?;
        if place.kind()?.is_some() {
            place.open(OpenFlags::empty())?;
        }
        Ok(())
    }

    /// Appends these batches, and waits until they are written.
    pub(crate) fn write(&self, job: &Job, labels: &Labels, batches: &[Batch]) -> Result<(), String> {
        let time = time();
        for batch in batches {
            for line in log_lines(job.action, job.reason.as_deref(), labels, batch, &time) {
                self.append(format!("{line}\n").as_bytes())?;
            }
        }
        self.sync()
    }

    /// Appends what accepted ids have become.
    pub(crate) fn write_verified(
        &self,
        action: &Action,
        reason: Option<&str>,
        verified: &Verified<'_>,
    ) -> Result<(), String> {
        let time = time();
        for line in verified_lines(action, reason, verified, &time) {
            self.append(format!("{line}\n").as_bytes())?;
        }
        self.sync()
    }

    fn sync(&self) -> Result<(), String> {
        sync(&self.file).map_err(|code| self.place.failed(code))
    }

    fn append(&self, text: &[u8]) -> Result<(), String> {
        stream::write(&self.stream, text, None).map_err(|error| self.place.stream_failed(&error))
    }
}

/// The time of a line that is written now.
fn time() -> String {
    let now = since_1970();
    timestamp(now.as_secs(), now.subsec_nanos())
}

/// Removes the part of a line at the end of a log. Returns whether the file still ends without a
/// line end: after a whole line that lacks only this, or after one that is not of a log.
fn repair(file: &Descriptor) -> Result<bool, ErrorCode> {
    let stat = file.stat()?;
    if stat.type_ != DescriptorType::RegularFile {
        return Ok(false);
    }
    let begin = stat.size.saturating_sub(MAX_LINE_BYTES);
    let mut bytes = Vec::new();
    loop {
        let (part, end) = file.read(MAX_LINE_BYTES, begin.saturating_add(bytes.len() as u64))?;
        bytes.extend(part);
        if end || bytes.len() as u64 >= MAX_LINE_BYTES {
            break;
        }
    }
    let part = part_of_line(&bytes);
    if part.is_empty() {
        return Ok(false);
    }
    let is_of_log = part.starts_with(LINE_START) || LINE_START.starts_with(part);
    if !is_of_log || is_whole(part) {
        return Ok(true);
    }
    file.set_size(stat.size.saturating_sub(part.len() as u64))?;
    Ok(false)
}

/// What follows the last line end of a log.
fn part_of_line(bytes: &[u8]) -> &[u8] {
    bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()
}

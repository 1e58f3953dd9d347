//! A line on a terminal that is written again and again.

use crate::stdio::{eprint, error_is_terminal};

/// Replaces the line before. What does not fit in a narrow terminal is cut off there instead of
/// wrapped.
const START: &str = "\r\x1b[K\x1b[?7l";

/// Lets the terminal wrap lines again.
const END: &str = "\x1b[?7h";

/// Maximum length of the line, for terminals that wrap nevertheless.
const MAX_CHARS: usize = 79;

/// The line, which is written only in a terminal, and never with `--quiet`.
pub(crate) struct StatusLine {
    is_visible: bool,
}

impl StatusLine {
    pub(crate) fn new(is_quiet: bool) -> Self {
        StatusLine { is_visible: !is_quiet && error_is_terminal() }
    }

    /// Replaces the line.
    pub(crate) fn show(&self, text: impl FnOnce() -> String) {
        if self.is_visible {
            let text: String = text().chars().take(MAX_CHARS).collect();
            eprint(&format!("{START}{text}{END}"));
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_visible {
            eprint("\r\x1b[K");
        }
    }
}

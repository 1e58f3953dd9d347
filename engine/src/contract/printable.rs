//! Text from outside, made safe to show. A terminal executes some characters, and others end a line
//! or change the order in which text is read.

/// The text on one line. Characters that are not shown as themselves are replaced: white space by a
/// space, others by `\u{fffd}`.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_printable(c) { c } else { replacement(c) }).collect()
}

/// A value in the form for a message: printable, in quotes, and cut to a readable length.
pub fn quoted(value: &str) -> String {
    let cut = value.char_indices().nth(MAX_QUOTED_CHARS).map(|(end, _)| end);
    let shown = printable(value.get(..cut.unwrap_or(value.len())).unwrap_or_default());
    let end = if cut.is_some() { "\"…" } else { "\"" };
    ["\"", &shown, end].concat()
}

/// Whether a character is shown as itself. Control characters (ESC, line ends, U+0080–U+009F), the
/// line and paragraph separators, characters that reorder the text around them, and invisible ones
/// are not.
pub fn is_printable(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn replacement(c: char) -> char {
    if c.is_whitespace() { ' ' } else { char::REPLACEMENT_CHARACTER }
}

/// The most characters of a value in a message.
const MAX_QUOTED_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_line_end_or_bidirectional_override_remains() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_control()) {
            assert!(!is_printable(c), "{c:?}");
        }
        for c in
            "\u{1b}\r\n\u{85}\u{9b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}\u{feff}".chars()
        {
            let shown = printable(&format!("a{c}b"));
            assert!(["a b", "a\u{fffd}b"].contains(&shown.as_str()), "{c:?}: {shown:?}");
        }
        assert_eq!(
            printable("\x1b[31mline one\r\nline two\u{2028}\u{202e}"),
            "\u{fffd}[31mline one  line two \u{fffd}"
        );
    }

    #[test]
    fn other_text_is_kept() {
        let text = " \"Ünïcode\", 日本語、e\u{301} 'क्षि' العربية 👩🏽 \u{fffd}~";
        assert_eq!(printable(text), text);
    }

    #[test]
    fn a_value_is_quoted_on_one_line_and_cut() {
        assert_eq!(quoted("a\nb\u{7f}"), "\"a b\u{fffd}\"");
        assert_eq!(quoted(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(65)), format!("\"{}\"…", "é".repeat(64)));
    }
}

//! The encodings of text files.

/// Decodes UTF-8 with or without a byte order mark, or UTF-16 with one, which Windows writes.
/// Invalid input becomes replacement characters, which no id contains. Line ends of Windows and of
/// old Macs (CR alone) become those of Unix.
pub(crate) fn decode(input: &[u8]) -> String {
    let text = match input {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(input).into_owned(),
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn utf16(input: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, odd) = input.as_chunks();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain(odd.first().map(|_| char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_and_both_orders_of_utf_16_are_read() {
        let text = "é\u{10348}\r\n";
        let marked = format!("\u{feff}{text}");
        let utf16 = |bytes: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for input in [text.into(), marked.clone().into(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
            assert_eq!(decode(&input), "é\u{10348}\n");
        }
    }

    #[test]
    fn every_line_end_is_read() {
        assert_eq!(decode(b"a\r\nb\rc\nd\r\r\ne\n\r"), "a\nb\nc\nd\n\ne\n\n");
    }

    #[test]
    fn invalid_input_is_visible() {
        assert_eq!(decode(b"a\xff"), "a\u{fffd}");
        assert_eq!(decode(b"\xff\xfea\0b"), "a\u{fffd}");
        assert_eq!(decode(b"\xff\xfe\0\xd8"), "\u{fffd}");
    }
}

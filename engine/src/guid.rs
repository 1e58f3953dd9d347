//! GUIDs (RFC 9562) in hyphenated form: what ids are, and what names a request.

/// The number that a GUID in hyphenated form stands for, whatever the case of its letters.
pub fn parse(text: &str) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    let mut number = 0;
    for (position, byte) in text.bytes().enumerate() {
        if (HYPHENS >> position & 1 == 1) != (byte == b'-') {
            return None;
        }
        let digit = match byte {
            b'-' => continue,
            b'0'..=b'9' => byte & 0xf,
            b'A'..=b'F' | b'a'..=b'f' => (byte & 0xf).wrapping_add(9),
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    Some(number)
}

/// The positions of the hyphens, a bit each.
const HYPHENS: u64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;

/// A random GUID, version 4, of 128 random bits.
pub fn random(bits: u128) -> String {
    let bits = bits & !(0xf << 76 | 0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let mut text = String::with_capacity(36);
    for position in 0..32_u32 {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let digit = bits.rotate_left(position.saturating_mul(4).saturating_add(4)) as u32 & 0xf;
        text.extend(char::from_digit(digit, 16));
    }
    text
}

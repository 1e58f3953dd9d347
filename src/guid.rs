//! GUIDs (RFC 9562) in hyphenated form: what ids are, and what names a request.

/// The number that a GUID in hyphenated form stands for, whatever the case of its letters.
pub fn parse(text: &str) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    text.bytes().enumerate().try_fold(0, |number: u128, (position, byte)| match (position, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(number),
        (8 | 13 | 18 | 23, _) => None,
        _ => Some(number << 4 | u128::from(char::from(byte).to_digit(16)?)),
    })
}

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

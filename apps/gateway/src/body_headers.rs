//! The headers that describe a body, which are checked before it is read.

use crate::response::Response;

/// The maximum length of a body in bytes: 1 MiB, which is about 27,000 ids.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// The maximum length of a body in bytes if the response is streamed: 8 MiB, which is about 215,000
/// ids.
pub(crate) const MAX_STREAMED_BODY_BYTES: usize = 8 << 20;

/// The headers that describe a body.
#[derive(Debug, Default)]
pub(crate) struct BodyHeaders {
    /// The values of `content-type`.
    pub(crate) content_type: Vec<Vec<u8>>,
    /// The values of `content-encoding`.
    pub(crate) content_encoding: Vec<Vec<u8>>,
    /// The values of `content-length`.
    pub(crate) content_length: Vec<Vec<u8>>,
}

impl BodyHeaders {
    /// Checks the headers. Returns the length of the body if it is announced. The error is the
    /// response, for which the body need not be read.
    pub(crate) fn check(&self, max_bytes: usize) -> Result<Option<usize>, Response> {
        match self.content_type.as_slice() {
            [value] if is_json_in_utf8(value) => {}
            _ => {
                let message = "The content-type must be application/json, in UTF-8.";
                return Err(Response::error(415, "unsupportedMediaType", message));
            }
        }
        if self.content_encoding.iter().any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity")) {
            let error =
                Response::error(415, "unsupportedContentEncoding", "The body must be sent without a content-encoding.");
            return Err(error.with_header("accept-encoding", "identity"));
        }
        let lengths = self.content_length.iter();
        let length = lengths.filter_map(|value| str::from_utf8(value).ok()?.trim().parse::<u64>().ok()).max();
        match length.map(usize::try_from) {
            None => Ok(None),
            Some(Ok(length)) if length <= max_bytes => Ok(Some(length)),
            Some(_) => Err(too_large(max_bytes)),
        }
    }
}

/// The response to a body that is too large.
pub(crate) fn too_large(max_bytes: usize) -> Response {
    Response::error(413, "contentTooLarge", &format!("The body must have at most {max_bytes} bytes."))
}

/// Whether this is `application/json`, with no charset other than UTF-8.
fn is_json_in_utf8(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(b"application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_at_checked(CHARSET.len()) {
            Some((name, value)) if name.eq_ignore_ascii_case(CHARSET) => {
                [b"utf-8".as_slice(), b"\"utf-8\""].iter().any(|utf8| value.eq_ignore_ascii_case(utf8))
            }
            _ => true,
        })
}

const CHARSET: &[u8] = b"charset=";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &[&str], content_encoding: &[&str], content_length: &str) -> Option<u16> {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let headers = BodyHeaders {
            content_type: bytes(content_type),
            content_encoding: bytes(content_encoding),
            content_length: bytes(&[content_length]),
        };
        headers.check(MAX_BODY_BYTES).err().map(|error| error.status)
    }

    #[test]
    fn media_type_and_length_are_checked_before_the_body_is_read() {
        assert_eq!(check(&["application/json"], &[], "1048576"), None);
        assert_eq!(check(&["application/json"], &[], "chunked"), None);
        assert_eq!(check(&["application/json"], &[], "1048577"), Some(413));
        for content_type in ["", "text/plain", "application/jsonl", "text/plain; application/json"] {
            assert_eq!(check(&[content_type], &[], "1"), Some(415), "{content_type}");
        }
        assert_eq!(check(&[], &[], "1"), Some(415));
        assert_eq!(check(&["application/json", "application/json"], &[], "1"), Some(415));
    }

    #[test]
    fn a_charset_other_than_utf_8_is_unsupported() {
        for utf8 in ["; charset=utf-8", ";charset=\"UTF-8\"", " ; Charset=utf-8 ; a=b", ";", "; odata.metadata=none"] {
            assert_eq!(check(&[&format!("Application/JSON{utf8}")], &[], "1"), None, "{utf8}");
        }
        for other in ["; charset=iso-8859-1", ";a=b;CHARSET=utf-16", "; charset=utf-8; charset=utf-7", "; charset="] {
            assert_eq!(check(&[&format!("application/json{other}")], &[], "1"), Some(415), "{other}");
        }
    }

    #[test]
    fn a_content_encoding_is_unsupported() {
        assert_eq!(check(&["application/json"], &["identity"], "1"), None);
        for encodings in [&["gzip"][..], &["identity", "br"], &["identity, gzip"], &["deflate"]] {
            assert_eq!(check(&["application/json"], encodings, "1"), Some(415), "{encodings:?}");
        }
    }
}

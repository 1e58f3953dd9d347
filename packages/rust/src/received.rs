//! The part of a response that reaches a component: what it understands, without tokens. The rest
//! stays outside.

use std::pin::Pin;
use std::task::{Context, Poll};

use entra_risk_engine::http::date;
use entra_risk_engine::http::json::Json;
use entra_risk_engine::http::response::NO_CONTENT;
use entra_risk_engine::query::MAX_PAGE_BYTES;
use entra_risk_engine::query::page::{Entry, Page};
use http::header::{DATE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming};
use serde_json::{Value, json};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::redaction::{InFlight, Redaction};

/// The service's id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Removes tokens from a response. The body comes as a whole when that of the service has ended.
/// `reads`: it may be a page of a list.
pub(crate) fn clean(response: Response<Incoming>, reads: bool, in_flight: InFlight) -> Response<WasiBody> {
    let (parts, body) = response.into_parts();
    let is_page = reads && parts.status == StatusCode::OK;
    let cleaned = if parts.status.as_u16() == NO_CONTENT {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    } else {
        let in_flight = in_flight.clone();
        CleanBody(Some(Reading { body, is_page, received: Vec::new(), in_flight })).boxed_unsync()
    };
    let mut response = Response::new(cleaned);
    *response.status_mut() = parts.status;
    *response.headers_mut() = clean_headers(&parts.headers, &in_flight.redaction());
    response
}

fn clean_headers(received: &HeaderMap, redaction: &Redaction) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // The plugin reads a number or a date from the former, and the token source needs the latter
    // unchanged.
    for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
        for value in received.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    for name in [REQUEST_ID, DATE] {
        let texts = received.get_all(&name).iter().filter_map(|value| str::from_utf8(value.as_bytes()).ok());
        // An HTTP date stays, even if a token looks like one.
        let cleaned = texts.map(|text| match date::parse(text.trim_ascii()) {
            Some(_) => text.to_owned(),
            None => redaction.clean(text),
        });
        for value in cleaned.filter_map(|text| HeaderValue::try_from(text).ok()) {
            headers.append(&name, value);
        }
    }
    headers
}

/// Returns the part of a page that the reader understands, without tokens. `None`: it is no page.
fn clean_page(body: &[u8], redaction: &Redaction) -> Option<String> {
    let Page { entries, next_link, .. } = redaction.page(body)?;
    let entry = |entry: &Entry| {
        let Entry { id, name, risk_level, risk_state, risk_detail, last_updated, deleted, processing, .. } = entry;
        json!({
            "id": id, "userPrincipalName": name, "riskLevel": risk_level, "riskState": risk_state,
            "riskDetail": risk_detail, "riskLastUpdatedDateTime": last_updated, "isDeleted": deleted,
            "isProcessing": processing,
        })
    };
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    Some(json!({ "value": entries, "@odata.nextLink": next_link }).to_string())
}

/// Returns the part of a body that a component understands, without tokens.
fn clean_body(body: &[u8], redaction: &Redaction) -> String {
    let body = Json::parse(body);
    let Some(error) = body.get("error") else { return String::new() };
    let mut members = texts(error, ["code", "message"], redaction);
    if let Some(inner) = error.get("innerError").or_else(|| error.get("innererror")) {
        let inner = texts(inner, ["request-id", "date"], redaction);
        members.push(format!(r#""innerError":{{{}}}"#, inner.join(",")));
    }
    format!(r#"{{"error":{{{}}}}}"#, members.join(","))
}

/// Returns the members of an object that are texts, as JSON.
fn texts(object: &Json, names: [&str; 2], redaction: &Redaction) -> Vec<String> {
    let text = |name| object.get(name)?.text().map(|text| (name, redaction.clean(text)));
    names
        .into_iter()
        .filter_map(text)
        // A printable text contains no other characters that JSON would escape.
        .map(|(name, text)| format!(r#""{name}":"{}""#, text.replace('\\', r"\\").replace('"', r#"\""#)))
        .collect()
}

/// The body of a response, until it has been read.
struct CleanBody(Option<Reading>);

struct Reading {
    body: Incoming,
    is_page: bool,
    received: Vec<u8>,
    in_flight: InFlight,
}

impl Reading {
    /// Reads up to the end of the body, its limit, or a failure. Only that of a page is an error:
    /// otherwise the status says enough.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let max = if self.is_page { MAX_PAGE_BYTES } else { MAX_BODY_BYTES };
        while self.received.len() < max {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = max.saturating_sub(self.received.len());
                    self.received.extend(data.iter().take(room));
                }
                Poll::Ready(Some(Err(_))) if self.is_page => return Poll::Ready(Err(Error::HttpResponseIncomplete)),
                Poll::Ready(Some(Err(_)) | None) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Body for CleanBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(reading) = &mut self.0 else { return Poll::Ready(None) };
        match reading.poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                self.0 = None;
                return Poll::Ready(Some(Err(error)));
            }
        }
        let redaction = reading.in_flight.redaction();
        let page = if reading.is_page { clean_page(&reading.received, &redaction) } else { None };
        let body = page.unwrap_or_else(|| clean_body(&reading.received, &redaction));
        // This closes the connection of a body that would go on.
        self.0 = None;
        Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body.into()))))
    }
}

/// How much of a body that is no page is read, the same as by the components: a larger one is not
/// from Microsoft Graph.
const MAX_BODY_BYTES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccessToken;
    use crate::redaction::KnownTokens;

    fn redaction() -> Redaction {
        let known = KnownTokens::default();
        known.add(AccessToken::new("a-token-of-the-service-that-shows").unwrap());
        known.redaction()
    }

    #[test]
    fn a_body_keeps_what_the_plugin_understands() {
        let clean = |body: &str| clean_body(body.as_bytes(), &redaction());
        assert_eq!(clean("<html>"), "");
        assert_eq!(clean(r#"{"error":"text"}"#), r#"{"error":{}}"#);
        let body = r#"{"error":{"code":"C","message":"say \"\u0061-token-of-the-service-that-shows\"\n\\",
            "innererror":{"date":"d","request-id":"r","more":1}},"and":"a-token-of-the-service-that-shows"}"#;
        let cleaned =
            r#"{"error":{"code":"C","message":"say \"[token]\" \\","innerError":{"request-id":"r","date":"d"}}}"#;
        assert_eq!(clean(body), cleaned);
        assert_eq!(clean(cleaned), cleaned);
    }

    #[test]
    fn a_page_keeps_what_the_reader_understands() {
        let body = r#"{"@odata.context":"c","value":[{"id":"i","displayName":"\u0061-token-of-the-service-that-shows \"",
            "riskLevel":"high","isProcessing":true,"more":[1]}],"@odata.nextLink":"https://x/?a-token-of-the-service-that-shows"}"#;
        let cleaned = clean_page(body.as_bytes(), &redaction()).unwrap();
        let page = redaction().page(cleaned.as_bytes()).unwrap();
        let [entry] = page.entries.as_slice() else { panic!("{cleaned}") };
        assert_eq!((&*entry.id, &*entry.name, &*entry.risk_level, entry.processing), ("i", "[token] \"", "high", true));
        assert_eq!(page.next_link.as_deref(), Some("https://x/?[token]"));
        assert!(clean_page(b"<html>", &redaction()).is_none());
    }

    #[test]
    fn headers_keep_what_the_plugin_understands() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let received: HeaderMap = [
            ("request-id", "x-a-token-of-the-service-that-shows"),
            ("date", date),
            ("retry-after", "7"),
            ("www-authenticate", "Bearer"),
            ("server", "a-token-of-the-service-that-shows"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
        let headers = clean_headers(&received, &redaction());
        assert_eq!(headers.len(), 4);
        for (name, value) in [(REQUEST_ID, "x-[token]"), (DATE, date), (RETRY_AFTER, "7"), (WWW_AUTHENTICATE, "Bearer")]
        {
            assert_eq!(headers[name], value);
        }
    }
}

//! The least that a wasi:http guest can do to dismiss the risk of users: it sends one request and
//! returns the status of the response, without any check or retry. The benchmark compares the
//! plugin with it.

#![cfg(target_arch = "wasm32")]

#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package bare:request;
            world guest {
                import wasi:http/outgoing-handler@0.2.2;
                export dismiss: func(user-ids: list<string>, token: string) -> u16;
            }
        ",
        world: "bare:request/guest",
        with: {
            "wasi:clocks/monotonic-clock@0.2.2": waki::bindings::wasi::clocks::monotonic_clock,
            "wasi:http/outgoing-handler@0.2.2": waki::bindings::wasi::http::outgoing_handler,
            "wasi:http/types@0.2.2": waki::bindings::wasi::http::types,
            "wasi:io/error@0.2.2": waki::bindings::wasi::io::error,
            "wasi:io/poll@0.2.2": waki::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.2": waki::bindings::wasi::io::streams,
        },
    });
}

use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

struct Guest;

impl bindings::Guest for Guest {
    fn dismiss(user_ids: Vec<String>, token: String) -> u16 {
        dismiss(&user_ids, &token).unwrap_or_default()
    }
}

fn dismiss(user_ids: &[String], token: &str) -> Option<u16> {
    let body = format!(r#"{{"userIds":["{}"]}}"#, user_ids.join(r#"",""#)).into_bytes();
    let headers = [
        ("authorization".into(), format!("Bearer {token}").into_bytes()),
        ("content-type".into(), b"application/json".to_vec()),
        ("content-length".into(), body.len().to_string().into_bytes()),
    ];
    let request = OutgoingRequest::new(Fields::from_list(&headers).ok()?);
    request.set_method(&Method::Post).ok()?;
    request.set_scheme(Some(&Scheme::Https)).ok()?;
    request.set_authority(Some("graph.microsoft.com")).ok()?;
    request.set_path_with_query(Some("/v1.0/identityProtection/riskyUsers/dismiss")).ok()?;
    let outgoing = request.body().ok()?;
    let stream = outgoing.write().ok()?;
    let future = outgoing_handler::handle(request, None).ok()?;
    stream.blocking_write_and_flush(&body).ok()?;
    drop(stream);
    OutgoingBody::finish(outgoing, None).ok()?;
    future.subscribe().block();
    Some(future.get()?.ok()?.ok()?.status())
}

#[allow(unsafe_code, reason = "generated code")]
mod export {
    super::bindings::export!(Guest with_types_in super::bindings);
    use super::Guest;
}

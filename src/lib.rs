#![allow(warnings)]
mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin",
        with: {
            "wasi:http/types@0.2.2": waki::bindings::wasi::http::types,
            "wasi:http/outgoing-handler@0.2.2": waki::bindings::wasi::http::outgoing_handler,
            "wasi:io/error@0.2.2": waki::bindings::wasi::io::error,
            "wasi:io/poll@0.2.2": waki::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.2": waki::bindings::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.2": waki::bindings::wasi::clocks::monotonic_clock,
            "wasi:random/random@0.2.2": waki::bindings::wasi::random::random,
        },
        pub_export_macro: true,
    });
}
use bindings::exports::entra::risk::actions::*;
struct P;
fn go(ids: Vec<String>, o: Option<Options>, p: u32) -> Result<Vec<Receipt>, Failure> {
    let h = waki::bindings::wasi::http::types::Fields::new();
    let r = waki::bindings::wasi::http::types::OutgoingRequest::new(h);
    let f = waki::bindings::wasi::http::outgoing_handler::handle(r, None);
    let t = bindings::entra::risk::credentials::get_token(&bindings::entra::risk::credentials::TokenRequest{audience: String::new(), refresh: false, claims: None});
    let now = waki::bindings::wasi::clocks::monotonic_clock::now() + waki::bindings::wasi::random::random::get_random_u64() + p as u64;
    Ok(vec![Receipt { ids, attempts: now as u32, request_id: None, client_request_id: String::new(), date: f.is_ok().then(String::new)}])
}
impl Guest for P {
    fn dismiss_sign_ins(ids: Vec<String>, o: Option<Options>) -> Result<Vec<Receipt>, Failure> { go(ids, o, 1) }
    fn confirm_sign_ins_safe(ids: Vec<String>, o: Option<Options>) -> Result<Vec<Receipt>, Failure> { go(ids, o, 2) }
    fn confirm_sign_ins_compromised(ids: Vec<String>, o: Option<Options>) -> Result<Vec<Receipt>, Failure> { go(ids, o, 3) }
    fn dismiss_risky_users(ids: Vec<String>, o: Option<Options>) -> Result<Vec<Receipt>, Failure> { go(ids, o, 4) }
}
#[cfg(target_arch = "wasm32")]
bindings::export!(P with_types_in bindings);

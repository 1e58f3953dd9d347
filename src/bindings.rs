//! The generated bindings of the project's own worlds. For everything of WASI they use those of
//! the transport.

#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

macro_rules! generate {
    ($world:literal) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            pub_export_macro: true,
            with: {
                "wasi:clocks/monotonic-clock@0.2.2": entra_risk_transport::wasi::clocks::monotonic_clock,
                "wasi:http/outgoing-handler@0.2.2": entra_risk_transport::wasi::http::outgoing_handler,
                "wasi:http/types@0.2.2": entra_risk_transport::wasi::http::types,
                "wasi:io/error@0.2.2": entra_risk_transport::wasi::io::error,
                "wasi:io/poll@0.2.2": entra_risk_transport::wasi::io::poll,
                "wasi:io/streams@0.2.2": entra_risk_transport::wasi::io::streams,
                "wasi:random/random@0.2.2": entra_risk_transport::wasi::random::random,
            },
        });
    };
}

#[cfg(not(feature = "turns"))]
generate!("plugin");
#[cfg(feature = "turns")]
generate!("plugin-with-turns");

use crate::export::Plugin;

export!(Plugin);

//! The generated bindings of the worlds of the plugin.

#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

macro_rules! generate {
    ($world:literal) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            pub_export_macro: true,
            generate_all,
        });
    };
}

#[cfg(not(feature = "turns"))]
generate!("plugin");
#[cfg(feature = "turns")]
generate!("plugin-with-turns");

use crate::Plugin;

export!(Plugin);

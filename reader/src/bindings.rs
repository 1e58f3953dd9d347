//! The generated bindings of the world `reader`.

#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({ path: "../wit", world: "reader", generate_all });

use crate::Reader;

export!(Reader);

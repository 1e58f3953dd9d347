//! The exports of the component, in place of the generated ones: requests and tokens are passed on as they are.

#![expect(unsafe_code, clippy::extra_unused_type_parameters, reason = "takes the place of generated code")]

use std::cell::Cell;

use entra_risk_abi::RawString;

use crate::{line, memory};

thread_local! {
    /// `result<credential, token-error>`: two discriminants and a string.
    static RESULT: Cell<[u32; 4]> = const { Cell::new([0; 4]) };
}

/// Where `export!` looks for the generated functions.
mod types {
    pub(super) mod exports {
        pub(crate) mod entra {
            pub(crate) mod risk {
                pub(crate) mod credentials {
                    use std::cell::Cell;

                    use super::super::super::super::super::{RESULT, line, memory};
                    pub(crate) use crate::bindings::exports::entra::risk::credentials::*;

                    macro_rules! get_token {
                        ($($parameter:ident: $type:ty)*) => {
                            #[link(wasm_import_module = "entra:risk/credentials@0.1.0")]
                            unsafe extern "C" {
                                #[link_name = "get-token"]
                                fn get_token($($parameter: $type,)* result: *mut u8);
                            }

                            #[expect(clippy::too_many_arguments, reason = "the fields of a record")]
                            pub(crate) unsafe fn _export_get_token_cabi<T>($($parameter: $type),*) -> *mut u8 {
                                line::requested();
                                let result = RESULT.with(Cell::as_ptr).cast();
                                // SAFETY: the parameters are the plugin's, and the result has the size of its type.
                                unsafe { get_token($($parameter,)* result) };
                                result
                            }
                        };
                    }
                    get_token! {
                        has_tenant: i32 tenant: *mut u8 tenant_len: usize
                        audience: *mut u8 audience_len: usize
                        endpoint: *mut u8 endpoint_len: usize
                        refresh: i32
                        has_claims: i32 claims: *mut u8 claims_len: usize
                    }

                    pub(crate) unsafe fn __post_return_get_token<T>(_: *mut u8) {
                        memory::release();
                    }
                }
            }
            pub(crate) mod risk_progress {
                pub(crate) mod progress_line {
                    use super::super::super::super::super::{RawString, line, memory};
                    pub(crate) use crate::bindings::exports::entra::risk_progress::progress_line::*;

                    pub(crate) unsafe fn _export_show_cabi<T>(lines: *mut u8, len: usize, step: i32) {
                        // SAFETY: the command passes a list, in memory of `cabi_realloc`.
                        let lines = unsafe { Vec::<RawString>::from_raw_parts(lines.cast(), len, len) };
                        // SAFETY: it contains strings, each one once.
                        line::show(lines.into_iter().map(|line| unsafe { line.into_vec() }), step.cast_unsigned());
                        memory::release();
                    }
                }
            }
        }
    }
}

struct Progress;

crate::bindings::export!(Progress with_types_in types);

//! The exports of the component, in place of the generated ones: see [`entra_risk_abi`].

#![expect(unsafe_code, clippy::extra_unused_type_parameters, reason = "takes the place of generated code")]

use std::cell::RefCell;

use entra_risk_engine::action::{ACTIONS, Action};

use crate::run;
use entra_risk_abi::Arguments;
use entra_risk_abi::engine::Returned;

thread_local! {
    /// The latest result, until the host has read it.
    static RETURNED: RefCell<Option<Box<Returned>>> = const { RefCell::new(None) };
}

/// Performs an action, and returns where its result is.
unsafe fn perform(action: &'static Action, arguments: *mut u8) -> *mut u8 {
    // SAFETY: the host calls an exported action.
    let (ids, options) = unsafe { Arguments::take(arguments) };
    let returned = Box::new(Returned::new(run::run(action, ids, options)));
    let address = returned.address();
    RETURNED.set(Some(returned));
    address
}

/// Where `export!` looks for the generated functions.
mod types {
    pub(super) mod exports {
        pub(crate) mod entra {
            pub(crate) mod risk {
                pub(crate) mod actions {
                    use super::super::super::super::super::{ACTIONS, RETURNED, perform};
                    pub(crate) use crate::bindings::exports::entra::risk::actions::*;

                    macro_rules! export {
                        ($($position:literal: $export:ident $post_return:ident)*) => {
                            $(
                                pub(crate) unsafe fn $export<T>(arguments: *mut u8) -> *mut u8 {
                                    // SAFETY: the host calls an exported action.
                                    unsafe { perform(&ACTIONS[$position], arguments) }
                                }

                                pub(crate) unsafe fn $post_return<T>(_: *mut u8) {
                                    RETURNED.take();
                                }
                            )*
                        };
                    }
                    export! {
                        0: _export_dismiss_sign_ins_cabi __post_return_dismiss_sign_ins
                        1: _export_confirm_sign_ins_safe_cabi __post_return_confirm_sign_ins_safe
                        2: _export_confirm_sign_ins_compromised_cabi __post_return_confirm_sign_ins_compromised
                        3: _export_dismiss_risky_users_cabi __post_return_dismiss_risky_users
                    }
                }
            }
        }
    }
}

struct Plugin;

crate::bindings::export!(Plugin with_types_in types);

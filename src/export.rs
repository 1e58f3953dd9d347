//! The exports of the component. What lifts the arguments of a call and lowers its result is 13 kB of generated code,
//! the same for each of the four functions: here every export but notes which function it is, and enters the one copy.

#![allow(missing_docs, unsafe_code, reason = "stands in the place of generated code")]

use std::cell::Cell;

use crate::Plugin;
use crate::bindings::exports::entra::risk::actions::{Failure, Guest, Options, Receipt};

type Function = fn(Vec<String>, Option<Options>) -> Result<Vec<Receipt>, Failure>;

thread_local! {
    /// The function that is being called. An instance runs one call at a time.
    static CALLED: Cell<Function> = const { Cell::new(Plugin::dismiss_sign_ins) };
}

/// Performs the function that is being called, whichever of its own is entered.
struct Called;

macro_rules! call_the_called {
    ($($function:ident)*) => {
        impl Guest for Called {
            $(fn $function(ids: Vec<String>, options: Option<Options>) -> Result<Vec<Receipt>, Failure> {
                CALLED.get()(ids, options)
            })*
        }
    };
}
call_the_called!(dismiss_sign_ins confirm_sign_ins_safe confirm_sign_ins_compromised dismiss_risky_users);

/// Where `export!` looks for the generated code: all of it, but for the entrances, which go before it.
mod types {
    pub(super) mod exports {
        pub(crate) mod entra {
            pub(crate) mod risk {
                pub(crate) mod actions {
                    use super::super::super::super::super::{CALLED, Called};
                    use crate::bindings::exports::entra::risk::actions as generated;
                    pub(crate) use crate::bindings::exports::entra::risk::actions::*;

                    macro_rules! enter {
                        ($($entrance:ident: $function:ident)*) => {
                            $(pub(crate) unsafe fn $entrance<T: Guest>(arguments: *mut u8) -> *mut u8 {
                                CALLED.set(T::$function);
                                // SAFETY: the arguments and the results of all four functions have the same types.
                                unsafe { generated::_export_dismiss_sign_ins_cabi::<Called>(arguments) }
                            })*
                        };
                    }
                    enter! {
                        _export_dismiss_sign_ins_cabi: dismiss_sign_ins
                        _export_confirm_sign_ins_safe_cabi: confirm_sign_ins_safe
                        _export_confirm_sign_ins_compromised_cabi: confirm_sign_ins_compromised
                        _export_dismiss_risky_users_cabi: dismiss_risky_users
                    }
                }
            }
        }
    }
}

crate::bindings::export!(Plugin with_types_in types);

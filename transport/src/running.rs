//! One function of an instance at a time.

use std::cell::Cell;

thread_local! {
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// While it exists, a function of the instance runs, and no other one may.
pub struct Running(());

impl Running {
    /// Begins a function of the instance.
    ///
    /// # Panics
    /// If another one runs, which a host has let in while that one waits for an import.
    pub fn begin() -> Running {
        assert!(!IS_RUNNING.replace(true), "a function is called while another one of the instance runs");
        Running(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}

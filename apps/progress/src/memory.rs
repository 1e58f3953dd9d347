//! The memory for what is passed through this component. It is used anew in each call, so it is as large as the largest call
//! needs.

#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::Cell;
use std::ptr;

const PAGE_BYTES: usize = 64 << 10;

thread_local! {
    /// The end of what the call uses so far, or 0.
    static END: Cell<usize> = const { Cell::new(0) };
}

unsafe extern "C" {
    /// The end of the static variables. The linker defines it.
    static __heap_base: u8;
}

/// Allocates until the next [`release`].
struct Memory;

#[global_allocator]
static MEMORY: Memory = Memory;

// SAFETY: each allocation begins after the one before.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = (&raw const __heap_base).addr();
        let mask = layout.align().wrapping_sub(1);
        let start = END.get().max(base).wrapping_add(mask) & !mask;
        let end = start.saturating_add(layout.size());
        let pages = memory_size::<0>();
        let missing = end.div_ceil(PAGE_BYTES).saturating_sub(pages);
        if missing > 0 && memory_grow::<0>(missing) != pages {
            return ptr::null_mut();
        }
        END.set(end);
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// Frees everything.
pub(crate) fn release() {
    END.set(0);
}

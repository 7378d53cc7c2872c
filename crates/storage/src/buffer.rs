//! Memory for tiles: allocated once, in huge pages where the system has them.
//!
//! ```text
//!     page                page                page
//!     ├───────────────────┼───────────────────┼──
//!     │   ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒   elements
//!     └─┬─┘
//!       phase: as far from a page boundary in memory as in the file
//! ```
//!
//! Where elements lie at the same distance from a page boundary in memory as in the file, they are
//! transferred without a copy on the way (see `direct.rs`).
#![expect(unsafe_code, reason = "memory is allocated with an alignment that no collection offers")]

use rustix::mm::{Advice, madvise};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::Element;
use crate::direct::PAGE;

const HUGE_PAGE: usize = 2 << 20;
/// Buffers from this size on begin at the phase of their file.
const LARGE: usize = 1 << 20;

/// Elements in memory of their own, zeros at first.
///
/// ```
/// use outcore_storage::Buffer;
///
/// let mut tile = Buffer::<f32>::new(1 << 20, 128);
/// assert!(tile.iter().all(|&x| x == 0.0));
/// assert_eq!(tile.as_ptr().addr() % 4096, 128);
/// tile[7] = 1.0;
/// assert_eq!(tile.iter().sum::<f32>(), 1.0);
/// ```
#[derive(Debug)]
pub struct Buffer<T> {
    base: NonNull<u8>,
    layout: Layout,
    /// The first element's distance from the base, in bytes.
    phase: usize,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Element> Buffer<T> {
    /// Memory for `len` elements. A large buffer begins as many bytes after a page boundary as the
    /// byte `offset` of a file does, if the type's alignment allows that.
    ///
    /// # Panics
    ///
    /// If the bytes cannot be counted. Aborts, as collections do, if there is no memory.
    pub fn new(len: usize, offset: u64) -> Self {
        let bytes = len.checked_mul(size_of::<T>()).expect("the bytes of a buffer can be counted");
        let offset = usize::try_from(offset % PAGE as u64).expect("less than a page");
        let aligned = bytes >= LARGE && offset.is_multiple_of(align_of::<T>());
        let phase = if aligned { offset } else { 0 };
        let align = match bytes {
            HUGE_PAGE.. => HUGE_PAGE,
            PAGE.. => PAGE,
            _ => align_of::<T>(),
        };
        // Never of size 0, which the allocator would not take.
        let layout = Layout::from_size_align((phase + bytes).max(1), align)
            .expect("the bytes of a buffer can be counted");
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        // Miri has no pages.
        if bytes >= HUGE_PAGE && !cfg!(miri) {
            // SAFETY: the range was just allocated, and this advice changes neither what it holds
            // nor who may use it. Whether the advice is taken makes no difference to the result.
            let _ = unsafe { madvise(base.as_ptr().cast(), layout.size(), Advice::LinuxHugepage) };
        }
        // SAFETY: the range was just allocated with this size, and nothing refers to it yet.
        unsafe { base.write_bytes(0, layout.size()) };
        Self { base, layout, phase, len, elements: PhantomData }
    }

    fn first(&self) -> NonNull<T> {
        // SAFETY: the phase is at most the size of the allocation.
        unsafe { self.base.add(self.phase) }.cast()
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `new` allocated `len` elements behind the phase, which is a multiple of their
        // alignment, as the base is. They were initialised with zeros, which are valid for every
        // `Element`. The buffer owns them and is borrowed for as long as the slice lives.
        unsafe { NonNull::slice_from_raw_parts(self.first(), self.len).as_ref() }
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the buffer is borrowed exclusively.
        unsafe { NonNull::slice_from_raw_parts(self.first(), self.len).as_mut() }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with the same layout; elements need no drop, being `Copy`.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

// SAFETY: a buffer owns its elements as a `Vec` does, and elements can be sent to and shared with
// other threads.
unsafe impl<T: Element> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Element> Sync for Buffer<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex;

    #[test]
    fn large_buffers_begin_at_the_phase_of_their_file() {
        for (len, offset) in [(LARGE, 128), (LARGE, 4096 + 8), (3 * HUGE_PAGE, 0)] {
            let buffer = Buffer::<f64>::new(len, offset as u64);
            assert_eq!(buffer.as_ptr().addr() % PAGE, offset % PAGE);
            assert_eq!(buffer.len(), len);
        }
        // An odd offset cannot be kept.
        assert_eq!(Buffer::<f64>::new(LARGE, 5).as_ptr().addr() % PAGE, 0);
    }

    #[test]
    fn every_element_is_there_and_zero() {
        // Miri takes its time for each element.
        let large = if cfg!(miri) { PAGE } else { HUGE_PAGE } + 3;
        for len in [0, 1, 1000, large] {
            let mut buffer = Buffer::<Complex<f32>>::new(len, 64);
            assert!(buffer.iter().all(|&x| x == Complex::new(0.0, 0.0)));
            buffer.fill(Complex::new(1.0, 2.0));
            assert_eq!(buffer.iter().filter(|&&x| x == Complex::new(1.0, 2.0)).count(), len);
        }
        assert!(Buffer::<bool>::new(10, 0).iter().all(|&x| !x));
    }
}
